// Bounded reading of octets: where the bounds of the header parsers are checked, and only there.

#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace porpoise::mail {

/// A place in a text. Borrows the text; what it gives are views of it.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  std::size_t position() const { return at_; }
  std::string_view rest() const { return text_.substr(at_); }
  std::string_view since(std::size_t begin) const { return text_.substr(begin, at_ - begin); }

  /// The octet `ahead` of here; NUL beyond the end (a NUL in the text looks the same: where that
  /// matters, ask at_end()).
  char peek(std::size_t ahead = 0) const {
    return ahead < text_.size() - at_ ? text_[at_ + ahead] : '\0';
  }

  /// Moves on by `count` octets, or to the end.
  void skip(std::size_t count = 1) { at_ += std::min(count, text_.size() - at_); }

  /// The octet here, and moves on. At the end: NUL, and stays.
  char take() {
    const char c = peek();
    skip();
    return c;
  }

  /// Moves on if `c` is here.
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  /// Moves over the octets for which `wanted` holds; gives them.
  template <class Predicate>
  std::string_view take_while(Predicate wanted) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && wanted(text_[at_])) ++at_;
    return since(begin);
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace porpoise::mail
