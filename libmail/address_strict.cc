// The grammar of RFC 5322 section 3.4 with the obsolete forms of 4.4 and RFC 6532's UTF-8, octet by
// octet. It only says yes or no, and where: what a list means is read in address.cc.

#include <fmt/format.h>

#include "libmail/address.h"
#include "libmail/address_fault.h"
#include "libmail/cursor.h"
#include "libmail/octet_class.h"
#include "libmail/steps.h"
#include "libmail/utf8.h"

namespace porpoise::mail {
namespace {

bool is_line_end(char c) {
  return c == '\r' || c == '\n';
}

/// Each function reads what it is named after from where the cursor stands. False: it is not there,
/// and the fault is told.
class Grammar {
 public:
  explicit Grammar(std::string_view body) : body_(body), cursor_(body) {}

  std::optional<AddressFault> run() {
    if (address_list()) return {};
    return std::move(fault_);
  }

 private:
  bool here(char c) const { return !cursor_.at_end() && cursor_.peek() == c; }
  bool here(OctetClass wanted) const {
    return !cursor_.at_end() && is_octet(cursor_.peek(), wanted);
  }

  bool expected(std::string_view what) {
    const std::size_t at = cursor_.position();
    if (cursor_.at_end()) {
      fault_ = {at, fmt::format("expected {}, not the end", what)};
    } else if (is_line_end(cursor_.peek())) {
      fault_ = {at, fmt::format("expected {}, not a line end", what)};
    } else {
      fault_ = {at, fmt::format("expected {}, not \"{}\"", what, excerpt(body_, at))};
    }
    return false;
  }

  // [CFWS] ["," ...] address *("," [address / CFWS]), or nothing but CFWS
  bool address_list() {
    if (!cfws()) return false;
    if (cursor_.at_end()) return true;
    for (bool any = false;;) {
      if (!here(',') && !cursor_.at_end()) {
        if (!mailbox(false)) return false;
        any = true;
      }
      if (cursor_.at_end()) return any || expected("an address");
      if (!cursor_.take(',')) return expected("a comma");
      if (!cfws()) return false;
    }
  }

  // A mailbox, or a group where it is not in one; CFWS after it.
  bool mailbox(bool in_group) {
    if (here('<')) return angle_addr() && cfws();
    bool local_part = true;
    if (!words(in_group ? "an address or \";\"" : "an address", local_part)) return false;
    if (here('<')) return angle_addr() && cfws();
    if (here(':') && !in_group) return group();
    if (!local_part) return expected(in_group ? "\"<\"" : "\"<\" or \":\"");
    return at_sign() && domain();
  }

  // ":" [group-list] ";" [CFWS]
  bool group() {
    cursor_.skip();
    for (;;) {
      if (!cfws()) return false;
      if (!here(',') && !here(';') && !mailbox(true)) return false;
      if (cursor_.take(';')) return cfws();
      if (!cursor_.take(',')) return expected("a comma or \";\"");
    }
  }

  // "<" [obs-route] addr-spec ">"
  bool angle_addr() {
    cursor_.skip();
    if (!cfws()) return false;
    if ((here('@') || here(',')) && !route()) return false;
    return local_part() && domain() && (cursor_.take('>') || expected("\">\""));
  }

  // *(CFWS / ",") "@" domain *("," [CFWS] ["@" domain]) ":" CFWS
  bool route() {
    while (cursor_.take(',')) {
      if (!cfws()) return false;
    }
    if (!here('@')) return expected("\"@\" or a comma");
    while (!here(':')) {
      if (cursor_.take('@') && !domain()) return false;
      if (here(':')) break;
      if (!cursor_.take(',')) return expected("a comma or \":\"");
      if (!cfws()) return false;
      if (!here(',') && !here('@') && !here(':')) return expected("\"@\" or \":\"");
    }
    cursor_.skip();
    return cfws();
  }

  // word *("." word) "@"
  bool local_part() {
    odd_ = kNone;
    do {
      if (!cfws() || !word("a local part") || !cfws()) return false;
    } while (cursor_.take('.'));
    return at_sign();
  }

  // The "@" that makes what stands before it a local part. No envelope can carry some octets.
  bool at_sign() {
    if (!here('@')) return expected("\"@\"");
    if (!even()) return false;
    cursor_.skip();
    return true;
  }

