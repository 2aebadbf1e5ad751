// The command line of sendmail, as every mail program believes it to be (reference 3.1).

#pragma once

#include "inject/run.h"

namespace porpoise::inject {

struct SendmailCommand {
  enum class Act {
    submit,      ///< the message on standard input
    list_queue,  ///< -bp, mailq
    speak_smtp,  ///< -bs: a session on standard input and output
    run_queue,   ///< -q: attempt what is due
    verify,      ///< -bv, -bt: would mail for the arguments be delivered?
    aliases,     ///< newaliases, -bi: nothing to do
    help,
  };
  Act act = Act::submit;
  Request request{};
};

/// Reads it; argv[0] tells the name it was called by. Failures: usage, for what this sendmail does
/// not do or nobody knows.
Outcome<SendmailCommand> parse_sendmail(int argc, char** argv);

/// A sender as -f and -r give it, in envelope form: of `Joe <joe@x>` what is in the angle
/// brackets; "<>" and "" are the null sender. What cannot be read so stays as it is.
std::string bare_sender(std::string_view text);

extern const char* const kSendmailHelp;

}  // namespace porpoise::inject
