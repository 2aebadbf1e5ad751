#include "pop3d/session.h"

#include <algorithm>
#include <fmt/format.h>

#include "pop3d/replies.h"

namespace porpoise::pop3d {
namespace {

using mail::Pop3Verb;

constexpr std::size_t kLinesAtOnce = 1000;  // of a listing, so that its text stays small

constexpr const char* kGone = "-ERR this message is no longer there or cannot be read";

Step reply(std::string text) {
  return {.text = std::move(text) + "\r\n"};
}

}  // namespace

std::string Session::greeting() const {
  return fmt::format("+OK {} message{}\r\n", entries_.size(), entries_.size() == 1 ? "" : "s");
}

Step Session::command(std::string_view line) {
  const mail::Pop3Command command = mail::parse_pop3_command(line);
  switch (command.verb) {
    case Pop3Verb::stat:
    case Pop3Verb::noop:
    case Pop3Verb::rset:
    case Pop3Verb::last:
    case Pop3Verb::capa:
    case Pop3Verb::quit:
      if (!mail::pop3_words(command.argument, 0).empty())
        return bad("this command has no argument");
      return simple(command.verb);
    case Pop3Verb::list:
    case Pop3Verb::uidl:
      return list(command.verb, command.argument);
    case Pop3Verb::retr:
      return retrieve(command.argument);
    case Pop3Verb::top:
      return top(command.argument);
    case Pop3Verb::dele:
      return mark_deleted(command.argument);
    case Pop3Verb::user:
    case Pop3Verb::pass:
    case Pop3Verb::apop:
      return bad("already logged in");
    case Pop3Verb::unknown:
      return bad("unknown command");
  }
  return bad("unknown command");
}

Step Session::line_too_long() {
  Step step = bad("");
  if (step.act == Act::reply) step.text = kLineTooLong;
  return step;
}

// What no client that knows the protocol sends.
Step Session::bad(std::string_view why) {
  if (++bad_commands_ >= limits_.bad_commands) {
    return {.text = std::string(kTooManyBadCommands), .act = Act::close};
  }
  return reply(fmt::format("-ERR {}", why));
}

Step Session::simple(Pop3Verb verb) {
  switch (verb) {
    case Pop3Verb::stat:
      asked_ = {.verb = verb, .first = 1, .last = entries_.size()};
      return carry_out();
    case Pop3Verb::rset:
      for (Entry& e : entries_) e.deleted = false;
      last_accessed_ = 0;
      return reply("+OK nothing is marked as deleted");
    case Pop3Verb::last:
      return reply(fmt::format("+OK {}", last_accessed_));
    case Pop3Verb::capa:
      return {.text = std::string(kCapabilities)};
    case Pop3Verb::quit:
      asked_ = {.verb = verb};
      return {.text = "", .act = Act::commit};
    default:
      return reply("+OK");
  }
}

// Nothing where `word` is the number of a message that can be had; else the refusal.
std::optional<Step> Session::take_number(std::string_view word, std::size_t& number) {
  const std::optional<std::uint64_t> value = mail::pop3_number(word);
  if (!value) return bad("want a message number");
  if (*value == 0 || *value > entries_.size()) return reply("-ERR no such message");
  number = static_cast<std::size_t>(*value);
  if (entry(number).gone) return reply(kGone);
  if (entry(number).deleted) return reply("-ERR this message is marked as deleted");
  return std::nullopt;
}

Step Session::list(Pop3Verb verb, std::string_view argument) {
  const auto words = mail::pop3_words(argument, 1);
  if (words.size() > 1) return bad("want at most one message number");
  asked_ = {.verb = verb, .first = 1, .last = entries_.size(), .all = true};
  if (!words.empty()) {
    if (auto refusal = take_number(words[0], asked_.first)) return *refusal;
    asked_.last = asked_.first;
    asked_.all = false;
  }
  return carry_out();
}

Step Session::retrieve(std::string_view argument) {
  const auto words = mail::pop3_words(argument, 1);
  if (words.size() != 1) return bad("want one message number");
  asked_ = {.verb = Pop3Verb::retr};
  if (auto refusal = take_number(words[0], asked_.first)) return *refusal;
  return {.text = "", .act = Act::open, .first = asked_.first, .last = asked_.first};
}

Step Session::top(std::string_view argument) {
  const auto words = mail::pop3_words(argument, 2);
  if (words.size() != 2) return bad("want a message number and a number of lines");
  asked_ = {.verb = Pop3Verb::top};
  asked_.lines = mail::pop3_number(words[1]);
  if (!asked_.lines) return bad("want a number of lines");
  if (auto refusal = take_number(words[0], asked_.first)) return *refusal;
  return {.text = "", .act = Act::open, .first = asked_.first, .last = asked_.first};
}

Step Session::mark_deleted(std::string_view argument) {
  const auto words = mail::pop3_words(argument, 1);
  if (words.size() != 1) return bad("want one message number");
  std::size_t number = 0;
  if (auto refusal = take_number(words[0], number)) return *refusal;
  entry(number).deleted = true;
  last_accessed_ = std::max(last_accessed_, number);
  return reply(fmt::format("+OK message {} is marked as deleted", number));
}

bool Session::needs_size(std::size_t number) const {
  return live(number) && !entry(number).size;
}

void Session::learn(std::size_t number, std::optional<std::uint64_t> octets) {
  entry(number).size = octets;
  entry(number).gone = !octets;
}

bool Session::sizes_missing() const {
  if (asked_.verb == Pop3Verb::uidl) return false;
  for (std::size_t n = asked_.first; n <= asked_.last; ++n) {
    if (needs_size(n)) return true;
  }
  return false;
}

// STAT, LIST and UIDL: as far as the sizes that are known allow.
Step Session::carry_out() {
  if (!asked_.begun && sizes_missing()) {
    return {.text = "", .act = Act::measure, .first = asked_.first, .last = asked_.last};
  }
  if (asked_.verb == Pop3Verb::stat) return totals();
  if (asked_.all) return list_all();
  if (entry(asked_.first).gone) return reply(kGone);
  return reply("+OK " + list_line(asked_.first));
}

Step Session::totals() const {
  std::size_t count = 0;
  std::uint64_t octets = 0;
  for (std::size_t n = 1; n <= entries_.size(); ++n) {
    if (!live(n)) continue;
    ++count;
    octets += entry(n).size.value_or(0);
  }
  return reply(fmt::format("+OK {} {}", count, octets));
}

std::string Session::list_line(std::size_t number) const {
  const Entry& e = entry(number);
  if (asked_.verb == Pop3Verb::uidl) return fmt::format("{} {}", number, e.uid);
  return fmt::format("{} {}", number, e.size.value_or(0));
}

Step Session::list_all() {
  Step step;
  if (!asked_.begun) step.text = "+OK\r\n";
  asked_.begun = true;
  for (std::size_t lines = 0; asked_.first <= asked_.last && lines < kLinesAtOnce; ++asked_.first) {
    if (!live(asked_.first)) continue;
    step.text += list_line(asked_.first) + "\r\n";
    ++lines;
  }
  if (asked_.first <= asked_.last) {
    step.act = Act::more;
  } else {
    step.text += ".\r\n";
  }
  return step;
}

Step Session::resume(Outcome outcome, std::size_t failures) {
  switch (asked_.verb) {
    case Pop3Verb::stat:
    case Pop3Verb::list:
    case Pop3Verb::uidl:
      if (outcome == Outcome::trouble) {
        return reply("-ERR [SYS/TEMP] the sizes of messages cannot be read now");
      }
      return carry_out();
    case Pop3Verb::retr:
    case Pop3Verb::top: {
      if (asked_.begun) return {};  // the text is sent
      asked_.begun = true;
      if (outcome == Outcome::gone) {
        learn(asked_.first, std::nullopt);
        return reply(kGone);
      }
      if (outcome == Outcome::trouble)
        return reply("-ERR [SYS/TEMP] this message cannot be read now");
      if (asked_.verb == Pop3Verb::retr) entry(asked_.first).retrieved = true;
      return {.text = "+OK message follows\r\n",
              .act = Act::send,
              .first = asked_.first,
              .last = asked_.first,
              .lines = asked_.lines};
    }
    default:
      return quit(outcome, failures);
  }
}

Step Session::quit(Outcome outcome, std::size_t failures) const {
  Step step = reply("+OK bye");
  if (failures > 0) {
    step = reply(fmt::format("-ERR [SYS/TEMP] {} of {} deleted messages could not be removed",
                             failures, marked()));
  } else if (outcome != Outcome::good) {
    step = reply("-ERR [SYS/TEMP] the removal of deleted messages could not be made durable");
  }
  step.act = Act::close;
  return step;
}

std::size_t Session::marked() const {
  return static_cast<std::size_t>(std::ranges::count(entries_, true, &Entry::deleted));
}

}  // namespace porpoise::pop3d
