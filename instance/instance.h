// An instance is a folder: control/, alias/, users/, queue/, run/. Nothing about where it is, or
// who runs it, is compiled in.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>

#include "libmail/result.h"
#include "posix/unique_fd.h"

namespace porpoise {

/// The one user of a personal instance, as `porpoise init` recorded it in control/owner
/// ("name:uid:gid:home"), so that a uid without a password entry works too.
struct Owner {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;

  std::string line() const;  ///< the line of control/owner, without LF
  static Result<Owner> parse(std::string_view line);
};

class Instance {
 public:
  /// Finds the instance: `option` (from --instance), else $PORPOISE (ignored under AT_SECURE),
  /// else the system instance if there is one, else the caller's own
  /// ($XDG_STATE_HOME/porpoise or $HOME/.local/state/porpoise).
  ///
  /// Permanent errors, each naming the folder: it does not exist, is no instance (no
  /// control/me), control/owner is damaged, or its kind is not one this build can run. A folder
  /// that cannot be read for a temporary reason is a temporary error.
  static Result<Instance> find(const std::optional<std::string>& option);
  static Result<Instance> open(const std::string& path);

  /// Where find() would look, without opening it; for `porpoise init` and error texts.
  static std::string default_path();

  const std::string& path() const { return path_; }  ///< absolute, as found
  int folder() const { return folder_.get(); }       ///< lent
  const Owner& owner() const { return owner_; }

  /// A permanent error, "instance PATH belongs to NAME (uid N): run this as that user", unless
  /// the effective uid is the owner's. Programs that touch queue/ or users/ call it first.
  Result<> require_owner() const;

  /// A subfolder ("queue/incoming"), for use as `at`. Errors name the instance's path.
  Result<posix::UniqueFd> open_folder(const std::string& name) const;

  /// Creates a personal instance at `path` for `owner`; idempotent: what is there already is kept.
  /// `report` gets a line for each thing written. `host` becomes control/me.
  static Result<> create(const std::string& path, const Owner& owner, const std::string& host,
                         const std::function<void(const std::string&)>& report);

 private:
  std::string path_;
  posix::UniqueFd folder_;
  Owner owner_;
};

}  // namespace porpoise
