#include "queue/foreign.h"

#include <algorithm>
#include <climits>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "posix/clock.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/process.h"
#include "posix/socket.h"
#include "queue/received.h"

namespace porpoise::queue {
namespace {

constexpr std::size_t kMaxText = 255;  // of descriptor 6; the rest is read and dropped
constexpr int kTextDescriptor = 6;

tl::unexpected<SubmitError> failure(Code code, const Error& error) {
  return tl::make_unexpected(SubmitError{
      static_cast<int>(code), Error{fate_of(static_cast<int>(code)), error.text, error.sys}});
}

class Foreign : public Submission {
 public:
  Foreign(std::string program, std::uint64_t max_octets)
      : program_(std::move(program)), max_octets_(max_octets) {}
  ~Foreign() override;

  SubmitResult<> start(const Instance& instance);
  SubmitResult<> write(std::string_view content) override;
  SubmitResult<std::string> finish(const mail::Envelope& envelope) override;

 private:
  void send(const posix::UniqueFd& to, std::string_view octets);
  bool read_text();
  void wait_for_text();

  std::string program_;
  std::uint64_t max_octets_;
  std::uint64_t taken_ = 0;
  posix::UniqueFd message_, envelope_, text_in_;
  pid_t child_ = -1;
  std::string text_;
  bool all_written_ = true;
};

// Abandoned: it never sees the envelope's end, and so queues nothing.
Foreign::~Foreign() {
  message_.reset();
  envelope_.reset();
  text_in_.reset();
  if (child_ > 0) (void)posix::wait_for(child_);
}

SubmitResult<> Foreign::start(const Instance& instance) {
  Result<posix::Pipe> message = posix::make_pipe();
  Result<posix::Pipe> envelope = posix::make_pipe();
  Result<posix::Pipe> text = posix::make_pipe();
  for (auto* pipe : {&message, &envelope, &text}) {
    if (!*pipe) return failure(Code::cannot_start, pipe->error());
  }
  posix::Command command;
  command.path = program_;
  command.arguments = {program_};
  command.environment = posix::own_environment();
  command.fds.assign(kTextDescriptor + 1, -1);
  command.fds[0] = message->read.get();
  command.fds[1] = envelope->read.get();
  command.fds[2] = 2;
  command.fds[kTextDescriptor] = text->write.get();
  // By the descriptor, which a path of any length does not hinder; it is still open in the child
  // when it changes its folder.
  command.folder = fmt::format("/proc/self/fd/{}", instance.folder());
  Result<pid_t> child = posix::start(command);
  if (!child) return failure(Code::cannot_start, child.error());
  child_ = *child;
  message_ = std::move(message->write);
  envelope_ = std::move(envelope->write);
  text_in_ = std::move(text->read);
  for (const auto* fd : {&message_, &envelope_, &text_in_}) {
    if (Result<> done = posix::set_nonblocking(fd->get()); !done) {
      return failure(Code::cannot_start, done.error());
    }
  }
  return {};
}

// Reads what there is of its text. False at the end of it.
bool Foreign::read_text() {
  char room[4096];
  for (;;) {
    Result<std::size_t> n = posix::read_some(text_in_.get(), room, "descriptor 6");
    if (!n) return n.error().sys == EAGAIN;
    if (*n == 0) return false;
    text_.append(room, std::min(*n, kMaxText - std::min(kMaxText, text_.size())));
  }
}

// Writes while listening to its text, so that neither waits for the other. A program may end
// early, having decided: what it says at its end counts then.
void Foreign::send(const posix::UniqueFd& to, std::string_view octets) {
  while (!octets.empty() && all_written_) {
    const ssize_t n = ::write(to.get(), octets.data(), octets.size());
    if (n >= 0) {
      octets.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      pollfd waits[] = {{to.get(), POLLOUT, 0}, {text_in_.get(), POLLIN, 0}};
      (void)::poll(waits, 2, -1);
      if (waits[1].revents != 0 && !read_text()) text_in_.reset();
    } else if (errno != EINTR) {
      all_written_ = false;
    }
  }
}

SubmitResult<> Foreign::write(std::string_view content) {
  taken_ += content.size();
  if (max_octets_ != 0 && taken_ > max_octets_) {
    return failure(Code::refused,
                   {.text = fmt::format("message longer than {} octets", max_octets_)});
  }
  send(message_, content);
  return {};
}

// Until its text ends or it does: a grandchild may hold descriptor 6 for ever.
void Foreign::wait_for_text() {
  const posix::UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, child_, 0)));
  while (text_in_.open() && process.open()) {
    pollfd waits[] = {{text_in_.get(), POLLIN, 0}, {process.get(), POLLIN, 0}};
    if (::poll(waits, 2, -1) < 0) continue;
    if (!read_text()) return;
    if (waits[1].revents != 0) return;
  }
}

SubmitResult<std::string> Foreign::finish(const mail::Envelope& envelope) {
  Result<std::string> octets = mail::encode(envelope, false);
  if (!octets) return failure(Code::bad_envelope, octets.error());
  message_.reset();
  send(envelope_, *octets);
  envelope_.reset();
  wait_for_text();
  Result<posix::Ended> ended = posix::wait_for(std::exchange(child_, -1));
  if (!ended) return failure(Code::bug, ended.error());
  if (text_in_.open()) (void)read_text();
  SubmitResult<> done = verdict(program_, ended->code, ended->signal, text_, all_written_);
  if (!done) return tl::make_unexpected(std::move(done.error()));
  return std::string();
}

}  // namespace

std::optional<std::string> foreign_program() {
  const char* program = ::secure_getenv("QMAILQUEUE");
  if (program == nullptr) program = ::secure_getenv("MAILQUEUE");
  if (program == nullptr || program[0] == '\0') return std::nullopt;
  return program;
}

SubmitResult<> verdict(const std::string& program, int code, int signal, std::string_view text,
                       bool all_written) {
  if (signal != 0) {
    return failure(Code::bug,
                   {.text = fmt::format("{}: killed by signal {} (#4.3.0)", program, signal)});
  }
  if (code == 0 && all_written) return {};
  if (code == 0) {
    return failure(Code::read_error,
                   {.text = fmt::format("{}: took only a part of the message (#4.3.0)", program)});
  }
  SubmitError error{.code = code, .error = {.fate = fate_of(code), .text = text_of(code)}};
  if (code == static_cast<int>(Code::custom) && text.size() >= 3) {
    error.error.fate = text[0] == 'D' ? Fate::permanent : Fate::temporary;
    error.error.text = text.substr(1);
  } else if (code == static_cast<int>(Code::custom)) {
    error.error.text = fmt::format("{}: refused without a reason (#4.3.0)", program);
  }
  return tl::make_unexpected(std::move(error));
}

SubmitResult<std::unique_ptr<Submission>> begin_foreign(const Instance& instance,
                                                        const std::string& program,
                                                        const SubmitOptions& options) {
  auto foreign = std::make_unique<Foreign>(program, options.max_octets);
  if (SubmitResult<> done = foreign->start(instance); !done) {
    return tl::make_unexpected(std::move(done.error()));
  }
  // It writes a line of its own, but knows nothing of a session.
  if (options.received) {
    SubmitResult<> done = foreign->write(received_line(options, ::getuid(), "", posix::wall_us()));
    if (!done) return tl::make_unexpected(std::move(done.error()));
  }
  return foreign;
}

}  // namespace porpoise::queue
