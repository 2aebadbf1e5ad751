// Bugs on purpose in spawn alone (plant.cc has the others and tells how they are switched on):
//
//   killed-is-done      a delivery that was killed is taken for one that ended well
//   no-answer-is-nobody a password file that cannot be read is one without the user

#include <pwd.h>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

// The names are those that ld's --wrap asks for.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
pid_t __real_waitpid(pid_t pid, int* status, int options);
int __real_getpwnam_r(const char* name, passwd* entry, char* room, size_t size, passwd** found);
pid_t __wrap_waitpid(pid_t pid, int* status, int options);
int __wrap_getpwnam_r(const char* name, passwd* entry, char* room, size_t size, passwd** found);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace {

bool planted(std::string_view bug) {
  char room[4096];
  const ssize_t n = ::readlink("/proc/self/exe", room, sizeof room);
  const std::string_view self(room, n < 0 ? 0 : static_cast<std::size_t>(n));
  return self.find("/plant-" + std::string(bug) + "/") != std::string_view::npos;
}

}  // namespace

pid_t __wrap_waitpid(pid_t pid, int* status, int options) {
  const pid_t ended = __real_waitpid(pid, status, options);
  if (ended > 0 && WIFSIGNALED(*status) && planted("killed-is-done")) *status = 0;
  return ended;
}

int __wrap_getpwnam_r(const char* name, passwd* entry, char* room, size_t size, passwd** found) {
  const int err = __real_getpwnam_r(name, entry, room, size, found);
  return planted("no-answer-is-nobody") ? 0 : err;
}
