#include "libmail/content.h"

#include <algorithm>
#include <optional>

#include "libmail/cfws.h"
#include "libmail/charset.h"
#include "libmail/cursor.h"
#include "libmail/encoded_word.h"
#include "libmail/steps.h"
#include "libmail/utf8.h"

namespace porpoise::mail {
namespace {

bool is_token_octet(char c) {
  return c > 32 && c != 127 &&
         std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

unsigned hex_value(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  return 16;
}

// ---- reading

constexpr int kPlain = -2;     // name=
constexpr int kExtended = -1;  // name*=

/// One parameter as written: whole, or a section of it.
struct Section {
  std::string name;
  int index = kPlain;
  bool percent = false;  // its value is percent-encoded
  std::string value;     // unquoted
  std::size_t place = 0;
};

// "title*1*" is section 1 of title, percent-encoded. False: it is no name.
bool split_name(std::string_view text, Section& section) {
  section.percent = text.ends_with('*');
  if (section.percent) text.remove_suffix(1);
  section.index = section.percent ? kExtended : kPlain;
  const std::size_t star = text.rfind('*');
  if (star != std::string_view::npos) {
    const std::string_view digits = text.substr(star + 1);
    if (digits.empty() || digits.size() > 4 || !std::ranges::all_of(digits, is_digit)) return false;
    section.index = 0;
    for (const char c : digits) section.index = section.index * 10 + (c - '0');
    text = text.substr(0, star);
  }
  section.name = lower(text);
  return !text.empty() && text.find('*') == std::string_view::npos;
}

/// Reads the parameters behind the value, section by section.
class SectionReader {
 public:
  SectionReader(Cursor cursor, bool& repaired) : cursor_(cursor), repaired_(repaired) {}

  std::vector<Section> read() {
    while (go_to_semicolon()) {
      Section section;
      if (!skip() || !read_name(section) || !skip() || !cursor_.take('=') || !skip() ||
          !read_value(section.value)) {
        repaired_ = true;
        continue;
      }
      section.place = sections_.size();
      if (sections_.size() < kMaxParameters) {
        sections_.push_back(std::move(section));
      } else {
        repaired_ = true;
      }
    }
    return std::move(sections_);
  }

 private:
  // After a comment that has no end none is looked for again: each would cost the whole rest.
  bool skip(Cursor& cursor) {
    if (!comments_) {
      (void)cursor.take_while(is_white);
      return true;
    }
    comments_ = skip_cfws(cursor);
    return comments_;
  }
  bool skip() { return skip(cursor_); }

  // After the next ";" that is in no quotes; false at the end.
  bool go_to_semicolon() {
    bool quoted = false;
    while (!cursor_.at_end()) {
      count_steps();
      if (!quoted && !skip()) repaired_ = true;
      if (cursor_.at_end()) return false;
      const char c = cursor_.take();
      if (c == ';' && !quoted) return true;
      repaired_ = true;
      if (c == '\\') cursor_.skip();
      if (c == '"') quoted = !quoted;
    }
    return false;
  }

  bool read_name(Section& section) {
    const std::string_view name = cursor_.take_while(is_token_octet);
    count_steps(name.size());
    return split_name(name, section);
  }

  bool read_value(std::string& value) {
    if (cursor_.peek() == '"') {
      read_quoted(value);
      return true;
    }
    const std::size_t begin = cursor_.position();
    value = cursor_.take_while(is_token_octet);
    count_steps(value.size());
    Cursor ahead = cursor_;
    if (!value.empty() && skip(ahead) && (ahead.at_end() || ahead.peek() == ';')) return true;
    repaired_ = true;
    count_steps(cursor_.take_while([](char c) { return c != ';'; }).size());
    value = cursor_.since(begin);
    std::erase_if(value, [](char c) { return c == '\r' || c == '\n'; });
    while (!value.empty() && is_white(value.back())) value.pop_back();
    return !value.empty();
  }

  void read_quoted(std::string& value) {
    cursor_.skip();
    while (!cursor_.at_end()) {
      count_steps();
      char c = cursor_.take();
      if (c == '"') return;
      if (c == '\\' && !cursor_.at_end()) c = cursor_.take();
      if (c != '\r' && c != '\n') value += c;
    }
    repaired_ = true;
  }

  Cursor cursor_;
  bool& repaired_;
  bool comments_ = true;
  std::vector<Section> sections_;
};

/// Makes parameters of sections.
class Joiner {
 public:
  Joiner(std::vector<Section> sections, Content& content)
      : sections_(std::move(sections)), content_(content) {}

  void run() {
    std::ranges::sort(sections_, [](const Section& a, const Section& b) {
      if (a.name != b.name) return a.name < b.name;
      return a.index != b.index ? a.index < b.index : a.place < b.place;
    });
    for (std::size_t at = 0; at < sections_.size();) {
      std::size_t end = at;
      std::size_t place = sections_[at].place;
      while (end < sections_.size() && sections_[end].name == sections_[at].name) {
        place = std::min(place, sections_[end++].place);
      }
      join(at, end, place);
      at = end;
    }
    std::ranges::sort(joined_, {}, &Joined::place);
    for (Joined& joined : joined_) content_.parameters.push_back(std::move(joined.parameter));
  }

 private:
  struct Joined {
    ContentParameter parameter;
    std::size_t place = 0;
  };

  // The sections of one name, from plain to the last. What is encoded says more than what is plain.
  void join(std::size_t at, std::size_t end, std::size_t place) {
    const std::size_t plain = at;
    while (at < end && sections_[at].index == kPlain) ++at;
    if (at - plain > 1) content_.repaired = true;
    std::optional<std::string> value;
    if (at < end && sections_[at].index == kExtended) {
      value = extended(at, at + 1);
      content_.repaired = content_.repaired || at + 1 < end;
    } else if (at < end) {
      value = numbered(at, end);
    }
    if (!value && at > plain) value = plain_value(sections_[plain].value);
    if (!value) return;
    joined_.push_back({{sections_[plain].name, std::move(*value)}, place});
  }

  // Sections 0, 1, 2 and so on, as far as none is missing.
  std::optional<std::string> numbered(std::size_t at, std::size_t end) {
    std::size_t last = at;
    while (last < end && sections_[last].index == static_cast<int>(last - at)) ++last;
    if (last < end) content_.repaired = true;
    if (last == at) return std::nullopt;
    return extended(at, last);
  }

  std::string extended(std::size_t at, std::size_t end) {
    std::string_view first = sections_[at].value;
    const Charset* charset = nullptr;
    if (sections_[at].percent) charset = take_charset(first);
    std::string octets;
    for (std::size_t i = at; i < end; ++i) {
      const std::string_view text = i == at ? first : sections_[i].value;
      if (sections_[i].percent) {
        append_unescaped(octets, text);
      } else {
        octets += text;
      }
    }
    if (charset == nullptr) return clean(octets);
    std::string value;
    if (!append_decoded(value, octets, *charset)) content_.repaired = true;
    return value;
  }

  // Takes "charset'language'" off the front.
  const Charset* take_charset(std::string_view& text) {
    const std::size_t one = text.find('\'');
    const std::size_t two = one == std::string_view::npos ? one : text.find('\'', one + 1);
    if (two == std::string_view::npos) {
      content_.repaired = true;
      return nullptr;
    }
    const Charset* charset = find_charset(text.substr(0, one));
    if (charset == nullptr && one > 0) content_.repaired = true;
    text.remove_prefix(two + 1);
    return charset;
  }

  void append_unescaped(std::string& out, std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      count_steps();
      const unsigned high = i + 2 < text.size() ? hex_value(text[i + 1]) : 16;
      const unsigned low = i + 2 < text.size() ? hex_value(text[i + 2]) : 16;
      if (text[i] != '%') {
        out += text[i];
      } else if (high < 16 && low < 16) {
        out += static_cast<char>(high << 4 | low);
        i += 2;
      } else {
        content_.repaired = true;
        out += '%';
      }
    }
  }

  std::string plain_value(std::string_view text) {
    if (text.find("=?") == std::string_view::npos) return clean(text);
    std::string decoded = decode_words(text);
    if (decoded != text) content_.repaired = true;
    return clean(decoded);
  }

  std::string clean(std::string_view octets) {
    std::string out;
    if (!append_as_utf8(out, octets)) content_.repaired = true;
    return out;
  }

  std::vector<Section> sections_;
  Content& content_;
  std::vector<Joined> joined_;
};

bool take_token(Cursor& cursor, std::string& value) {
  const std::string_view token = cursor.take_while(is_token_octet);
  count_steps(token.size());
  value += lower(token);
  return !token.empty();
}

tl::expected<Content, FieldFault> parse(std::string_view body, bool has_subtype) {
  Cursor cursor(body);
  Content content;
  const auto fault = [&](std::string_view expected) {
    return field_fault(cursor.position(), "expected {}, not {}", expected, what_stands_at(cursor));
  };
  if (!skip_cfws(cursor)) return field_fault(cursor.position(), "no \")\" closes this comment");
  if (!take_token(cursor, content.value)) return fault(has_subtype ? "a type" : "a word");
  if (has_subtype) {
    if (!skip_cfws(cursor) || !cursor.take('/')) return fault("\"/\"");
    content.value += '/';
    if (!skip_cfws(cursor) || !take_token(cursor, content.value)) return fault("a subtype");
  }
  Joiner(SectionReader(cursor, content.repaired).read(), content).run();
  return content;
}

// ---- printing

constexpr std::size_t kLongestQuoted = 900;
constexpr std::size_t kLongestSection = 70;
constexpr std::size_t kLeastValue = 32;  // of a section, however long the name is

bool is_token(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c > 0 && is_token_octet(c); });
}

