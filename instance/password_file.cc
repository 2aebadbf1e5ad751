#include "instance/password_file.h"

#include <algorithm>
#include <cerrno>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include "posix/error.h"

namespace porpoise {
namespace {

constexpr std::size_t kMaxEntryOctets = 1 << 20;
constexpr char kBreak = '-';

// What a password file cannot hold, or what means something else there.
bool can_be_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxUserName) return false;
  if (name.front() == '-' || name.front() == '+') return false;
  return std::ranges::none_of(name, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet <= ' ' || octet == 127 || c == ':' || c == '/';
  });
}

std::vector<gid_t> groups_of(const passwd& entry) {
  std::vector<gid_t> groups(64);
  for (;;) {
    int count = static_cast<int>(groups.size());
    if (::getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) >= 0) {
      groups.resize(static_cast<std::size_t>(count));
      break;
    }
    if (groups.size() >= kMaxGroups) break;
    groups.resize(kMaxGroups);
  }
  std::erase_if(groups, [&](gid_t gid) { return gid == entry.pw_gid || gid == 0; });
  return groups;
}

bool gets_mail(const Identities& identities, const PasswordEntry& entry) {
  return entry.uid != 0 && entry.gid != 0 && entry.uid != UINT32_MAX && entry.gid != UINT32_MAX &&
         entry.uid != identities.queue.uid && entry.uid != identities.network.uid &&
         entry.home.starts_with('/');
}

}  // namespace

std::vector<std::string> user_names(std::string_view local_part) {
  std::vector<std::string> names;
  std::string name = ascii_lower(local_part);
  for (;;) {
    if (can_be_name(name)) names.push_back(name);
    const std::size_t at = name.rfind(kBreak);
    if (at == std::string::npos) return names;
    name.resize(at);
  }
}

Result<std::optional<PasswordEntry>> password_entry(const std::string& name) {
  std::vector<char> room(16384);
  for (;;) {
    passwd entry{};
    passwd* found = nullptr;
    const int err = ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found);
    if (err == EINTR) continue;
    if (err == ERANGE && room.size() < kMaxEntryOctets) {
      room.resize(room.size() * 4);
      continue;
    }
    // glibc says 0 for "no such user"; every errno is a source that could not be asked.
    if (err != 0) {
      return temporary("looking up user {}: {} (#4.3.0)", name, posix::error_text(err));
    }
    if (found == nullptr) return std::optional<PasswordEntry>();
    return std::optional(PasswordEntry{.name = name,
                                       .uid = entry.pw_uid,
                                       .gid = entry.pw_gid,
                                       .home = entry.pw_dir,
                                       .groups = groups_of(entry)});
  }
}

std::optional<Account> password_account(const Identities& identities, PasswordEntry entry,
                                        std::string_view local_part) {
  if (!gets_mail(identities, entry)) return std::nullopt;
  const std::vector<std::string> names = user_names(local_part);
  if (std::ranges::find(names, entry.name) == names.end()) return std::nullopt;
  std::erase(entry.groups, gid_t{0});
  Account account;
  account.user = std::move(entry.name);
  account.uid = entry.uid;
  account.gid = entry.gid;
  account.home = std::move(entry.home);
  if (account.user.size() < local_part.size()) {
    account.dash = "-";
    account.ext = local_part.substr(account.user.size() + 1);
  }
  account.rule = "the password file";
  account.groups = std::move(entry.groups);
  account.needs_home = true;
  return account;
}

Result<std::vector<Account>> password_accounts(const Instance& instance,
                                               std::string_view local_part) {
  std::vector<Account> accounts;
  for (const std::string& name : user_names(local_part)) {
    Result<std::optional<PasswordEntry>> entry = password_entry(name);
    if (!entry) return failed(entry);
    if (!*entry) continue;
    std::optional<Account> account =
        password_account(instance.identities(), std::move(**entry), local_part);
    if (account) accounts.push_back(std::move(*account));
  }
  return accounts;
}

Result<bool> has_home(const Account& account) {
  if (!account.needs_home) return true;
  struct stat st;
  if (::stat(account.home.c_str(), &st) == 0) return st.st_uid == account.uid;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return temporary("looking at home {}: {} (#4.3.0)", account.home, posix::error_text(errno));
}

}  // namespace porpoise
