#include "local/search.h"

#include <sys/stat.h>
#include <unistd.h>

#include "libmail/dot_file.h"
#include "posix/error.h"
#include "posix/file.h"

namespace porpoise::local {
namespace {

using posix::error_text;
using posix::UniqueFd;

// A dot-file that exists, but cannot be opened, must not be passed over for another.
bool hides_a_file(int err) {
  return posix::is_temporary(err) || err == EACCES || err == EPERM;
}

struct Opened {
  UniqueFd fd;
  bool forward_only = false;
};

// Nothing: there is no such file.
Result<std::optional<Opened>> open_dot_file(const std::string& name) {
  Result<UniqueFd> fd = posix::open_at(posix::kHere, name, O_RDONLY | O_NONBLOCK);
  if (!fd) {
    if (!hides_a_file(fd.error().sys)) return std::optional<Opened>();
    return temporary("opening {}: {} (#4.3.0)", name, error_text(fd.error().sys));
  }
  Result<struct stat> st = posix::stat_of(fd->get(), name);
  if (!st) return temporary("{} (#4.3.0)", st.error().text);
  if (!S_ISREG(st->st_mode)) return std::optional<Opened>();
  if (st->st_mode & S_IWOTH) return temporary("{} is writable by everyone (#4.7.0)", name);
  return std::optional(Opened{std::move(*fd), (st->st_mode & S_IXUSR) != 0});
}

DotFile default_delivery(const Delivery& delivery) {
  DotFile file;
  file.name = "the default delivery";
  file.text = delivery.default_delivery;
  return file;
}

Result<DotFile> read_dot_file(const Opened& opened, const mail::DotName& name,
                              const Delivery& delivery) {
  Result<std::string> text = posix::read_to_end(opened.fd.get(), kMaxDotFileOctets, name.name);
  if (!text) return temporary("{} (#4.3.0)", text.error().text);
  DotFile file;
  if (text->empty()) {
    file = default_delivery(delivery);
  } else {
    file.name = name.name;
    file.text = std::move(*text);
    file.forward_only = opened.forward_only;
  }
  if (name.default_from) file.default_part = delivery.ext.substr(*name.default_from);
  return file;
}

Result<bool> exists(const std::string& name) {
  struct stat st;
  if (::stat(name.c_str(), &st) == 0) return true;
  if (!posix::is_temporary(errno)) return false;
  return temporary("looking at {}: {} (#4.3.0)", name, error_text(errno));
}

}  // namespace

Result<std::string> enter_home(const std::string& home, bool sticky_is_fine) {
  if (::chdir(home.c_str()) != 0) {
    return temporary("entering home {}: {} (#4.3.0)", home, error_text(errno));
  }
  struct stat st;
  if (::stat(".", &st) != 0) {
    return temporary("looking at home {}: {} (#4.3.0)", home, error_text(errno));
  }
  if (st.st_mode & S_IWOTH) return temporary("home {} is writable by everyone (#4.7.0)", home);
  if ((st.st_mode & S_ISVTX) == 0) return std::string();
  std::string text = fmt::format("home {} is being changed: its sticky bit is set", home);
  if (sticky_is_fine) return text;
  return temporary("{} (#4.2.1)", text);
}

Result<DotFile> find_dot_file(const Delivery& delivery) {
  for (const mail::DotName& name : mail::dot_file_names(delivery.dash, delivery.ext)) {
    Result<std::optional<Opened>> opened = open_dot_file(name.name);
    if (!opened) return failed(opened);
    if (*opened) return read_dot_file(**opened, name, delivery);
  }
  if (delivery.dash.empty()) return default_delivery(delivery);
  return permanent("sorry, no mailbox here by that name (#5.1.1)");
}

Result<Owners> find_owners(const Delivery& delivery) {
  const std::string name = ".qmail" + delivery.dash + mail::safe_extension(delivery.ext) + "-owner";
  Result<bool> owner = exists(name);
  if (!owner) return failed(owner);
  if (!*owner) return Owners{};
  Result<bool> owner_default = exists(name + "-default");
  if (!owner_default) return failed(owner_default);
  return Owners{true, *owner_default};
}

}  // namespace porpoise::local
