#include "front/init.h"

#include <algorithm>
#include <functional>
#include <stdlib.h>
#include <unistd.h>

#include "front/accounts.h"
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
std::string what_next(const std::string& path, const std::string& somebody) {
  const std::string porpoise =
      path == Instance::default_path() ? "porpoise" : "porpoise --instance " + shell_word(path);
  return fmt::format(
      "next:  {} run\n"
      "then:  printf 'To: %s\\nSubject: hi\\n\\nhello\\n' {} | {} sendmail -t\n",
      porpoise, shell_word(somebody), porpoise);
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

namespace {

using Report = std::function<void(const std::string&)>;

// Makes it, and tells each thing written and what comes next.
Result<int> make_and_tell(const std::string& path,
                          const std::function<Result<>(const Report&)>& make,
                          const std::string& somebody) {
  posix::Writer out(1, "standard output");
  bool wrote = false;
  Result<> done = make([&](const std::string& line) {
    out.put(fmt::format("wrote {}\n", line));
    wrote = true;
  });
  if (Result<> told = out.flush(); done && !told) return failed(told);
  if (!done) return failed(done);

  Result<Instance> made = Instance::open(path);
  if (!made) return failed(made);
  if (done = made->require_administrator(); !done) return failed(done);
  if (done = made->require_layout(); !done) return failed(done);
  if (!wrote) out.put(fmt::format("{} is there already: nothing changed\n", made->path()));
  out.put(what_next(made->path(), made->is_system() ? somebody : made->owner().name));
  if (done = out.flush(); !done) return failed(done);
  return 0;
}

// The line of a dot-file. Without a wish, alias/'s own Maildir keeps it until somebody looks.
Result<std::string> line_for_root(const InitWish& wish) {
  if (!wish.root_mail) return "./Maildir/";
  const std::string& whom = *wish.root_mail;
  if (whom.empty() || whom.find_first_of(" \t\n<>()\"") != std::string::npos) {
    return permanent("--root-mail {}: want a user or an address", shell_word(whom));
  }
  if (whom.find('@') != std::string::npos) return "&" + whom;
  PasswordFile::Answer user = PasswordFile::real().by_name(whom);
  if (!user) return failed(user);
  if (!*user) return permanent("--root-mail {}: no such user", whom);
  if ((*user)->uid == 0)
    return permanent("--root-mail {}: nothing is ever delivered as root", whom);
  return "&" + whom;
}

Result<int> init_system(const InitWish& wish) {
  if (::geteuid() != 0) {
    return permanent("--system: only root makes an instance for all users of a host");
  }
  if (wish.owner || wish.name || wish.home) {
    return permanent("--owner, --name and --home: a system instance has no owner");
  }
  Result<std::string> host = wished_host(wish);
  if (!host) return failed(host);
  Result<std::string> to_root = line_for_root(wish);
  if (!to_root) return failed(to_root);
  const std::string path =
      wish.folder.empty() ? std::string(Instance::system_path()) : absolute(wish.folder);
  const auto make = [&](const Report& report) -> Result<> {
    Result<Identities> accounts = find_or_add_accounts(PasswordFile::real(), add_account, report);
    if (!accounts) return failed(accounts);
    return Instance::create_system(path, *accounts, *host, *to_root, report);
  };
  return make_and_tell(path, make, "root");
}

}  // namespace

Result<int> init(const InitWish& wish) {
  if (wish.system) return init_system(wish);
  if (wish.root_mail) return permanent("--root-mail: only a system instance gets root's mail");
  Result<Owner> owner = wished_owner(wish);
  if (!owner) return failed(owner);
  Result<std::string> host = wished_host(wish);
  if (!host) return failed(host);
  const std::string path = wished_folder(wish, *owner);
  if (Result<> done = become(*owner); !done) return failed(done);

  const auto make = [&](const Report& report) {
    return Instance::create(path, *owner, *host, report);
  };
  return make_and_tell(path, make, owner->name);
}

}  // namespace porpoise::front
