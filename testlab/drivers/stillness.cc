#include "stillness.h"

#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace porpoise::driver {
namespace {

std::string read_whole(const std::string& path) {
  std::string text;
  char room[4096];
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return text;
  for (ssize_t n; (n = read(file, room, sizeof room)) > 0;) {
    text.append(room, static_cast<std::size_t>(n));
  }
  close(file);
  return text;
}

// The numbers that name the entries of a folder of /proc.
std::vector<pid_t> numbers_in(const std::string& folder) {
  std::vector<pid_t> found;
  DIR* dir = opendir(folder.c_str());
  if (dir == nullptr) return found;
  while (const dirent* entry = readdir(dir)) {
    if (const pid_t number = atoi(entry->d_name); number > 0) found.push_back(number);
  }
  closedir(dir);
  return found;
}

std::string tasks_of(pid_t pid) {
  return "/proc/" + std::to_string(pid) + "/task/";
}

std::vector<pid_t> children_of_task(const std::string& task) {
  const std::string text = read_whole(task + "/children");
  std::vector<pid_t> found;
  const char* at = text.c_str();
  for (char* end = nullptr; const long child = strtol(at, &end, 10); at = end) {
    found.push_back(static_cast<pid_t>(child));
  }
  return found;
}

unsigned long long field(const std::string& status, const char* name) {
  const auto found = status.find(name);
  return found == std::string::npos ? 0 : strtoull(&status[found + strlen(name)], nullptr, 10);
}

bool add_task(pid_t task, const std::string& folder, Turns& turns) {
  const std::string status = read_whole(folder + "/status");
  if (status.find("\nState:\tS") == std::string::npos) return false;
  turns[task] =
      field(status, "\nvoluntary_ctxt_switches:") + field(status, "\nnonvoluntary_ctxt_switches:");
  return true;
}

bool add_process(pid_t pid, Turns& turns) {
  const std::vector<pid_t> tasks = numbers_in(tasks_of(pid));
  if (tasks.empty()) return false;
  for (const pid_t task : tasks) {
    const std::string folder = tasks_of(pid) + std::to_string(task);
    if (!add_task(task, folder, turns)) return false;
    for (const pid_t child : children_of_task(folder)) {
      if (!add_process(child, turns)) return false;
    }
  }
  return true;
}

}  // namespace

std::optional<Turns> asleep(pid_t root) {
  Turns turns;
  if (!add_process(root, turns)) return std::nullopt;
  return turns;
}

int children_of(pid_t pid) {
  int count = 0;
  for (const pid_t task : numbers_in(tasks_of(pid))) {
    count += static_cast<int>(children_of_task(tasks_of(pid) + std::to_string(task)).size());
  }
  return count;
}

}  // namespace porpoise::driver
