#include "spawn/spawner.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "posix/clock.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/program.h"
#include "posix/socket.h"
#include "spawn/remote.h"

namespace porpoise::spawn {
namespace {

constexpr int kReadsAWakeUp = 16;          // of a pipe: a writer without end must not hold the loop
constexpr std::size_t kMaxOutgoing = 600;  // messages to send that wait; then no command is taken
constexpr int kCommandsAWakeUp = 64;       // nor may a flood of commands
constexpr int kComplaintsASecond = 10;     // nor fill the log
constexpr std::int64_t kSecond = 1'000'000;

std::int64_t microseconds(std::chrono::seconds seconds) {
  return seconds.count() * kSecond;
}

Result<posix::UniqueFd> make_signal_descriptor() {
  // ^C in a terminal reaches us too; only send's end, or SIGTERM, is meant for us.
  (void)::signal(SIGINT, SIG_IGN);
  (void)::signal(SIGHUP, SIG_IGN);
  (void)::signal(SIGCHLD, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  (void)::sigprocmask(SIG_BLOCK, &set, nullptr);
  posix::UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.open()) return posix::trouble(errno, "making a signal descriptor");
  return fd;
}

std::string too_late(std::chrono::seconds limit) {
  return fmt::format("the delivery took longer than {} seconds and was ended (#4.3.0)\n",
                     limit.count());
}

}  // namespace

Spawner::Spawner(const Instance& instance, int socket, posix::UniqueFd lock, const Limits& limits)
    : instance_(instance),
      socket_(socket),
      limits_(limits),
      accounts_(instance),
      launcher_(instance, std::move(lock), limits.grace) {}

Result<> Spawner::serve() {
  Result<posix::UniqueFd> signals = make_signal_descriptor();
  if (!signals) return failed(signals);
  signals_ = std::move(*signals);
  if (Result<> done = launcher_.prepare(); !done) return done;
  if (Result<> done = posix::set_nonblocking(socket_); !done) return done;
  while ((open_ && !ending_) || !children_.empty() || !outgoing_.empty()) {
    if (Result<> done = wait_for_events(); !done) return done;
  }
  return {};
}

Result<> Spawner::wait_for_events() {
  std::vector<pollfd> polled;
  std::vector<pid_t> owners;  // of polled[2], polled[4], ...: two descriptors each
  const bool reading = open_ && outgoing_.size() < kMaxOutgoing;
  const short wanted =
      static_cast<short>((reading ? POLLIN : 0) | (outgoing_.empty() ? 0 : POLLOUT));
  polled.push_back({wanted != 0 ? socket_ : -1, wanted, 0});
  polled.push_back({signals_.get(), POLLIN, 0});
  for (const auto& [pid, child] : children_) {
    owners.push_back(pid);
    polled.push_back({child.report.get(), POLLIN, 0});
    polled.push_back({child.notes.get(), POLLIN, 0});
  }
  if (::poll(polled.data(), polled.size(), milliseconds_to_wait()) < 0 && errno != EINTR) {
    return posix::trouble(errno, "waiting for events");
  }
  for (std::size_t i = 0; i < owners.size(); ++i) {
    if (polled[2 + 2 * i].revents != 0 || polled[3 + 2 * i].revents != 0) {
      read_from(children_.at(owners[i]));
    }
  }
  if (polled[1].revents != 0) take_signals();
  enforce_deadlines();
  flush();
  if (reading && (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) take_commands();
  return {};
}

void Spawner::take_commands() {
  for (int i = 0; i < kCommandsAWakeUp && outgoing_.size() < kMaxOutgoing; ++i) {
    Result<std::optional<posix::Message>> message =
        posix::receive_message(socket_, kMaxMessageOctets);
    if (!message && message.error().sys == EAGAIN) return;
    if (!message && message.error().sys == 0) {
      complain(message.error().text);
      continue;
    }
    if (!message || !*message) {
      open_ = false;
      return;
    }
    std::optional<StartDelivery> start = decode_start((*message)->text);
    if (!start) {
      complain("a message that makes no sense came from send");
      continue;
    }
    handle(std::move(*start), std::move((*message)->descriptor));
  }
}

void Spawner::handle(StartDelivery start, posix::UniqueFd content) {
  if (in_use(start.slot)) {
    // A report now would be taken for that of the delivery which has the slot.
    return complain(fmt::format("slot {} is in use already", start.slot));
  }
  const auto refuse_later = [&](std::string text) {
    refuse(start.slot, Error{Fate::temporary, std::move(text), 0});
  };
  if (!content.open()) return refuse_later("the message did not come with its delivery (#4.3.0)");
  if (ending_) return refuse_later("spawn was told to end (#4.3.0)");
  if (children_.size() >= limits_.deliveries) {
    return refuse_later("too many deliveries at once (#4.3.0)");
  }
  if (start.progress.size() > kMaxNoteOctets) start.progress.clear();

  Job job{std::move(start), std::move(content)};
  if (Result<> done = begin(job); !done) refuse(job.start.slot, done.error());
}

Result<> Spawner::begin(Job& job) {
  if (job.start.elsewhere) return start_remote(job);
  Result<std::string> local_part = local_part_of(job.start);
  if (!local_part) return failed(local_part);
  Result<const Accounts*> accounts = accounts_.current();
  if (!accounts) return temporary("{} (#4.3.0)", accounts.error().text);
  if (!instance_.is_system()) return start_local(job, (*accounts)->find(*local_part));
  if (std::optional<Account> assigned = (*accounts)->assigned(*local_part)) {
    return start_local(job, *assigned);
  }
  job.candidates = {(*accounts)->alias(*local_part)};
  if (const std::vector<Account>* known = recent_.find(*local_part, posix::running_us())) {
    try_accounts(std::move(job), *known);
    return {};
  }
  Result<Lookup> lookup = start_lookup(instance_, *local_part);
  if (!lookup) return temporary("{} (#4.3.0)", lookup.error().text);
  Child child;
  child.stage = Stage::lookup;
  child.job = std::move(job);
  child.most = kMaxAnswerOctets;
  add({.pid = lookup->pid, .report = std::move(lookup->answer), .notes = {}, .home = {}},
      std::move(child), limits_.lookup);
  return {};
}

// In their order; alias/, the last, is among its candidates already.
void Spawner::try_accounts(Job job, const std::vector<Account>& accounts) {
  job.candidates.insert(job.candidates.end(), accounts.rbegin(), accounts.rend());
  try_next(std::move(job));
}

// An account of the password file may turn out to be none.
void Spawner::try_next(Job job) {
  if (ending_) {
    return refuse(job.start.slot, Error{Fate::temporary, "spawn was told to end (#4.3.0)", 0});
  }
  const Account account = std::move(job.candidates.back());
  job.candidates.pop_back();
  if (Result<> done = start_local(job, account); !done) refuse(job.start.slot, done.error());
}

Result<> Spawner::start_local(Job& job, const Account& account) {
  Result<Launched> launched = launcher_.local(job.start, account, job.content.get());
  if (!launched) return failed(launched);
  Child child;
  child.stage = Stage::local;
  child.job = std::move(job);
  if (child.job.candidates.empty()) child.job.content.reset();
  add(std::move(*launched), std::move(child), limits_.delivery);
  return {};
}

Result<> Spawner::start_remote(Job& job) {
  Result<Launched> launched = launcher_.remote(job.start, job.content.get());
  if (!launched) return failed(launched);
  Child child;
  child.stage = Stage::remote;
  child.style = *launched->elsewhere;
  child.most = kMaxRemoteOctets;
  child.job.start = std::move(job.start);
  add(std::move(*launched), std::move(child), limits_.remote);
  return {};
}

void Spawner::add(Launched launched, Child child, std::chrono::seconds limit) {
  child.report = std::move(launched.report);
  child.notes = std::move(launched.notes);
  child.home = std::move(launched.home);
  child.limit = limit;
  child.deadline_us = posix::running_us() + microseconds(limit);
  children_.emplace(launched.pid, std::move(child));
}

void Spawner::take_signals() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo != SIGTERM) continue;
    ending_ = true;
    for (auto& [pid, child] : children_) tell_to_end(pid, child);
  }
  reap();
}

