#include "front/mail_pair.h"

#include <signal.h>

#include "posix/socket.h"

namespace porpoise::front {
namespace {

// The descriptors at which they find what they are given.
constexpr const char* kSocket = "3";
constexpr const char* kControl = "4";

}  // namespace

Result<pid_t> MailPair::started(const char* name, Result<pid_t> pid) const {
  if (pid) parts_.log.line(fmt::format("started part={} pid={}", name, *pid));
  return pid;
}

Result<pid_t> MailPair::start_spawn(int socket) {
  posix::Command command = parts_.command("spawn", {});
  command.fds.push_back(socket);
  return started("spawn", parts_.start(command));
}

Result<pid_t> MailPair::start_send(int socket, int control) {
  posix::Command command = parts_.command("send", {"--spawner-fd", kSocket});
  command.fds.push_back(socket);
  if (parts_.log.json()) {
    command.arguments.insert(command.arguments.end(), {"--log-format", "json"});
  }
  if (control >= 0) {
    command.arguments.insert(command.arguments.end(), {"--control-fd", kControl});
    command.fds.push_back(control);
  }
  return started("send", parts_.start(command, parts_.instance.identities().queue));
}

Result<> MailPair::start(int control, std::int64_t now_us) {
  started_us_ = now_us;
  Result<posix::SocketPair> pair = posix::message_pair();
  if (!pair) return failed(pair);
  Result<pid_t> spawn = start_spawn(pair->theirs.get());
  if (!spawn) return failed(spawn);
  Result<pid_t> send = start_send(pair->ours.get(), control);
  if (!send) {
    (void)::kill(*spawn, SIGTERM);  // it knows of no delivery yet
    (void)posix::wait_for(*spawn);
    return failed(send);
  }
  spawn_ = *spawn;
  send_ = *send;
  due_us_.reset();
  return {};
}

bool MailPair::ended(pid_t child, const posix::Ended& how, std::int64_t now_us) {
  if (child != send_ && child != spawn_) return false;
  const bool was_send = child == send_;
  (was_send ? send_ : spawn_) = 0;
  parts_.log.line(fmt::format("ended part={} pid={} how=\"{}\"", was_send ? "send" : "spawn", child,
                              how.text()));
  if (!running()) {
    due_us_.reset();
    put_off(now_us);
  } else if (!was_send) {
    signal_send(SIGTERM);
    due_us_ = now_us + kGraceUs;
  }
  return true;
}

void MailPair::put_off(std::int64_t now_us) {
  if (!stopped_) due_us_ = now_us + pauses_.after(now_us - started_us_);
}

void MailPair::signal_send(int signal) const {
  if (send_ > 0) (void)::kill(send_, signal);
}

void MailPair::stop() {
  stopped_ = true;
  if (!running()) due_us_.reset();
  signal_send(SIGTERM);
}

void MailPair::kill() {
  due_us_.reset();
  if (send_ > 0) (void)::kill(-send_, SIGKILL);
  if (spawn_ > 0) (void)::kill(-spawn_, SIGKILL);
}

}  // namespace porpoise::front
