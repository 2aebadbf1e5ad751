#include "libmail/address.h"

#include <algorithm>
#include <fmt/format.h>
#include <span>

#include "libmail/address_fault.h"
#include "libmail/address_parts.h"
#include "libmail/address_token.h"
#include "libmail/octet_class.h"
#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

using Kind = Token::Kind;
using Tokens = std::vector<Token>;

class Parser {
 public:
  Parser(std::string_view body, AddressLimits limits)
      : body_(body), limits_(limits), reader_(body) {
    constexpr std::ptrdiff_t kFirstRoom = 64;
    constexpr std::size_t kFirstTokens = 16;
    const auto commas = std::ranges::count(body, ',');
    list_.mailboxes.reserve(static_cast<std::size_t>(std::min(commas + 1, kFirstRoom)));
    pending_.reserve(kFirstTokens);
  }

  tl::expected<AddressList, AddressFault> run() {
    for (Token token = reader_.next(); token.kind != Kind::end; token = reader_.next()) {
      if (!step(token)) return tl::make_unexpected(std::move(fault_));
    }
    if (!finish()) return tl::make_unexpected(std::move(fault_));
    return std::move(list_);
  }

 private:
  bool fail(std::size_t at, std::string_view why) {
    fault_ = address_fault(body_, at, why);
    return false;
  }

  bool pass(const std::optional<PartFault>& fault) { return !fault || fail(fault->at, fault->why); }

  bool step(const Token& token) {
    count_steps();
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
      default:
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
    const auto word = first_word();
    if (word == pending_.end()) return fail(colon.begin, "a group without a name");
    if (word->kind == Kind::at) return fail(word->begin, "a route outside of \"<>\"");
    if (list_.groups.size() == limits_.mailboxes) {
      return fail(word->begin, fmt::format("more than {} groups", limits_.mailboxes));
    }
    const std::size_t at = word->begin;
    Phrase phrase = take_phrase();
    std::ranges::move(phrase.comments, std::back_inserter(loose_));
    list_.groups.push_back({.phrase = std::move(phrase.written),
                            .name = std::move(phrase.display),
                            .comments = {},
                            .at = at,
                            .first = list_.mailboxes.size(),
                            .size = 0});
    in_group_ = true;
    occupied_ = false;
    after_comma_ = false;
    group_closed_ = false;
    return true;
  }

  // -- comments: with the address they stand in or after, else with the next one

  Tokens::iterator first_word() {
    return std::ranges::find_if(pending_, [](const Token& t) { return t.kind != Kind::comment; });
  }

  std::vector<std::string>& last_comments() {
    const bool group_last = !list_.groups.empty() &&
                            (group_closed_ || list_.groups.back().first == list_.mailboxes.size());
    return group_last ? list_.groups.back().comments : list_.mailboxes.back().comments;
  }

  void take_leading_comments(std::vector<std::string>& home) {
    if (pending_.empty() || pending_.front().kind != Kind::comment) return;
    const auto word = first_word();
    for (auto t = pending_.begin(); t != word; ++t) home.push_back(unfolded(*t));
    pending_.erase(pending_.begin(), word);
  }

  void settle_comments() {
    if (loose_.empty() || list_.empty()) return;
    std::ranges::move(loose_, std::back_inserter(last_comments()));
    loose_.clear();
  }

  // What follows an address without a comma: comments are still its own, words are not.
  void join_element() {
    if (!occupied_) return;
    take_leading_comments(last_comments());
    list_.repaired = true;
  }

  Phrase take_phrase() {
    Phrase phrase;
    if (!read_phrase(pending_, phrase)) list_.repaired = true;
    pending_.clear();
    return phrase;
  }

  // -- addresses

