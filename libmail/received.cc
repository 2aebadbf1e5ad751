#include "libmail/received.h"

#include "libmail/cfws.h"
#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_white(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_white(text.back())) text.remove_suffix(1);
  return text;
}

bool is_word(std::string_view word, std::string_view lower_case) {
  if (word.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if ((word[i] | 0x20) != lower_case[i]) return false;
  }
  return true;
}

class ReceivedReader {
 public:
  explicit ReceivedReader(std::string_view body) : body_(body), cursor_(body) {}

  Received read() {
    std::size_t semicolon = std::string_view::npos;
    for (;;) {
      if (!skip_cfws(cursor_)) break;
      if (cursor_.at_end()) break;
      const std::size_t begin = cursor_.position();
      if (cursor_.take(';')) {
        if (semicolon == std::string_view::npos) end_clause(begin);
        semicolon = begin;
        continue;
      }
      const std::string_view word = take_word();
      if (semicolon == std::string_view::npos) begin_clause(word, begin);
    }
    if (semicolon == std::string_view::npos) {
      end_clause(body_.size());
    } else if (const auto date = parse_date(body_.substr(semicolon + 1), DateMode::lenient)) {
      out_.date = *date;
    }
    return out_;
  }

 private:
  // Up to a blank, a comment or ";", quoted text in one piece.
  std::string_view take_word() {
    const std::size_t begin = cursor_.position();
    bool quoted = false;
    while (!cursor_.at_end()) {
      const char c = cursor_.peek();
      if (!quoted && (is_white(c) || c == '(' || c == ';')) break;
      count_steps();
      cursor_.skip(c == '\\' ? 2 : 1);
      if (c == '"') quoted = !quoted;
    }
    return cursor_.since(begin);
  }

  void begin_clause(std::string_view word, std::size_t begin) {
    std::string_view* clause = clause_of(word);
    if (clause == nullptr) return;
    end_clause(begin);
    clause_ = clause;
    clause_begin_ = cursor_.position();
  }

  void end_clause(std::size_t end) {
    if (clause_ != nullptr && clause_->empty()) {
      *clause_ = trimmed(body_.substr(clause_begin_, end - clause_begin_));
    }
    clause_ = nullptr;
  }

  std::string_view* clause_of(std::string_view word) {
    if (is_word(word, "from")) return &out_.from;
    if (is_word(word, "by")) return &out_.by;
    if (is_word(word, "via")) return &out_.via;
    if (is_word(word, "with")) return &out_.with;
    if (is_word(word, "id")) return &out_.id;
    if (is_word(word, "for")) return &out_.recipient;
    return nullptr;
  }

  std::string_view body_;
  Cursor cursor_;
  Received out_;
  std::string_view* clause_ = nullptr;
  std::size_t clause_begin_ = 0;
};

}  // namespace

Received parse_received(std::string_view body) {
  return ReceivedReader(body).read();
}

}  // namespace porpoise::mail
