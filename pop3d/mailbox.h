// The Maildir behind a POP3 session: its messages with their unique ids, and what QUIT does to it.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libmail/result.h"
#include "maildir/scan.h"
#include "pop3d/session.h"

namespace porpoise::pop3d {

/// The unique id of a message: its base name where that is 1 to 70 octets from 0x21 to 0x7e (RFC
/// 1939 section 7), else "~" and 32 hexadecimal digits made from it. So it is the same in every
/// session and, like the base name, never used again. `copy` tells apart files that share a base
/// name: 0 for the first.
std::string unique_id(std::string_view base, std::size_t copy = 0);

class Mailbox {
 public:
  /// Opens the Maildir `path`, takes its lock and lists it. Not a Maildir: permanent error. Another
  /// session has the lock: temporary error with sys = EBUSY.
  ///
  /// The lock is on the file .pop3lock in the Maildir and ends with the process. It keeps POP3
  /// sessions apart (RFC 1939 section 4), not other programs, which a Maildir does not need. Where
  /// the file cannot be made (no room, read-only, no right) the session goes on without it, so that
  /// a full mailbox can be emptied.
  static Result<Mailbox> open(const std::string& path);

  std::vector<Entry> entries() const;

  /// Numbers are those of the session, from 1. ENOENT in Error::sys: gone.
  Result<posix::UniqueFd> open_message(std::size_t number) { return scan_.open(number - 1); }

  /// The size of message `number` as sent, by reading it.
  Result<std::uint64_t> measure(std::size_t number);

  struct Committed {
    std::size_t failures = 0;  ///< messages that could not be removed
    bool durable = true;       ///< the folders are synced, where anything changed
  };
  /// QUIT: removes what is marked deleted; gives what was retrieved and kept its name in cur/ (that
  /// failing is no failure: it stays in new/). Messages that were not sent stay new, so that
  /// looking by STAT does not hide them from another program's count of new mail.
  Committed commit(const std::vector<Entry>& entries);

  void sweep_tmp(std::int64_t now_seconds) const { scan_.sweep_tmp(now_seconds); }

 private:
  Mailbox(maildir::Scan scan, posix::UniqueFd lock)
      : scan_(std::move(scan)), lock_(std::move(lock)) {}

  maildir::Scan scan_;
  posix::UniqueFd lock_;
};

}  // namespace porpoise::pop3d
