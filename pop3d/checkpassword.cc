#include "pop3d/checkpassword.h"

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instance/resolver.h"
#include "pop3d/beside.h"
#include "pop3d/login.h"
#include "pop3d/passwd.h"
#include "pop3d/popup.h"
#include "posix/become.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/process.h"
#include "posix/program.h"
#include "posix/socket.h"
#include "spawn/lookup.h"

namespace porpoise::pop3d {
namespace {

constexpr int kWrong = 1;
constexpr int kMisuse = 2;
constexpr int kRecordFd = 3;
constexpr int kLookupMs = 30'000;  // between two pieces of the look-up's answer

// Also where it is a permanent one: what is wrong here is never the password, and can be mended.
Result<int> trouble(Error error) {
  error.fate = Fate::temporary;
  return tl::make_unexpected(std::move(error));
}

Result<> go_home(const Account& account) {
  if (::chdir(account.home.c_str()) != 0) {
    return posix::trouble(errno, fmt::format("entering home {}", account.home));
  }
  return {};
}

std::vector<std::string> login_variables(const Account& account) {
  return {"USER=" + account.user, "LOGNAME=" + account.user, "HOME=" + account.home,
          "SHELL=/bin/sh",
          fmt::format("PATH={}:/usr/local/bin:/usr/bin:/bin", posix::program_folder())};
}

Error execute(const std::vector<std::string>& program) {
  std::vector<char*> argv;
  argv.reserve(program.size() + 1);
  for (const std::string& word : program) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(find_program(program.front()).c_str(), argv.data());
  return posix::trouble(errno, fmt::format("starting {}", program.front())).value();
}

Result<int> become(const Account& account, const std::vector<std::string>& program) {
  if (account.uid == 0 || ::geteuid() == 0) return temporary("refusing to serve mail as uid 0");
  if (account.uid != ::geteuid()) {
    return temporary("{} has uid {} ({}) and we run as uid {}", account.user, account.uid,
                     account.rule, ::geteuid());
  }
  if (Result<> done = go_home(account); !done) return failed(done);
  for (std::string& variable : login_variables(account)) {
    const std::size_t equal = variable.find('=');
    (void)::setenv(variable.substr(0, equal).c_str(), variable.c_str() + equal + 1, 1);
  }
  return tl::make_unexpected(execute(program));
}

// ---- beside popup, as root

Result<> check_account(const Instance& instance, const Account& account) {
  const Identities& own = instance.identities();
  if (account.uid == 0 || account.gid == 0) return temporary("refusing to serve mail as uid 0");
  for (const Identity* identity : {&own.queue, &own.network, &own.alias}) {
    if (account.uid == identity->uid) {
      return temporary("refusing to serve mail as {}", identity->name);
    }
  }
  return {};
}

Result<> check_home(const Account& account) {
  struct stat st{};
  if (::stat(".", &st) != 0)
    return posix::trouble(errno, fmt::format("looking at {}", account.home));
  if (st.st_uid == account.uid) return {};
  return temporary("home {} belongs to uid {} and not to {}", account.home, st.st_uid,
                   account.user);
}

void answer(char letter) {
  (void)posix::send_message(kBesideFd, std::string_view(&letter, 1));
}

// Comes back only with what kept the session from beginning.
Error serve(const Instance& instance, const Account& account,
            const std::vector<std::string>& program) {
  if (Result<> done = check_account(instance, account); !done) return done.error();
  const posix::UniqueFd log(::fcntl(2, F_DUPFD_CLOEXEC, 10));
  Result<posix::UniqueFd> nowhere = posix::open_at(posix::kHere, "/dev/null", O_WRONLY);
  if (!nowhere) return nowhere.error();
  Result<> done = posix::become({account.uid, account.gid, account.groups});
  if (done) done = go_home(account);
  if (done) done = check_home(account);
  if (!done) return done.error();
  // The user may look into a process of their own, and must not find root's log there.
  if (::dup2(nowhere->get(), 2) < 0) return posix::trouble(errno, "leaving the log").value();
  (void)::clearenv();
  for (std::string& variable : login_variables(account)) {
    const std::size_t equal = variable.find('=');
    (void)::setenv(variable.substr(0, equal).c_str(), variable.c_str() + equal + 1, 1);
  }
  answer(kSaysServed);
  Error failure = execute(program);
  (void)::dup2(log.get(), 2);
  return failure;
}

// All that the look-up child says, or nothing where it says too much or takes too long.
std::string answer_of(const spawn::Lookup& lookup) {
  std::string answer;
  char room[4096];
  pollfd ready{lookup.answer.get(), POLLIN, 0};
  while (::poll(&ready, 1, kLookupMs) > 0) {
    Result<std::size_t> n = posix::read_some(lookup.answer.get(), room, "the answer");
    if (!n || *n == 0) return answer;
    answer.append(room, *n);
    if (answer.size() > spawn::kMaxAnswerOctets) break;
  }
  return "";
}

// A user of the password file, by exactly that name.
Result<std::optional<Account>> user_called(const Instance& instance, const std::string& name) {
  Result<spawn::Lookup> lookup = spawn::start_lookup(instance, name);
  if (!lookup) return failed(lookup);
  const std::string answer = answer_of(*lookup);
  (void)::kill(lookup->pid, SIGKILL);
  (void)posix::wait_for(lookup->pid);
  Result<std::vector<Account>> accounts = spawn::decode_answer(instance.identities(), name, answer);
  if (!accounts) return failed(accounts);
  for (Account& account : *accounts) {
    if (ascii_equal(account.user, name)) return std::optional(std::move(account));
  }
  return std::optional<Account>();
}

Result<std::optional<Account>> account_of(const Instance& instance, const std::string& name) {
  Result<Accounts> accounts = Accounts::load(instance);
  if (!accounts) return failed(accounts);
  std::optional<Account> assigned = accounts->login(name);
  if (assigned) return assigned;
  return user_called(instance, name);
}

// 'W' or 'T'; or it does not come back.
char check_record(const Instance& instance, std::string& octets,
                  const std::vector<std::string>& program) {
  std::optional<LoginRecord> record = parse_login_record(octets);
  wipe(octets);
  if (!record) return kSaysTrouble;
  Result<bool> right = verify_password(instance, record->name, record->secret);
  wipe(record->secret);
  if (right && !*right) return kSaysWrong;
  Result<std::optional<Account>> account = std::optional<Account>();
  if (right) account = account_of(instance, record->name);
  if (right && account && !*account) return kSaysWrong;
  const Error failure = !right     ? right.error()
                        : !account ? account.error()
                                   : serve(instance, **account, program);
  posix::complain("checkpassword", fmt::format("{}: {}", record->name, failure.text));
  return kSaysTrouble;
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

Result<int> run_beside(const std::optional<std::string>& instance_path,
                       const std::vector<std::string>& program) {
  if (program.empty()) return permanent("want a program to become");
  Result<Instance> instance = Instance::find(instance_path);
  if (!instance) return failed(instance);
  if (!instance->is_system()) return permanent("--beside: not in a personal instance");
  if (Result<> done = instance->require_administrator(); !done) return failed(done);
  if (Result<> done = instance->require_layout(); !done) return failed(done);
  if (::fcntl(kBesideFd, F_SETFD, FD_CLOEXEC) != 0) {
    return posix::system_error(errno, "taking descriptor 3");
  }
  // popup may be in the hands of a stranger: it gets no more guesses than a client.
  for (int i = 0; i < kMaxRecords; ++i) {
    Result<std::optional<posix::Message>> record =
        posix::receive_message(kBesideFd, kMaxLoginRecordOctets);
    if (!record) return failed(record);
    if (!*record) return 0;
    answer(check_record(*instance, (*record)->text, program));
    if (::geteuid() != 0) return 0;  // there is no way back from a user
  }
  return 0;
}

}  // namespace porpoise::pop3d
