// What `porpoise init` makes below one folder, and tells of.

#pragma once

#include <functional>
#include <string>
#include <sys/types.h>

#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise {

/// What is there already is kept, and not told. Errors name the whole path.
class Maker {
 public:
  using Report = std::function<void(const std::string&)>;

  Maker(int at, std::string shown, const Report& report)
      : at_(at), shown_(std::move(shown)), report_(report) {}

  Result<> folder(const std::string& name, mode_t mode) const;
  /// As root: one that belongs to somebody else. Nobody else may write to the folder it is in.
  Result<> folder_of(const Identity& owner, const std::string& name, mode_t mode) const;
  Result<> fifo(const std::string& name, mode_t mode) const;
  Result<> file(const std::string& name, const std::string& text) const;
  Result<> link(const std::string& name, const std::string& target) const;
  /// Folder `name`, on disk with all its entries.
  Result<> sync(const std::string& name) const;

 private:
  tl::unexpected<Error> named(int err, std::string_view act, const std::string& name) const;

  int at_;
  std::string shown_;
  const Report& report_;
};

/// The folder of an instance to be: made, with those above it, or found: one of ours that is empty
/// or has a control/. All of it on disk.
Result<posix::UniqueFd> make_top(const std::string& path, mode_t mode, const Maker::Report& report);

/// control/defaultdomain and control/locals for a host named in full.
std::string default_domain(const std::string& host);
std::string default_locals(const std::string& host);

}  // namespace porpoise
