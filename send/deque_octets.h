// What a std::deque takes of memory: pieces of 512 octets and their pointers, which double. The
// most that the library we build with can have allocated.

#pragma once

#include <cstddef>
#include <deque>

namespace porpoise::send {

template <class T>
std::size_t deque_octets(const std::deque<T>& deque) {
  constexpr std::size_t kPiece = 512;
  const std::size_t pieces = deque.size() / (kPiece / sizeof(T)) + 1;
  return pieces * kPiece + (2 * pieces + 8) * sizeof(void*);
}

}  // namespace porpoise::send
