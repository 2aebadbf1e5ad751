#include "libmail/address.h"

#include <algorithm>
#include <fmt/format.h>
#include <span>

#include "libmail/address_text.h"
#include "libmail/address_token.h"

namespace porpoise::mail {
namespace {

using Kind = Token::Kind;
using Tokens = std::vector<Token>;

// A piece of `text` from `at` on, fit to be shown.
std::string excerpt(std::string_view text, std::size_t at) {
  constexpr std::size_t kShown = 40;
  const bool cut = text.size() - at > kShown;
  std::string piece(text.substr(at, kShown));
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  if (cut && continues(text[at + kShown])) {
    while (!piece.empty() && continues(piece.back())) piece.pop_back();
    if (!piece.empty()) piece.pop_back();
  }
  std::erase(piece, '\r');
  for (char& c : piece) {
    if (c == '\n' || c == '\t') c = ' ';
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
  }
  piece.erase(piece.find_last_not_of(' ') + 1);
  return piece + (cut ? "..." : "");
}

struct Phrase {
  std::string written;
  std::string display;
  std::vector<std::string> comments;  // those that cannot stay in `written`
  bool repaired = false;
};

// What a word of a phrase says; no control octets, so that it can be printed anywhere.
std::string display_value(const Token& word) {
  if (!word.is_word()) return std::string(word.text);  // a dot or "@"
  const std::string line = unfolded(word.text);
  bool clean = true;
  std::string value =
      word.kind == Kind::literal ? line : word_value({word.kind, word.begin, line}, clean);
  for (char& c : value) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = ' ';
  }
  return value;
}

// Words, dots, "@" and comments before a "<" or a group's ":". An unquoted "@" or "[" is not for a
// phrase: then the whole of it is quoted.
Phrase make_phrase(const Tokens& tokens) {
  Phrase phrase;
  bool begun = false;
  bool word_before = false;
  bool apart = false;  // a blank or comment stands before this token
  std::size_t end = tokens.empty() ? 0 : tokens.front().begin;
  for (const Token& token : tokens) {
    apart = apart || token.begin > end;
    const bool gap = token.begin > end || (word_before && token.is_word());
    end = token.end();
    if (gap && !phrase.written.empty()) phrase.written += ' ';
    phrase.written += unfolded(token.text);
    if (token.kind == Kind::comment) {
      phrase.comments.push_back(unfolded(token.text));
      apart = true;
      word_before = false;
      continue;
    }
    const bool plain = token.kind == Kind::quoted || (token.kind == Kind::dot && begun) ||
                       (token.kind == Kind::atom && is_atom_text(token.text));
    if (!plain) phrase.repaired = true;
    if (begun && (apart || (word_before && token.is_word()))) phrase.display += ' ';
    phrase.display += display_value(token);
    begun = true;
    apart = false;
    word_before = token.is_word();
  }
  if (phrase.repaired) {
    phrase.written = print_phrase(phrase.display);
  } else {
    phrase.comments.clear();
  }
  return phrase;
}

class Parser {
 public:
  Parser(std::string_view body, AddressLimits limits)
      : body_(body), limits_(limits), reader_(body) {}

  tl::expected<AddressList, AddressFault> run() {
    for (Token token = reader_.next(); token.kind != Kind::end; token = reader_.next()) {
      if (!step(token)) return tl::make_unexpected(std::move(fault_));
    }
    if (!finish()) return tl::make_unexpected(std::move(fault_));
    return std::move(list_);
  }

 private:
  bool fail(std::size_t at, std::string_view why) {
    fault_ = {at, fmt::format("{}: \"{}\"", why, excerpt(body_, at))};
    return false;
  }

