#include "instance/trusted.h"

#include <sys/stat.h>

#include "instance/control.h"
#include "posix/file.h"

namespace porpoise {
namespace {

Result<> require_roots(const struct stat& st, const std::string& file) {
  if (st.st_uid != 0) {
    return temporary("{} belongs to uid {}; it has to belong to root", file, st.st_uid);
  }
  if ((st.st_mode & 022) != 0) {
    return temporary("{} has mode {:04o}: others than root may write to it", file,
                     st.st_mode & 07777);
  }
  return {};
}

}  // namespace

Result<std::optional<std::string>> trusted_text(const Instance& instance, const std::string& file) {
  Result<posix::UniqueFd> fd = posix::open_at(instance.folder(), file, O_RDONLY | O_NONBLOCK);
  if (!fd) {
    if (fd.error().sys == ENOENT) return std::optional<std::string>();
    return temporary("{}", fd.error().text);
  }
  Result<struct stat> st = posix::stat_of(fd->get(), file);
  if (!st) return failed(st);
  if (!S_ISREG(st->st_mode)) return temporary("reading {}: not a regular file", file);
  if (instance.is_system()) {
    if (Result<> roots = require_roots(*st, file); !roots) return failed(roots);
  }
  Result<std::string> text = posix::read_to_end(fd->get(), kMaxControlOctets, file);
  if (!text) return temporary("{}", text.error().text);
  return std::optional(std::move(*text));
}

}  // namespace porpoise
