#include "serve.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <map>
#include <string_view>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer.h"
#include "world.h"

namespace porpoise::fault {
namespace {

struct Request {
  Plan plan;
  std::string world, cwd, list;
  std::string streams[3];
  std::vector<std::string> environment;
};

constexpr std::pair<std::string_view, Act> kActs[] = {
    {"list", Act::list},
    {"none", Act::none},
    {"before", Act::before},
    {"after", Act::after},
    {"one-before", Act::one_before},
    {"one-after", Act::one_after},
    {"error", Act::error},
    {"error-from", Act::error_from},
    {"shorten", Act::shorten},
    {"jump", Act::jump},
};

template <class Number>
Number number(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void answer(const std::string& text) {
  fputs((text + "\n\n").c_str(), stdout);
  fflush(stdout);
}

// What is in the outcome, to our parent by a pipe; the list by its file.
std::string as_text(const Outcome& outcome) {
  return "code " + std::to_string(outcome.code) + "\nstruck " + std::to_string(outcome.struck) +
         "\nhung " + std::to_string(outcome.hung) + "\nlost " + std::to_string(outcome.lost) +
         "\npoints " + std::to_string(outcome.points);
}

bool redirect(const Request& request) {
  if (!request.cwd.empty() && chdir(request.cwd.c_str()) != 0) return false;
  for (int fd = 0; fd < 3; ++fd) {
    const std::string& path = request.streams[fd].empty() ? "/dev/null" : request.streams[fd];
    const int flags = fd == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
    const int opened = open(path.c_str(), flags, 0644);
    if (opened < 0 || dup2(opened, fd) < 0) return false;
    if (opened != fd) close(opened);
  }
  return true;
}

bool write_list(const std::string& path, const std::string& list) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const bool good = fd >= 0 && write(fd, list.data(), list.size()) == ssize_t(list.size());
  if (fd >= 0) close(fd);
  return good;
}

[[noreturn]] void trace_and_end(const Request& request, int report) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)fcntl(report, F_SETFD, FD_CLOEXEC);
  if (!redirect(request)) _exit(1);
  std::vector<char*> environment;
  environment.reserve(request.environment.size() + 1);
  for (const std::string& text : request.environment) {
    environment.push_back(const_cast<char*>(text.c_str()));
  }
  environment.push_back(nullptr);
  environ = environment.data();
  signal(SIGPIPE, SIG_DFL);
  const Outcome outcome = trace(request.plan);
  if (request.plan.act == Act::list && !write_list(request.list, outcome.list)) _exit(1);
  const std::string text = as_text(outcome);
  _exit(write(report, text.data(), text.size()) == ssize_t(text.size()) ? 0 : 1);
}

std::string run(const Request& request) {
  int ends[2];
  if (pipe(ends) != 0) return "trouble no pipe";
  const pid_t tracer = fork();
  if (tracer == 0) {
    close(ends[0]);
    trace_and_end(request, ends[1]);
  }
  close(ends[1]);
  char room[512];
  ssize_t n = 0;
  do {
    n = read(ends[0], room, sizeof room);
  } while (n < 0 && errno == EINTR);
  close(ends[0]);
  // The tree is being killed; the next run must not meet it.
  while (waitpid(-1, nullptr, __WALL) > 0 || errno == EINTR) {
  }
  if (tracer < 0 || n <= 0) return "trouble the tracer gave up";
  return {room, static_cast<std::size_t>(n)};
}

using Setters = std::map<std::string_view, std::function<void(const std::string&)>>;

Setters setters(Request& r) {
  const auto into = [](std::string& place) {
    return [&place](const std::string& v) { place = v; };
  };
  return {
      {"world", into(r.world)},
      {"cwd", into(r.cwd)},
      {"list", into(r.list)},
      {"stdin", into(r.streams[0])},
      {"stdout", into(r.streams[1])},
      {"stderr", into(r.streams[2])},
      {"at", into(r.plan.at)},
      {"args", [&r](const std::string&) { r.plan.arguments.clear(); }},
      {"arg", [&r](const std::string& v) { r.plan.arguments.push_back(v); }},
      {"envs", [&r](const std::string&) { r.environment.clear(); }},
      {"env", [&r](const std::string& v) { r.environment.push_back(v); }},
      {"error", [&r](const std::string& v) { r.plan.error = number<int>(v); }},
      {"wall-us", [&r](const std::string& v) { r.plan.wall_us = number<std::int64_t>(v); }},
      {"wall-by-us", [&r](const std::string& v) { r.plan.wall_by_us = number<std::int64_t>(v); }},
      {"boot-by-us", [&r](const std::string& v) { r.plan.boot_by_us = number<std::int64_t>(v); }},
      {"seed", [&r](const std::string& v) { r.plan.seed = number<std::uint64_t>(v); }},
      {"fsize", [&r](const std::string& v) { r.plan.fsize = number<std::uint64_t>(v); }},
      {"limit", [&r](const std::string& v) { r.plan.limit_s = number<int>(v); }},
  };
}

std::string do_run(Request& request, std::string_view act) {
  for (const auto& [name, value] : kActs) {
    if (name != act) continue;
    request.plan.act = value;
    return request.plan.arguments.empty() ? "trouble no program" : run(request);
  }
  return "trouble no act " + std::string(act);
}

std::string do_set_back(const Request& request, const std::string& pattern) {
  const std::string trouble = set_back(pattern, request.world);
  return trouble.empty() ? "done" : "trouble " + trouble;
}

}  // namespace

int serve() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  Request request;
  const Setters known = setters(request);
  char* line = nullptr;
  std::size_t room = 0;
  std::string reply = "trouble nothing asked";
  for (ssize_t n; (n = getline(&line, &room, stdin)) > 0;) {
    const std::string text(line, static_cast<std::size_t>(n - (line[n - 1] == '\n')));
    const std::string word = text.substr(0, text.find(' '));
    const std::string value = word.size() == text.size() ? "" : text.substr(word.size() + 1);
    if (word.empty()) {
      answer(reply);
      reply = "trouble nothing asked";
    } else if (word == "run") {
      reply = do_run(request, value);
    } else if (word == "set-back") {
      reply = do_set_back(request, value);
    } else if (const auto found = known.find(word); found != known.end()) {
      found->second(value);
    } else {
      reply = "trouble no word " + word;
    }
  }
  return 0;
}

}  // namespace porpoise::fault
