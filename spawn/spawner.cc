#include "spawn/spawner.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "instance/control.h"
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
constexpr std::int64_t kSecond = 1'000'000;

void complain(std::string_view text) {
  posix::complain("spawn", text);
}

std::int64_t microseconds(std::chrono::seconds seconds) {
  return seconds.count() * kSecond;
}

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
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

struct ReadEnd {
  posix::UniqueFd ours;    // non-blocking
  posix::UniqueFd theirs;  // as programs expect it
};
Result<ReadEnd> make_read_end() {
  Result<posix::Pipe> pipe = posix::make_pipe();
  if (!pipe) return failed(pipe);
  if (Result<> done = posix::set_nonblocking(pipe->read.get()); !done) return failed(done);
  return ReadEnd{std::move(pipe->read), std::move(pipe->write)};
}

// Built from nothing; the switches of tests go on to local.
std::vector<std::string> environment_of_local(const Instance& instance,
                                              const std::string& progress) {
  std::vector<std::string> list = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                   fmt::format("PORPOISE={}", instance.path()),
                                   "PORPOISE_PROGRESS_FD=3"};
  if (!progress.empty()) list.push_back(fmt::format("PORPOISE_PROGRESS={}", progress));
  for (const char* name : {"PORPOISE_BIN", "PORPOISE_NAMED_FILES"}) {
    const char* value = ::getenv(name);
    if (value != nullptr) list.push_back(fmt::format("{}={}", name, value));
  }
  return list;
}

// The owner's, so that it finds what the owner has set up for it (~/.msmtprc), and nothing else.
std::vector<std::string> environment_elsewhere(const Instance& instance) {
  const Owner& owner = instance.owner();
  return {fmt::format("PATH={}", kRemotePath), fmt::format("HOME={}", owner.home),
          fmt::format("USER={}", owner.name), fmt::format("LOGNAME={}", owner.name),
          fmt::format("PORPOISE={}", instance.path())};
}

}  // namespace

AccountTable::Stamp AccountTable::stamp_of(const char* name) const {
  struct stat st;
  if (::fstatat(instance_.folder(), name, &st, 0) != 0) return {};
  return {st.st_ino, st.st_size, nanoseconds(st.st_mtim), nanoseconds(st.st_ctim)};
}

// A second change within one tick of the file system's clock leaves the same times.
bool AccountTable::may_change_unseen(const Stamp& stamp) {
  return posix::wall_us() - stamp.ctime_ns / 1000 < 2 * kSecond;
}

Result<const Accounts*> AccountTable::current() {
  const Stamp assign = stamp_of("users/assign");
  const Stamp owner = stamp_of("control/owner");
  if (!accounts_ || assign != assign_ || owner != owner_ || may_change_unseen(assign) ||
      may_change_unseen(owner)) {
    accounts_.reset();
    Result<Instance> instance = Instance::open(instance_.path());
    if (!instance) return failed(instance);
    Result<Accounts> accounts = Accounts::load(*instance);
    if (!accounts) return failed(accounts);
    accounts_ = std::move(*accounts);
    assign_ = assign;
    owner_ = owner;
  }
  return &*accounts_;
}

Spawner::Spawner(const Instance& instance, int socket, posix::UniqueFd lock, const Limits& limits)
    : instance_(instance),
      socket_(socket),
      lock_(std::move(lock)),
      limits_(limits),
      accounts_(instance) {}

