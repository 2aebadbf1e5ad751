// The one home of durable file creation: a file that appears under its name whole and on disk, or
// not at all.
//
//   states   tmp/N  target/N  meaning
//   unnamed    -       -      being written, vanishes with the process (O_TMPFILE)
//   named      +       -      being written under a temporary name, ours to remove
//   done       -       +      complete and synced, and so is the folder entry
//
// Two barriers: the file's contents, then the folder it was linked into.

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "libmail/result.h"
#include "posix/unique_fd.h"

namespace porpoise::posix {

/// How a file begins its life.
enum class Birth {
  unnamed_if_possible,  ///< O_TMPFILE; a temporary name where that or its link fails
  named,                ///< always a temporary name: for tests, and PORPOISE_NAMED_FILES=1
};

/// unnamed_if_possible, unless the environment says PORPOISE_NAMED_FILES=1.
Birth default_birth();

class DurableFile {
 public:
  /// Begins a file that is written in folder `tmp` (lent, must outlive this) and whose temporary
  /// name, if it needs one, is `name`. On the target's file system. Errors: those of open(2).
  /// EEXIST, ENOSPC, EDQUOT and EIO are told at once; any other failure of O_TMPFILE means that
  /// the file system lacks it, and a named file is tried.
  static Result<DurableFile> begin(int tmp, std::string name, mode_t mode,
                                   Birth birth = default_birth());

  DurableFile(DurableFile&&) noexcept = default;
  DurableFile& operator=(DurableFile&&) noexcept;
  ~DurableFile();  ///< removes what was not committed

  /// For reading and writing.
  int fd() const { return fd_.get(); }
  bool named() const { return named_; }

  /// Syncs the file, links it into folder `target` as `name` (never over anything: EEXIST is an
  /// error with sys = EEXIST), syncs that folder. After an error nothing of it is left under
  /// `name`, with one exception: when the folder's sync failed and the unlink failed too.
  Result<> commit(int target, const std::string& name, std::string_view target_path) &&;

  /// The same with `sync_target` for the last step, where several commits share one barrier: it is
  /// called once, when the link is there, and says whether a sync that began after that succeeded.
  Result<> commit(int target, const std::string& name,
                  const std::function<Result<>()>& sync_target) &&;

 private:
  DurableFile(int tmp, std::string name, mode_t mode)
      : tmp_(tmp), name_(std::move(name)), mode_(mode) {}
  Result<> become_named();
  Result<> link_into(int target, const std::string& name);
  void discard();

  int tmp_;
  std::string name_;
  mode_t mode_;
  UniqueFd fd_;
  bool named_ = false;
};

}  // namespace porpoise::posix
