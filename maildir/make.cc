#include "maildir/make.h"

#include <array>
#include <fcntl.h>
#include <unistd.h>

#include "posix/file.h"

namespace porpoise::maildir {
namespace {

constexpr std::array kParts = {"tmp", "new", "cur"};

// "a/b/" -> "a"; "b" -> "."; "/b" -> "/"
std::string folder_above(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<> fill(const std::string& path) {
  Result<posix::UniqueFd> top = posix::open_folder(posix::kHere, path);
  if (!top) return failed(top);
  for (const char* part : kParts) {
    if (Result<> made = posix::make_folder(top->get(), part, 0700); !made) return made;
  }
  if (Result<> done = posix::sync(top->get(), path); !done) return done;
  const std::string above = folder_above(path);
  Result<posix::UniqueFd> holder = posix::open_folder(posix::kHere, above);
  if (!holder) return failed(holder);
  return posix::sync(holder->get(), above);
}

void remove_what_we_made(const std::string& path) {
  for (const char* part : kParts) (void)::rmdir((path + "/" + part).c_str());
  (void)::rmdir(path.c_str());
}

}  // namespace

Result<> make(const std::string& path) {
  Result<> done = posix::make_folder(posix::kHere, path, 0700);
  if (done) {
    done = fill(path);
    if (!done) remove_what_we_made(path);
  }
  if (!done) done.error().fate = Fate::temporary;
  return done;
}

}  // namespace porpoise::maildir
