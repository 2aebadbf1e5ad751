#include "posix/program.h"

#include <exception>
#include <fcntl.h>
#include <new>
#include <signal.h>
#include <unistd.h>

#include "posix/file.h"

namespace porpoise::posix {

void begin_program() {
  // open() takes the lowest free descriptor: 0, then 1, then 2.
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) (void)::open("/dev/null", O_RDWR);
  }
  (void)::signal(SIGPIPE, SIG_IGN);
  (void)::signal(SIGXFSZ, SIG_IGN);
}

std::string printable(std::string_view text) {
  std::string shown(text);
  for (char& c : shown) {
    if (c == '\n') c = '/';
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
  }
  return shown;
}

void complain(std::string_view program, std::string_view text) {
  (void)write_all(2, fmt::format("{}: {}\n", program, printable(text)), "standard error");
}

int run_program(std::string_view program, const std::function<Result<int>()>& body) {
  try {
    Result<int> code = body();
    if (code) return *code;
    complain(program, code.error().text);
    return code.error().exit_code();
  } catch (const std::bad_alloc&) {
    complain(program, "out of memory");
  } catch (const std::exception& e) {
    complain(program, e.what());
  }
  return 111;
}

}  // namespace porpoise::posix
