#include "spawn/launcher.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instance/password_file.h"
#include "instance/trusted.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/lock.h"
#include "posix/socket.h"
#include "spawn/plan.h"
#include "spawn/remote.h"

namespace porpoise::spawn {
namespace {

// Descriptors of a process on its way to a recipient. Those from kOurs on it never passes on.
constexpr int kReport = 1, kOurs = 5, kHome = 5, kEarlier = 6;

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
// The network identity has no home of its own.
std::vector<std::string> environment_elsewhere(const Instance& instance) {
  const Owner& owner = instance.owner();
  const bool system = instance.is_system();
  const std::string& name = system ? instance.identities().network.name : owner.name;
  return {fmt::format("PATH={}", kRemotePath), fmt::format("HOME={}", system ? "/" : owner.home),
          fmt::format("USER={}", name), fmt::format("LOGNAME={}", name),
          fmt::format("PORPOISE={}", instance.path())};
}

// What send gives must be a copy that it made itself. In the process that has yet to become the
// recipient, where it may hang as it likes.
Result<> check_content(const Instance& instance) {
  struct stat st;
  if (::fstat(0, &st) != 0) return posix::trouble(errno, "looking at the message");
  if (S_ISREG(st.st_mode) && st.st_uid == instance.owner().uid) return {};
  return temporary("the message is no file of the queue's owner (#4.3.0)");
}

// Not only where to, but whether it can be read: a descriptor that only names a file (O_PATH) would
// be opened by the recipient, with the recipient's rights.
Result<> check_descriptor(int content) {
  const int flags = ::fcntl(content, F_GETFL);
  if (flags >= 0 && (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_WRONLY) return {};
  return temporary("the message came as something that cannot be read");
}

Result<> become_recipient(const posix::Become& who, const posix::Resources& resources,
                          pid_t parent) {
  if (Result<> done = posix::set_resources(resources); !done) return done;
  if (Result<> done = posix::become(who); !done) return done;
  return posix::end_with(parent, SIGTERM);
}

int tell(const Error& error) {
  (void)posix::write_all(kReport, error.text + "\n", "the report");
  return 111;
}

Result<> wait_for_earlier(std::size_t count, std::chrono::seconds patience) {
  for (std::size_t i = 0; i < count; ++i) {
    if (!posix::lock(kEarlier + static_cast<int>(i), "a mark", patience)) {
      return temporary("a delivery of an earlier spawn still runs (#4.3.0)");
    }
  }
  return {};
}

}  // namespace

Result<> Launcher::prepare() {
  if (!instance_.is_system()) return {};
  posix::raise_file_limit();
  if (Result<> done = instance_.require_layout(); !done) return done;
  Result<Marks> marks = Marks::open(instance_);
  if (!marks) return failed(marks);
  marks_ = std::move(*marks);
  return posix::keep_capabilities({CAP_SETUID, CAP_SETGID, CAP_KILL});
}

Result<Launched> Launcher::local(const StartDelivery& start, const Account& account, int content) {
  const auto our_fault = [](const Error& e) { return temporary("{} (#4.3.0)", e.text); };
  Result<> allowed = require_deliverable(account, instance_, ::geteuid());
  if (!allowed) return failed(allowed);
  Result<std::optional<std::string>> text = trusted_text(instance_, "control/defaultdelivery");
  if (!text) return our_fault(text.error());
  const bool set = *text && !(*text)->empty();
  posix::Command command;
  command.path = posix::program_folder() + "/local";
  command.arguments = arguments_for(start, account, set ? **text : "./Maildir/\n");
  command.environment = environment_of_local(instance_, start.progress);
  Result<ReadEnd> report = make_read_end();
  if (!report) return our_fault(report.error());
  Result<ReadEnd> notes = make_read_end();
  if (!notes) return our_fault(notes.error());
  Launched launched;
  launched.report = std::move(report->ours);
  launched.notes = std::move(notes->ours);
  const int to = report->theirs.get(), noted = notes->theirs.get();
  Result<Launched> done =
      instance_.is_system()
          ? local_as_recipient(std::move(command), std::move(launched), account, content, to, noted)
          : local_as_owner(std::move(command), std::move(launched), content, to, noted);
  if (!done) return our_fault(done.error());
  return done;
}

Result<Launched> Launcher::local_as_owner(posix::Command command, Launched launched, int content,
                                          int report, int notes) {
  command.fds = {content, report, report, notes, lock_.get()};
  command.folder = "/";
  command.new_session = true;
  command.dies_with_us = true;
  Result<pid_t> pid = posix::start(command);
  if (!pid) return failed(pid);
  launched.pid = *pid;
  return launched;
}

Result<Launched> Launcher::local_as_recipient(posix::Command command, Launched launched,
                                              const Account& account, int content, int report,
                                              int notes) {
  if (Result<> done = check_descriptor(content); !done) return failed(done);
  Result<posix::UniqueFd> mark = marks_->mark(account.uid);
  if (!mark) return failed(mark);
  Result<ReadEnd> home = make_read_end();
  if (!home) return failed(home);
  const std::vector<int> earlier = marks_->earlier(account.uid);
  std::vector<int> fds = {content, report, report, notes, mark->get(), home->theirs.get()};
  fds.insert(fds.end(), earlier.begin(), earlier.end());

  const pid_t parent = ::getpid();
  const auto begin = [&]() -> Result<bool> {
    if (Result<> done = posix::end_with(parent, SIGKILL); !done) return failed(done);
    if (Result<> done = check_content(instance_); !done) return failed(done);
    if (Result<> done = wait_for_earlier(earlier.size(), patience_); !done) return failed(done);
    for (std::size_t fd = kOurs; fd < fds.size(); ++fd) {
      (void)::fcntl(static_cast<int>(fd), F_SETFD, FD_CLOEXEC);
    }
    const posix::Become who{account.uid, account.gid, account.groups};
    if (Result<> done = become_recipient(who, resources_, parent); !done) return failed(done);
    return has_home(account);
  };
  Result<pid_t> pid = posix::fork_into(fds, [&]() -> int {
    const Result<bool> at_home = begin();
    if (!at_home) return tell(at_home.error());
    if (*at_home) return tell(posix::execute(command));
    return posix::write_all(kHome, std::string(1, kNoHome), "a pipe") ? 0 : 111;
  });
  if (!pid) return failed(pid);
  launched.pid = *pid;
  launched.home = std::move(home->ours);
  return launched;
}

Result<Launched> Launcher::remote(const StartDelivery& start, int content) {
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
  const RemoteProgram::Style style = (*program)->style;
  const int to = report->theirs.get();
  posix::Command command;
  command.path = std::move(*path);
  command.arguments = std::move(*arguments);
  command.environment = environment_elsewhere(instance_);
  command.fds = {content, to, style == RemoteProgram::Style::pipe ? to : -1};
  command.folder = "/";
  command.new_session = true;
  command.dies_with_us = true;
  Result<pid_t> pid = instance_.is_system() ? start_as_network(command) : posix::start(command);
  if (!pid) return waits(pid.error());
  Launched launched;
  launched.pid = *pid;
  launched.report = std::move(report->ours);
  launched.elsewhere = style;
  return launched;
}

Result<pid_t> Launcher::start_as_network(const posix::Command& command) {
  if (Result<> done = check_descriptor(command.fds[0]); !done) return failed(done);
  const Identity& network = instance_.identities().network;
  const pid_t parent = ::getpid();
  return posix::fork_into(command.fds, [&]() -> int {
    const auto begin = [&]() -> Result<> {
      if (Result<> done = posix::end_with(parent, SIGKILL); !done) return done;
      if (Result<> done = check_content(instance_); !done) return done;
      return become_recipient({.uid = network.uid, .gid = network.gid}, resources_, parent);
    };
    if (Result<> done = begin(); !done) return tell(done.error());
    return tell(posix::execute(command));
  });
}

}  // namespace porpoise::spawn