  // At a separator: what is pending are addresses without "<", several where blanks stand between.
  bool end_element() {
    if (pending_.empty()) return true;
    take_leading_comments(occupied_ ? last_comments() : loose_);
    if (pending_.empty()) return true;
    if (occupied_) list_.repaired = true;
    // Comments go, so that the tokens of one address stand side by side.
    std::size_t begin = 0;
    std::size_t end = 0;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      const Token& token = pending_[i];
      if (token.kind == Kind::comment) {
        comments_.push_back(unfolded(token));
        continue;
      }
      if (token.is_word() && end > begin && pending_[end - 1].is_word()) {
        list_.repaired = true;
        if (!add_bare({pending_.data() + begin, end - begin})) return false;
        begin = end;
      }
      if (end != i) pending_[end] = token;
      ++end;
    }
    const bool added = add_bare({pending_.data() + begin, end - begin});
    pending_.clear();
    return added;
  }

  bool add_bare(std::span<const Token> address) {
    if (!add(address.front().begin)) return false;
    Mailbox& mailbox = list_.mailboxes.back();
    std::ranges::move(comments_, std::back_inserter(mailbox.comments));
    comments_.clear();
    return fill(address, mailbox);
  }

  bool angle(const Token& left) {
    join_element();
    if (!add(left.begin)) return false;
    Mailbox& mailbox = list_.mailboxes.back();
    mailbox.angle = true;
    Phrase phrase = take_phrase();
    mailbox.phrase = std::move(phrase.written);
    mailbox.display = std::move(phrase.display);
    std::ranges::move(phrase.comments, std::back_inserter(mailbox.comments));
    if (!read_angle(left, mailbox.comments)) return false;
    mailbox.null = pending_.empty();
    std::span<const Token> address(pending_);
    if (!mailbox.null && (!skip_route(address) || !fill(address, mailbox))) return false;
    pending_.clear();
    return true;
  }

  // What stands up to the ">", into pending_, which is empty.
  bool read_angle(const Token& left, std::vector<std::string>& comments) {
    for (;;) {
      const Token token = reader_.next();
      count_steps();
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
          comments.push_back(unfolded(token));
          break;
        default:
          pending_.push_back(token);
          break;
      }
      if (pending_.size() > limits_.words) {
        return fail(left.begin, fmt::format("more than {} words in \"<>\"", limits_.words));
      }
    }
  }

  // RFC 5322 section 4.4: a route is read and ignored, however many there are, empty hops too.
  bool skip_route(std::span<const Token>& address) {
    const std::size_t begin = address.front().begin;
    const auto hop =
        std::ranges::find_if(address, [](const Token& t) { return t.kind != Kind::comma; });
    if (hop == address.end()) return fail(begin, "not for an address");
    if (hop->kind == Kind::at) address = {hop, address.end()};
    while (!address.empty() && address.front().kind == Kind::at) {
      const auto colon = std::ranges::find(address, Kind::colon, &Token::kind);
      if (colon == address.end()) return fail(hop->begin, "an address without a local part");
      address = {colon + 1, address.end()};
      list_.repaired = true;
    }
    return !address.empty() || fail(begin, "a route that leads nowhere");
  }

  // A new mailbox, the last of the list.
  bool add(std::size_t at) {
    if (list_.mailboxes.size() == limits_.mailboxes) {
      return fail(at, fmt::format("more than {} addresses", limits_.mailboxes));
    }
    Mailbox& mailbox = list_.mailboxes.emplace_back();
    mailbox.at = at;
    mailbox.comments.swap(loose_);
    if (in_group_) {
      mailbox.group = list_.groups.size() - 1;
      ++list_.groups.back().size;
    }
    occupied_ = true;
    group_closed_ = false;
    return true;
  }

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
    if (std::ranges::none_of(tokens.first(local), &Token::is_word)) {
      return fail(tokens.front().begin, "an address without a local part");
    }
    if (!pass(read_local(tokens.first(local), mailbox.local, list_.repaired))) return false;
    return local == tokens.size() || pass(read_domain(tokens.subspan(local + 1), mailbox.domain));
  }

  std::string_view body_;
  AddressLimits limits_;
  TokenReader reader_;
  AddressList list_;
  AddressFault fault_;
  Tokens pending_;                     // words since the last separator or bracket
  std::vector<std::string> comments_;  // of one address, while it is read
  std::vector<std::string> loose_;     // comments that wait for an address
  bool in_group_ = false;
  bool occupied_ = false;      // something stands since the last separator
  bool group_closed_ = false;  // and it was a group
  bool after_comma_ = false;
};

// Atoms with single dots between them.
std::string_view labels_fault(std::string_view labels) {
  while (true) {
    const std::size_t dot = labels.find('.');
    const std::string_view label = labels.substr(0, dot);
    if (label.empty()) return "an empty part";
    if (!is_atom_text(label)) return "an octet that cannot stand there";
    if (dot == std::string_view::npos) return "";
    labels.remove_prefix(dot + 1);
  }
}

}  // namespace

tl::expected<AddressList, AddressFault> parse_addresses(std::string_view body,
                                                        AddressLimits limits) {
  return Parser(body, limits).run();
}

tl::expected<AddressList, AddressFault> parse_addresses_strictly(std::string_view body,
                                                                 AddressLimits limits) {
  if (auto fault = strict_fault(body)) return tl::make_unexpected(std::move(*fault));
  return parse_addresses(body, limits);
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
  const std::size_t open = domain.find('[');
  if (open == std::string_view::npos) return labels_fault(domain);
  const std::size_t close = domain.rfind(']');
  if (close == std::string_view::npos || close < open) return "no \"]\" after its \"[\"";
  const auto bad = [](char c) { return c == '\0' || c == '\r' || c == '\n'; };
  if (std::ranges::any_of(domain, bad)) return "NUL, CR or LF";
  const std::string_view before = domain.substr(0, open);
  const std::string_view after = domain.substr(close + 1);
  if ((!before.empty() && !before.ends_with('.')) || (!after.empty() && !after.starts_with('.'))) {
    return "text beside \"[]\"";
  }
  const std::string_view fault =
      before.empty() ? "" : labels_fault(before.substr(0, before.size() - 1));
  return !fault.empty() || after.empty() ? fault : labels_fault(after.substr(1));
}

}  // namespace porpoise::mail
