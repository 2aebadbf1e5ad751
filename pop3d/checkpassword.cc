#include "pop3d/checkpassword.h"

#include <cerrno>
#include <stdlib.h>
#include <unistd.h>

#include "instance/resolver.h"
#include "pop3d/login.h"
#include "pop3d/passwd.h"
#include "pop3d/popup.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/process.h"
#include "posix/program.h"

namespace porpoise::pop3d {
namespace {

constexpr int kWrong = 1;
constexpr int kMisuse = 2;
constexpr int kRecordFd = 3;

// Also where it is a permanent one: what is wrong here is never the password, and can be mended.
Result<int> trouble(Error error) {
  error.fate = Fate::temporary;
  return tl::make_unexpected(std::move(error));
}

Result<int> become(const Account& account, const std::vector<std::string>& program) {
  if (account.uid == 0 || ::geteuid() == 0) return temporary("refusing to serve mail as uid 0");
  if (account.uid != ::geteuid()) {
    return temporary("{} has uid {} ({}) and we run as uid {}", account.user, account.uid,
                     account.rule, ::geteuid());
  }
  if (::chdir(account.home.c_str()) != 0) {
    return posix::trouble(errno, fmt::format("entering home {}", account.home));
  }
  const std::string path = fmt::format("{}:/usr/local/bin:/usr/bin:/bin", posix::program_folder());
  (void)::setenv("USER", account.user.c_str(), 1);
  (void)::setenv("LOGNAME", account.user.c_str(), 1);
  (void)::setenv("HOME", account.home.c_str(), 1);
  (void)::setenv("SHELL", "/bin/sh", 1);
  (void)::setenv("PATH", path.c_str(), 1);

  std::vector<char*> argv;
  for (const std::string& word : program) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(find_program(program.front()).c_str(), argv.data());
  return posix::trouble(errno, fmt::format("starting {}", program.front()));
}

}  // namespace

std::optional<LoginRecord> parse_login_record(std::string_view octets) {
  LoginRecord record;
  for (std::string* field : {&record.name, &record.secret}) {
    const std::size_t end = octets.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    *field = octets.substr(0, end);
    octets.remove_prefix(end + 1);
  }
  if (octets.find('\0') == std::string_view::npos) return std::nullopt;
  return record;
}

Result<int> run_checkpassword(const std::optional<std::string>& instance_path,
                              const std::vector<std::string>& program) {
  // Before anything is opened, which might become descriptor 3.
  Result<std::string> octets = posix::read_to_end(kRecordFd, kMaxLoginRecordOctets, "descriptor 3");
  (void)::close(kRecordFd);
  std::optional<LoginRecord> record;
  if (octets) {
    record = parse_login_record(*octets);
    wipe(*octets);
  }
  if (!record || program.empty()) {
    posix::complain("checkpassword", program.empty() ? "want a program to become"
                                     : octets ? "descriptor 3: want name NUL password NUL stamp NUL"
                                              : octets.error().text);
    return kMisuse;
  }

  Result<Instance> instance = Instance::find(instance_path);
  if (!instance) return trouble(std::move(instance.error()));
  if (Result<> done = instance->require_administrator(); !done)
    return trouble(std::move(done.error()));
  Result<Accounts> accounts = Accounts::load(*instance);
  if (!accounts) return trouble(std::move(accounts.error()));
  Result<bool> right = verify_password(*instance, record->name, record->secret);
  wipe(record->secret);
  if (!right) return trouble(std::move(right.error()));
  const std::optional<Account> account = accounts->login(record->name);
  if (!*right || !account) return kWrong;
  return become(*account, program);
}

}  // namespace porpoise::pop3d
