#include "smtp/session.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

#include "libmail/smtp_reply.h"
#include "libmail/steps.h"

namespace porpoise::smtp {
namespace {

using mail::SmtpVerb;
using mail::StatusCode;

constexpr StatusCode kOk{2, 0, 0};
constexpr StatusCode kSequence{5, 5, 1};
constexpr StatusCode kSyntax{5, 5, 2};

constexpr std::string_view kHelp =
    "HELO EHLO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT\n"
    "This is Porpoise; lines end in CRLF.";

bool is_postmaster(std::string_view address) {
  constexpr std::string_view kPostmaster = "postmaster";
  return std::ranges::equal(address, kPostmaster, {}, [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
}

// What a client that knows the protocol never earns. Refused addresses are no errors.
bool is_error(int code) {
  return (code >= 500 && code <= 504) || code == 555;
}

// Replies to these may wait for others (RFC 2920 section 3.1).
bool may_wait(SmtpVerb verb) {
  return verb == SmtpVerb::mail || verb == SmtpVerb::rcpt || verb == SmtpVerb::rset;
}

void set(mail::Parameters& into, const char* name, std::optional<std::string_view> value) {
  if (value) into.emplace_back(name, *value);
}

mail::Parameters envelope_parameters(const mail::MailParameters& given) {
  using Body = mail::MailParameters::Body;
  using Ret = mail::MailParameters::Ret;
  mail::Parameters parameters;
  if (given.body != Body::unset) {
    set(parameters, "BODY", given.body == Body::seven_bit ? "7BIT" : "8BITMIME");
  }
  if (given.utf8) set(parameters, "SMTPUTF8", "");
  if (given.ret != Ret::unset) set(parameters, "RET", given.ret == Ret::full ? "FULL" : "HDRS");
  set(parameters, "ENVID", given.envid);
  return parameters;
}

mail::Parameters recipient_parameters(const mail::RcptParameters& given) {
  mail::Parameters parameters;
  if (given.any_notify) set(parameters, "NOTIFY", given.notify_text());
  set(parameters, "ORCPT", given.orcpt);
  return parameters;
}

}  // namespace

Session::Session(Settings settings, World& world)
    : settings_(std::move(settings)), world_(world), line_(settings_.limits.line_octets) {}

std::string Session::greeting() const {
  return mail::print_reply(220, std::nullopt, settings_.host + " ESMTP");
}

std::string Session::expire() {
  return end({4, 4, 2}, "nothing came for too long");
}

std::string Session::shut_down() {
  return end({4, 3, 2}, "the service ends");
}

// RFC 5321 section 3.8: the one reply that may come unasked.
std::string Session::end(StatusCode status, std::string_view why) {
  abandon();
  over_ = true;
  return mail::print_reply(421, status, fmt::format("{} {}, closing", settings_.host, why));
}

std::size_t Session::feed(std::string_view in, std::string& replies) {
  urgent_ = false;
  return in_text_ ? take_text(in, replies) : take_line(in, replies);
}

void Session::answer(const Reply& reply, std::string& replies) {
  if (is_error(reply.code) && ++errors_ >= settings_.limits.errors) {
    replies += end({4, 7, 0}, "too many errors");
    return;
  }
  replies += mail::print_reply(reply.code, reply.status, reply.text, reply.utf8);
}

// ---- commands

std::size_t Session::take_line(std::string_view in, std::string& replies) {
  const std::size_t lf = in.find('\n');
  const std::size_t size = lf == std::string_view::npos ? in.size() : lf + 1;
  mail::count_steps(size);
  line_.feed(in.substr(0, size));
  if (line_.complete()) {
    ++commands_;
    urgent_ = true;
    if (commands_ > settings_.limits.commands) {
      replies += end({4, 7, 0}, "too many commands");
    } else if (line_.too_long()) {
      answer({500, kSyntax, "this line is too long"}, replies);
    } else {
      answer(command(line_.text()), replies);
    }
    line_.clear();
  } else if (lf != std::string_view::npos) {
    // It may be all that the client sends before it waits, so it is told now; what follows could
    // have been hidden behind a line that others read as one.
    answer({500, kSyntax, "lines end in CRLF, not in LF alone; closing"}, replies);
    abandon();
    urgent_ = over_ = true;
  }
  return size;
}

Session::Reply Session::command(std::string_view line) {
  const auto command = mail::parse_smtp_command(line, settings_.reading);
  if (!command) return {command.error().code, command.error().status, command.error().text};
  urgent_ = !may_wait(command->verb);
  return carry_out(*command);
}

Session::Reply Session::carry_out(const mail::SmtpCommand& command) {
  switch (command.verb) {
    case SmtpVerb::helo:
    case SmtpVerb::ehlo:
      return helo(command);
    case SmtpVerb::mail:
      return mail(command);
    case SmtpVerb::rcpt:
      return rcpt(command);
    case SmtpVerb::data:
    case SmtpVerb::rset:
    case SmtpVerb::quit:
      return without_argument(command);
    case SmtpVerb::noop:
      return {250, kOk, "ok"};
    case SmtpVerb::vrfy:
      return vrfy(command);
    case SmtpVerb::help:
      return {214, kOk, std::string(kHelp)};
    case SmtpVerb::expn:
    case SmtpVerb::auth:
    case SmtpVerb::starttls:
    case SmtpVerb::bdat:
    case SmtpVerb::send:
    case SmtpVerb::soml:
    case SmtpVerb::saml:
    case SmtpVerb::turn:
    case SmtpVerb::etrn:
      return {502, kSequence, "this command is not offered"};
    case SmtpVerb::unknown:
      break;
  }
  return {500, kSyntax, "unknown command"};
}

Session::Reply Session::without_argument(const mail::SmtpCommand& command) {
  if (const auto fault = mail::argument_fault(command)) {
    return {fault->code, fault->status, fault->text};
  }
  if (command.verb == SmtpVerb::data) return data();
  reset();
  if (command.verb == SmtpVerb::rset) return {250, kOk, "ok"};
  over_ = true;
  return {221, kOk, settings_.host + " closing"};
}

Session::Reply Session::helo(const mail::SmtpCommand& command) {
  const auto name = mail::parse_helo(command, settings_.reading);
  if (!name) return {name.error().code, name.error().status, name.error().text};
  reset();
  helo_ = *name;
  greeted_ = command.verb == SmtpVerb::ehlo ? Greeted::ehlo : Greeted::helo;
  if (greeted_ == Greeted::helo) return {250, std::nullopt, settings_.host};
  return {250, std::nullopt, settings_.host + extensions()};
}

std::string Session::extensions() const {
  const std::uint64_t octets = settings_.limits.message_octets;
  return fmt::format("\nPIPELINING\n8BITMIME\nSIZE{}\nENHANCEDSTATUSCODES\nDSN\nSMTPUTF8\nHELP",
                     octets == 0 ? "" : fmt::format(" {}", octets));
}

Session::Reply Session::mail(const mail::SmtpCommand& command) {
  if (greeted_ == Greeted::no) return {503, kSequence, "say EHLO or HELO first"};
  if (in_transaction_) return {503, kSequence, "MAIL was said already"};
  auto asked = mail::parse_mail(command, rules());
  if (!asked) return {asked.error().code, asked.error().status, asked.error().text};
  const std::uint64_t most = settings_.limits.message_octets;
  if (most != 0 && asked->parameters.size.value_or(0) > most) {
    return {552, StatusCode{5, 3, 4}, fmt::format("at most {} octets", most)};
  }
  if (!complete(asked->path)) return {501, StatusCode{5, 1, 8}, "want an address with a domain"};
  in_transaction_ = true;
  utf8_ = asked->parameters.utf8;
  envelope_.sender = std::move(asked->path.address);
  envelope_.parameters = envelope_parameters(asked->parameters);
  return {250, StatusCode{2, 1, 0}, "ok"};
}

Session::Reply Session::rcpt(const mail::SmtpCommand& command) {
  if (!in_transaction_) return {503, kSequence, "MAIL comes first"};
  auto asked = mail::parse_rcpt(command, rules(), utf8_);
  if (!asked) return {asked.error().code, asked.error().status, asked.error().text};
  if (envelope_.recipients.size() >= settings_.limits.recipients) {
    return {452, StatusCode{4, 5, 3},
            fmt::format("at most {} recipients of one message: send it again for the others",
                        settings_.limits.recipients)};
  }
  if (!complete(asked->path)) return {501, StatusCode{5, 1, 3}, "want an address with a domain"};
  Taken<Checked> checked = world_.check(asked->path.address);
  if (!checked) return {checked.error().code, checked.error().status, checked.error().text};
  envelope_.recipients.push_back(
      {std::move(checked->address), recipient_parameters(asked->parameters)});
  return {250, StatusCode{2, 1, 5}, "ok"};
}

// False: there is no domain, and none to complete it with.
bool Session::complete(mail::SmtpPath& path) const {
  if (path.null() || !path.domain().empty()) return true;
  const std::string& host = is_postmaster(path.address) ? settings_.host : settings_.default_host;
  if (host.empty()) return false;
  path.address += '@';
  path.address += host;
  return true;
}

Session::Reply Session::vrfy(const mail::SmtpCommand& command) {
  constexpr const char* kCannotTell = "cannot say; mail for it would be tried";
  auto asked = mail::parse_vrfy(command, rules());
  if (!asked) return {asked.error().code, asked.error().status, asked.error().text};
  Reply nobody_knows{252, kOk, kCannotTell};
  if (!settings_.verify || !asked->path || !complete(*asked->path)) return nobody_knows;
  const Taken<Checked> checked = world_.check(asked->path->address);
  if (!checked) {
    if (checked.error().code < 500) return nobody_knows;
    return {550, checked.error().status, checked.error().text};
  }
  const auto path = mail::print_path(checked->address);
  if (!checked->verified || !path) return nobody_knows;
  return {250, StatusCode{2, 1, 5}, *path, asked->utf8};
}

// ---- the text of a message

Session::Reply Session::data() {
  if (!in_transaction_) return {503, kSequence, "MAIL comes first"};
  if (envelope_.recipients.empty()) return {503, kSequence, "no recipient was taken"};
  Trace trace{.helo = helo_, .protocol = protocol(), .recipient = {}};
  if (envelope_.recipients.size() == 1) trace.recipient = envelope_.recipients[0].address;
  const Taken<> begun = world_.begin(trace);
  if (!begun) return {begun.error().code, begun.error().status, begun.error().text};
  in_text_ = writing_ = true;
  dots_ = {};
  hops_ = mail::TraceScan();
  not_written_.reset();
  return {354, std::nullopt, "go ahead, end with <CRLF>.<CRLF>"};
}

std::string_view Session::protocol() const {
  if (utf8_) return "UTF8SMTP";  // RFC 6531 section 4.3
  return greeted_ == Greeted::ehlo ? "ESMTP" : "SMTP";
}

std::size_t Session::take_text(std::string_view in, std::string& replies) {
  room_.clear();
  const std::size_t taken = dots_.feed(in, room_);
  hops_.feed(room_);
  if (text_fault()) {
    abandon();  // the rest is read and forgotten
  } else if (writing_ && !room_.empty()) {
    if (Taken<> done = world_.append(room_); !done) {
      not_written_ = std::move(done.error());
      abandon();
    }
  }
  if (!dots_.done()) return taken;
  urgent_ = true;
  answer(end_of_text(), replies);
  return taken;
}

// Told at the end only, and the same wherever the pieces were split.
std::optional<Refusal> Session::text_fault() const {
  if (const auto& bare = dots_.first_bare()) {
    return Refusal{554, StatusCode{5, 6, 0},
                   fmt::format("octet {} of the text is a bare {}: lines end in CRLF", bare->at + 1,
                               bare->octet == '\n' ? "LF" : "CR")};
  }
  const Limits& limits = settings_.limits;
  if (limits.message_octets != 0 && dots_.octets() > limits.message_octets) {
    return Refusal{552, StatusCode{5, 3, 4},
                   fmt::format("at most {} octets", limits.message_octets)};
  }
  if (hops_.hops() > limits.hops) {
    return Refusal{554, StatusCode{5, 4, 6},
                   fmt::format("more than {} hosts had this message: it goes round", limits.hops)};
  }
  return std::nullopt;
}

Session::Reply Session::end_of_text() {
  const std::optional<Refusal> fault = text_fault();
  Reply reply;
  if (fault || not_written_) {
    const Refusal& why = fault ? *fault : *not_written_;
    reply = {why.code, why.status, why.text};
  } else {
    reply = queue();
  }
  in_text_ = false;
  reset();
  return reply;
}

Session::Reply Session::queue() {
  writing_ = false;
  const Taken<std::string> name = world_.commit(envelope_);
  if (!name) return {name.error().code, name.error().status, name.error().text};
  return {250, kOk, name->empty() ? "queued" : "queued as " + *name};
}

void Session::reset() {
  abandon();
  in_transaction_ = utf8_ = false;
  envelope_ = {};
}

void Session::abandon() {
  if (std::exchange(writing_, false)) world_.abandon();
}

}  // namespace porpoise::smtp