  bool even() {
    if (odd_ == kNone) return true;
    cursor_ = Cursor(body_);
    cursor_.skip(odd_);
    return expected("no NUL, CR or LF in an address");
  }

  // word *(word / "." / CFWS): a phrase, or a local part as long as the words have single dots
  // between them.
  bool words(std::string_view what, bool& local_part) {
    odd_ = kNone;
    if (!word(what) || !cfws()) return false;
    bool after_word = true;
    for (;;) {
      if (cursor_.take('.')) {
        if (!after_word) local_part = false;
        after_word = false;
      } else if (here('"') || here(kAtext)) {
        if (after_word) local_part = false;
        if (!word("a word")) return false;
        after_word = true;
      } else {
        local_part = local_part && after_word;
        return true;
      }
      if (!cfws()) return false;
    }
  }

  // [CFWS] (atom *("." atom) / domain-literal), with CFWS around each
  bool domain() {
    if (!cfws()) return false;
    if (here('[')) {
      odd_ = kNone;
      return enclosed('[', ']', "\"]\"") && even() && cfws();
    }
    do {
      if (!cfws() || !atom("a domain") || !cfws()) return false;
    } while (cursor_.take('.'));
    return true;
  }

  bool word(std::string_view what) { return here('"') ? enclosed('\0', '"', "'\"'") : atom(what); }

  bool atom(std::string_view what) {
    if (!here(kAtext)) return expected(what);
    while (here(kAtext)) {
      if (!octet()) return false;
    }
    return true;
  }

  bool cfws() {
    for (;;) {
      if (here('(')) {
        const std::size_t odd = odd_;
        if (!enclosed('(', ')', "\")\"")) return false;
        odd_ = odd;
      } else if (here(kBlank)) {
        if (!blank()) return false;
      } else {
        return true;
      }
    }
  }

  // A blank or a fold: CR LF, or LF, before a blank. The line end of the field itself may stand at
  // the end.
  bool blank() {
    count_steps();
    const char c = cursor_.peek();
    if (!is_line_end(c)) {
      cursor_.skip();
      return true;
    }
    const std::size_t size = c == '\r' ? 2 : 1;
    const char after = cursor_.peek(size);
    const bool last = cursor_.rest().size() <= size;
    if (cursor_.peek(size - 1) != '\n' || !(last || after == ' ' || after == '\t')) {
      return expected("a fold");
    }
    cursor_.skip(size);
    return true;
  }

  // Text from `open` to `close`. A comment nests; in a literal `open` cannot stand.
  bool enclosed(char open, char close, std::string_view end) {
    cursor_.skip();
    for (std::size_t depth = 1; depth > 0;) {
      if (cursor_.at_end()) return expected(end);
      const char c = cursor_.peek();
      if (c == close || (c == open && c == '(')) {
        depth = c == close ? depth - 1 : depth + 1;
        cursor_.skip();
        count_steps();
      } else if (c == '\\') {
        if (!quoted_pair()) return false;
      } else if (is_octet(c, kBlank)) {
        if (!blank()) return false;
      } else if (c == '\0' || (c == open && open != '\0')) {
        return expected(end);
      } else if (!octet()) {
        return false;
      }
    }
    return true;
  }

  // A backslash and any octet of ASCII, or a character.
  bool quoted_pair() {
    const std::size_t begin = cursor_.position();
    cursor_.skip();
    if (cursor_.at_end()) return expected("an octet to quote");
    const char c = cursor_.peek();
    if ((c == '\0' || is_line_end(c)) && odd_ == kNone) odd_ = begin;
    return octet();
  }

  // One character.
  bool octet() {
    count_steps();
    const bool high = static_cast<unsigned char>(cursor_.peek()) >= 128;
    const std::size_t length = high ? utf8_length(body_, cursor_.position()) : 1;
    if (length == 0) return expected("UTF-8");
    cursor_.skip(length);
    return true;
  }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::string_view body_;
  Cursor cursor_;
  std::size_t odd_ = kNone;  // where NUL, CR or LF is quoted in what may become an address
  AddressFault fault_;
};

}  // namespace

std::optional<AddressFault> strict_fault(std::string_view body) {
  return Grammar(body).run();
}

}  // namespace porpoise::mail
