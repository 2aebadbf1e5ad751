// What the scheduler says in the log, and to whoever watches a message.

#include <fmt/format.h>

#include "send/log_text.h"
#include "send/scheduler.h"

namespace porpoise::send {

void Scheduler::tell(const Message& m, std::uint32_t recipient, char letter,
                     const std::string& text) {
  if (watched_ == m.id) do_this(Tell{m.id, recipient, letter, text});
}

// RFC 3461 section 5.2.7: NOTIFY=NEVER, or one without FAILURE.
void Scheduler::say_unwanted(Message& m) {
  if (m.unsettled().unwanted == 0) return;
  const std::int64_t recipients = std::exchange(m.unsettle().unwanted, 0);
  say(LogEntry{.event = "unwanted",
               .story = fmt::format("no bounce msg {}: its sender wants none", m.id.text()),
               .told = {{"id", m.id.text()}},
               .facts = {{"recipients", recipients}}});
}

void Scheduler::say_status() {
  const std::int64_t local = running(Channel::local);
  const std::int64_t remote = running(Channel::remote);
  say(LogEntry{.event = "status",
               .story = fmt::format("status: local {}/{} remote {}/{}{}", local, limits_.deliveries,
                                    remote, limits_.remote, stopping_ ? " exitasap" : ""),
               .told = {{"local", local},
                        {"local_limit", std::int64_t{limits_.deliveries}},
                        {"remote", remote},
                        {"remote_limit", std::int64_t{limits_.remote}}}});
}

void Scheduler::say_ended(const Slot& s, char letter, const std::string& text, Time now) {
  const char* how = letter == 'K' ? "success" : letter == 'D' ? "failure" : "deferral";
  const auto number = static_cast<std::int64_t>(s.number);
  say(LogEntry{.event = "delivery",
               .story = fmt::format("delivery {}: {}: {}", s.number, how, log_safe(text)),
               .told = {{"delivery", number}, {"result", how}, {"text", text}},
               .facts = {{"id", s.id.text()}, {"ms", (now - s.started) / 1000}}});
}

void Scheduler::say_waits(const Message& m) {
  say(LogEntry{
      .event = "waiting",
      .story = fmt::format("waiting msg {}:", m.id.text()),
      .told = {{"id", m.id.text()}},
      .facts = {{"next", timestamp(Time{m.next_s} * kSecond)},
                {"attempts", std::int64_t{m.attempts} + 1},
                {"recipients", std::int64_t{m.of(Status::deferred)} + m.of(Status::later)}}});
}

void Scheduler::say_destination(const std::string& name, const char* state, Time since,
                                const std::string& text) {
  say(LogEntry{.event = "destination",
               .story = fmt::format("destination {}: {}", log_safe(name), state),
               .told = {{"name", name}, {"state", state}},
               .facts = {{"since", timestamp(since)}, {"text", text}}});
}

}  // namespace porpoise::send
