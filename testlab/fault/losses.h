// What a failed sync loses. A kernel that fails an fsync drops the pages it could not write and
// says so once; a second fsync succeeds and proves nothing. Here the loss is made real: when the
// run has ended, what a failed sync covered is gone, as after the next reboot.
//
//   file     octets written since the last sync that succeeded are zeros, unless they were written
//            again or cut off
//   folder   names made in it since then are gone, unless they were made again

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
  struct Range {
    off_t from;
    off_t to;
  };
  struct Lost {
    int fd;  // kept until apply(), since the name may be gone by then
    std::vector<Range> ranges;
  };
  static void cut(std::vector<Range>& ranges, const Range& out);
  void note_name(const Stopped& at, const Call& call);
  void note_write(const Stopped& at, const Call& call);
  void note_sync(const Stopped& at, const Call& call);

  std::map<Inode, std::vector<Range>> dirty_;        // written since the last sync
  std::map<Inode, std::set<std::string>> unsynced_;  // names by their folder
  std::map<Inode, Lost> files_;
  std::set<std::string> names_;
};

}  // namespace porpoise::fault
