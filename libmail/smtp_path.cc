#include "libmail/smtp_path.h"

#include <algorithm>
#include <arpa/inet.h>

#include "libmail/address_text.h"
#include "libmail/steps.h"
#include "libmail/utf8.h"

namespace porpoise::mail {
namespace {

constexpr std::size_t kMaxLabel = 63;  // RFC 1035 section 2.3.4
constexpr std::string_view kIpv6 = "IPv6:";

bool is_high(char c) {
  return static_cast<unsigned char>(c) >= 128;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 32 || c == 127;
}

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_atext(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-/=?^_`{|}~";
  return is_alnum(c) || is_high(c) || kOthers.find(c) != std::string_view::npos;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool equals(std::string_view a, std::string_view lower_b) {
  return std::ranges::equal(a, lower_b, {}, lower);
}

bool is_label_octet(char c, SmtpReading reading) {
  return is_alnum(c) || c == '-' || is_high(c) || (c == '_' && reading == SmtpReading::lenient);
}

bool is_ip(int family, std::string_view text) {
  char room[INET6_ADDRSTRLEN + 1];
  unsigned char address[16];
  if (text.empty() || text.size() >= sizeof room) return false;
  if (text.find('\0') != std::string_view::npos) return false;
  *std::ranges::copy(text, room).out = '\0';
  return ::inet_pton(family, room, address) == 1;
}

// The inside of "[...]" (RFC 5321 section 4.1.3).
std::string_view literal_fault(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return is_ip(AF_INET, text) ? "" : "this is no IPv4 address";
  }
  const std::string_view tag = text.substr(0, colon);
  if (equals(tag, "ipv6")) {
    return is_ip(AF_INET6, text.substr(kIpv6.size())) ? "" : "this is no IPv6 address";
  }
  const bool is_tag = !tag.empty() && is_alnum(tag.back()) &&
                      std::ranges::all_of(tag, [](char c) { return is_alnum(c) || c == '-'; });
  if (!is_tag) return "an IPv6 address needs \"IPv6:\" before it";
  const std::string_view value = text.substr(colon + 1);
  const bool good = !value.empty() && std::ranges::all_of(value, [](char c) {
    return c >= '!' && c <= '~' && c != '[' && c != ']' && c != '\\' && c != '@';
  });
  return good ? "" : "this is no address literal";
}

using Fault = tl::unexpected<SmtpPathFault>;

// One path. Octets that it gives out are those of the envelope form.
class PathParser {
 public:
  PathParser(Cursor& cursor, SmtpPathKind kind, SmtpReading reading, const SmtpPathLimits& limits)
      : cursor_(cursor), kind_(kind), lenient_(reading == SmtpReading::lenient), limits_(limits) {}

  tl::expected<SmtpPath, SmtpPathFault> parse() {
    const std::size_t begin = cursor_.position();
    bracketed_ = cursor_.take('<');
    if (!bracketed_ && !lenient_) return fault("want \"<\"");
    skip_blanks();
    if (bracketed_ && cursor_.take('>')) {
      if (kind_ == SmtpPathKind::reverse) return SmtpPath{};
      return fault("a recipient needs an address", begin);
    }
    if (!route() || !local_part() || !domain() || !close()) return tl::make_unexpected(fault_);
    path_.utf8 = std::ranges::any_of(path_.address, is_high);
    if (path_.utf8 && !is_utf8(path_.address)) return fault("malformed UTF-8", begin);
    return std::move(path_);
  }

 private:
  Fault fault(std::string_view text) { return fault(text, cursor_.position()); }
  Fault fault(std::string_view text, std::size_t at) {
    return tl::make_unexpected(SmtpPathFault{at, text});
  }
  bool wrong(std::string_view text) { return wrong(text, cursor_.position()); }
  bool wrong(std::string_view text, std::size_t at) {
    fault_ = {at, text};
    return false;
  }

  void skip_blanks() {
    if (lenient_ && bracketed_) cursor_.take_while(is_blank);
  }

  // "@a,@b:"; each domain is checked, then forgotten.
  bool route() {
    if (cursor_.peek() != '@' || cursor_.at_end()) return true;
    path_.routed = true;
    for (;;) {
      count_steps();
      if (!cursor_.take('@')) return wrong("want \"@\" and a domain of the source route");
      if (!take_domain(nullptr)) return false;
      if (cursor_.take(':')) return true;
      if (!cursor_.take(',')) return wrong("want \",\" or \":\" in the source route");
    }
  }

  bool local_part() {
    const std::size_t begin = cursor_.position();
    bool any = false;
    for (;;) {
      const std::size_t word = cursor_.position();
      if (cursor_.peek() == '"') {
        if (any && !lenient_) return wrong("a quoted local part stands alone");
        if (!quoted()) return false;
      } else if (!atom()) {
        return false;
      }
      if (path_.address.size() > limits_.address_octets) return wrong("address too long", begin);
      const bool was_quoted = cursor_.position() > word && cursor_.since(word).front() == '"';
      if (cursor_.position() == word) {
        return any ? wrong("want a word after the dot of the local part")
                   : wrong("want a local part");
      }
      any = true;
      if (cursor_.peek() != '.' || cursor_.at_end() || (was_quoted && !lenient_)) return true;
      path_.address += cursor_.take();
    }
  }

  bool atom() {
    for (;;) {
      const std::string_view text = cursor_.take_while(is_atext);
      count_steps(text.size() + 1);
      path_.address += text;
      if (!lenient_ || cursor_.peek() != '\\') return true;
      if (!escaped()) return false;
    }
  }

  // "\" and the octet that it stands before.
  bool escaped() {
    const std::size_t at = cursor_.position();
    cursor_.skip();
    if (cursor_.at_end()) return wrong("want an octet after \"\\\"");
    if (is_control(cursor_.peek()) || is_high(cursor_.peek())) {
      return wrong("\"\\\" before an octet that it cannot quote", at);
    }
    path_.address += cursor_.take();
    return true;
  }

  bool quoted() {
    const std::size_t begin = cursor_.position();
    cursor_.skip();
    for (;;) {
      const std::string_view text =
          cursor_.take_while([](char c) { return !is_control(c) && c != '"' && c != '\\'; });
      count_steps(text.size() + 1);
      path_.address += text;
      if (cursor_.at_end()) return wrong("no \"\"\" closes this one", begin);
      if (cursor_.take('"')) return true;
      if (cursor_.peek() != '\\') return wrong("control octet in a quoted local part");
      if (!escaped()) return false;
    }
  }

  bool domain() {
    if (!cursor_.take('@')) return bare_local_part();
    path_.address += '@';
    if (!take_domain(&path_.address)) return false;
    if (path_.address.size() > limits_.address_octets) return wrong("address too long");
    return true;
  }

  bool bare_local_part() {
    const bool postmaster = kind_ == SmtpPathKind::forward && equals(path_.address, "postmaster");
    if (!postmaster && !lenient_) return wrong("want \"@\" and a domain");
    if (path_.address.empty()) return wrong("want an address");
    // Its envelope form would be read as one with a domain.
    if (path_.address.find('@') != std::string::npos) return wrong("want \"@\" and a domain");
    return true;
  }

  // A domain or literal, appended to `out` if there is one.
  bool take_domain(std::string* out) {
    const std::size_t begin = cursor_.position();
    const SmtpReading reading = lenient_ ? SmtpReading::lenient : SmtpReading::strict;
    std::string_view text;
    if (cursor_.peek() == '[') {
      cursor_.take_while([](char c) { return c != ']' && c != '>' && !is_blank(c); });
      if (!cursor_.take(']')) return wrong("no \"]\" closes this \"[\"", begin);
      text = cursor_.since(begin);
    } else {
      text = cursor_.take_while([&](char c) { return is_label_octet(c, reading) || c == '.'; });
      if (lenient_ && text.size() > 1 && text.ends_with('.')) text.remove_suffix(1);
    }
    count_steps(2 * text.size() + 1);
    if (text.size() > limits_.domain_octets) return wrong("domain too long", begin);
    const std::string_view what = smtp_domain_fault(text, reading);
    if (!what.empty()) return wrong(what, begin);
    if (out != nullptr) *out += text;
    return true;
  }

  bool close() {
    if (!bracketed_) return true;
    skip_blanks();
    return cursor_.take('>') || wrong("want \">\"");
  }

  Cursor& cursor_;
  SmtpPathKind kind_;
  bool lenient_;
  const SmtpPathLimits& limits_;
  bool bracketed_ = false;
  SmtpPath path_;
  SmtpPathFault fault_;
};

}  // namespace

std::string_view SmtpPath::local() const {
  return std::string_view(address).substr(0, address.rfind('@'));
}

std::string_view SmtpPath::domain() const {
  const std::size_t at = address.rfind('@');
  return at == std::string::npos ? "" : std::string_view(address).substr(at + 1);
}

tl::expected<SmtpPath, SmtpPathFault> take_path(Cursor& cursor, SmtpPathKind kind,
                                                SmtpReading reading, const SmtpPathLimits& limits) {
  return PathParser(cursor, kind, reading, limits).parse();
}

std::string_view smtp_domain_fault(std::string_view domain, SmtpReading reading) {
  if (domain.empty()) return "want a domain";
  if (domain.front() == '[') {
    if (domain.size() < 2 || domain.back() != ']') return "no \"]\" closes this \"[\"";
    return literal_fault(domain.substr(1, domain.size() - 2));
  }
  while (true) {
    count_steps();
    const std::size_t end = std::min(domain.find('.'), domain.size());
    const std::string_view label = domain.substr(0, end);
    if (label.empty()) return "want a word on both sides of a domain's dot";
    if (label.size() > kMaxLabel) return "a word of the domain is too long";
    if (label.front() == '-' || label.back() == '-')
      return "a word of the domain has \"-\" at an end";
    if (!std::ranges::all_of(label, [&](char c) { return is_label_octet(c, reading); })) {
      return "an octet that no domain has";
    }
    if (end == domain.size()) return "";
    domain.remove_prefix(end + 1);
  }
}

std::optional<std::string> print_path(std::string_view envelope_address) {
  std::string path = "<" + quote_address(envelope_address) + ">";
  // What comes out is read again: one place decides what a path may be.
  Cursor cursor(path);
  const auto kind = envelope_address.empty() ? SmtpPathKind::reverse : SmtpPathKind::forward;
  const auto read = take_path(cursor, kind);
  if (!read || !cursor.at_end() || read->address != envelope_address) return std::nullopt;
  return path;
}

}  // namespace porpoise::mail
