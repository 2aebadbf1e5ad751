#include "front/status.h"

#include <algorithm>
#include <charconv>
#include <time.h>
#include <unistd.h>

#include "front/pop3_port.h"
#include "front/queued.h"
#include "front/run_lock.h"
#include "instance/instance.h"
#include "posix/clock.h"
#include "posix/file.h"
#include "queue/control_client.h"

namespace porpoise::front {
namespace {

constexpr std::int64_t kMaxTimeoutS = 86400;

/// What there is to see of a running instance.
struct Sight {
  std::optional<std::string> sender;  // what send says of itself: "+OK send PID"
  std::optional<pid_t> runner;        // of `porpoise run`
  bool pop3_wanted = false;
  std::optional<unsigned short> pop3_port;  // of a runner that runs

  bool ready() const { return sender && (!pop3_wanted || pop3_port); }
};

Result<std::optional<std::string>> ask_who(const Instance& instance) {
  Result<std::string> answer = queue::ask_send(instance, "ping");
  if (answer) return std::optional(answer->substr(0, answer->find('\n')));
  const int err = answer.error().sys;
  if (err == ECONNREFUSED || err == ENOENT) return std::optional<std::string>();
  return failed(answer);
}

Result<Sight> look(const Instance& instance) {
  Sight sight;
  Result<Pop3Setting> setting = pop3_setting(instance);
  if (!setting) return failed(setting);
  sight.pop3_wanted = setting->wanted;
  Result<std::optional<std::string>> sender = ask_who(instance);
  if (!sender) return failed(sender);
  sight.sender = std::move(*sender);
  Result<std::optional<pid_t>> runner = running_pid(instance);
  if (!runner) return failed(runner);
  sight.runner = *runner;
  if (sight.runner) sight.pop3_port = pop3_port_in_use(instance);
  return sight;
}

// A socket's beginning is no event of its folder, so this looks again at growing intervals.
Result<Sight> wait_for_ready(const Instance& instance, std::int64_t timeout_s) {
  const std::int64_t end =
      posix::running_us() + std::clamp<std::int64_t>(timeout_s, 0, kMaxTimeoutS) * 1'000'000;
  for (std::int64_t nap_us = 1000;; nap_us = std::min<std::int64_t>(nap_us * 2, 50'000)) {
    Result<Sight> sight = look(instance);
    if (!sight || sight->ready()) return sight;
    if (posix::running_us() + nap_us > end) {
      return temporary("instance {} is not ready after {} s: {}", instance.path(), timeout_s,
                       sight->sender ? "POP3 is not offered" : "send does not answer");
    }
    const timespec nap{0, static_cast<long>(nap_us) * 1000};
    (void)::nanosleep(&nap, nullptr);
  }
}

std::string last_word(const std::string& line) {
  return line.substr(line.rfind(' ') + 1);
}

// "waiting=3" of the answer to status.
std::size_t value_of(std::string_view answer, std::string_view name) {
  const std::size_t at = answer.find(fmt::format("\n{}=", name));
  if (at == std::string_view::npos) return 0;
  std::size_t value = 0;
  const char* from = answer.data() + at + name.size() + 2;
  (void)std::from_chars(from, answer.data() + answer.size(), value);
  return value;
}

// Only its owner and root may look into the queue of a system instance. Send tells everybody how
// much it knows of.
Result<std::optional<std::size_t>> count(const Instance& instance, const Sight& sight) {
  if (!instance.is_system() || ::geteuid() == 0 || ::geteuid() == instance.owner().uid) {
    Result<std::size_t> all = count_messages(instance);
    if (!all) return failed(all);
    return std::optional(*all);
  }
  if (!sight.sender) return std::optional<std::size_t>();
  Result<std::string> answer = queue::ask_send(instance, "status");
  if (!answer) return failed(answer);
  return std::optional(value_of(*answer, "waiting") + value_of(*answer, "open"));
}

std::string shown(const Instance& instance, const Sight& sight, std::optional<std::size_t> count) {
  std::string text = fmt::format("instance: {}\n", instance.path());
  text += sight.runner ? fmt::format("run: running, pid {}\n", *sight.runner)
                       : std::string("run: not running\n");
  text += sight.sender ? fmt::format("send: running, pid {}\n", last_word(*sight.sender))
                       : std::string("send: not running\n");
  text += count ? fmt::format("queue: {} message{}\n", *count, *count == 1 ? "" : "s")
                : fmt::format("queue: for root and {} to see\n", instance.owner().name);
  if (sight.pop3_port) return text + fmt::format("pop3: 127.0.0.1:{}\n", *sight.pop3_port);
  return text + (sight.pop3_wanted ? "pop3: not running\n" : "pop3: none\n");
}

}  // namespace

Result<int> status(const StatusWish& wish) {
  Result<Instance> instance = Instance::find(wish.instance);
  if (!instance) return failed(instance);
  if (Result<> done = instance->require_submitter(); !done) return failed(done);
  Result<Sight> sight = wish.wait ? wait_for_ready(*instance, wish.timeout_s) : look(*instance);
  if (!sight) return failed(sight);
  Result<std::optional<std::size_t>> messages = count(*instance, *sight);
  if (!messages) return failed(messages);
  const std::string text = shown(*instance, *sight, *messages);
  if (Result<> done = posix::write_all(1, text, "standard output"); !done) return failed(done);
  return sight->sender ? 0 : 1;
}

}  // namespace porpoise::front
