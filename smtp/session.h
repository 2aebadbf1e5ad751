// An SMTP server's side of a session (RFC 5321, and RFC 821 and 1123 before it) as a pure value:
// octets come in, in pieces of any size; replies and calls of a World come out. It reads nothing,
// opens nothing and knows no clock; the same object serves standard input and output, a socket and
// the fuzzer.
//
//     send(session.greeting());
//     while (read(in)) {
//       while (!in.empty() && !session.over()) {
//         in.remove_prefix(session.feed(in, replies));
//         if (session.urgent()) send(replies);
//       }
//       send(replies);
//     }
//
// Nothing but CRLF ends a line. A command line that ends in LF alone is refused and ends the
// session; a text with a bare CR or LF is read to its end, and then refused: so whatever others
// take for a line end, nothing that stands behind one is a command or a message here (smuggling).

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libmail/dot_stuffing.h"
#include "libmail/envelope.h"
#include "libmail/line_reader.h"
#include "libmail/smtp_command.h"
#include "libmail/trace.h"
#include "smtp/limits.h"
#include "smtp/world.h"

namespace porpoise::smtp {

struct Settings {
  std::string host = "localhost";  ///< our name: an ASCII domain
  /// What completes an address without a domain; "": none is taken, but postmaster's.
  std::string default_host{};
  mail::SmtpReading reading = mail::SmtpReading::lenient;
  bool verify = true;  ///< VRFY tells what it finds, else 252 of everybody (RFC 5321 section 7.3)
  Limits limits{};
};

class Session {
 public:
  /// The world must outlive it.
  Session(Settings settings, World& world);
  ~Session() { abandon(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  std::string greeting() const;

  /// Takes octets from the front of `in`, at least one and at most one command or a part of a
  /// message, and returns how many. Whole reply lines are appended to `replies`. Requires !over().
  std::size_t feed(std::string_view in, std::string& replies);

  /// The client may be waiting for the reply to what feed() took last, so that it must go out
  /// before more is taken; all others may be sent together (RFC 2920 section 3.2).
  bool urgent() const { return urgent_; }

  /// The client is in the middle of a message.
  bool in_text() const { return in_text_; }

  /// The connection is to be closed, once all is sent.
  bool over() const { return over_; }

  /// Ends it from our side, in whatever state it is: the 421 to send. What was not answered with
  /// 250 is not queued.
  std::string expire();     ///< the client took too long
  std::string shut_down();  ///< we are told to end

 private:
  struct Reply {
    int code = 250;
    std::optional<mail::StatusCode> status{};
    std::string text{};
    bool utf8 = false;
  };
  enum class Greeted : std::uint8_t { no, helo, ehlo };

  std::size_t take_line(std::string_view in, std::string& replies);
  std::size_t take_text(std::string_view in, std::string& replies);
  void answer(const Reply& reply, std::string& replies);
  std::string end(mail::StatusCode status, std::string_view why);

  Reply command(std::string_view line);
  Reply carry_out(const mail::SmtpCommand& command);
  Reply helo(const mail::SmtpCommand& command);
  Reply mail(const mail::SmtpCommand& command);
  Reply rcpt(const mail::SmtpCommand& command);
  Reply data();
  Reply vrfy(const mail::SmtpCommand& command);
  Reply without_argument(const mail::SmtpCommand& command);
  Reply end_of_text();
  Reply queue();

  std::optional<Refusal> text_fault() const;
  std::string extensions() const;
  std::string_view protocol() const;
  mail::SmtpRules rules() const {
    return {.reading = settings_.reading, .offered = {}, .limits = {}};
  }
  bool complete(mail::SmtpPath& path) const;
  void reset();
  void abandon();

  Settings settings_;
  World& world_;
  mail::LineReader line_;

  Greeted greeted_ = Greeted::no;
  std::string helo_;
  bool in_transaction_ = false;  // after MAIL
  bool utf8_ = false;            // MAIL had SMTPUTF8
  mail::Envelope envelope_;

  bool in_text_ = false;  // after 354
  bool writing_ = false;  // the world has begun a message
  mail::DotReader dots_;
  mail::TraceScan hops_;
  std::optional<Refusal> not_written_;  // what the world said
  std::string room_;

  std::size_t commands_ = 0, errors_ = 0;
  bool urgent_ = false;
  bool over_ = false;
};

}  // namespace porpoise::smtp