  bool step(const Token& token) {
    switch (token.kind) {
      case Kind::comma:
        return separator();
      case Kind::semicolon:
        return in_group_ ? close_group() : stray_semicolon();
      case Kind::colon:
        return open_group(token);
      case Kind::left:
        return angle(token);
      case Kind::right:
        return fail(token.begin, "a \">\" that closes nothing");
      case Kind::fault:
        return fail(token.begin, reader_.fault());
      case Kind::end:
        return true;
      case Kind::atom:
      case Kind::quoted:
      case Kind::literal:
      case Kind::comment:
      case Kind::dot:
      case Kind::at:
        break;
    }
    if (pending_.size() == limits_.words) {
      return fail(token.begin, fmt::format("more than {} words in a row", limits_.words));
    }
    pending_.push_back(token);
    return true;
  }

  // -- separators

  bool separator() {
    if (!end_element()) return false;
    if (!occupied_) list_.repaired = true;  // an empty element
    occupied_ = false;
    group_closed_ = false;
    after_comma_ = true;
    return true;
  }

  bool stray_semicolon() {
    list_.repaired = true;
    return separator();
  }

  bool close_group() {
    if (!end_element()) return false;
    if (!occupied_ && after_comma_) list_.repaired = true;
    settle_comments();
    in_group_ = false;
    occupied_ = true;
    group_closed_ = true;
    after_comma_ = false;
    return true;
  }

  bool finish() {
    if (!end_element()) return false;
    if (!occupied_ && after_comma_) list_.repaired = true;
    if (in_group_) list_.repaired = true;
    settle_comments();
    return true;
  }

  bool open_group(const Token& colon) {
    if (in_group_) return fail(colon.begin, "a group inside a group");
    join_element();
    const auto word =
        std::ranges::find_if(pending_, [](const Token& t) { return t.kind != Kind::comment; });
    if (word == pending_.end()) return fail(colon.begin, "a group without a name");
    if (word->kind == Kind::at) return fail(word->begin, "a route outside of \"<>\"");
    Phrase phrase = make_phrase(pending_);
    pending_.clear();
    if (phrase.repaired) list_.repaired = true;
    std::ranges::move(phrase.comments, std::back_inserter(loose_));
    list_.items.push_back({.group = true,
                           .phrase = std::move(phrase.written),
                           .name = std::move(phrase.display),
                           .members = {},
                           .comments = {}});
    in_group_ = true;
    occupied_ = false;
    after_comma_ = false;
    group_closed_ = false;
    return true;
  }

  // -- comments: with the address they stand in or after, else with the next one

  std::vector<std::string>& last_comments() {
    AddressItem& item = list_.items.back();
    return group_closed_ || item.members.empty() ? item.comments : item.members.back().comments;
  }

  void take_leading_comments(std::vector<std::string>& home) {
    const auto word =
        std::ranges::find_if(pending_, [](const Token& t) { return t.kind != Kind::comment; });
    for (auto t = pending_.begin(); t != word; ++t) home.push_back(unfolded(t->text));
    pending_.erase(pending_.begin(), word);
  }

  void settle_comments() {
    if (list_.items.empty()) return;
    std::ranges::move(loose_, std::back_inserter(last_comments()));
    loose_.clear();
  }

  // What follows an address without a comma: comments are still its own, words are not.
  void join_element() {
    if (!occupied_) return;
    take_leading_comments(last_comments());
    list_.repaired = true;
  }

  // -- addresses

  // At a separator: what is pending are addresses without "<", several where blanks stand between.
  bool end_element() {
    take_leading_comments(occupied_ ? last_comments() : loose_);
    if (pending_.empty()) return true;
    if (occupied_) list_.repaired = true;
    Tokens address;
    std::vector<std::string> comments;
    for (const Token& token : pending_) {
      if (token.kind == Kind::comment) {
        comments.push_back(unfolded(token.text));
        continue;
      }
      if (token.is_word() && !address.empty() && address.back().is_word()) {
        list_.repaired = true;
        if (!add_bare(address, comments)) return false;
      }
      address.push_back(token);
    }
    pending_.clear();
    return add_bare(address, comments);
  }

  bool add_bare(Tokens& address, std::vector<std::string>& comments) {
    Mailbox mailbox;
    mailbox.at = address.front().begin;
    if (!fill(address, mailbox)) return false;
    mailbox.comments = std::move(comments);
    address.clear();
    comments.clear();
    return add(std::move(mailbox));
  }