Result<> Spawner::serve() {
  Result<posix::UniqueFd> signals = make_signal_descriptor();
  if (!signals) return failed(signals);
  signals_ = std::move(*signals);
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
  while (outgoing_.size() < kMaxOutgoing) {
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

  Child child;
  Result<pid_t> pid = this->start(start, content, child);
  if (!pid) return refuse(start.slot, pid.error());
  children_.emplace(*pid, std::move(child));
}

Result<pid_t> Spawner::start(const StartDelivery& start, const posix::UniqueFd& content,
                             Child& child) {
  child.slot = start.slot;
  if (start.elsewhere) return start_elsewhere(start, content, child);
  Result<posix::Command> command = command_for(start);
  if (!command) return failed(command);
  Result<ReadEnd> report = make_read_end();
  if (!report) return failed(report);
  Result<ReadEnd> notes = make_read_end();
  if (!notes) return failed(notes);
  const int to = report->theirs.get();
  command->fds = {content.get(), to, to, notes->theirs.get(), lock_.get()};
  Result<pid_t> pid = posix::start(*command);
  // Whatever is wrong with our own installation is not the message's fault.
  if (!pid) return temporary("{} (#4.3.0)", pid.error().text);
  child.report = std::move(report->ours);
  child.notes = std::move(notes->ours);
  child.earlier = start.progress;
  child.limit = limits_.delivery;
  child.deadline_us = posix::running_us() + microseconds(child.limit);
  return pid;
}

// It does not get our lock: it is no part of ours, and what it leaves running in the background
// (a shared ssh connection) must not keep the next spawn waiting.
Result<pid_t> Spawner::start_elsewhere(const StartDelivery& start, const posix::UniqueFd& content,
                                       Child& child) {
  const auto waits = [](const Error& e) { return temporary("{} (#4.3.5)", e.text); };
  Result<std::optional<RemoteProgram>> program = RemoteProgram::load(instance_);
  if (!program) return waits(program.error());
  if (!*program) return temporary("there is no control/remote any more (#4.3.5)");
  Result<std::vector<std::string>> arguments = remote_arguments(**program, start);
  if (!arguments) return failed(arguments);
  Result<std::string> path = (*program)->path();
  if (!path) return waits(path.error());
  Result<ReadEnd> report = make_read_end();
  if (!report) return failed(report);
  posix::Command command;
  command.path = std::move(*path);
  command.arguments = std::move(*arguments);
  command.environment = environment_elsewhere(instance_);
  const int to = report->theirs.get();
  command.fds = {content.get(), to, (*program)->style == RemoteProgram::Style::pipe ? to : -1};
  command.folder = "/";
  command.new_session = true;
  command.dies_with_us = true;
  Result<pid_t> pid = posix::start(command);
  if (!pid) return waits(pid.error());
  child.report = std::move(report->ours);
  child.elsewhere = (*program)->style;
  child.limit = limits_.remote;
  child.deadline_us = posix::running_us() + microseconds(child.limit);
  return pid;
}

Result<posix::Command> Spawner::command_for(const StartDelivery& start) {
  Result<const Accounts*> accounts = accounts_.current();
  if (!accounts) return temporary("{} (#4.3.0)", accounts.error().text);
  Result<std::optional<std::string>> text = Control(instance_.folder()).text("defaultdelivery");
  if (!text) return temporary("{} (#4.3.0)", text.error().text);
  const bool set = *text && !(*text)->empty();
  Result<std::vector<std::string>> arguments =
      arguments_for(start, **accounts, set ? **text : "./Maildir/\n", ::geteuid());
  if (!arguments) return failed(arguments);
  posix::Command command;
  command.path = posix::program_folder() + "/local";
  command.arguments = std::move(*arguments);
  command.environment = environment_of_local(instance_, start.progress);
  command.folder = "/";
  command.new_session = true;
  command.dies_with_us = true;
  return command;
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
    read_from(found->second);
    finish(found->second, posix::ended(status));
    children_.erase(found);
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
    if (!child.elsewhere) return child.text.add(piece);
    child.said += piece.substr(0, kMaxRemoteOctets - child.said.size());
  });
  bool noted = false;
  drain(child.notes, [&](std::string_view piece) { noted |= child.reader.feed(piece); });
  // Where send does not keep up, the report's note has to do.
  if (noted && outgoing_.size() < kMaxOutgoing) {
    post(encode(DeliveryNote{child.slot, child.reader.last()}));
  }
}

void Spawner::finish(Child& child, const posix::Ended& ended) {
  DeliveryReport report;
  report.slot = child.slot;
  if (child.elsewhere) {
    judge_elsewhere(child, ended, report);
  } else {
    judge(child, ended, report);
  }
  post(encode(report));
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
  report.note = child.reader.last().empty() ? child.earlier : child.reader.last();
}

void Spawner::judge_elsewhere(const Child& child, const posix::Ended& ended,
                              DeliveryReport& report) {
  const Said said = *child.elsewhere == RemoteProgram::Style::pipe
                        ? said_by_pipe(ended, child.said)
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
  // local sees to its programs; of another program the whole group is told.
  (void)::kill(child.elsewhere ? -pid : pid, SIGTERM);
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
  return std::ranges::any_of(children_, [&](const auto& c) { return c.second.slot == slot; });
}

void Spawner::refuse(std::uint32_t slot, const Error& error) {
  post(encode(DeliveryReport{slot, error.fate == Fate::permanent ? 'D' : 'Z', error.text, ""}));
}

void Spawner::post(std::string message) {
  outgoing_.push_back(std::move(message));
  flush();
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
