// What inject --save-to leaves of a message that was not taken: the message as it came, in a file.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libmail/result.h"
#include "posix/durable_file.h"

namespace porpoise::inject {

/// A copy that is written while the message is read, in a file without a name, and gets its name
/// only when it is needed. Memory does not grow with the message.
class KeptCopy {
 public:
  /// `path` is the file that save() makes. Whatever goes wrong before is told there: a copy that
  /// may never be needed stops nobody.
  explicit KeptCopy(std::string path);

  void keep(std::string_view octets);

  /// Names the file and syncs it and its folder. Nothing is overwritten: where `path` is taken
  /// it becomes `path`.1, and so on up to kMostCopies. Gives its path.
  Result<std::string> save();

  static constexpr int kMostCopies = 9999;

 private:
  Result<> begin();

  std::string path_;
  std::string folder_name_;
  std::string name_;
  posix::UniqueFd folder_{};
  std::optional<posix::DurableFile> file_{};
  Result<> good_{};
};

}  // namespace porpoise::inject
