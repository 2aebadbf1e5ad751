// The corpus's cases of SMTP: command lines, replies, xtext, dot-stuffing, delivery status.
//
// A command prints as a line of words: its verb; what it names in "<>", unquoted, "routed" after a
// source route; its parameters as NAME=value. An error is "OCTET CODE STATUS TEXT".

#include <fmt/format.h>

#include "libmail/corpus_cases_test.h"
#include "libmail/dot_stuffing.h"
#include "libmail/dsn.h"
#include "libmail/smtp_command.h"
#include "libmail/smtp_reply.h"
#include "libmail/wire_text.h"
#include "libmail/xtext.h"

namespace porpoise::mail {
namespace {

using corpus::escaped;
using corpus::Verdict;
using Wrong = tl::unexpected<std::string>;

Wrong wrong(const SmtpFault& fault) {
  return Wrong(fmt::format("{} {} {} {}", fault.at, fault.code, fault.status.text(), fault.text));
}

std::string shown(const SmtpPath& path) {
  return fmt::format("<{}>{}", escaped(path.address), path.routed ? " routed" : "");
}

std::string shown(const MailParameters& p) {
  std::string out;
  if (p.size) out += fmt::format(" SIZE={}", *p.size);
  if (p.body == MailParameters::Body::seven_bit) out += " BODY=7BIT";
  if (p.body == MailParameters::Body::eight_bit) out += " BODY=8BITMIME";
  if (p.body == MailParameters::Body::binary) out += " BODY=BINARYMIME";
  if (p.utf8) out += " SMTPUTF8";
  if (p.ret == MailParameters::Ret::full) out += " RET=FULL";
  if (p.ret == MailParameters::Ret::headers) out += " RET=HDRS";
  if (p.envid) out += fmt::format(" ENVID={}", *p.envid);
  if (p.auth) out += fmt::format(" AUTH={}", *p.auth);
  return out;
}

std::string shown(const RcptParameters& p) {
  std::string out;
  if (p.any_notify) out += fmt::format(" NOTIFY={}", p.notify_text());
  if (p.orcpt) out += fmt::format(" ORCPT={}", escaped(*p.orcpt));
  return out;
}

// What follows the verb.
Verdict argument_of(const SmtpCommand& command, const SmtpRules& rules) {
  switch (command.verb) {
    case SmtpVerb::mail: {
      const auto mail = parse_mail(command, rules);
      if (!mail) return wrong(mail.error());
      return fmt::format(" {}{}", shown(mail->path), shown(mail->parameters));
    }
    case SmtpVerb::rcpt: {
      const auto rcpt = parse_rcpt(command, rules, false);
      if (!rcpt) return wrong(rcpt.error());
      return fmt::format(" {}{}", shown(rcpt->path), shown(rcpt->parameters));
    }
    case SmtpVerb::helo:
    case SmtpVerb::ehlo: {
      const auto name = parse_helo(command, rules.reading);
      if (!name) return wrong(name.error());
      return fmt::format(" {}", *name);
    }
    case SmtpVerb::vrfy:
    case SmtpVerb::expn: {
      const auto asked = parse_vrfy(command, rules);
      if (!asked) return wrong(asked.error());
      return fmt::format(" {}{}{}", escaped(asked->text),
                         asked->path ? " " + shown(*asked->path) : "",
                         asked->utf8 ? " SMTPUTF8" : "");
    }
    case SmtpVerb::data:
    case SmtpVerb::rset:
    case SmtpVerb::quit:
      if (const auto fault = argument_fault(command)) return wrong(*fault);
      return "";
    default:
      return command.argument.empty() ? "" : " " + escaped(command.argument);
  }
}

Verdict command_of(std::string_view line, SmtpReading reading) {
  const SmtpRules rules{.reading = reading, .offered = {.auth = true}};
  const auto command = parse_smtp_command(line, reading);
  if (!command) return wrong(command.error());
  const Verdict argument = argument_of(*command, rules);
  if (!argument) return argument;
  std::string verb(command->word);
  for (char& c : verb) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return (command->verb == SmtpVerb::unknown ? "unknown " : "") + verb + *argument;
}

CORPUS_KIND(SmtpCommandStrict, "smtp-command strict") {
  return command_of(input, SmtpReading::strict);
}

CORPUS_KIND(SmtpCommandLenient, "smtp-command lenient") {
  return command_of(input, SmtpReading::lenient);
}

// Each reply as a line: code, status or "-", text.
CORPUS_KIND(SmtpReply, "smtp-reply") {
  SmtpReplyReader reader;
  std::string out;
  std::size_t taken = 0;
  while (taken < input.size()) {
    taken += reader.feed(input.substr(taken));
    if (reader.fault() != SmtpReplyReader::Fault::none) {
      return Wrong(fmt::format("{} {}", taken, reader.fault_text()));
    }
    if (!reader.complete()) return Wrong(fmt::format("{} not complete", taken));
    const SmtpReply reply = reader.take();
    out += fmt::format("{}{} {} {}", out.empty() ? "" : "\n", reply.code,
                       reply.status ? reply.status->text() : "-", escaped(reply.text));
  }
  return out;
}

CORPUS_KIND(Xtext, "xtext") {
  if (const auto at = xtext_fault(input)) return Wrong(fmt::format("{} not xtext", *at));
  return escaped(*decode_xtext(input));
}

// What a text on the wire is stored as, then how many octets are left for commands.
CORPUS_KIND(DotUnstuffing, "dot-unstuffing") {
  DotReader reader;
  std::string stored;
  const std::size_t taken = reader.feed(input, stored);
  if (const auto& bare = reader.first_bare()) {
    return Wrong(fmt::format("{} bare {}, {}", bare->at, bare->octet == '\r' ? "CR" : "LF",
                             reader.done() ? "ended" : "no end"));
  }
  if (!reader.done()) return Wrong(fmt::format("{} no end", taken));
  return fmt::format("{} | {}", escaped(stored), input.size() - taken);
}

// What a stored text becomes for SMTP, with its end.
CORPUS_KIND(DotStuffing, "dot-stuffing") {
  WireText writer(BareCr::to_crlf);
  std::string wire;
  writer.encode(input, wire);
  writer.finish(&wire);
  return escaped(wire + std::string(kEndOfText));
}

// The part as it is printed after it was read.
CORPUS_KIND(DeliveryStatus, "delivery-status") {
  const auto status = parse_delivery_status(input);
  if (!status) return Wrong(fmt::format("{} {}", status.error().at, status.error().text));
  std::string out = print(*status);
  out.pop_back();
  return out;
}

}  // namespace
}  // namespace porpoise::mail
