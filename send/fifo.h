// A queue that gives what it takes out, and is small when it is short, which std::deque is not.

#pragma once

#include <cstddef>
#include <vector>

namespace porpoise::send {

template <class T>
class Fifo {
 public:
  void push(const T& value) { items_.push_back(value); }
  T pop() {
    const T value = items_[head_++];
    if (head_ == items_.size()) {
      items_.clear();
      head_ = 0;
    } else if (head_ > 64 && head_ > items_.size() / 2) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    return value;
  }
  const T& front() const { return items_[head_]; }
  bool empty() const { return head_ == items_.size(); }
  std::size_t size() const { return items_.size() - head_; }

 private:
  std::vector<T> items_;
  std::size_t head_ = 0;
};

}  // namespace porpoise::send
