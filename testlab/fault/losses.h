// What a failed sync loses. A kernel that fails an fsync drops the pages it could not write and
// says so once; a second fsync succeeds and proves nothing. Here the loss is made real: when the
// run has ended, what a failed sync covered is gone, as after the next reboot.
//
//   file     octets written since the last sync that succeeded are zeros
//   folder   names made in it since then are gone

#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "stopped.h"

namespace porpoise::fault {

class Losses {
 public:
  /// To be called at the entry of every call that writes, makes a name or syncs, in this order:
  /// the call will be made.
  void at_call(const Stopped& at, const Call& call);
  /// The sync (or close) fails instead, or fails after it was made.
  void at_failure(const Stopped& at, const Call& call);

  /// Makes the losses real; how many files and names were lost.
  int apply();

 private:
  using Inode = std::pair<dev_t, ino_t>;
  struct Lost {
    int fd;  // kept until apply(), since the name may be gone by then
    off_t from;
    off_t to;
  };
  void note_name(const Stopped& at, const Call& call);
  void note_size(const Stopped& at, const Call& call);
  void note_sync(const Stopped& at, const Call& call);

  std::map<Inode, off_t> synced_;                    // octets known to be on disk
  std::map<Inode, std::set<std::string>> unsynced_;  // names by their folder
  std::vector<Lost> files_;
  std::set<std::string> names_;
};

}  // namespace porpoise::fault
