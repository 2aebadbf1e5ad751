#include "libmail/address_parts.h"

#include <algorithm>

#include "libmail/address_text.h"

namespace porpoise::mail {
namespace {

using Kind = Token::Kind;
using Fault = std::optional<PartFault>;

constexpr std::string_view kTwoAts = "two \"@\" side by side";
constexpr std::string_view kBlankInside = "a blank inside an address";
constexpr std::string_view kEmptyLabel = "an empty part of a domain";

bool is_plain_atom(const Token& token) {
  return token.kind == Kind::atom && token.plain;
}

// An encoded word with what should have been encoded too.
std::string cleaned_encoded_word(std::string_view word) {
  std::string clean;
  for (const char c : word) {
    switch (c) {
      case ',':
        clean += "=2C";
        break;
      case '.':
        clean += "=2E";
        break;
      case ':':
        clean += "=3A";
        break;
      case ';':
        clean += "=3B";
        break;
      default:
        clean += c;
    }
  }
  return clean;
}

// What a token of a phrase says; no control octets, so that it can be printed anywhere.
void append_display(std::string& display, const Token& token) {
  const std::size_t begin = display.size();
  if (token.kind == Kind::quoted || (token.kind == Kind::atom && !token.plain)) {
    const std::string line = unfolded(token);
    (void)append_value(display, {token.kind, token.plain, false, token.begin, line});
  } else {
    display += token.kind == Kind::literal ? unfolded(token) : token.text;
  }
  std::replace_if(
      display.begin() + static_cast<std::ptrdiff_t>(begin), display.end(),
      [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }, ' ');
}

// Of any tokens; `written` is only worth something where true is returned.
bool append_phrase(std::span<const Token> tokens, Phrase& phrase) {
  bool good = true;
  bool begun = false;
  bool word_before = false;
  bool apart = false;  // a blank or comment stands before this token
  std::size_t end = tokens.front().begin;
  for (const Token& token : tokens) {
    apart = apart || token.begin > end;
    const bool gap = token.begin > end || (word_before && token.is_word());
    end = token.end();
    if (gap && !phrase.written.empty()) phrase.written += ' ';
    if (token.kind == Kind::comment) {
      phrase.comments.push_back(unfolded(token));
      phrase.written += phrase.comments.back();
      apart = true;
      word_before = false;
      continue;
    }
    if (begun && (apart || (word_before && token.is_word()))) phrase.display += ' ';
    if (is_unclean_encoded_word(token)) {
      const std::string clean = cleaned_encoded_word(token.text);
      phrase.written += clean;
      phrase.display += clean;
    } else {
      if (token.kind != Kind::quoted && !(token.kind == Kind::dot && begun) &&
          !is_plain_atom(token)) {
        good = false;
      }
      phrase.written += unfolded(token);
      append_display(phrase.display, token);
    }
    begun = true;
    apart = false;
    word_before = token.is_word();
  }
  return good;
}

// What tokens say that stand side by side and each mean what they say; "" where they do not.
std::string_view as_written(std::span<const Token> tokens) {
  std::size_t end = tokens.front().begin;
  for (const Token& token : tokens) {
    if (token.begin != end || !token.plain || token.kind == Kind::quoted) return {};
    end = token.end();
  }
  return {tokens.front().text.begin(), tokens.back().text.end()};
}

Fault append_all(std::span<const Token> tokens, std::string& out) {
  if (const std::string_view text = as_written(tokens); !text.empty()) {
    out += text;
    return {};
  }
  for (const Token& token : tokens) {
    if (token.kind == Kind::literal) out += '[';
    if (!token.is_word()) {
      out += token.text;
    } else if (!append_value(out, token)) {
      return PartFault{token.begin, "NUL, CR or LF inside an address"};
    }
    if (token.kind == Kind::literal) out += ']';
  }
  return {};
}

}  // namespace

bool read_phrase(std::span<const Token> tokens, Phrase& phrase) {
  if (tokens.empty()) return true;
  if (std::ranges::all_of(tokens, [](const Token& t) { return is_plain_atom(t) && !t.dotted; })) {
    for (const Token& token : tokens) {
      if (!phrase.display.empty()) phrase.display += ' ';
      phrase.display += token.text;
    }
    return true;
  }
  if (append_phrase(tokens, phrase)) {
    phrase.comments.clear();
    return !std::ranges::any_of(tokens, is_unclean_encoded_word);
  }
  phrase.written = print_phrase(phrase.display);
  return false;
}

Fault read_local(std::span<const Token> tokens, std::string& local, bool& repaired) {
  Kind before = Kind::dot;
  for (const Token& token : tokens) {
    switch (token.kind) {
      case Kind::literal:
        return PartFault{token.begin,
                         before == Kind::atom ? kBlankInside : "a \"[\" before the \"@\""};
      case Kind::comma:
      case Kind::colon:
        return PartFault{token.begin, "not for an address"};
      case Kind::at:
        if (before == Kind::at) return PartFault{token.begin, kTwoAts};
        repaired = true;
        before = Kind::at;
        break;
      case Kind::dot:
        if (before != Kind::atom) repaired = true;
        before = Kind::dot;
        break;
      default:
        if (before == Kind::atom) return PartFault{token.begin, kBlankInside};
        if (token.kind == Kind::atom && !token.plain) repaired = true;
        before = Kind::atom;
        break;
    }
  }
  if (before == Kind::at) return PartFault{tokens.back().begin, kTwoAts};
  if (before == Kind::dot) repaired = true;
  return append_all(tokens, local);
}

Fault read_domain(std::span<const Token> tokens, std::string& domain) {
  bool word_before = false;
  for (const Token& token : tokens) {
    if (token.is_word() && word_before) return PartFault{token.begin, kBlankInside};
    if (token.kind == Kind::dot && !word_before) return PartFault{token.begin, kEmptyLabel};
    if (token.kind != Kind::dot && token.kind != Kind::literal && !is_plain_atom(token)) {
      return PartFault{token.begin, "not for a domain"};
    }
    word_before = token.is_word();
  }
  if (!word_before) return PartFault{tokens.back().begin, kEmptyLabel};
  return append_all(tokens, domain);
}

}  // namespace porpoise::mail
