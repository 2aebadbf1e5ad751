// The folder queue/ as its owner sees it: where messages are, moving and removing them.

#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "instance/instance.h"
#include "libmail/result.h"
#include "posix/unique_fd.h"
#include "queue/file.h"
#include "queue/id.h"

namespace porpoise::queue {

enum class Place { incoming, deferred };

/// One record of queue/trigger: the id and LF, padded with spaces to kTriggerOctets.
inline constexpr std::size_t kTriggerOctets = 32;
std::string trigger_record(const Id& id);

/// Tells whoever reads queue/trigger that `id` is in incoming/. False: nobody reads it. A full
/// FIFO counts as told: its reader sees that it was full and scans.
Result<bool> pull_trigger(const Instance& instance, const Id& id);

/// What follows the id in the name of a file that is to take the message's place. One that a crash
/// has left is nobody's: removed at a start.
inline constexpr std::string_view kAnew = ".anew";
bool is_anew_name(std::string_view name);

/// For the log: that the message is written anew, and why.
std::string told_anew(const File& file, const Error& why);

class Spool {
 public:
  static Result<Spool> open(const Instance& instance);

  /// queue/lock: whoever appends, moves or removes holds it. False: a `send` has it,
  /// still after `patience`.
  Result<bool> try_lock(std::chrono::milliseconds patience = {});
  /// Whether somebody holds it, without taking it.
  Result<bool> is_locked() const;

  /// Calls `each` for every message there, in no order; names that are no ids are reported to
  /// `stray` where given. A message that vanishes meanwhile is no error.
  Result<> for_each(Place place, const std::function<void(const Id&)>& each,
                    const std::function<void(const std::string& path)>& stray = {}) const;

  /// The folders of deferred/, sorted, and the messages in one of them.
  Result<std::vector<std::string>> deferred_folders(
      const std::function<void(const std::string& path)>& stray = {}) const;
  Result<> for_each_in(const std::string& folder, const std::function<void(const Id&)>& each,
                       const std::function<void(const std::string& path)>& stray = {}) const;

  /// Opens a message wherever it is; ENOENT in Error::sys if it is nowhere. `place` tells where.
  Result<File> open_file(const Id& id, File::Access access, Place* place = nullptr) const;

  /// link into deferred/SS, sync that folder (and deferred/ where SS is new, and once before the
  /// first move), unlink from incoming/. Already there: finishes the move. Never rename.
  Result<> move_to_deferred(const Id& id);

  /// Unlinks the message; the folder is not synced (that would cost a barrier; sync_removed()
  /// does it for all of them). Gone already: no error.
  Result<> remove(const Id& id, Place place);
  Result<> sync_removed();

  /// Puts a damaged message aside into queue/damaged/, by the same three steps as a move; under
  /// another name (ID.1 ...) where its own is taken.
  Result<> set_aside(const Id& id, Place place);
  /// The same for whatever `path` below folder `at` is; `and_stays`: it keeps that name, too.
  Result<> set_aside(int at, const std::string& path, bool and_stays = false);

  /// Opens a message to append to it. Where its file cannot be synced it is written anew, and
  /// `alert`, where given, tells so.
  Result<File> open_to_append(const Id& id, std::string* alert = nullptr);

  /// Puts a new file, of what `old` knows and `more`, in the place of the message's file, whose
  /// sync has failed (queue/anew.cc). After an error it may be tried again with the same `old`;
  /// nothing that depends on `more`, or on what was not synced, may be done before.
  Result<File> write_anew(File& old, const std::vector<Event>& more);
  /// The same for a file that `write` makes, from nothing, by a descriptor it is lent.
  Result<> replace(const Id& id, const std::function<Result<>(int fd)>& write);

  /// Before a message with several recipients is tried: reserves room on the disk for what its log
  /// will say. Errors: there is none. One recipient, and a file system that has no such promise,
  /// is no error.
  Result<> reserve_log(const File& file, Place place);

  /// Removes files of queue/tmp that nobody has touched for `seconds`.
  Result<int> sweep_tmp(std::int64_t wall_us, std::int64_t seconds = 129600);

  /// A copy of the content for deliveries: a sealed memfd up to 64 KiB, else an unlinked file in
  /// queue/tmp. Its checksum is verified on the way: permanent error with sys = EBADMSG where it
  /// is not what was accepted. reopen() gives a read-only descriptor of its own offset for each
  /// delivery.
  Result<posix::UniqueFd> copy_content(const File& file) const;
  static Result<posix::UniqueFd> reopen(int content);

  int folder() const { return queue_.get(); }
  int tmp() const { return tmp_.get(); }
  int incoming() const { return incoming_.get(); }
  int deferred() const { return deferred_.get(); }

 private:
  Result<posix::UniqueFd> deferred_folder(const std::string& name);
  Result<Place> settle_names(const Id& id);
  static std::string unlinked_name(const File& file);

  posix::UniqueFd queue_, tmp_, incoming_, deferred_, lock_;
  bool deferred_synced_ = false;  // what was in deferred/ when we came is on disk
  bool incoming_dirty_ = false;   // removed from, and not synced since
  std::set<std::string> dirty_;   // the same for folders of deferred/
};

}  // namespace porpoise::queue
