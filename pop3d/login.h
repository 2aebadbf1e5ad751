// A POP3 session before login (RFC 1939 sections 4 and 7) as a pure value: a line comes in, a reply
// or a name and secret to check come out.

#pragma once

#include <string>
#include <string_view>

#include "pop3d/limits.h"

namespace porpoise::pop3d {

/// What the check of a name and secret came to.
enum class Check {
  served,   ///< it was right, and the session that followed is over
  wrong,    ///< exit code 1: the name or the secret
  trouble,  ///< anything else: the server
};

struct LoginStep {
  enum class Act {
    reply,  ///< send the text, read the next command
    check,  ///< check name and secret, then tell checked()
    close,  ///< send the text, close
  };
  std::string text;
  Act act = Act::reply;
  std::string secret = {};  ///< a password, or with APOP a digest; wipe it after use
};

class Login {
 public:
  /// `stamp` is shown in the greeting only where `apop` is set, since clients take it as a promise
  /// that APOP works.
  Login(std::string hostname, std::string stamp, bool apop, const Limits& limits = {})
      : hostname_(std::move(hostname)), stamp_(std::move(stamp)), apop_(apop), limits_(limits) {}

  std::string greeting() const;
  LoginStep command(std::string_view line);
  LoginStep line_too_long();
  LoginStep checked(Check result);

  /// Who wants in; valid from Act::check until checked().
  const std::string& name() const { return name_; }

 private:
  LoginStep bad(std::string_view why);
  LoginStep user(std::string_view name);
  LoginStep pass(std::string_view password);
  LoginStep apop(std::string_view argument);

  std::string hostname_, stamp_;
  bool apop_;
  Limits limits_;
  std::string name_;
  int bad_commands_ = 0;
  int failures_ = 0;
};

/// What is written to descriptor 3 of the password check: name NUL secret NUL stamp NUL.
std::string login_record(std::string_view name, std::string_view secret, std::string_view stamp);

/// Overwrites the text in memory, also the part of its room that is not in use, and clears it.
void wipe(std::string& text);

}  // namespace porpoise::pop3d
