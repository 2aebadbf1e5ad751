#include "front/owner.h"

#include <algorithm>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>
#include <vector>

#include "instance/control.h"
#include "libmail/number.h"
#include "posix/error.h"

namespace porpoise::front {
namespace {

constexpr std::size_t kMaxNameOctets = 64;          // a local part: RFC 5321 section 4.5.3.1.1
constexpr std::size_t kMaxHostOctets = 253;         // RFC 1035 section 2.3.4, in text
constexpr std::size_t kMaxPasswordEntry = 1 << 20;  // of one entry, with its texts

// One lookup in the password file, with room that grows as far as the entry needs.
template <class Lookup>
PasswordFile::Answer look_up(const std::string& shown, const Lookup& lookup) {
  for (std::vector<char> room(4096); room.size() <= kMaxPasswordEntry;
       room.resize(room.size() * 4)) {
    passwd entry{};
    passwd* found = nullptr;
    const int err = lookup(&entry, room.data(), room.size(), &found);
    if (err == ERANGE || err == EINTR) continue;
    if (found != nullptr) {
      return std::optional(Owner{found->pw_name, found->pw_uid, found->pw_gid, found->pw_dir});
    }
    // Several errnos say no more than that there is none: getpwnam(3).
    if (err == 0 || err == ENOENT || err == ESRCH || err == EBADF || err == EPERM) {
      return std::optional<Owner>();
    }
    return posix::trouble(err, fmt::format("looking up {} in the password file", shown));
  }
  return temporary("looking up {} in the password file: its entry is too long", shown);
}

std::optional<uid_t> decimal(std::string_view text) {
  const std::optional<uid_t> uid = number_in<uid_t>(text);
  return uid == static_cast<uid_t>(-1) ? std::nullopt : uid;  // setuid's "leave it"
}

PasswordFile::Answer named_user(const std::string& user, const PasswordFile& passwords) {
  PasswordFile::Answer found = passwords.by_name(user);
  if (!found || *found) return found;
  const std::optional<uid_t> uid = decimal(user);
  if (!uid) return permanent("--owner {}: no such user", user);
  found = passwords.by_uid(*uid);
  if (!found || *found) return found;
  return std::optional(Owner{fmt::format("{}", *uid), *uid, static_cast<gid_t>(*uid), ""});
}

// The password file's answer, or what is known without one: the home stays empty.
Result<Owner> known_owner(const OwnerWish& wish, const PasswordFile& passwords) {
  if (wish.caller_uid == 0 && !wish.user) {
    return permanent(
        "nothing is delivered as root: porpoise init --system makes an instance for all users, "
        "porpoise init --owner USER one for USER");
  }
  PasswordFile::Answer found =
      wish.user ? named_user(*wish.user, passwords) : passwords.by_uid(wish.caller_uid);
  if (!found) return failed(found);
  const std::string number = fmt::format("{}", wish.caller_uid);
  Owner owner = found->value_or(Owner{number, wish.caller_uid, wish.caller_gid, ""});
  if (owner.uid == 0) return permanent("--owner {}: nothing is ever delivered as root", *wish.user);
  if (wish.caller_uid != 0 && owner.uid != wish.caller_uid) {
    return permanent("--owner {}: only root makes an instance for somebody else", *wish.user);
  }
  if (owner.uid == wish.caller_uid) owner.gid = wish.caller_gid;
  return owner;
}

Result<> check_name(std::string_view name) {
  const auto bad = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 127 ||
           std::string_view(":/@<>()[],;\"\\&|#").find(c) != std::string_view::npos;
  };
  if (name.empty() || name.size() > kMaxNameOctets || name.front() == '.' || name.front() == '-' ||
      std::ranges::any_of(name, bad)) {
    return permanent("\"{}\" cannot be a local name: give another with --name", name);
  }
  return {};
}

Result<> check_home(const Owner& owner) {
  if (owner.home.empty()) {
    return permanent("uid {} has no home in the password file: give one with --home", owner.uid);
  }
  if (!owner.home.starts_with('/') || owner.home.find('\n') != std::string::npos) {
    return permanent("home {}: want an absolute path on one line", owner.home);
  }
  return {};
}

bool host_octet(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

// Letters, digits and single dots between them; what cannot be in a name becomes '-'.
std::string valid_host(std::string_view host) {
  std::string name;
  for (char c : host.substr(0, kMaxHostOctets - std::string_view(".localdomain").size())) {
    if (c == '.' && (name.empty() || name.back() == '.')) continue;
    name += c == '.' || host_octet(c) ? c : '-';
  }
  while (!name.empty() && (name.back() == '.' || name.back() == '-')) name.pop_back();
  name.erase(0, name.find_first_not_of("-."));
  return name.empty() ? "localhost" : ascii_lower(name);
}

// The first name of a line of /etc/hosts that is `label` with a domain.
std::string full_name_in(std::string_view hosts, const std::string& label) {
  while (!hosts.empty()) {
    const std::size_t end = std::min(hosts.find('\n'), hosts.size());
    std::string_view line = hosts.substr(0, end);
    hosts.remove_prefix(std::min(end + 1, hosts.size()));
    line = line.substr(0, line.find('#'));
    while (!line.empty()) {
      const std::size_t from = std::min(line.find_first_not_of(" \t\r"), line.size());
      line.remove_prefix(from);
      const std::string word = ascii_lower(line.substr(0, line.find_first_of(" \t\r")));
      line.remove_prefix(word.size());
      if (word.starts_with(label + ".") && check_host_name(word)) return word;
    }
  }
  return "";
}

}  // namespace

PasswordFile PasswordFile::real() {
  return {.by_name =
              [](const std::string& name) {
                return look_up(name,
                               [&](auto... into) { return ::getpwnam_r(name.c_str(), into...); });
              },
          .by_uid =
              [](uid_t uid) {
                return look_up(fmt::format("uid {}", uid),
                               [&](auto... into) { return ::getpwuid_r(uid, into...); });
              }};
}

Result<Owner> find_owner(const OwnerWish& wish, const PasswordFile& passwords) {
  Result<Owner> owner = known_owner(wish, passwords);
  if (!owner) return owner;
  const bool caller = owner->uid == wish.caller_uid;
  if (owner->home.empty() && caller) owner->home = wish.caller_home.value_or("");
  owner->name = wish.name.value_or(owner->name);
  owner->home = wish.home.value_or(owner->home);
  if (Result<> done = check_name(owner->name); !done) return failed(done);
  if (Result<> done = check_home(*owner); !done) return failed(done);
  return owner;
}

Result<> become(const Owner& owner) {
  if (::geteuid() == owner.uid) return {};
  const auto act = fmt::format("becoming uid {}", owner.uid);
  // No further groups: the name may be one that the password file has for somebody else.
  if (::setgroups(1, &owner.gid) != 0 || ::setgid(owner.gid) != 0 || ::setuid(owner.uid) != 0) {
    return posix::system_error(errno, act);
  }
  if (::geteuid() != owner.uid || ::getuid() != owner.uid) return permanent("{}: it failed", act);
  return {};
}

std::string full_host_name(std::string_view host, std::string_view hosts) {
  std::string name = valid_host(host);
  if (name.find('.') != std::string::npos) return name;
  const std::string full = full_name_in(hosts, name);
  return full.empty() ? name + ".localdomain" : full;
}

Result<> check_host_name(std::string_view host) {
  bool good = !host.empty() && host.size() <= kMaxHostOctets;
  for (std::string_view rest = host; good && !rest.empty();) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    good = dot > 0 && dot <= 63 && std::ranges::all_of(rest.substr(0, dot), host_octet) &&
           dot + 1 != rest.size();
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  if (!good) return permanent("\"{}\" is no host name", host);
  return {};
}

}  // namespace porpoise::front
