#include "running.h"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <vector>

#include "parts.h"

namespace porpoise::driver {
namespace {

// Real milliseconds, whatever clock the tracer pretends.
constexpr int kPatienceMs = 3000;
constexpr int kEndingMs = 60'000;
constexpr int kParts = 3;  // queue --serve, spawn, send: where one is missing it is started again

// The words of a line, but the time it begins with.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> found;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    if (end > 0) found.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  if (!found.empty()) found.erase(found.begin());
  found.resize(std::max<std::size_t>(found.size(), 5));
  return found;
}

std::string without_colon(std::string word) {
  if (word.ends_with(':')) word.pop_back();
  return word;
}

}  // namespace

Running::Running(const System& system) {
  int ends[2];
  must(pipe2(ends, O_CLOEXEC), "pipe");
  log_ = ends[0];
  process_ = system.start({"porpoise", "run"}, {kNothing, ends[1], ends[1]});
  close(ends[1]);
}

// False: no line came in time, or it has ended.
bool Running::read(int patience_ms) {
  pollfd polled{.fd = log_, .events = POLLIN, .revents = 0};
  const timespec patience{patience_ms / 1000, long{patience_ms % 1000} * 1'000'000};
  if (ended_ || ppoll(&polled, 1, &patience, nullptr) <= 0)
    return false;  // poll() would be hastened
  char room[65536];
  const auto octets =
      static_cast<std::size_t>(std::max<ssize_t>(0, ::read(log_, room, sizeof room)));
  (void)!write(STDERR_FILENO, room, octets);
  ended_ = octets == 0;
  rest_.append(room, octets);
  for (std::size_t end; (end = rest_.find('\n')) != std::string::npos; rest_.erase(0, end + 1)) {
    hear(std::string_view(rest_).substr(0, end));
  }
  return !ended_;
}

void Running::hear(std::string_view line) {
  const std::vector<std::string> words = words_of(line);
  if (words[0] == "new" && words[1] == "msg") new_.insert(words[2]);
  if (words[0] == "end" && words[1] == "msg") over_.insert(words[2]);
  if (words[0] == "status:" && words[1] == "local") ready_ = true;
  if (words[0] == "starting" && words[1] == "delivery") {
    under_way_[without_colon(words[2])] = words[4];
  }
  if (words[0] == "delivery") {
    const auto found = under_way_.extract(without_colon(words[1]));
    if (!found.empty()) tried_.insert(found.mapped());
  }
}

std::optional<Turns> Running::who_sleeps() const {
  return children_of(process_) < kParts ? std::nullopt : asleep(process_);
}

// False: in `looks` no line has come; or no process has run for `rest` of them.
bool Running::reads_or_rests(int looks, int rest) {
  std::optional<Turns> before;
  for (int look = 0, slept = 0; look < looks && !ended_; ++look) {
    if (read(look == 0 ? 0 : kLookMs)) return true;
    std::optional<Turns> now = who_sleeps();
    slept = now && now == before ? slept + 1 : 0;
    if (slept == rest) return read(0);
    before = std::move(now);
  }
  return false;
}

void Running::until_ready() {
  while (!ready_ && read(kPatienceMs)) {
  }
}

void Running::until_there(const std::string& path) {
  while (access(path.c_str(), F_OK) != 0 && read(kPatienceMs)) {
  }
}

bool Running::all_known_are_over() const {
  return !new_.empty() && std::ranges::includes(over_, new_);
}

// Something is under way, or must be tried yet.
bool Running::is_busy() const {
  return !under_way_.empty() || new_.empty() || std::ranges::any_of(new_, [this](const auto& id) {
    return !over_.contains(id) && !tried_.contains(id);
  });
}

void Running::until_quiet() {
  while (!ended_ && !all_known_are_over()) {
    if (!reads_or_rests(kPatience, is_busy() ? kRest : kQuiet)) return;
  }
}

void Running::try_all() {
  kill(process_, SIGALRM);
}

int Running::stop() {
  kill(process_, SIGTERM);
  while (read(kEndingMs)) {
  }
  return wait_for(process_);
}

}  // namespace porpoise::driver
