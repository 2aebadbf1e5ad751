#include "inject/interactive.h"

#include <algorithm>
#include <unistd.h>

#include "posix/file.h"
#include "posix/program.h"
#include "queue/wake.h"

namespace porpoise::inject {
namespace {

using End = queue::Attempted::End;

// A report may be of several lines; here it is one.
std::string joined(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c != '\n') {
      line += c;
    } else if (!line.empty() && !line.ends_with("; ")) {
      line += "; ";
    }
  }
  while (line.ends_with(' ') || line.ends_with(';')) line.pop_back();
  return line;
}

Cause cause_of(const std::vector<queue::Attempted>& failed) {
  const auto all_say = [&failed](std::string_view status) {
    return std::ranges::all_of(failed, [status](const queue::Attempted& a) {
      return a.text.find(status) != std::string::npos;
    });
  };
  if (all_say("#5.1.1)")) return Cause::no_user;
  if (all_say("#5.1.2)")) return Cause::elsewhere;
  return Cause::unavailable;
}

}  // namespace

Told tell(const std::string& id, const std::vector<queue::Attempted>& attempts,
          std::size_t recipients) {
  Told told;
  std::vector<queue::Attempted> failed;
  const auto line = [](const queue::Attempted& a, const char* how) {
    return fmt::format("{}: {}: {}", a.address, how, joined(a.text));
  };
  for (const queue::Attempted& a : attempts) {
    if (a.end == End::failed) failed.push_back(a);
    if (a.end == End::deferred) told.lines.push_back(line(a, "queued, not delivered yet"));
  }
  if (attempts.size() < recipients) {
    told.lines.push_back(fmt::format("{}: queued; another send works on the queue", id));
  }
  if (failed.empty()) return told;
  told.failure = Failure{cause_of(failed), permanent("{}", line(failed.back(), "failed")).value()};
  failed.pop_back();
  for (const queue::Attempted& a : failed) told.lines.push_back(line(a, "failed"));
  return told;
}

Outcome<> attempt_and_tell(const Instance& instance, const std::string& id,
                           std::size_t recipients) {
  std::vector<queue::Attempted> attempts;
  if (queue::send_is_wanted(instance)) {
    Result<std::vector<queue::Attempted>> heard = queue::attempt(instance, id, recipients);
    if (!heard) {
      posix::complain("sendmail", fmt::format("{}: queued; {}", id, heard.error().text));
      return {};
    }
    attempts = std::move(*heard);
  }
  Told told = tell(id, attempts, recipients);
  for (const std::string& line : told.lines) posix::complain("sendmail", line);
  if (told.failure) return tl::make_unexpected(std::move(*told.failure));
  return {};
}

}  // namespace porpoise::inject
