// `porpoise init`: makes an instance.

#pragma once

#include <optional>
#include <string>

#include "libmail/result.h"

namespace porpoise::front {

struct InitWish {
  std::string folder;                ///< "": the default one of the owner
  std::optional<std::string> owner;  ///< root's: for whom
  std::optional<std::string> name;
  std::optional<std::string> home;
  std::optional<std::string> host;
  bool system = false;
  std::optional<std::string> root_mail;  ///< with `system`: who gets root's mail
};

/// Makes it and prints each thing written, or that nothing was, and what to do next. Errors: those
/// of find_owner, check_host_name and Instance::create; a folder that is somebody else's instance.
Result<int> init(const InitWish& wish);

/// `text` as one word of a shell's command line.
std::string shell_word(const std::string& text);

}  // namespace porpoise::front
