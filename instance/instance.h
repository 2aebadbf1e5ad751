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

class Control;

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

/// An account that parts of an instance run as.
struct Identity {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;

  bool operator==(const Identity&) const = default;
};

/// Who runs what in a system instance, as `porpoise init --system` recorded it in control/system,
/// so that no part has to ask the password file:
///
///   queue:porpoise:UID:GID          owns queue/; send, bounce, the serving side of queue
///   network:porpoise-net:UID:GID    popup, the program of control/remote
///   alias:porpoise-alias:UID:GID    receives what alias/ handles
struct Identities {
  Identity queue, network, alias;

  bool operator==(const Identities&) const = default;
  std::string text() const;  ///< of control/system: three lines, each with LF
  /// Permanent errors, naming the line: one missing, twice, unknown or damaged; uid or gid 0; a
  /// uid that is there twice.
  static Result<Identities> parse(std::string_view text);
};

enum class Kind {
  personal,  ///< all of it belongs to one user, who runs all of it
  system,    ///< of root, with identities of its own for the parts that need no root
};

class Instance {
 public:
  /// Finds the instance: `option` (from --instance), else $PORPOISE (ignored under AT_SECURE),
  /// else the system instance if there is one, else the caller's own
  /// ($XDG_STATE_HOME/porpoise or $HOME/.local/state/porpoise).
  ///
  /// Permanent errors, each naming the folder: it does not exist, is no instance (no
  /// control/me), has not exactly one of control/owner and control/system, or a damaged one. A
  /// folder that cannot be read for a temporary reason is a temporary error.
  static Result<Instance> find(const std::optional<std::string>& option);
  static Result<Instance> open(const std::string& path);

  /// Where find() would look, without opening it; for `porpoise init` and error texts.
  static std::string default_path();
  /// Where the system instance is: "/var/lib/porpoise".
  static const char* system_path();

  const std::string& path() const { return path_; }  ///< absolute, as found
  int folder() const { return folder_.get(); }       ///< lent
  Kind kind() const { return kind_; }
  bool is_system() const { return kind_ == Kind::system; }
  /// Whose queue/ is: of a system instance its queue identity, whose home is the instance.
  const Owner& owner() const { return owner_; }
  /// In a personal instance, each is the owner.
  const Identities& identities() const { return identities_; }

  /// A permanent error, "instance PATH belongs to NAME (uid N): run this as that user", unless
  /// the effective uid is the owner's. Whoever opens something under queue/ calls it first.
  Result<> require_owner() const;
  /// The same for who looks after it: the owner of a personal instance, root of a system one.
  /// `porpoise run`, spawn, checkpassword and whoever writes control/ or users/ call it first.
  Result<> require_administrator() const;
  /// The same for who may hand mail in: the owner of a personal instance, everybody in a system
  /// one.
  Result<> require_submitter() const;
  /// A permanent error naming the first thing of a system instance that does not belong to whom,
  /// or does not have the mode that porpoise-instance(5) says; success for a personal one. Each
  /// part that runs as root calls it before it believes anything of the instance.
  Result<> require_layout() const;

  /// A subfolder ("queue/incoming"), for use as `at`. Errors name the instance's path.
  Result<posix::UniqueFd> open_folder(const std::string& name) const;

  /// Creates a personal instance at `path` for `owner`; idempotent: what is there already is kept.
  /// `report` gets a line for each thing written. `host` becomes control/me.
  static Result<> create(const std::string& path, const Owner& owner, const std::string& host,
                         const std::function<void(const std::string&)>& report);
  /// As root, a system instance; at system_path() with its control/ in /etc/porpoise. Idempotent.
  /// `to_root` is the dot-file line for mail to root. Permanent errors: there is a personal
  /// instance, or one of other identities; what is there does not belong to whom it should
  /// (require_layout): it is not mended.
  static Result<> create_system(const std::string& path, const Identities& identities,
                                const std::string& host, const std::string& to_root,
                                const std::function<void(const std::string&)>& report);

 private:
  Result<> read_kind(const Control& control);

  std::string path_;
  posix::UniqueFd folder_;
  Kind kind_ = Kind::personal;
  Owner owner_;
  Identities identities_;
};

}  // namespace porpoise