void Spawner::reap() {
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    const auto found = children_.find(pid);
    if (found == children_.end()) continue;
    Child child = std::move(found->second);
    children_.erase(found);
    read_from(child);
    finish(std::move(child), posix::ended(status));
  }
}

// What is there now. At the end of a pipe nothing more is polled for.
void Spawner::read_from(Child& child) {
  static std::array<char, 65536> room;
  const auto drain = [](posix::UniqueFd& fd, const auto& take) {
    for (int reads = 0; fd.open() && reads < kReadsAWakeUp; ++reads) {
      Result<std::size_t> n = posix::read_some(fd.get(), room, "a pipe");
      if (!n && n.error().sys == EAGAIN) return;
      if (!n || *n == 0) {
        fd.reset();
        return;
      }
      take(std::string_view(room.data(), *n));
    }
  };
  drain(child.report, [&](std::string_view piece) {
    if (child.stage == Stage::local) return child.text.add(piece);
    child.said += piece.substr(0, child.most - child.said.size());
  });
  bool noted = false;
  drain(child.notes, [&](std::string_view piece) { noted |= child.reader.feed(piece); });
  // Where send does not keep up, the report's note has to do.
  if (noted && outgoing_.size() < kMaxOutgoing) {
    post(encode(DeliveryNote{child.job.start.slot, child.reader.last()}));
  }
}

void Spawner::finish(Child child, const posix::Ended& ended) {
  if (child.stage == Stage::lookup) return finish_lookup(std::move(child), ended);
  char word = '\0';
  if (child.home.open() && ::read(child.home.get(), &word, 1) == 1 && word == kNoHome) {
    return try_next(std::move(child.job));
  }
  DeliveryReport report;
  report.slot = child.job.start.slot;
  if (child.stage == Stage::remote) {
    judge_elsewhere(child, ended, report);
  } else {
    judge(child, ended, report);
  }
  post(encode(report));
}

