#include "libmail/smtp_command.h"

#include <algorithm>
#include <utility>

#include "libmail/cursor.h"
#include "libmail/steps.h"
#include "libmail/utf8.h"

namespace porpoise::mail {
namespace {

constexpr StatusCode kSyntax{5, 5, 2};
constexpr StatusCode kArguments{5, 5, 4};
constexpr StatusCode kBadRecipient{5, 1, 3};
constexpr StatusCode kBadSender{5, 1, 7};
constexpr StatusCode kNoUtf8{5, 6, 7};

constexpr std::pair<std::string_view, SmtpVerb> kVerbs[] = {
    {"HELO", SmtpVerb::helo},         {"EHLO", SmtpVerb::ehlo}, {"MAIL", SmtpVerb::mail},
    {"RCPT", SmtpVerb::rcpt},         {"DATA", SmtpVerb::data}, {"RSET", SmtpVerb::rset},
    {"NOOP", SmtpVerb::noop},         {"VRFY", SmtpVerb::vrfy}, {"EXPN", SmtpVerb::expn},
    {"HELP", SmtpVerb::help},         {"QUIT", SmtpVerb::quit}, {"AUTH", SmtpVerb::auth},
    {"BDAT", SmtpVerb::bdat},         {"SEND", SmtpVerb::send}, {"SOML", SmtpVerb::soml},
    {"SAML", SmtpVerb::saml},         {"TURN", SmtpVerb::turn}, {"ETRN", SmtpVerb::etrn},
    {"STARTTLS", SmtpVerb::starttls},
};

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_high(char c) {
  return static_cast<unsigned char>(c) >= 128;
}

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

bool equals(std::string_view a, std::string_view upper_b) {
  return std::ranges::equal(a, upper_b, {}, upper);
}

SmtpVerb verb_of(std::string_view word) {
  for (const auto& [name, verb] : kVerbs) {
    if (equals(word, name)) return verb;
  }
  return SmtpVerb::unknown;
}

tl::unexpected<SmtpFault> fault(std::size_t at, int code, StatusCode status,
                                std::string_view text) {
  return tl::make_unexpected(SmtpFault{at, code, status, std::string(text)});
}

// "FROM:" or "TO:" before a path; whether it was there.
bool take_keyword(Cursor& cursor, std::string_view keyword, SmtpReading reading) {
  const std::string_view word =
      cursor.take_while([](char c) { return c != ':' && c != '<' && !is_blank(c); });
  if (!equals(word, keyword)) return false;
  const bool lenient = reading == SmtpReading::lenient;
  if (lenient) cursor.take_while(is_blank);
  if (!cursor.take(':')) return false;
  if (lenient) cursor.take_while(is_blank);
  return true;
}

struct KindOfPath {
  SmtpPathKind kind;
  std::string_view keyword;
  std::string_view want;
  StatusCode status;
  int utf8_code;
};
constexpr KindOfPath kFrom{SmtpPathKind::reverse, "FROM", "want FROM:<address>", kBadSender, 550};
constexpr KindOfPath kTo{SmtpPathKind::forward, "TO", "want TO:<address>", kBadRecipient, 553};

tl::expected<SmtpPath, SmtpFault> take_argument_path(Cursor& cursor, const SmtpCommand& command,
                                                     const SmtpRules& rules,
                                                     const KindOfPath& kind) {
  if (!take_keyword(cursor, kind.keyword, rules.reading)) {
    return fault(command.at, 501, kArguments, kind.want);
  }
  auto path = take_path(cursor, kind.kind, rules.reading, rules.limits);
  if (!path) return fault(command.at + path.error().at, 501, kind.status, path.error().text);
  return std::move(*path);
}

tl::unexpected<SmtpFault> wants_utf8(const SmtpCommand& command, const KindOfPath& kind) {
  return fault(command.at, kind.utf8_code, kNoUtf8, "this address needs SMTPUTF8");
}

bool is_helo_octet(char c) {
  constexpr std::string_view kOthers = "-._:[]";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kOthers.find(c) != std::string_view::npos;
}

}  // namespace

tl::expected<SmtpCommand, SmtpFault> parse_smtp_command(std::string_view line,
                                                        SmtpReading reading) {
  count_steps(4 * line.size() + 1);
  const auto control = std::ranges::find_if(
      line, [](char c) { return (static_cast<unsigned char>(c) < 32 && c != '\t') || c == 127; });
  if (control != line.end()) {
    return fault(static_cast<std::size_t>(control - line.begin()), 500, kSyntax,
                 "control octet in a command");
  }
  if (!is_utf8(line)) return fault(0, 500, kSyntax, "malformed UTF-8 in a command");

  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  SmtpCommand command;
  Cursor cursor(line);
  command.word = cursor.take_while([](char c) { return c > ' ' && c <= '~'; });
  if (command.word.empty()) return fault(0, 500, kSyntax, "want a command");
  if (!cursor.at_end() && !is_blank(cursor.peek())) {
    return fault(cursor.position(), 500, kSyntax, "want a command");
  }
  const std::string_view blanks = cursor.take_while(is_blank);
  if (reading == SmtpReading::strict && !cursor.at_end() && blanks != " ") {
    return fault(command.word.size(), 500, kSyntax, "want one blank after the command");
  }
  command.verb = verb_of(command.word);
  command.argument = cursor.rest();
  command.at = cursor.position();
  return command;
}

tl::expected<MailCommand, SmtpFault> parse_mail(const SmtpCommand& command,
                                                const SmtpRules& rules) {
  Cursor cursor(command.argument);
  auto path = take_argument_path(cursor, command, rules, kFrom);
  if (!path) return tl::make_unexpected(std::move(path.error()));
  auto parameters =
      parse_mail_parameters(cursor.rest(), command.at + cursor.position(), rules.offered);
  if (!parameters) return tl::make_unexpected(std::move(parameters.error()));
  if (path->utf8 && !parameters->utf8) return wants_utf8(command, kFrom);
  return MailCommand{std::move(*path), *parameters};
}

tl::expected<RcptCommand, SmtpFault> parse_rcpt(const SmtpCommand& command, const SmtpRules& rules,
                                                bool utf8) {
  Cursor cursor(command.argument);
  auto path = take_argument_path(cursor, command, rules, kTo);
  if (!path) return tl::make_unexpected(std::move(path.error()));
  auto parameters =
      parse_rcpt_parameters(cursor.rest(), command.at + cursor.position(), rules.offered);
  if (!parameters) return tl::make_unexpected(std::move(parameters.error()));
  const std::string_view orcpt = parameters->orcpt.value_or("");
  const bool high = path->utf8 || std::ranges::any_of(orcpt, is_high);
  if (high && !utf8) return wants_utf8(command, kTo);
  return RcptCommand{std::move(*path), *parameters};
}

tl::expected<std::string_view, SmtpFault> parse_helo(const SmtpCommand& command,
                                                     SmtpReading reading) {
  const std::string_view name = command.argument;
  const auto bad = [&](std::string_view text) { return fault(command.at, 501, kArguments, text); };
  if (name.empty()) return bad("want the name of a host");
  if (name.size() > SmtpPathLimits().domain_octets) return bad("the name of the host is too long");
  if (!std::ranges::all_of(name, is_helo_octet)) return bad("this is no name of a host");
  if (reading == SmtpReading::lenient) return name;
  const std::string_view what = smtp_domain_fault(name);
  if (!what.empty()) return bad(what);
  return name;
}

tl::expected<VrfyCommand, SmtpFault> parse_vrfy(const SmtpCommand& command,
                                                const SmtpRules& rules) {
  constexpr std::string_view kUtf8 = "SMTPUTF8";
  VrfyCommand asked;
  asked.text = command.argument;
  const std::size_t last = asked.text.find_last_of(" \t");
  if (rules.offered.utf8 && last != std::string_view::npos &&
      equals(asked.text.substr(last + 1), kUtf8)) {
    asked.utf8 = true;
    asked.text = asked.text.substr(0, last);
    while (!asked.text.empty() && is_blank(asked.text.back())) asked.text.remove_suffix(1);
  }
  if (asked.text.empty()) return fault(command.at, 501, kArguments, "want whom to verify");
  Cursor cursor(asked.text);
  // Without its brackets an address is welcome here in any case.
  auto path = take_path(cursor, SmtpPathKind::forward, SmtpReading::lenient, rules.limits);
  if (path && cursor.at_end()) asked.path = std::move(*path);
  if (asked.path && asked.path->utf8 && !asked.utf8) return wants_utf8(command, kTo);
  return asked;
}

std::optional<SmtpFault> argument_fault(const SmtpCommand& command) {
  if (command.argument.empty()) return std::nullopt;
  return SmtpFault{command.at, 501, kArguments, "this command has no argument"};
}

}  // namespace porpoise::mail
