#include "libmail/smtp_parameters.h"

#include <algorithm>
#include <fmt/format.h>

#include "libmail/steps.h"
#include "libmail/utf8.h"
#include "libmail/xtext.h"

namespace porpoise::mail {
namespace {

using Fault = tl::unexpected<SmtpFault>;

constexpr std::size_t kShownKeyword = 40;  // octets of an unknown keyword in a reply

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

bool equals(std::string_view a, std::string_view upper_b) {
  return std::ranges::equal(a, upper_b, {}, upper);
}

Fault fault(std::size_t at, std::string text, int code = 501) {
  return tl::make_unexpected(SmtpFault{.at = at, .code = code, .text = std::move(text)});
}

struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;  // nothing without "="
  std::size_t at = 0;                     // of the keyword
  std::size_t value_at = 0;
};

// esmtp-keyword: letters, digits and "-", not beginning with one.
bool is_keyword(std::string_view text) {
  return !text.empty() && is_alnum(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-'; });
}

// esmtp-value: no "=", blank or control octet; UTF-8 only where a keyword's own check lets it pass.
bool is_value(std::string_view text) {
  return !text.empty() && std::ranges::none_of(text, [](char c) {
    return static_cast<unsigned char>(c) <= 32 || c == 127 || c == '=';
  });
}

// Calls `each` with every parameter until one of them is a fault.
template <class Each>
std::optional<SmtpFault> for_each(std::string_view text, std::size_t at, Each each) {
  std::string_view rest = text;
  while (!rest.empty()) {
    if (!is_blank(rest.front())) {
      return fault(at, "want a blank before a parameter").value();
    }
    const auto word =
        static_cast<std::size_t>(std::ranges::find_if_not(rest, is_blank) - rest.begin());
    rest.remove_prefix(word);
    at += word;
    if (rest.empty()) return std::nullopt;  // blanks at the end of the line
    const auto end = static_cast<std::size_t>(std::ranges::find_if(rest, is_blank) - rest.begin());
    count_steps(word + end);
    const std::string_view whole = rest.substr(0, end);
    const std::size_t equals_at = std::min(whole.find('='), whole.size());
    Parameter parameter{whole.substr(0, equals_at), std::nullopt, at, at + equals_at};
    if (!is_keyword(parameter.keyword)) return fault(at, "want a parameter").value();
    if (equals_at < whole.size()) {
      parameter.value = whole.substr(equals_at + 1);
      ++parameter.value_at;
      if (!is_value(*parameter.value)) {
        return fault(parameter.value_at, "bad value of a parameter").value();
      }
    }
    if (auto wrong = each(parameter)) return wrong;
    rest.remove_prefix(end);
    at += end;
  }
  return std::nullopt;
}

SmtpFault unknown(const Parameter& parameter) {
  return fault(parameter.at,
               fmt::format("unknown parameter {}", parameter.keyword.substr(0, kShownKeyword)), 555)
      .value();
}

SmtpFault doubled(const Parameter& parameter) {
  return fault(parameter.at, fmt::format("{} given twice", parameter.keyword)).value();
}

SmtpFault bad_value(const Parameter& parameter, std::string_view want) {
  return fault(parameter.value_at, fmt::format("{}: {}", parameter.keyword, want)).value();
}

// 1 to 20 digits; what does not fit is the greatest number.
std::optional<std::uint64_t> parse_size(std::string_view text) {
  if (text.empty() || text.size() > kMaxSizeDigits) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
  }
  return value;
}

using Wrong = std::optional<SmtpFault>;

Wrong take_size(MailParameters& into, const Parameter& p) {
  if (into.size) return doubled(p);
  into.size = parse_size(p.value.value_or(""));
  return into.size ? Wrong() : bad_value(p, "want 1 to 20 digits");
}

Wrong take_body(MailParameters& into, const Parameter& p, const SmtpExtensions& offered) {
  using Body = MailParameters::Body;
  if (into.body != Body::unset) return doubled(p);
  const std::string_view value = p.value.value_or("");
  if (equals(value, "7BIT")) into.body = Body::seven_bit;
  if (equals(value, "8BITMIME")) into.body = Body::eight_bit;
  if (equals(value, "BINARYMIME") && offered.binary) into.body = Body::binary;
  return into.body != Body::unset ? Wrong() : bad_value(p, "want 7BIT or 8BITMIME");
}

Wrong take_utf8(MailParameters& into, const Parameter& p) {
  if (into.utf8) return doubled(p);
  into.utf8 = true;
  return p.value ? bad_value(p, "has no value") : Wrong();
}

Wrong take_ret(MailParameters& into, const Parameter& p) {
  using Ret = MailParameters::Ret;
  if (into.ret != Ret::unset) return doubled(p);
  const std::string_view value = p.value.value_or("");
  if (equals(value, "FULL")) into.ret = Ret::full;
  if (equals(value, "HDRS")) into.ret = Ret::headers;
  return into.ret != Ret::unset ? Wrong() : bad_value(p, "want FULL or HDRS");
}

Wrong take_envid(MailParameters& into, const Parameter& p) {
  if (into.envid) return doubled(p);
  into.envid = p.value.value_or("");
  if (into.envid->empty() || into.envid->size() > kMaxEnvidOctets) {
    return bad_value(p, "want 1 to 100 octets");
  }
  return is_printable_xtext(*into.envid) ? Wrong() : bad_value(p, "want xtext of printable ASCII");
}

Wrong take_auth(MailParameters& into, const Parameter& p) {
  if (into.auth) return doubled(p);
  into.auth = p.value.value_or("");
  if (into.auth->empty() || into.auth->size() > kMaxAuthOctets) {
    return bad_value(p, "want 1 to 500 octets");
  }
  return !xtext_fault(*into.auth) ? Wrong() : bad_value(p, "want xtext or <>");
}

Wrong take_notify(RcptParameters& into, const Parameter& p) {
  constexpr std::string_view kWant = "want NEVER, or SUCCESS, FAILURE and DELAY with commas";
  if (into.any_notify) return doubled(p);
  into.any_notify = true;
  std::string_view rest = p.value.value_or("");
  if (equals(rest, "NEVER")) return std::nullopt;
  for (;;) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    const std::string_view word = rest.substr(0, end);
    if (equals(word, "SUCCESS")) {
      into.on_success = true;
    } else if (equals(word, "FAILURE")) {
      into.on_failure = true;
    } else if (equals(word, "DELAY")) {
      into.on_delay = true;
    } else {
      return bad_value(p, kWant);
    }
    if (end == rest.size()) return std::nullopt;
    rest.remove_prefix(end + 1);
  }
}