  bool angle(const Token& left) {
    join_element();
    Phrase phrase = make_phrase(pending_);
    pending_.clear();
    if (phrase.repaired) list_.repaired = true;
    Mailbox mailbox;
    mailbox.phrase = std::move(phrase.written);
    mailbox.display = std::move(phrase.display);
    mailbox.comments = std::move(phrase.comments);
    mailbox.angle = true;
    mailbox.at = left.begin;
    Tokens inside;
    if (!read_angle(left, inside, mailbox.comments)) return false;
    if (inside.empty()) {
      mailbox.null = true;
      return add(std::move(mailbox));
    }
    std::span<const Token> address(inside);
    return skip_route(address) && fill(address, mailbox) && add(std::move(mailbox));
  }

  bool read_angle(const Token& left, Tokens& inside, std::vector<std::string>& comments) {
    for (;;) {
      const Token token = reader_.next();
      switch (token.kind) {
        case Kind::right:
          return true;
        case Kind::fault:
          return fail(token.begin, reader_.fault());
        case Kind::end:
          return fail(left.begin, "no \">\" closes this \"<\"");
        case Kind::left:
          return fail(token.begin, "a \"<\" inside \"<>\"");
        case Kind::semicolon:
          return fail(token.begin, "a \";\" inside \"<>\"");
        case Kind::comment:
          comments.push_back(unfolded(token.text));
          break;
        case Kind::atom:
        case Kind::quoted:
        case Kind::literal:
        case Kind::dot:
        case Kind::at:
        case Kind::comma:
        case Kind::colon:
          inside.push_back(token);
          break;
      }
      if (inside.size() > limits_.words) {
        return fail(left.begin, fmt::format("more than {} words in \"<>\"", limits_.words));
      }
    }
  }

  // RFC 5322 section 4.4: a route is read and ignored, however many there are.
  bool skip_route(std::span<const Token>& address) {
    const std::size_t begin = address.front().begin;
    while (!address.empty() && address.front().kind == Kind::at) {
      const auto colon = std::ranges::find(address, Kind::colon, &Token::kind);
      if (colon == address.end()) return fail(begin, "an address without a local part");
      address = address.subspan(static_cast<std::size_t>(colon - address.begin()) + 1);
      list_.repaired = true;
    }
    return !address.empty() || fail(begin, "a route that leads nowhere");
  }

  bool add(Mailbox mailbox) {
    if (++mailbox_count_ > limits_.mailboxes) {
      return fail(mailbox.at, fmt::format("more than {} addresses", limits_.mailboxes));
    }
    mailbox.comments.insert(mailbox.comments.begin(), std::make_move_iterator(loose_.begin()),
                            std::make_move_iterator(loose_.end()));
    loose_.clear();
    if (!in_group_) list_.items.emplace_back();
    list_.items.back().members.push_back(std::move(mailbox));
    occupied_ = true;
    group_closed_ = false;
    return true;
  }

  // -- one address

  bool fill(std::span<const Token> tokens, Mailbox& mailbox) {
    // Reference 1.5, steps 2 and 3: one dot, then one "@" at the end mean nothing.
    for (const Kind kind : {Kind::dot, Kind::at}) {
      if (tokens.size() > 1 && tokens.back().kind == kind) {
        tokens = tokens.first(tokens.size() - 1);
        list_.repaired = true;
      }
    }
    if (tokens.size() > 1 && tokens.back().kind == Kind::at) {
      return fail(tokens.back().begin, "two \"@\" side by side");
    }
    std::size_t local = tokens.size();
    for (std::size_t i = tokens.size(); i-- > 0 && local == tokens.size();) {
      if (tokens[i].kind == Kind::at) local = i;
    }
    if (!fill_local(tokens.front(), tokens.first(local), mailbox)) return false;
    return local == tokens.size() || fill_domain(tokens.subspan(local + 1), mailbox);
  }

