#include "front/secret.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "pop3d/passwd.h"
#include "posix/file.h"

namespace porpoise::front {
namespace {

constexpr int kInput = 0;

// The terminal without echo, for as long as this lives; signals that would end us meanwhile wait
// until the echo is back.
class Silence {
 public:
  Silence() {
    sigemptyset(&held_);
    for (const int s : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) sigaddset(&held_, s);
    (void)::sigprocmask(SIG_BLOCK, &held_, &before_);
    signals_.reset(::signalfd(-1, &held_, SFD_CLOEXEC));
    known_ = ::tcgetattr(kInput, &shown_) == 0;
    termios silent = shown_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL;
    if (known_) (void)::tcsetattr(kInput, TCSAFLUSH, &silent);
  }
  ~Silence() {
    if (known_) (void)::tcsetattr(kInput, TCSAFLUSH, &shown_);
    (void)::sigprocmask(SIG_SETMASK, &before_, nullptr);  // what waited strikes here
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

  // True when the terminal has a line; false when a signal came.
  bool wait() const {
    pollfd polled[] = {{.fd = kInput, .events = POLLIN, .revents = 0},
                       {.fd = signals_.get(), .events = POLLIN, .revents = 0}};
    while (::poll(polled, 2, -1) < 0 && errno == EINTR) {
    }
    return polled[1].revents == 0;
  }

 private:
  sigset_t held_, before_;
  posix::UniqueFd signals_;
  termios shown_{};
  bool known_ = false;
};

// Octet by octet: what follows the line is not ours.
Result<std::string> read_line() {
  std::string line;
  for (char c; line.size() <= pop3d::kMaxPasswordOctets + 1;) {
    Result<std::size_t> n = posix::read_some(kInput, {&c, 1}, "standard input");
    if (!n) return failed(n);
    if (*n == 0 || c == '\n') break;
    line += c;
  }
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

Result<std::string> read_silently(const std::string& prompt) {
  if (Result<> done = posix::write_all(2, prompt, "the terminal"); !done) return failed(done);
  const Silence silence;
  if (!silence.wait()) return permanent("asking for the password: interrupted");
  return read_line();
}

Result<std::string> ask_twice(const std::string& prompt) {
  Result<std::string> first = read_silently(prompt);
  if (!first) return first;
  Result<std::string> second = read_silently("again: ");
  if (!second) return second;
  if (*first != *second) return permanent("the two passwords differ: nothing changed");
  return first;
}

}  // namespace

Result<std::string> ask_secret(const std::string& prompt) {
  Result<std::string> secret = ::isatty(kInput) == 1 ? ask_twice(prompt) : read_line();
  if (!secret) return secret;
  if (secret->empty()) return permanent("no password given: nothing changed");
  if (secret->size() > pop3d::kMaxPasswordOctets) {
    return permanent("the password is longer than {} octets: nothing changed",
                     pop3d::kMaxPasswordOctets);
  }
  return secret;
}

}  // namespace porpoise::front
