// Files and folders: small, total wrappers. Every descriptor is opened close-on-exec; EINTR is
// retried; every error names the act and the path as given.

#pragma once

#include <cstddef>
#include <fcntl.h>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/types.h>

#include "libmail/result.h"
#include "posix/unique_fd.h"

namespace porpoise::posix {

inline constexpr int kHere = AT_FDCWD;

/// open(2) relative to folder `at`, with O_CLOEXEC added.
Result<UniqueFd> open_at(int at, const std::string& path, int flags, mode_t mode = 0600);

/// A folder, for use as `at` (O_RDONLY | O_DIRECTORY, so that it can be synced and read).
Result<UniqueFd> open_folder(int at, const std::string& path);

/// A folder reached by a path of any length, also beyond PATH_MAX: walked piece by piece.
Result<UniqueFd> open_folder_long(const std::string& path);

/// A second descriptor for the same open file, close-on-exec.
Result<UniqueFd> duplicate(int fd);

/// Reads at most `room.size()` octets; 0 is the end. `what` is named in the error.
Result<std::size_t> read_some(int fd, std::span<char> room, std::string_view what);

/// Reads exactly what is there from `offset`, at most room.size(), short only at the end of file.
Result<std::size_t> read_at(int fd, std::span<char> room, off_t offset, std::string_view what);

Result<> write_all(int fd, std::string_view text, std::string_view what);
Result<> write_at(int fd, std::string_view text, off_t offset, std::string_view what);

/// The whole of what `fd` still has. Beyond `max_octets`: permanent error, nothing is returned.
Result<std::string> read_to_end(int fd, std::size_t max_octets, std::string_view what);

/// The whole of a regular file; other kinds of file are a permanent error with sys = EINVAL, and
/// a FIFO never blocks. ENOENT shows in Error::sys.
Result<std::string> read_file(int at, const std::string& path, std::size_t max_octets);

/// fsync(2). A failure must be believed: what was written may be gone, and a second call that
/// succeeds proves nothing.
Result<> sync(int fd, std::string_view what);

Result<> make_folder(int at, const std::string& path, mode_t mode);  ///< EEXIST is an error
Result<> remove_file(int at, const std::string& path);               ///< ENOENT is an error
Result<struct stat> stat_of(int fd, std::string_view what);

/// Calls `each` with every name in the folder but `.` and `..`, in no order; stops early when it
/// answers false. `folder` may be shared: its own offset is not used.
Result<> for_each_name(int folder, std::string_view what,
                       const std::function<bool(const char* name)>& each);

/// Replaces `name` in folder `at` whole or not at all, and durably: a temporary file beside it,
/// synced, renamed over it, the folder synced. For control and password files, never for mail.
Result<> replace_file(int at, const std::string& name, std::string_view text, mode_t mode);

}  // namespace porpoise::posix
