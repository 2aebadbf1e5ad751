#include "pop3d/popup.h"

#include <fcntl.h>
#include <unistd.h>

#include "libmail/line_reader.h"
#include "pop3d/beside.h"
#include "pop3d/connection.h"
#include "pop3d/login.h"
#include "posix/clock.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/process.h"
#include "posix/program.h"
#include "posix/sandbox.h"
#include "posix/socket.h"

namespace porpoise::pop3d {
namespace {

using Act = LoginStep::Act;

constexpr rlim_t kMaxMemory = 64 << 20;

// Hands `record` to the subprogram on descriptor 3 and waits for its end; with the right password
// it has served the whole session by then.
Result<posix::Ended> run_check(const std::vector<std::string>& subprogram, std::string& record) {
  Result<posix::Pipe> pipe = posix::make_pipe();
  if (!pipe) return failed(pipe);
  posix::Command command;
  command.path = find_program(subprogram.front());
  command.arguments = subprogram;
  command.environment = posix::own_environment();
  command.fds = {0, 1, 2, pipe->read.get()};
  command.search = true;
  command.dies_with_us = true;
  Result<pid_t> child = posix::start(command);
  if (!child) return failed(child);
  pipe->read.reset();
  // A record fits into any pipe. A child that does not want it has its reasons.
  (void)posix::write_all(pipe->write.get(), record, "descriptor 3");
  wipe(record);
  pipe->write.reset();
  return posix::wait_for(*child);
}

std::optional<char> answer_beside() {
  Result<std::optional<posix::Message>> answer = posix::receive_message(kBesideFd, 1);
  if (!answer || !*answer || (*answer)->text.empty()) return std::nullopt;
  return (*answer)->text.front();
}

// Once the session has begun nothing more is said; we end with the socket.
Check check_beside(std::string& record) {
  const Result<> sent = posix::send_message(kBesideFd, record);
  wipe(record);
  if (!sent) return Check::trouble;
  const std::optional<char> answer = answer_beside();
  if (answer == kSaysWrong) return Check::wrong;
  if (answer != kSaysServed) return Check::trouble;
  return answer_beside() ? Check::trouble : Check::served;
}

Check check(const Popup& popup, const std::string& name, std::string& secret,
            const std::string& stamp) {
  std::string record = login_record(name, secret, stamp);
  wipe(secret);
  if (record.size() > popup.limits.login_octets) {
    wipe(record);
    return Check::wrong;
  }
  if (popup.subprogram.empty()) return check_beside(record);
  Result<posix::Ended> ended = run_check(popup.subprogram, record);
  wipe(record);
  if (!ended) {
    posix::complain("popup", ended.error().text);
    return Check::trouble;
  }
  if (ended->ok()) return Check::served;
  if (ended->signal == 0 && ended->code == 1) return Check::wrong;
  posix::complain("popup", fmt::format("{}: {}", popup.subprogram.front(), ended->text()));
  return Check::trouble;
}

}  // namespace

Result<> confine_popup() {
  if (::geteuid() == 0) return permanent("refusing to talk to the network as root");
  // Of connections, logs and the socket beside us, no more are opened.
  const posix::Sandbox box{.open_files = kBesideFd + 1, .memory = kMaxMemory};
  Result<posix::UniqueFd> nowhere = posix::open_at(posix::kHere, "/dev/null", O_WRONLY);
  if (!nowhere) return failed(nowhere);
  Result<posix::Confined> done = posix::confine(box);
  if (!done) return failed(done);
  // Nor is there root's log, to be written to or cut.
  if (::dup2(nowhere->get(), 2) < 0) return posix::trouble(errno, "leaving the log");
  return {};
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  std::string beside = fmt::format("{}/{}", posix::program_folder(), name);
  return ::access(beside.c_str(), X_OK) == 0 ? beside : name;
}

int run_popup(const Popup& popup) {
  const std::string stamp =
      fmt::format("<{}.{}@{}>", ::getpid(), posix::wall_us() / 1'000'000, popup.hostname);
  Login login(popup.hostname, stamp, popup.apop, popup.limits);
  Connection client(0, 1, popup.limits.idle, Connection::ReadAhead::no);
  mail::LineReader line(popup.limits.line_octets, mail::LineEnd::crlf_or_lf);
  client.put(login.greeting());
  while (client.read_line(line)) {
    LoginStep step = line.too_long() ? login.line_too_long() : login.command(line.text());
    line.clear();
    bool served = false;
    if (step.act == Act::check) {
      // The replies so far come before the first one of the session.
      if (!client.flush()) return 0;
      const Check result = check(popup, login.name(), step.secret, stamp);
      served = result == Check::served;
      step = login.checked(result);
    }
    client.put(step.text);
    if (step.act == Act::close) {
      if (!served) client.finish();
      return served || step.text.starts_with("+OK") ? 0 : 1;
    }
  }
  return 0;
}

}  // namespace porpoise::pop3d
