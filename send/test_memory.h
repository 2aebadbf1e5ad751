// Octets of memory that operator new has given out and not got back, for tests. Included by one
// file of a test program: where no sanitizer has an allocator of its own, it replaces operator new.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <malloc.h>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PORPOISE_ASAN
#endif
#endif

#ifdef PORPOISE_ASAN
#include <sanitizer/allocator_interface.h>

namespace porpoise {
inline std::size_t octets_in_use() {
  return __sanitizer_get_current_allocated_bytes();
}
}  // namespace porpoise

#else

namespace porpoise {
inline std::atomic<std::size_t> octets_given{0};
/// What the allocator really takes for them, but for its own head of 8 octets each.
inline std::size_t octets_in_use() {
  return octets_given;
}
}  // namespace porpoise

void* operator new(std::size_t octets) {
  void* given = std::malloc(octets);
  if (given == nullptr) std::abort();
  porpoise::octets_given += ::malloc_usable_size(given);
  return given;
}
void operator delete(void* given) noexcept {
  porpoise::octets_given -= ::malloc_usable_size(given);
  std::free(given);
}
void operator delete(void* given, std::size_t) noexcept {
  operator delete(given);
}

#endif
