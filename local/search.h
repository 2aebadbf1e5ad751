// Which dot-file applies (reference section 7.2), and the checks of the home it lies in. The
// working folder is the home.

#pragma once

#include <optional>
#include <string>

#include "libmail/result.h"
#include "local/environment.h"

namespace porpoise::local {

inline constexpr std::size_t kMaxDotFileOctets = 16 << 20;

/// Goes to the home folder. Temporary errors: it cannot be entered, everyone may write to it, or
/// its sticky bit says that its owner is changing things; `sticky_is_fine` only warns of that, in
/// the text that is returned ("" otherwise).
Result<std::string> enter_home(const std::string& home, bool sticky_is_fine);

struct DotFile {
  std::string name;  ///< ".qmail-x", or "the default delivery"
  std::string text;
  bool forward_only = false;                ///< its owner may execute it: no file or program lines
  std::optional<std::string> default_part;  ///< what DEFAULT will be
};

/// The dot-file of this delivery, or its default delivery where there is none (an empty one counts
/// as none there) and the address has no extension. Permanent error: no such mailbox. Temporary
/// errors: a file that cannot be read, that everyone may write to, or that is larger than
/// kMaxDotFileOctets.
Result<DotFile> find_dot_file(const Delivery& delivery);

/// Whether .qmail...-owner and ...-owner-default exist, for new_sender(). Temporary errors only.
struct Owners {
  bool owner = false;
  bool owner_default = false;
};
Result<Owners> find_owners(const Delivery& delivery);

}  // namespace porpoise::local
