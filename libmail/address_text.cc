#include "libmail/address_text.h"

#include <algorithm>
#include <fmt/format.h>
#include <span>

#include "libmail/address_token.h"
#include "libmail/encoded_word.h"

namespace porpoise::mail {
namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 32 || c == 127;
}

bool is_high(char c) {
  return static_cast<unsigned char>(c) >= 128;
}

std::string escaped(std::string_view text, std::string_view specials) {
  std::string out;
  out.reserve(text.size() + 8);
  for (const char c : text) {
    if (specials.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string quoted(std::string_view text) {
  return fmt::format("\"{}\"", escaped(text, "\"\\"));
}

bool is_dot_atom(std::string_view text) {
  for (;;) {
    const std::size_t dot = text.find('.');
    if (!is_atom_text(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

// From its first "[" to its last "]" a domain is taken for one literal.
std::string print_domain(std::string_view domain) {
  const std::size_t open = domain.find('[');
  if (open == std::string_view::npos) return std::string(domain);
  const std::size_t close = domain.rfind(']');
  if (close == std::string_view::npos || close < open) return std::string(domain);
  return fmt::format("{}[{}]{}", domain.substr(0, open),
                     escaped(domain.substr(open + 1, close - open - 1), "[]\\"),
                     domain.substr(close + 1));
}

/// Lines of a field, filled with pieces that are not to be broken.
class Filler {
 public:
  explicit Filler(std::string text) : text_(std::move(text)), column_(text_.size()) {}

  bool fits(std::size_t octets) const { return column_ + 1 + octets <= kFoldAt; }

  // The first piece stays beside the name: a line of the name alone is no use to anybody.
  void put(std::string_view piece) {
    if (first_ || fits(piece.size())) {
      text_ += ' ';
      column_ += 1 + piece.size();
    } else {
      text_ += "\n  ";
      column_ = 2 + piece.size();
    }
    text_ += piece;
    first_ = false;
  }

  std::string finish() && { return std::move(text_) + "\n"; }

 private:
  std::string text_;
  std::size_t column_;
  bool first_ = true;
};

// Where `text`, the print of a list item, has its first blank outside of quotes, comments and
// literals.
std::size_t first_break(std::string_view text) {
  int comments = 0;
  bool quotes = false;
  bool literal = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      ++i;
    } else if (quotes) {
      quotes = c != '"';
    } else if (literal) {
      literal = c != ']';
    } else if (c == '(') {
      ++comments;
    } else if (c == ')') {
      comments -= comments > 0;
    } else if (comments == 0) {
      if (c == ' ') return i;
      quotes = c == '"';
      literal = c == '[';
    }
  }
  return text.size();
}

// One item with the comma or ";" that ends it: whole where a line holds it, else in pieces.
void fill(Filler& filler, std::string_view item) {
  if (item.size() + 2 <= kFoldAt) return filler.put(item);
  for (;;) {
    const std::size_t end = first_break(item);
    filler.put(item.substr(0, end));
    if (end == item.size()) return;
    item.remove_prefix(end + 1);
  }
}

void append_comments(std::string& text, const std::vector<std::string>& comments) {
  for (const std::string& comment : comments) text.append(" ").append(comment);
}

std::string written_phrase(const std::string& phrase, const std::string& display) {
  return phrase.empty() && !display.empty() ? print_phrase(display) : phrase;
}

void fill_group(Filler& filler, const AddressGroup& group, std::span<const Mailbox> members,
                std::string_view comma) {
  std::string end = ";";
  append_comments(end, group.comments);
  end += comma;
  const std::string name = written_phrase(group.phrase, group.name) + ": ";
  if (members.empty()) return fill(filler, name + end);
  for (std::size_t i = 0; i < members.size(); ++i) {
    const bool last = i + 1 == members.size();
    fill(filler, (i == 0 ? name : "") + print_mailbox(members[i]) + (last ? end : ","));
  }
}

}  // namespace

std::string quote_local(std::string_view local) {
  return is_dot_atom(local) && is_utf8(local) ? std::string(local) : quoted(local);
}

std::string quote_address(std::string_view envelope_address) {
  return print_address(from_envelope(envelope_address));
}

std::string print_address(const Mailbox& mailbox) {
  if (mailbox.null) return "";
  std::string text = quote_local(mailbox.local);
  if (!mailbox.domain.empty()) text.append("@").append(print_domain(mailbox.domain));
  return text;
}

std::string print_phrase(std::string_view text) {
  std::string line(text);
  std::ranges::replace_if(line, is_control, ' ');
  bool atoms = true;
  for (std::string_view rest = line; atoms;) {
    const std::size_t blank = rest.find(' ');
    atoms = is_atom_text(rest.substr(0, blank));
    if (blank == std::string_view::npos) break;
    rest.remove_prefix(blank + 1);
  }
  return atoms ? line : quoted(line);
}

std::string print_encoded_phrase(std::string_view text) {
  if (std::ranges::none_of(text, is_high)) return print_phrase(text);
  std::string line(text);
  std::ranges::replace_if(line, is_control, ' ');
  return encode_words(line, WordPlace::phrase);
}

std::string print_comment(std::string_view text) {
  if (std::ranges::any_of(text, is_high)) return fmt::format("({})", print_encoded_phrase(text));
  std::string line(text);
  std::ranges::replace_if(line, is_control, ' ');
  return fmt::format("({})", escaped(line, "()\\"));
}

std::string print_mailbox(const Mailbox& mailbox) {
  std::string text = written_phrase(mailbox.phrase, mailbox.display);
  if (mailbox.angle || !text.empty()) {
    if (!text.empty()) text += ' ';
    text += fmt::format("<{}>", print_address(mailbox));
  } else {
    text = print_address(mailbox);
  }
  append_comments(text, mailbox.comments);
  return text;
}

std::string print_field(std::string_view name, const AddressList& list) {
  Filler filler(std::string(name) + ":");
  const std::span<const Mailbox> mailboxes(list.mailboxes);
  auto group = list.groups.begin();
  for (std::size_t i = 0; i < mailboxes.size() || group != list.groups.end();) {
    const bool in_group = group != list.groups.end() && group->first <= i;
    const std::size_t size = in_group ? group->size : 1;
    const bool last = i + size >= mailboxes.size() &&
                      (group == list.groups.end() || group + in_group == list.groups.end());
    const std::string_view comma = last ? "" : ",";
    if (in_group) {
      fill_group(filler, *group, mailboxes.subspan(i, size), comma);
      ++group;
    } else {
      fill(filler, print_mailbox(mailboxes[i]) + std::string(comma));
    }
    i += size;
  }
  return std::move(filler).finish();
}

}  // namespace porpoise::mail
