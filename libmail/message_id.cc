#include "libmail/message_id.h"

#include <fmt/format.h>

#include "libmail/cfws.h"
#include "libmail/cursor.h"
#include "libmail/date.h"
#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

// 13 digits of 5 bits hold 64.
std::string base32(std::uint64_t bits) {
  std::string text(13, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, bits >>= 5) {
    *digit = "0123456789abcdefghjkmnpqrstvwxyz"[bits & 31];
  }
  return text;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 32 || c == 127;
}

// RFC 5322's atext; octets from 128 on as in RFC 6532.
bool is_atom_octet(char c) {
  return !is_control(c) && std::string_view(" ()<>[]:;@\\,.\"").find(c) == std::string_view::npos;
}

/// The strict grammar.
class IdReader {
 public:
  explicit IdReader(std::string_view body) : cursor_(body) {}

  tl::expected<std::string, FieldFault> read() {
    if (skip() && take('<') && read_words(true) && take('@') && read_domain() && take('>') &&
        skip() && at_end()) {
      return std::move(id_);
    }
    return tl::make_unexpected(std::move(fault_));
  }

 private:
  bool expected(std::string_view what) {
    fault_ = {cursor_.position(),
              fmt::format("expected {}, not {}", what, what_stands_at(cursor_))};
    return false;
  }
  bool fail(std::size_t at, std::string_view text) {
    fault_ = {at, std::string(text)};
    return false;
  }

  bool skip() {
    return skip_cfws(cursor_) || fail(cursor_.position(), "no \")\" closes this comment");
  }

  bool at_end() { return cursor_.at_end() || expected("the end"); }

  bool take(char c) {
    if (!cursor_.take(c)) return expected(fmt::format("\"{}\"", c));
    if (c == '@') id_ += c;
    return true;
  }

  // Atoms, or quoted strings where they may be, with dots between.
  bool read_words(bool may_be_quoted) {
    for (;;) {
      if (!skip() || !read_word(may_be_quoted) || !skip()) return false;
      if (!cursor_.take('.')) return true;
      id_ += '.';
    }
  }

  bool read_word(bool may_be_quoted) {
    if (may_be_quoted && cursor_.peek() == '"') return read_enclosed('"', "no \" closes this one");
    const std::string_view atom = cursor_.take_while(is_atom_octet);
    count_steps(atom.size());
    id_ += atom;
    return !atom.empty() || expected(may_be_quoted ? "a word" : "a part of a domain");
  }

  bool read_domain() {
    if (!skip()) return false;
    if (cursor_.peek() != '[') return read_words(false);
    return read_enclosed(']', "no \"]\" closes this literal") && skip();
  }

  // Up to `close`, with it; folds vanish.
  bool read_enclosed(char close, std::string_view unclosed) {
    const std::size_t begin = cursor_.position();
    id_ += cursor_.take();
    while (!cursor_.at_end()) {
      count_steps();
      const std::size_t at = cursor_.position();
      char c = cursor_.take();
      if (c == '\r' || c == '\n') continue;
      id_ += c;
      if (c == close) return true;
      if (c == '\\' && !cursor_.at_end()) id_ += c = cursor_.take();
      if (close == ']' && c == '[') return fail(at, "\"[\" in a literal");
      if (is_control(c) && c != '\t') return fail(at, "a control octet in an id");
    }
    return fail(begin, unclosed);
  }

  Cursor cursor_;
  std::string id_;
  FieldFault fault_;
};

// What is in "<" and ">", without blanks; "" where it is no id. The cursor is after "<"; it ends up
// after ">", or where an id cannot go on.
std::string id_up_to_angle(Cursor& cursor) {
  std::string id;
  while (!cursor.at_end()) {
    count_steps();
    const char c = cursor.peek();
    if (c == '<') return "";
    cursor.skip();
    if (c == '>') return id;
    if (is_white(c)) continue;
    if (is_control(c)) return "";
    id += c;
  }
  return "";
}

// What is not strict.
std::string loose_id(std::string_view body) {
  Cursor cursor(body);
  (void)cursor.take_while(is_white);
  if (cursor.take('<')) return id_up_to_angle(cursor);
  const std::string_view word =
      cursor.take_while([](char c) { return c != '<' && c != '>' && c != ' ' && !is_control(c); });
  (void)cursor.take_while(is_white);
  return cursor.at_end() ? std::string(word) : "";
}

/// Looks for ids between words, quoted text and comments.
class IdFinder {
 public:
  explicit IdFinder(std::string_view body) : cursor_(body) {}

  std::vector<std::string> find() && {
    while (!cursor_.at_end()) {
      count_steps();
      const char c = cursor_.peek();
      if ((c == '(' && skip_comment()) || (c == '"' && skip_quoted())) continue;
      cursor_.skip();
      if (c != '<') continue;
      std::string id = id_up_to_angle(cursor_);
      if (!id.empty()) ids_.push_back(std::move(id));
    }
    return std::move(ids_);
  }

 private:
  // After one that has no end, none is looked for again: each would cost the whole rest.
  bool skip_comment() {
    if (comments_) comments_ = skip_cfws(cursor_);
    return comments_;
  }

  bool skip_quoted() {
    Cursor ahead = cursor_;
    ahead.skip();
    while (quotes_ && !ahead.at_end()) {
      count_steps();
      const char c = ahead.take();
      if (c == '\\') ahead.skip();
      if (c != '"') continue;
      cursor_ = ahead;
      return true;
    }
    quotes_ = false;
    return false;
  }

  Cursor cursor_;
  std::vector<std::string> ids_;
  bool comments_ = true;
  bool quotes_ = true;
};

}  // namespace

std::string make_message_id(const MessageIdSource& source, std::string_view host) {
  constexpr std::int64_t kSecond = 1'000'000;
  std::int64_t us = source.wall_us % kSecond;
  if (us < 0) us += kSecond;
  return fmt::format("<{}.{:06}.{}.{}@{}>", compact_time((source.wall_us - us) / kSecond), us,
                     source.pid, base32(source.random), host);
}

tl::expected<std::string, FieldFault> parse_message_id(std::string_view body, MessageIdMode mode) {
  auto id = IdReader(body).read();
  if (id || mode == MessageIdMode::strict) return id;
  std::string loose = loose_id(body);
  if (loose.empty()) return id;
  return loose;
}

std::vector<std::string> find_message_ids(std::string_view body) {
  return IdFinder(body).find();
}

}  // namespace porpoise::mail