  bool fill_local(const Token& first, std::span<const Token> tokens, Mailbox& mailbox) {
    if (std::ranges::none_of(tokens, &Token::is_word)) {
      return fail(first.begin, "an address without a local part");
    }
    Kind before = Kind::dot;
    for (const Token& token : tokens) {
      const bool word = token.is_word();
      if (word && before == Kind::atom) return fail(token.begin, "a blank inside an address");
      switch (token.kind) {
        case Kind::literal:
          return fail(token.begin, "a \"[\" before the \"@\"");
        case Kind::comma:
        case Kind::colon:
          return fail(token.begin, "not for an address");
        case Kind::at:
          if (before == Kind::at) return fail(token.begin, "two \"@\" side by side");
          list_.repaired = true;
          break;
        case Kind::dot:
          if (before != Kind::atom) list_.repaired = true;
          break;
        default:
          if (token.kind == Kind::atom && !is_atom_text(token.text)) list_.repaired = true;
          break;
      }
      bool clean = true;
      mailbox.local += word ? word_value(token, clean) : std::string(token.text);
      if (!clean) return fail(token.begin, "NUL, CR or LF inside an address");
      before = word ? Kind::atom : token.kind;
    }
    if (before == Kind::at) return fail(tokens.back().begin, "two \"@\" side by side");
    if (before == Kind::dot) list_.repaired = true;
    return true;
  }

  bool fill_domain(std::span<const Token> tokens, Mailbox& mailbox) {
    if (tokens.size() == 1 && tokens[0].kind == Kind::literal) {
      bool clean = true;
      mailbox.domain = fmt::format("[{}]", word_value(tokens[0], clean));
      return clean || fail(tokens[0].begin, "NUL, CR or LF inside an address");
    }
    Kind before = Kind::dot;
    for (const Token& token : tokens) {
      if (token.is_word() && before == Kind::atom) {
        return fail(token.begin, "a blank inside an address");
      }
      if (token.kind == Kind::dot) {
        if (before == Kind::dot) return fail(token.begin, "an empty part of a domain");
      } else if (token.kind != Kind::atom || !is_atom_text(token.text)) {
        return fail(token.begin, "not for a domain");
      }
      mailbox.domain += token.text;
      before = token.kind;
    }
    return before != Kind::dot || fail(tokens.back().begin, "an empty part of a domain");
  }

  std::string_view body_;
  AddressLimits limits_;
  TokenReader reader_;
  AddressList list_;
  AddressFault fault_;
  Tokens pending_;                  // words since the last separator or address
  std::vector<std::string> loose_;  // comments that wait for an address
  std::size_t mailbox_count_ = 0;
  bool in_group_ = false;
  bool occupied_ = false;      // something stands since the last separator
  bool group_closed_ = false;  // and it was a group
  bool after_comma_ = false;
};

}  // namespace

tl::expected<AddressList, AddressFault> parse_addresses(std::string_view body,
                                                        AddressLimits limits) {
  return Parser(body, limits).run();
}

std::string envelope_address(const Mailbox& mailbox) {
  if (mailbox.domain.empty()) return mailbox.local;
  return mailbox.local + "@" + mailbox.domain;
}

Mailbox from_envelope(std::string_view address) {
  Mailbox mailbox;
  mailbox.null = address.empty();
  const std::size_t at = address.rfind('@');
  mailbox.local = address.substr(0, at);
  if (at != std::string_view::npos) mailbox.domain = address.substr(at + 1);
  return mailbox;
}

std::string_view domain_fault(std::string_view domain) {
  const auto bad = [](char c) { return c == '\0' || c == '\r' || c == '\n'; };
  if (domain.starts_with('[')) {
    if (domain.size() < 2 || !domain.ends_with(']')) return "no \"]\" at its end";
    return std::ranges::any_of(domain, bad) ? "NUL, CR or LF" : "";
  }
  while (true) {
    const std::size_t dot = domain.find('.');
    const std::string_view label = domain.substr(0, dot);
    if (label.empty()) return "an empty part";
    if (!is_atom_text(label)) return "an octet that cannot stand there";
    if (dot == std::string_view::npos) return "";
    domain.remove_prefix(dot + 1);
  }
}

}  // namespace porpoise::mail
