#include "queue/intake.h"

#include <algorithm>
#include <poll.h>
#include <signal.h>

#include "posix/clock.h"
#include "posix/error.h"
#include "posix/file.h"
#include "queue/new_message.h"

namespace porpoise::queue {
namespace {

volatile sig_atomic_t told_to_end = 0;

void on_term(int) {
  told_to_end = 1;
}

// SIGTERM stays blocked but while we wait for input, so that it never falls into the commit.
void set_signals() {
  for (const int s : {SIGPIPE, SIGVTALRM, SIGPROF, SIGQUIT, SIGINT, SIGHUP, SIGXCPU, SIGXFSZ}) {
    (void)::signal(s, SIG_IGN);
  }
  struct sigaction action{};
  action.sa_handler = on_term;
  (void)::sigaction(SIGTERM, &action, nullptr);
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  (void)::sigprocmask(SIG_SETMASK, &term, nullptr);
}

// Reading with an end in sight.
class Input {
 public:
  explicit Input(std::int64_t end_us) : end_us_(end_us) {}

  /// What came, valid until the next call; empty at the end of `fd`.
  SubmitResult<std::string_view> next(int fd, const char* what) {
    for (;;) {
      if (SubmitResult<> ready = wait(fd); !ready) {
        return tl::make_unexpected(std::move(ready.error()));
      }
      Result<std::size_t> n = posix::read_some(fd, room_, what);
      if (n) return std::string_view(room_, *n);
      if (n.error().sys != EAGAIN) return failure(Code::read_error, n.error().text);
    }
  }

 private:
  SubmitResult<> wait(int fd) {
    sigset_t none;
    sigemptyset(&none);
    pollfd waits{fd, POLLIN, 0};
    for (;;) {
      if (told_to_end) return failure(Code::refused_for_now, "told to end by a signal");
      const std::int64_t left = end_us_ - posix::running_us();
      if (left <= 0) return failure(Code::timeout, "reading took too long");
      const timespec patience{left / 1'000'000, left % 1'000'000 * 1000};
      const int n = ::ppoll(&waits, 1, &patience, &none);
      if (n > 0) return {};
      if (n < 0 && errno != EINTR) {
        return failure(Code::read_error, fmt::format("waiting: {}", posix::error_text(errno)));
      }
    }
  }

  std::int64_t end_us_;
  char room_[65536];
};

SubmitResult<mail::Envelope> read_envelope(Input& input) {
  mail::EnvelopeDecoder decoder;
  while (!decoder.done()) {
    SubmitResult<std::string_view> piece = input.next(1, "the envelope");
    if (!piece) return tl::make_unexpected(std::move(piece.error()));
    if (piece->empty()) {
      return failure(Code::read_error, "reading the envelope: it ends before its final NUL");
    }
    (void)decoder.feed(*piece);
    if (decoder.fault() != mail::EnvelopeDecoder::Fault::none) {
      return failure(code_of(decoder.fault()), "envelope " + decoder.fault_text());
    }
  }
  return std::move(decoder).finish();
}

}  // namespace

SubmitResult<> take_in(const Instance& instance) {
  set_signals();
  SubmitResult<std::unique_ptr<Submission>> submission = begin(instance, {}, false);
  if (!submission) return tl::make_unexpected(std::move(submission.error()));
  Input input(posix::running_us() + kIntakeSeconds * 1'000'000);
  for (;;) {
    SubmitResult<std::string_view> piece = input.next(0, "the message");
    if (!piece) return tl::make_unexpected(std::move(piece.error()));
    if (piece->empty()) break;
    if (SubmitResult<> done = (*submission)->write(*piece); !done) return done;
  }
  SubmitResult<mail::Envelope> envelope = read_envelope(input);
  if (!envelope) return tl::make_unexpected(std::move(envelope.error()));
  SubmitResult<std::string> id = (*submission)->finish(*envelope);
  if (!id) return tl::make_unexpected(std::move(id.error()));
  return {};
}

}  // namespace porpoise::queue