void Spawner::finish_lookup(Child child, const posix::Ended& ended) {
  if (child.reported) return;
  const std::uint32_t slot = child.job.start.slot;
  const auto fails = [&](std::string text) {
    refuse(slot, Error{Fate::temporary, std::move(text), 0});
  };
  if (child.told != 0) return fails("spawn was told to end (#4.3.0)");
  if (!ended.ok())
    return fails(fmt::format("the look-up of an account: {} (#4.3.0)", ended.text()));
  const Result<std::string> local_part = local_part_of(child.job.start);
  if (!local_part) return refuse(slot, local_part.error());
  Result<std::vector<Account>> accounts =
      decode_answer(instance_.identities(), *local_part, child.said);
  if (!accounts) return fails(accounts.error().text);
  recent_.keep(*local_part, *accounts, posix::running_us());
  try_accounts(std::move(child.job), *accounts);
}

void Spawner::judge(const Child& child, const posix::Ended& ended, DeliveryReport& report) {
  ReportText text = child.text;
  report.letter = letter_of(ended);
  if (child.late && report.letter != 'K') {
    report.letter = 'Z';
    text.add(too_late(child.limit));
  } else if (ended.signal != 0 || (report.letter != 'K' && text.empty())) {
    text.add(fmt::format("local: {} (#{}.3.0)\n", ended.text(), report.letter == 'D' ? '5' : '4'));
  }
  report.text = text.text();
  // Also where this attempt added none: what an earlier one did stays done.
  report.note = child.reader.last().empty() ? child.job.start.progress : child.reader.last();
}

void Spawner::judge_elsewhere(const Child& child, const posix::Ended& ended,
                              DeliveryReport& report) {
  const Said said = child.style == RemoteProgram::Style::pipe ? said_by_pipe(ended, child.said)
                                                              : said_by_qmail(ended, child.said);
  report.letter = said.letter;
  ReportText text;
  text.add(said.text);
  if (child.late && said.letter != 'K') {
    report.letter = 'Z';
    text.add("\n" + too_late(child.limit));
  }
  report.text = text.text();
}

void Spawner::enforce_deadlines() {
  const std::int64_t now = posix::running_us();
  for (auto& [pid, child] : children_) {
    if (child.deadline_us > now) continue;
    if (child.told == 0) {
      child.late = true;
      tell_to_end(pid, child);
    } else if (child.told == 1) {
      (void)::kill(-pid, SIGKILL);
      child.told = 2;
    }
  }
}

void Spawner::tell_to_end(pid_t pid, Child& child) {
  if (child.told != 0) return;
  if (child.stage == Stage::lookup) {
    // It may hang where no signal is heard, and nothing of ours is lost with it.
    (void)::kill(pid, SIGKILL);
    child.told = 2;
    if (!child.late) return;
    child.reported = true;
    refuse(child.job.start.slot,
           Error{Fate::temporary,
                 fmt::format("the look-up of an account took longer than {} seconds (#4.3.0)",
                             child.limit.count()),
                 0});
    return;
  }
  // local sees to its programs; of another program the whole group is told.
  (void)::kill(child.stage == Stage::remote ? -pid : pid, SIGTERM);
  child.told = 1;
  child.deadline_us = posix::running_us() + microseconds(limits_.grace);
}

int Spawner::milliseconds_to_wait() const {
  std::int64_t nearest = -1;
  for (const auto& [pid, child] : children_) {
    if (child.told == 2) continue;
    nearest = nearest < 0 ? child.deadline_us : std::min(nearest, child.deadline_us);
  }
  if (nearest < 0) return -1;
  const std::int64_t left = std::max<std::int64_t>(nearest - posix::running_us(), 0);
  return static_cast<int>(std::min<std::int64_t>(left / 1000 + 1, 3'600'000));
}

bool Spawner::in_use(std::uint32_t slot) const {
  return std::ranges::any_of(children_, [&](const auto& c) {
    return c.second.job.start.slot == slot && !c.second.reported;
  });
}

void Spawner::refuse(std::uint32_t slot, const Error& error) {
  post(encode(DeliveryReport{slot, error.fate == Fate::permanent ? 'D' : 'Z', error.text, ""}));
}

void Spawner::post(std::string message) {
  outgoing_.push_back(std::move(message));
  flush();
}

void Spawner::complain(std::string_view text) {
  const std::int64_t now = posix::running_us();
  if (now - complaints_since_us_ > kSecond) {
    complaints_since_us_ = now;
    complaints_ = 0;
  }
  if (++complaints_ <= kComplaintsASecond) posix::complain("spawn", text);
}

// What send no longer takes, because it is gone, nobody wants.
void Spawner::flush() {
  while (!outgoing_.empty()) {
    Result<> done = posix::send_message(socket_, outgoing_.front());
    if (!done && done.error().sys == EAGAIN) return;
    if (!done) {
      outgoing_.clear();
      open_ = false;
      return;
    }
    outgoing_.pop_front();
  }
}

}  // namespace porpoise::spawn