bool is_quotable(std::string_view text) {
  return text.size() <= kLongestQuoted && text.find("=?") == std::string_view::npos &&
         std::ranges::all_of(text, [](char c) { return c >= 32 && c < 127; });
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// RFC 2231 section 7: attribute-char.
bool needs_percent(char c) {
  return c <= 32 || c == 127 || !is_token_octet(c) || c == '*' || c == '\'' || c == '%';
}

std::string escaped(std::string_view octets) {
  std::string out;
  for (const char c : octets) {
    if (needs_percent(c)) {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

// As many sections as it takes; a character is in one of them.
void append_sections(std::string& out, const ContentParameter& parameter) {
  const std::string_view value = parameter.value;
  const std::size_t name = std::min(parameter.name.size() + 8, kLongestSection - kLeastValue);
  std::vector<std::string> sections(1, "utf-8''");
  for (std::size_t at = 0; at < value.size();) {
    count_steps();
    const std::size_t length = std::max<std::size_t>(1, utf8_length(value, at));
    const std::string character = escaped(value.substr(at, length));
    if (name + sections.back().size() + character.size() > kLongestSection &&
        !sections.back().ends_with('\'') && !sections.back().empty()) {
      sections.emplace_back();
    }
    sections.back() += character;
    at += length;
  }
  if (sections.size() == 1) {
    out += fmt::format("; {}*={}", parameter.name, sections[0]);
    return;
  }
  for (std::size_t i = 0; i < sections.size(); ++i) {
    out += fmt::format("; {}*{}*={}", parameter.name, i, sections[i]);
  }
}

}  // namespace

const std::string* Content::parameter(std::string_view name) const {
  const auto found = std::ranges::find(parameters, name, &ContentParameter::name);
  return found == parameters.end() ? nullptr : &found->value;
}

tl::expected<Content, FieldFault> parse_content_type(std::string_view body) {
  return parse(body, true);
}

tl::expected<Content, FieldFault> parse_content_token(std::string_view body) {
  return parse(body, false);
}

std::string print_content(const Content& content) {
  std::string out = content.value;
  for (const ContentParameter& parameter : content.parameters) {
    if (is_token(parameter.value) && is_quotable(parameter.value)) {
      out += fmt::format("; {}={}", parameter.name, parameter.value);
    } else if (is_quotable(parameter.value)) {
      out += fmt::format("; {}={}", parameter.name, quoted(parameter.value));
    } else {
      append_sections(out, parameter);
    }
  }
  return out;
}

}  // namespace porpoise::mail
