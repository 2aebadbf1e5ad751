#include "front/init.h"

#include <algorithm>
#include <stdlib.h>
#include <unistd.h>

#include "front/owner.h"
#include "instance/control.h"
#include "instance/instance.h"
#include "posix/clock.h"
#include "posix/file.h"
#include "posix/writer.h"

namespace porpoise::front {
namespace {

constexpr std::size_t kMaxHostsOctets = 1 << 20;

std::optional<std::string> variable(const char* name) {
  const char* value = ::getenv(name);
  if (value == nullptr || value[0] == '\0') return std::nullopt;
  return value;
}

Result<std::string> wished_host(const InitWish& wish) {
  if (wish.host) {
    if (Result<> done = check_host_name(*wish.host); !done) return failed(done);
    return ascii_lower(*wish.host);
  }
  const auto hosts = posix::read_file(posix::kHere, "/etc/hosts", kMaxHostsOctets);
  return full_host_name(posix::host_name(), hosts.value_or(""));
}

std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  char* here = ::get_current_dir_name();
  const std::string full = fmt::format("{}/{}", here != nullptr ? here : ".", path);
  ::free(here);
  return full;
}

// Root's own $HOME says nothing about where the owner's programs will look.
std::string wished_folder(const InitWish& wish, const Owner& owner) {
  if (!wish.folder.empty()) return absolute(wish.folder);
  const bool anybodys = variable("PORPOISE") || ::geteuid() != 0;
  return anybodys ? Instance::default_path() : owner.home + "/.local/state/porpoise";
}

// Two lines that work when pasted.
std::string what_next(const std::string& path, const Owner& owner) {
  const std::string porpoise =
      path == Instance::default_path() ? "porpoise" : "porpoise --instance " + shell_word(path);
  return fmt::format(
      "next:  {} run\n"
      "then:  printf 'To: %s\\nSubject: hi\\n\\nhello\\n' {} | {} sendmail -t\n",
      porpoise, shell_word(owner.name), porpoise);
}

Result<Owner> wished_owner(const InitWish& wish) {
  return find_owner({.user = wish.owner,
                     .name = wish.name,
                     .home = wish.home,
                     .caller_uid = ::geteuid(),
                     .caller_gid = ::getegid(),
                     .caller_home = variable("HOME")},
                    PasswordFile::real());
}

}  // namespace

std::string shell_word(const std::string& text) {
  const auto plain = [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("/._-+=:,@%").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!text.empty() && std::ranges::all_of(text, plain)) return text;
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'') {
      word += "'\\''";
    } else {
      word += c;
    }
  }
  return word + "'";
}

Result<int> init(const InitWish& wish) {
  if (wish.system) {
    return permanent("--system: this version makes personal instances only (--owner USER)");
  }
  Result<Owner> owner = wished_owner(wish);
  if (!owner) return failed(owner);
  Result<std::string> host = wished_host(wish);
  if (!host) return failed(host);
  const std::string path = wished_folder(wish, *owner);
  if (Result<> done = become(*owner); !done) return failed(done);

  posix::Writer out(1, "standard output");
  bool wrote = false;
  Result<> done = Instance::create(path, *owner, *host, [&](const std::string& line) {
    out.put(fmt::format("wrote {}\n", line));
    wrote = true;
  });
  if (Result<> told = out.flush(); done && !told) return failed(told);
  if (!done) return failed(done);

  Result<Instance> made = Instance::open(path);
  if (!made) return failed(made);
  if (done = made->require_owner(); !done) return failed(done);
  if (!wrote) out.put(fmt::format("{} is there already: nothing changed\n", made->path()));
  out.put(what_next(made->path(), made->owner()));
  if (done = out.flush(); !done) return failed(done);
  return 0;
}

}  // namespace porpoise::front
