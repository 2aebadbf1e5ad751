// What a part gives up once it has started: the kernel refuses the rest from then on, to it and to
// whatever it starts, for good. For our own long-running or exposed parts, never for what a user
// has asked us to run.

#pragma once

#include <optional>
#include <string>
#include <sys/resource.h>
#include <vector>

#include "libmail/result.h"
#include "posix/file.h"

namespace porpoise::posix {

struct Sandbox {
  enum class Access {
    look,   ///< open folders and read their names, and no file
    read,   ///< a file, or all files and folders below a folder
    write,  ///< change them as well; make, link and remove below it
    run,    ///< read them and execute them
  };
  struct Place {
    std::string path;
    Access access = Access::read;
    int at = kHere;
  };

  /// What may be opened by a path; all else may not. /dev/null always may. Descriptors that are
  /// open already are not touched.
  std::vector<Place> places{};
  bool starts_programs = false;  ///< processes, and programs in places that may be run
  bool makes_sockets = false;    ///< and connects them; those that are open already serve on
  bool signals_others = false;
  std::optional<rlim_t> open_files{};  ///< at most, RLIMIT_NOFILE
  std::optional<rlim_t> memory{};      ///< octets of address space, RLIMIT_AS
};

/// What the kernel could do of it. no_new_privs it always can.
struct Confined {
  bool files = false;  ///< Landlock, Linux 5.19
  bool calls = false;  ///< seccomp

  std::string text() const;  ///< "files and system calls are restricted", ...
};

/// Confines the calling thread and all it starts: call it before the first other thread. Also:
/// no core files; no debugging of others, no name spaces, mounts, modules, keys or change of uid.
///
/// A kernel that lacks a means is no error, and shows in what is returned. Errors, temporary: a
/// place that cannot be opened, and a means that is there but fails: then nobody should go on.
Result<Confined> confine(const Sandbox& box);

}  // namespace porpoise::posix
