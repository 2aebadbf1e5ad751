#include "queue/attempt.h"

#include <algorithm>
#include <optional>
#include <sys/wait.h>

#include "posix/file.h"
#include "posix/process.h"
#include "queue/wake.h"

namespace porpoise::queue {
namespace {

constexpr int kReportFd = 3;
constexpr std::size_t kMaxReportOctets = 64 << 20;  // of all recipients: texts are 3000 at most

// The next NUL-ended field, taken off.
std::optional<std::string> field(std::string_view& octets) {
  const std::size_t end = octets.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  std::string value(octets.substr(0, end));
  octets.remove_prefix(end + 1);
  return value;
}

Attempted::End end_of(const std::string& letter) {
  return letter == "K"   ? Attempted::End::delivered
         : letter == "D" ? Attempted::End::failed
                         : Attempted::End::deferred;
}

std::size_t records_in(std::string_view octets) {
  return static_cast<std::size_t>(std::ranges::count(octets, '\0')) / 3;
}

Result<std::string> hear(int fd, std::size_t recipients) {
  std::string heard;
  char room[4096];
  while (records_in(heard) < recipients && heard.size() < kMaxReportOctets) {
    Result<std::size_t> n = posix::read_some(fd, room, "the report of send");
    if (!n) return failed(n);
    if (*n == 0) break;
    heard.append(room, *n);
  }
  return heard;
}

}  // namespace

std::vector<Attempted> read_attempts(std::string_view octets) {
  std::vector<Attempted> list;
  for (;;) {
    const auto letter = field(octets);
    auto address = letter ? field(octets) : std::nullopt;
    auto text = address ? field(octets) : std::nullopt;
    if (!text) return list;
    list.push_back({end_of(*letter), std::move(*address), std::move(*text)});
  }
}

Result<std::vector<Attempted>> attempt(const Instance& instance, const std::string& id,
                                       std::size_t recipients) {
  Result<posix::Pipe> pipe = posix::make_pipe();
  if (!pipe) return failed(pipe);
  posix::Command command = send_once(instance);
  for (const std::string& word :
       {std::string("--report"), id, std::string("--report-fd"), std::to_string(kReportFd)}) {
    command.arguments.push_back(word);
  }
  command.fds = {-1, -1, -1, pipe->write.get()};
  Result<pid_t> child = posix::start(command);
  if (!child) return failed(child);
  pipe->write.reset();
  Result<std::string> heard = hear(pipe->read.get(), recipients);
  if (!heard) return failed(heard);
  std::vector<Attempted> attempts = read_attempts(*heard);
  if (!attempts.empty()) return attempts;
  // It has closed the pipe without a word, so it is at its end.
  Result<posix::Ended> ended = posix::wait_for(*child);
  if (!ended) return failed(ended);
  if (!ended->ok()) return temporary("send could not try it ({})", ended->text());
  return attempts;
}

}  // namespace porpoise::queue
