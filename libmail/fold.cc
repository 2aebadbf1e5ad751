#include "libmail/fold.h"

#include <algorithm>

#include "libmail/address_text.h"
#include "libmail/encoded_word.h"
#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

constexpr std::size_t kFoldWordsAt = 76;

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_line_end(char c) {
  return c == '\r' || c == '\n';
}

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

/// Gives a text in pieces between which it may be folded; all but the first begin with blanks.
class Pieces {
 public:
  Pieces(std::string_view text, FoldMode mode)
      : text_(text), structured_(mode == FoldMode::structured) {
    last_ = text.size();
    while (last_ > 0 && is_blank(text[last_ - 1])) --last_;
  }

  bool at_end() const { return at_ == text_.size(); }

  std::string_view next() {
    const std::size_t begin = at_;
    // Blanks, then what is not to be broken; blanks at the end of the text belong to it.
    while (at_ < last_ && is_blank(text_[at_])) ++at_;
    while (at_ < last_ && (!is_blank(text_[at_]) || close_ != '\0')) pass(text_[at_++]);
    if (at_ >= last_) at_ = text_.size();
    count_steps(at_ - begin);
    return text_.substr(begin, at_ - begin);
  }

 private:
  void pass(char c) {
    if (!structured_) return;
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (close_ != '\0') {
      if (c == close_) close_ = '\0';
    } else if (c == '(' || c == ')') {
      comments_ += c == '(' ? 1 : comments_ > 0 ? -1 : 0;
    } else if (comments_ == 0 && (c == '"' || c == '[')) {
      close_ = c == '"' ? '"' : ']';
    }
  }

  std::string_view text_;
  bool structured_;
  std::size_t last_ = 0;  // after the last octet that is no blank
  std::size_t at_ = 0;
  char close_ = '\0';  // what ends the quoted string or literal we are in
  bool escaped_ = false;
  std::size_t comments_ = 0;
};

/// Puts pieces on lines.
class Lines {
 public:
  Lines(std::size_t size, std::size_t column) : column_(column) { out_.reserve(size + size / 32); }

  void put(std::string_view piece) {
    const bool words = piece.find("=?") != std::string_view::npos;
    const std::size_t limit = words || words_ ? kFoldWordsAt : kFoldAt;
    const bool can_break = !first_ && is_blank(piece.front());
    if (can_break && column_ + piece.size() > limit) end_line();
    words_ = words_ || words;
    first_ = false;
    while (column_ + piece.size() > kLongestLine) piece.remove_prefix(put_part(piece));
    out_ += piece;
    column_ += piece.size();
  }

  std::string finish() && { return std::move(out_); }

 private:
  void end_line() {
    out_ += '\n';
    column_ = 0;
    words_ = false;
  }

  // As much as this line can hold of a piece that is too long for any; how much that was.
  std::size_t put_part(std::string_view piece) {
    const std::size_t room = column_ < kLongestLine ? kLongestLine - column_ : 0;
    std::size_t end = room;
    while (end > 1 && !is_blank(piece[end])) --end;
    count_steps(room);
    const bool blank = end > 0 && is_blank(piece[end]);
    if (!blank) {
      end = room;
      while (end > 0 && room - end < 3 && continues_character(piece[end])) --end;
    }
    out_ += piece.substr(0, end);
    end_line();
    if (!blank) {
      out_ += ' ';
      column_ = 1;
    }
    return end;
  }

  std::string out_;
  std::size_t column_;
  bool first_ = true;   // the first piece stays where it is: it may follow the field's name
  bool words_ = false;  // the line holds an encoded word
};

}  // namespace

std::string fold(std::string_view text, FoldMode mode, std::size_t column) {
  std::string clean;
  if (std::ranges::any_of(text, is_line_end)) {
    clean = text;
    std::erase_if(clean, is_line_end);
    text = clean;
  }
  Pieces pieces(text, mode);
  Lines lines(text.size(), column);
  while (!pieces.at_end()) lines.put(pieces.next());
  return std::move(lines).finish();
}

std::string unfold(std::string_view body) {
  std::string out;
  out.reserve(body.size());
  while (!body.empty()) {
    const std::size_t lf = body.find('\n');
    std::string_view line = body.substr(0, lf);
    count_steps(1 + line.size());
    body.remove_prefix(lf == std::string_view::npos ? body.size() : lf + 1);
    if (lf != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
    out += line;
  }
  return out;
}

std::string field_value(std::string_view body) {
  std::string value = unfold(body);
  std::size_t end = value.size();
  while (end > 0 && is_blank(value[end - 1])) --end;
  value.resize(end);
  value.erase(0, std::min(value.find_first_not_of(" \t"), value.size()));
  return value;
}

std::string print_unstructured(std::string_view name, std::string_view text) {
  std::string out(name);
  out += ':';
  if (!text.empty()) {
    const std::string value = encode_words(text, WordPlace::unstructured, out.size() + 1);
    out += fold(" " + value, FoldMode::unstructured, out.size());
  }
  return out + "\n";
}

}  // namespace porpoise::mail
