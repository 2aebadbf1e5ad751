// load: runs a command COUNT times, AT_ONCE at a time, FILE on its standard input.
//
//   load COUNT AT_ONCE FILE COMMAND [ARGUMENT ...]
//
// Prints "COUNT runs, FAILED failed, SECONDS s, RATE runs/s, median MS ms, p99 MS ms".

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <map>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

extern char** environ;

namespace {

using Clock = std::chrono::steady_clock;

pid_t start(const char* file, char** command) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, file, O_RDONLY, 0);
  pid_t pid = -1;
  const int failed = posix_spawnp(&pid, command[0], &actions, nullptr, command, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    fprintf(stderr, "load: cannot start %s\n", command[0]);
    exit(111);
  }
  return pid;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: load COUNT AT_ONCE FILE COMMAND [ARGUMENT ...]\n");
    return 100;
  }
  const int count = atoi(argv[1]);
  const int at_once = atoi(argv[2]);
  std::map<pid_t, Clock::time_point> running;
  std::vector<double> times;
  int failed = 0;
  const auto begun = Clock::now();
  for (int started = 0; started < count || !running.empty();) {
    if (started < count && static_cast<int>(running.size()) < at_once) {
      const auto now = Clock::now();
      running[start(argv[3], argv + 4)] = now;
      ++started;
      continue;
    }
    int status = 0;
    const pid_t pid = wait(&status);
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - running[pid]).count());
    running.erase(pid);
    failed += status != 0;
  }
  const std::chrono::duration<double> took = Clock::now() - begun;
  std::sort(times.begin(), times.end());
  printf("%d runs, %d failed, %.3f s, %.1f runs/s, median %.2f ms, p99 %.2f ms\n", count, failed,
         took.count(), count / took.count(), times[times.size() / 2],
         times[times.size() * 99 / 100]);
  return failed != 0;
}
