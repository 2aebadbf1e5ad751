// The reader's side of a Maildir: which messages it holds, in which order, under which names now.
// Nothing is locked: other programs may deliver, rename and remove at any time.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/result.h"
#include "posix/unique_fd.h"

namespace porpoise::maildir {

inline constexpr std::size_t kMaxScannedMessages = 1'000'000;  ///< more are left for another scan
inline constexpr std::int64_t kTmpSeconds = 129600;  ///< 36 hours: then a file in tmp is a leftover

/// One message. It has a name in new/, in cur/, or, while it is being moved (or after a crash in
/// that), the same message in both.
struct Message {
  std::string new_name;  ///< "" where it has none
  std::string cur_name;

  /// The part of the name up to ':', which stays the same when flags change.
  std::string_view base() const;
};

/// The size as sent by a network session (CRLF, before dot-stuffing), as the delivering program
/// wrote it into `base`. Only the form of our own names, SECONDS. ... ,S=n,W=n at the very end, is
/// believed; nothing for any other.
std::optional<std::uint64_t> size_in_name(std::string_view base);

/// Older first: by the seconds and microseconds that a name begins with, then by its octets; names
/// without a time come last. So the order of two messages never changes.
bool delivered_before(std::string_view base, std::string_view other);

class Scan {
 public:
  /// Lists new/ and cur/ of the Maildir `path` (relative to the working folder). Names that begin
  /// with a dot are skipped. No message is opened or looked at; only where new/ and cur/ hold the
  /// same base name are the two compared, and different files are different messages.
  /// Errors name the folder; permanent where it is no Maildir.
  static Result<Scan> begin(const std::string& path,
                            std::size_t max_messages = kMaxScannedMessages);

  const std::vector<Message>& messages() const { return messages_; }

  /// Opens a message's file; renamed or moved since, it is found again by its base name. ENOENT in
  /// Error::sys: it is gone. Not a regular file: permanent error with sys = EINVAL.
  Result<posix::UniqueFd> open(std::size_t index);

  /// Removes the message under all its names, found again like in open(). Gone already: no error.
  Result<> remove(std::size_t index);

  /// Gives a message in new/ the name cur/BASE:2, (a ":2,FLAGS" it has already is kept). This only
  /// links it; unlink_moved() ends the moves when sync() has made the new names durable, so that a
  /// crash leaves both names rather than none.
  Result<> link_into_cur(std::size_t index);
  Result<> sync();          ///< both folders
  Result<> unlink_moved();  ///< the old names

  /// Removes files of tmp/ that nobody has read or written for kTmpSeconds; errors are not told.
  void sweep_tmp(std::int64_t now_seconds) const;

  int folder() const { return folder_.get(); }  ///< the Maildir itself; lent

 private:
  Result<> list(std::vector<Message>& into, std::size_t max_messages) const;
  Result<bool> times_changed();
  Result<bool> refresh();
  Result<posix::UniqueFd> open_now(const Message& message) const;

  std::string path_;
  posix::UniqueFd folder_, new_, cur_;
  std::vector<Message> messages_;
  std::vector<std::size_t> moved_;
  std::int64_t new_changed_ = 0,
               cur_changed_ = 0;  // before the last listing: mtimes in nanoseconds
  bool settled_ = false;
};

}  // namespace porpoise::maildir
