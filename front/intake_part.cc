#include "front/intake_part.h"

#include <signal.h>

namespace porpoise::front {

Result<> IntakePart::start(int listener, std::int64_t now_us) {
  started_us_ = now_us;
  posix::Command command = parts_.command("queue", {"--serve", "3"});
  command.fds.push_back(listener);
  Result<pid_t> pid = parts_.start(command, parts_.instance.identities().queue);
  if (!pid) return failed(pid);
  parts_.log.line(fmt::format("started part=queue pid={}", *pid));
  pid_ = *pid;
  due_us_.reset();
  return {};
}

bool IntakePart::ended(pid_t child, const posix::Ended& how, std::int64_t now_us) {
  if (child != pid_ || pid_ == 0) return false;
  pid_ = 0;
  parts_.log.line(fmt::format("ended part=queue pid={} how=\"{}\"", child, how.text()));
  put_off(now_us);
  return true;
}

void IntakePart::put_off(std::int64_t now_us) {
  if (!stopped_) due_us_ = now_us + pauses_.after(now_us - started_us_);
}

void IntakePart::reread() const {
  if (pid_ > 0) (void)::kill(pid_, SIGHUP);
}

void IntakePart::stop() {
  stopped_ = true;
  due_us_.reset();
  if (pid_ > 0) (void)::kill(pid_, SIGTERM);
}

void IntakePart::kill() {
  if (pid_ > 0) (void)::kill(-pid_, SIGKILL);
}

}  // namespace porpoise::front
