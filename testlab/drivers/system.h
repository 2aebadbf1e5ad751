// Whom a driver of a system instance knows, and as whom it starts programs.

#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace porpoise::driver {

struct System {
  std::string instance, programs;

  /// Its users: a folder of files that stand in the place of those of /etc.
  std::string etc() const { return instance.substr(0, instance.rfind('/')) + "/etc"; }

  /// From here on this process and its children know those users, and not the machine's.
  void own_names() const;

  /// Starts a program as `porpoise run` starts its parts, as `user` or as root. `descriptors`: what
  /// it has from 0 on; kNothing is /dev/null.
  pid_t start(const std::vector<std::string>& arguments, const std::vector<int>& descriptors,
              const std::optional<std::string>& user = {}) const;
};

inline constexpr int kNothing = -1;

}  // namespace porpoise::driver
