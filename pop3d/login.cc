#include "pop3d/login.h"

#include <fmt/format.h>
#include <string.h>

#include "libmail/pop3_command.h"
#include "pop3d/replies.h"

namespace porpoise::pop3d {
namespace {

using Act = LoginStep::Act;

LoginStep reply(std::string_view text) {
  return {.text = fmt::format("{}\r\n", text)};
}

// A NUL would end the field on descriptor 3, and a longer password pass for a shorter one.
bool can_be_handed_on(std::string_view secret) {
  return !secret.empty() && secret.find('\0') == std::string_view::npos;
}

}  // namespace

std::string Login::greeting() const {
  if (apop_) return fmt::format("+OK {}\r\n", stamp_);
  return fmt::format("+OK {} POP3 ready\r\n", hostname_);
}

LoginStep Login::command(std::string_view line) {
  using mail::Pop3Verb;
  const mail::Pop3Command command = mail::parse_pop3_command(line);
  switch (command.verb) {
    case Pop3Verb::user:
      return user(command.argument);
    case Pop3Verb::pass:
      return pass(command.argument);
    case Pop3Verb::apop:
      return apop(command.argument);
    case Pop3Verb::capa:
      return {.text = std::string(kCapabilities)};
    case Pop3Verb::noop:
      return reply("+OK");
    case Pop3Verb::quit:
      return {.text = "+OK bye\r\n", .act = Act::close};
    case Pop3Verb::unknown:
      return bad("unknown command");
    default:
      return bad("log in first");
  }
}

LoginStep Login::line_too_long() {
  LoginStep step = bad("");
  if (step.act == Act::reply) step.text = kLineTooLong;
  return step;
}

LoginStep Login::bad(std::string_view why) {
  if (++bad_commands_ >= limits_.bad_commands_before_login) {
    return {.text = std::string(kTooManyBadCommands), .act = Act::close};
  }
  return reply(fmt::format("-ERR {}", why));
}

// Any name that could be one is welcome here: who exists is told to nobody.
LoginStep Login::user(std::string_view name) {
  name_.clear();
  if (!mail::is_pop3_name(name)) return bad("this can be nobody's name");
  name_ = name;
  return reply("+OK");
}

LoginStep Login::pass(std::string_view password) {
  if (name_.empty()) return bad("USER comes first");
  if (!can_be_handed_on(password)) return checked(Check::wrong);
  return {.text = "", .act = Act::check, .secret = std::string(password)};
}

LoginStep Login::apop(std::string_view argument) {
  name_.clear();
  if (!apop_) return bad("APOP is not offered here");
  const std::size_t space = argument.find(' ');
  if (space == std::string_view::npos) return bad("want a name and a digest");
  const std::string_view name = argument.substr(0, space);
  if (!mail::is_pop3_name(name)) return bad("this can be nobody's name");
  name_ = name;
  return pass(argument.substr(space + 1));
}

LoginStep Login::checked(Check result) {
  name_.clear();
  if (result == Check::served) return {.text = "", .act = Act::close};
  const char* text = result == Check::wrong ? "-ERR [AUTH] wrong name or password"
                                            : "-ERR [SYS/TEMP] login is not possible now";
  LoginStep step = reply(text);
  if (++failures_ >= limits_.logins) step.act = Act::close;
  return step;
}

std::string login_record(std::string_view name, std::string_view secret, std::string_view stamp) {
  std::string record;
  record.reserve(name.size() + secret.size() + stamp.size() + 3);  // no copy left behind by growth
  for (std::string_view field : {name, secret, stamp}) {
    record += field;
    record += '\0';
  }
  return record;
}

void wipe(std::string& text) {
  text.resize(text.capacity());
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace porpoise::pop3d