Wrong take_orcpt(RcptParameters& into, const Parameter& p) {
  if (into.orcpt) return doubled(p);
  into.orcpt = p.value.value_or("");
  if (into.orcpt->size() > kMaxOrcptOctets) return bad_value(p, "want at most 500 octets");
  const std::string_view what = orcpt_fault(*into.orcpt);
  return what.empty() ? Wrong() : bad_value(p, what);
}

// A type of address is an atom, and has nothing in it that ends a parameter.
bool is_type(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    constexpr std::string_view kOthers = "!#$%&'*-/?^_`{|}~";
    return is_alnum(c) || kOthers.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string_view orcpt_fault(std::string_view value) {
  const std::size_t semicolon = value.find(';');
  if (semicolon == std::string_view::npos || !is_type(value.substr(0, semicolon))) {
    return "want a type of address and \";\"";
  }
  const std::string_view address = value.substr(semicolon + 1);
  if (address.empty()) return "want an address";
  if (equals(value.substr(0, semicolon), "UTF-8")) {
    std::string ascii(address);
    std::ranges::replace_if(
        ascii, [](char c) { return static_cast<unsigned char>(c) >= 128; }, 'x');
    if (!is_utf8(address) || !is_printable_xtext(ascii)) return "want xtext or UTF-8";
    return "";
  }
  return is_printable_xtext(address) ? "" : "want xtext of printable ASCII";
}

std::string RcptParameters::notify_text() const {
  if (!any_notify) return "";
  std::string text;
  for (const auto& [on, word] : {std::pair<bool, std::string_view>{on_success, "SUCCESS"},
                                 {on_failure, "FAILURE"},
                                 {on_delay, "DELAY"}}) {
    if (!on) continue;
    if (!text.empty()) text += ',';
    text += word;
  }
  return text.empty() ? "NEVER" : text;
}

tl::expected<MailParameters, SmtpFault> parse_mail_parameters(std::string_view text, std::size_t at,
                                                              const SmtpExtensions& offered) {
  MailParameters into;
  const Wrong wrong = for_each(text, at, [&](const Parameter& p) -> Wrong {
    if (offered.size && equals(p.keyword, "SIZE")) return take_size(into, p);
    if (offered.eight_bit && equals(p.keyword, "BODY")) return take_body(into, p, offered);
    if (offered.utf8 && equals(p.keyword, "SMTPUTF8")) return take_utf8(into, p);
    if (offered.dsn && equals(p.keyword, "RET")) return take_ret(into, p);
    if (offered.dsn && equals(p.keyword, "ENVID")) return take_envid(into, p);
    if (offered.auth && equals(p.keyword, "AUTH")) return take_auth(into, p);
    return unknown(p);
  });
  if (wrong) return tl::make_unexpected(*wrong);
  return into;
}

tl::expected<RcptParameters, SmtpFault> parse_rcpt_parameters(std::string_view text, std::size_t at,
                                                              const SmtpExtensions& offered) {
  RcptParameters into;
  const Wrong wrong = for_each(text, at, [&](const Parameter& p) -> Wrong {
    if (offered.dsn && equals(p.keyword, "NOTIFY")) return take_notify(into, p);
    if (offered.dsn && equals(p.keyword, "ORCPT")) return take_orcpt(into, p);
    return unknown(p);
  });
  if (wrong) return tl::make_unexpected(*wrong);
  return into;
}

}  // namespace porpoise::mail
