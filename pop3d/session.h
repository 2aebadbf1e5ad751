// A POP3 session after login (RFC 1939 sections 5 to 7) as a pure value: a line comes in, replies
// and effects come out. It reads nothing, opens nothing and knows no clock; the same object serves
// standard input and output, a socket and the fuzzer.
//
//     Step step = session.command(line);
//     for (;;) {
//       send(step.text);
//       if (step.act == Act::reply || step.act == Act::close) break;
//       step = session.resume(do_it(step));     // more, measure, open, send, commit
//     }

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/pop3_command.h"
#include "pop3d/limits.h"

namespace porpoise::pop3d {

/// A message as the session knows it. Its number is its place, from 1, and never changes.
struct Entry {
  std::string uid;                    ///< 1 to 70 octets 0x21 to 0x7e, unlike all others
  std::optional<std::uint64_t> size;  ///< as sent, before stuffing; nothing until it is counted
  bool deleted = false;               ///< marked by DELE
  bool retrieved = false;             ///< sent whole by RETR
  bool gone = false;                  ///< somebody else removed it
};

/// What the caller does after sending the text of a step.
enum class Act {
  reply,    ///< read the next command
  more,     ///< resume(): the answer goes on
  measure,  ///< learn() the size of each message first..last that needs_size(), then resume()
  open,     ///< open message `first`, then resume() with the outcome
  send,     ///< send that message, whole or as TOP with `lines`, and its end line; then resume()
  commit,   ///< remove what is marked deleted, then resume() with the outcome
  close,    ///< close the connection
};

enum class Outcome {
  good,
  gone,     ///< open: the message is no longer there
  trouble,  ///< open, measure: try again later; commit: not durable
};

struct Step {
  std::string text;  ///< whole lines, CRLF-ended; may be empty
  Act act = Act::reply;
  std::size_t first = 0, last = 0;                    ///< message numbers
  std::optional<std::uint64_t> lines = std::nullopt;  ///< of the body; nothing: the whole message
};

class Session {
 public:
  explicit Session(std::vector<Entry> entries, const Limits& limits = {})
      : entries_(std::move(entries)), limits_(limits) {}

  /// The answer to the PASS or APOP that led here.
  std::string greeting() const;

  /// A whole line without its end. Requires that the step before ended in Act::reply.
  Step command(std::string_view line);
  Step line_too_long();

  /// Goes on after an act. `failures` counts what a commit could not remove.
  Step resume(Outcome outcome = Outcome::good, std::size_t failures = 0);

  bool needs_size(std::size_t number) const;
  /// The size of message `number`; nothing: it is gone. A size learnt later wins.
  void learn(std::size_t number, std::optional<std::uint64_t> octets);

  const std::vector<Entry>& entries() const { return entries_; }

 private:
  struct Asked {  // the command being carried out
    mail::Pop3Verb verb = mail::Pop3Verb::unknown;
    std::size_t first = 0, last = 0;  // messages still to answer for
    bool all = false;
    std::optional<std::uint64_t> lines = std::nullopt;
    bool begun = false;
  };

  Entry& entry(std::size_t number) { return entries_[number - 1]; }
  const Entry& entry(std::size_t number) const { return entries_[number - 1]; }
  bool live(std::size_t number) const { return !entry(number).deleted && !entry(number).gone; }

  Step bad(std::string_view why);
  std::optional<Step> take_number(std::string_view word, std::size_t& number);
  Step list(mail::Pop3Verb verb, std::string_view argument);
  Step retrieve(std::string_view argument);
  Step top(std::string_view argument);
  Step mark_deleted(std::string_view argument);
  Step simple(mail::Pop3Verb verb);
  Step carry_out();
  Step list_all();
  Step totals() const;
  Step quit(Outcome outcome, std::size_t failures) const;
  std::string list_line(std::size_t number) const;
  bool sizes_missing() const;
  std::size_t marked() const;

  std::vector<Entry> entries_;
  Limits limits_;
  Asked asked_;
  std::size_t last_accessed_ = 0;
  int bad_commands_ = 0;
};

}  // namespace porpoise::pop3d
