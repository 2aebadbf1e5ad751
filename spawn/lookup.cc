#include "spawn/lookup.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "instance/password_file.h"
#include "libmail/number.h"
#include "posix/become.h"
#include "posix/file.h"
#include "posix/process.h"
#include "posix/sandbox.h"
#include "posix/socket.h"

namespace porpoise::spawn {
namespace {

constexpr rlim_t kMaxMemory = 512ul << 20;  // of one look-up
constexpr rlim_t kMaxSeconds = 10;          // of processor time
constexpr std::size_t kFields = 5;
constexpr std::size_t kMaxReason = 500;  // octets of why there is no answer

void limit_lookup() {
  const rlimit memory{kMaxMemory, kMaxMemory}, time{kMaxSeconds, kMaxSeconds}, nothing{0, 0};
  (void)::setrlimit(RLIMIT_DATA, &memory);
  (void)::setrlimit(RLIMIT_CPU, &time);
  (void)::setrlimit(RLIMIT_FSIZE, &nothing);
}

Result<std::vector<Account>> look_up(const Instance& instance, const std::string& local_part,
                                     pid_t parent) {
  const Identity& network = instance.identities().network;
  (void)::clearenv();
  Result<> done = posix::become({.uid = network.uid, .gid = network.gid});
  if (!done) return failed(done);
  if (done = posix::end_with(parent, SIGKILL); !done) return failed(done);
  limit_lookup();
  // A directory is asked over a socket.
  Result<posix::Confined> confined =
      posix::confine({.places = {{.path = "/"}}, .makes_sockets = true});
  if (!confined) return failed(confined);
  return password_accounts(instance, local_part);
}

std::string joined(const std::vector<gid_t>& groups) {
  return fmt::format("{}", fmt::join(groups, ","));
}

bool parse_groups(std::string_view text, std::vector<gid_t>& groups) {
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    if (!parse_number(one, groups.emplace_back())) return false;
    text.remove_prefix(std::min(one.size() + 1, text.size()));
  }
  return groups.size() <= kMaxGroups;
}

std::optional<PasswordEntry> parse_entry(const std::vector<std::string>& fields) {
  PasswordEntry entry;
  entry.name = fields[0];
  entry.home = fields[3];
  if (!parse_number(fields[1], entry.uid) || !parse_number(fields[2], entry.gid) ||
      !parse_groups(fields[4], entry.groups)) {
    return std::nullopt;
  }
  return entry;
}

}  // namespace

Result<Lookup> start_lookup(const Instance& instance, std::string_view local_part) {
  Result<posix::Pipe> pipe = posix::make_pipe();
  if (!pipe) return failed(pipe);
  if (Result<> done = posix::set_nonblocking(pipe->read.get()); !done) return failed(done);
  const std::string name(local_part);
  const pid_t parent = ::getpid();
  Result<pid_t> pid = posix::fork_into({-1, pipe->write.get(), -1}, [&] {
    return posix::write_all(1, encode_answer(look_up(instance, name, parent)), "the answer") ? 0
                                                                                             : 111;
  });
  if (!pid) return failed(pid);
  return Lookup{*pid, std::move(pipe->read)};
}

// "K", then of each account name, uid, gid, home and groups, each ended by NUL, then "."; or "Z"
// and why not.
std::string encode_answer(const Result<std::vector<Account>>& accounts) {
  if (!accounts) return "Z" + accounts.error().text;
  std::string answer = "K";
  for (const Account& a : *accounts) {
    for (const std::string& field :
         {a.user, fmt::format("{}", a.uid), fmt::format("{}", a.gid), a.home, joined(a.groups)}) {
      answer += field;
      answer += '\0';
    }
  }
  return answer + ".";
}

Result<std::vector<Account>> decode_answer(const Identities& identities,
                                           std::string_view local_part, std::string_view answer) {
  if (answer.starts_with('Z')) return temporary("{}", answer.substr(1, kMaxReason));
  const auto senseless = [] { return temporary("the look-up of an account failed (#4.3.0)"); };
  if (!answer.starts_with('K') || !answer.ends_with('.')) return senseless();
  answer = answer.substr(1, answer.size() - 2);
  std::vector<Account> accounts;
  std::vector<std::string> fields;
  while (!answer.empty()) {
    const std::size_t end = answer.find('\0');
    if (end == std::string_view::npos) return senseless();
    fields.emplace_back(answer.substr(0, end));
    answer.remove_prefix(end + 1);
    if (fields.size() < kFields) continue;
    std::optional<PasswordEntry> entry = parse_entry(fields);
    if (!entry) return senseless();
    std::optional<Account> account = password_account(identities, std::move(*entry), local_part);
    if (account) accounts.push_back(std::move(*account));
    fields.clear();
  }
  if (!fields.empty()) return senseless();
  return accounts;
}

const std::vector<Account>* RecentAnswers::find(const std::string& local_part,
                                                std::int64_t now_us) const {
  const auto found = answers_.find(local_part);
  if (found == answers_.end() || found->second.until_us <= now_us) return nullptr;
  return &found->second.accounts;
}

void RecentAnswers::keep(const std::string& local_part, std::vector<Account> accounts,
                         std::int64_t now_us) {
  if (answers_.size() >= kMost) {
    std::erase_if(answers_, [&](const auto& a) { return a.second.until_us <= now_us; });
  }
  if (answers_.size() >= kMost) answers_.clear();
  answers_[local_part] = {std::move(accounts), now_us + kFreshUs};
}

}  // namespace porpoise::spawn
