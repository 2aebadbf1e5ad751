#include "queue/socket_client.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "posix/clock.h"
#include "posix/error.h"
#include "posix/socket.h"
#include "queue/door.h"
#include "queue/frames.h"
#include "queue/new_message.h"

namespace porpoise::queue {
namespace {

constexpr std::size_t kRoom = 65536;
constexpr int kFirstPauseMs = 20;
constexpr int kLongestPauseMs = 500;
constexpr int kLastPatienceMs = 1000;  // for the answer, of one that is told to end

bool nobody_listens(int err) {
  return err == ENOENT || err == ECONNREFUSED;
}

// Where there is no /proc the folder has no other name than its path.
Result<posix::UniqueFd> connect_by_path(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return permanent("socket {}: path too long", path);
  std::memcpy(address.sun_path, path.data(), path.size());
  posix::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.open()) return posix::trouble(errno, "making a socket");
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  return posix::system_error(errno, "connecting to socket " + path);
}

Result<posix::UniqueFd> connect_to(const Instance& instance) {
  Result<posix::UniqueFd> run = instance.open_folder("run");
  if (!run) return run;
  Result<posix::UniqueFd> fd = posix::connect_in(run->get(), "submit");
  if (fd || fd.error().sys != ENOENT || ::access("/proc/self/fd", F_OK) == 0) return fd;
  return connect_by_path(instance.path() + "/run/submit");
}

// Readable when SIGTERM or SIGINT has come to a caller who holds them back; it stays his to take.
// Whoever does not hold them back is ended by them anyway.
posix::UniqueFd signals_held_back() {
  sigset_t held, wanted;
  sigemptyset(&wanted);
  (void)::pthread_sigmask(SIG_BLOCK, nullptr, &held);
  for (const int s : {SIGTERM, SIGINT}) {
    if (sigismember(&held, s) == 1) sigaddset(&wanted, s);
  }
  return posix::UniqueFd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
}

// Where something could not be sent though the other side is there: it must not wait for it.
void say_no_more(int socket) {
  (void)::shutdown(socket, SHUT_WR);
}

// ---- a child of root's, with nothing of root's

// For good, and with no other group.
bool become(const Identity& who) {
  return ::setgroups(1, &who.gid) == 0 && ::setresgid(who.gid, who.gid, who.gid) == 0 &&
         ::setresuid(who.uid, who.uid, who.uid) == 0;
}

void keep_only(int socket, int folder) {
  const int low = std::min(socket, folder), high = std::max(socket, folder);
  (void)::close_range(3, static_cast<unsigned>(low) - 1, 0);
  (void)::close_range(static_cast<unsigned>(low) + 1, static_cast<unsigned>(high) - 1, 0);
  (void)::close_range(static_cast<unsigned>(high) + 1, ~0U, 0);
}

[[noreturn]] void serve_in_child(const Instance& instance, posix::UniqueFd socket) {
  if (socket.get() > 2) keep_only(socket.get(), instance.folder());
  int code = 1;
  if (become(instance.identities().queue)) {
    const Result<> done = serve_one(instance, std::move(socket), 0);
    code = done ? 0 : 1;
  }
  ::_exit(code);
}

// ---- the client

class OverSocket : public Submission {
 public:
  OverSocket(const Instance& instance, const SubmitOptions& options, std::string hello)
      : instance_(instance),
        max_octets_(options.max_octets),
        hello_(std::move(hello)),
        signals_(signals_held_back()) {}
  ~OverSocket() override { end_connection(); }

  SubmitResult<> write(std::string_view content) override;
  SubmitResult<std::string> finish(const mail::Envelope& envelope) override;

 private:
  enum class State { open, over };

  SubmitResult<> connect();
  SubmitResult<> serve_ourselves();
  bool wait_again();
  bool wait(short events, int milliseconds);
  bool send_all(std::string_view octets);
  std::optional<Answer> receive_answer();
  void end_connection();
  SubmitResult<> send_room();
  SubmitResult<> send_content(std::string_view content);
  SubmitResult<std::string> hand_over(std::string_view envelope);
  bool send_rest(std::string_view envelope);
  tl::unexpected<SubmitError> lost();
  tl::unexpected<SubmitError> gone() const;
  static tl::unexpected<SubmitError> refusal(const Answer& answer);

  const Instance& instance_;
  std::uint64_t max_octets_;
  std::string hello_;
  posix::UniqueFd signals_;
  bool told_ = false;  // to end
  State state_ = State::open;
  posix::UniqueFd socket_;
  pid_t child_ = -1;
  bool streaming_ = false;  // some of the content went: it cannot be said again
  std::uint64_t taken_ = 0;
  std::string room_;
  std::int64_t give_up_us_ = 0;
  int pause_ms_ = kFirstPauseMs;
};

tl::unexpected<SubmitError> OverSocket::refusal(const Answer& answer) {
  return tl::make_unexpected(SubmitError{
      answer.code, {.fate = fate_of(answer.code), .text = answer.text, .sys = answer.sys}});
}

// The other side has gone before it was told to queue the message; it may have said why.
tl::unexpected<SubmitError> OverSocket::lost() {
  say_no_more(socket_.get());
  const std::optional<Answer> answer = told_ ? std::nullopt : receive_answer();
  end_connection();
  if (answer && answer->code != 0) return refusal(*answer);
  return gone();
}

tl::unexpected<SubmitError> OverSocket::gone() const {
  if (told_) return failure(Code::refused_for_now, "told to end by a signal");
  return failure(Code::nobody_there, "handing over the message: the other side has gone");
}

// False: it has been long enough, or we are told to end.
bool OverSocket::wait(short events, int milliseconds) {
  pollfd waits[] = {{told_ ? -1 : signals_.get(), POLLIN, 0}, {socket_.get(), events, 0}};
  const std::int64_t end_us = posix::running_us() + std::int64_t{milliseconds} * 1000;
  for (;;) {
    const std::int64_t left_ms = (end_us - posix::running_us() + 999) / 1000;
    const int n = ::poll(waits, 2, static_cast<int>(std::max<std::int64_t>(left_ms, 0)));
    if (n < 0 && errno == EINTR) continue;
    if (n > 0 && waits[1].revents != 0) return true;
    told_ = told_ || (n > 0 && waits[0].revents != 0);
    return false;
  }
}

// False: not all of it went.
bool OverSocket::send_all(std::string_view octets) {
  while (!octets.empty()) {
    constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
    const ssize_t n = ::send(socket_.get(), octets.data(), octets.size(), kFlags);
    if (n >= 0) {
      octets.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      if (!wait(POLLOUT, kPeerPatienceS * 1000)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

// What the other side says, to its end. It has a lot of time, disks do; but for one who is told to
// end.
std::optional<Answer> OverSocket::receive_answer() {
  std::string frame;
  char room[kFrameHead + Answer::kMaxText + 1024];
  for (;;) {
    const bool told = told_;
    if (!wait(POLLIN, told ? kLastPatienceMs : kPeerPatienceS * 1000)) {
      if (told == told_) return std::nullopt;
      continue;  // it may be on its way
    }
    const ssize_t n = ::recv(socket_.get(), room, sizeof room, MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return std::nullopt;
    frame.append(room, static_cast<std::size_t>(n));
    if (std::optional<Answer> answer = decode_answer(frame)) return answer;
    if (frame.size() > sizeof room) return std::nullopt;
  }
}

void OverSocket::end_connection() {
  socket_.reset();
  if (child_ > 0) {
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) continue;
  }
  child_ = -1;
}

// False: it has been long enough.
bool OverSocket::wait_again() {
  const std::int64_t now_us = posix::running_us();
  if (give_up_us_ == 0) give_up_us_ = now_us + kConnectPatienceMs * 1000;
  if (now_us >= give_up_us_) return false;
  (void)wait(0, pause_ms_);  // there is no connection
  pause_ms_ = std::min(2 * pause_ms_, kLongestPauseMs);
  return !told_;
}

SubmitResult<> OverSocket::connect() {
  for (;;) {
    Result<posix::UniqueFd> socket = connect_to(instance_);
    if (socket) {
      socket_ = std::move(*socket);
      return {};
    }
    if (!nobody_listens(socket.error().sys)) {
      return failure(Code::nobody_there, std::move(socket.error()));
    }
    if (::geteuid() == 0) return serve_ourselves();
    if (wait_again()) continue;
    if (told_) return gone();
    return failure(Code::nobody_there, std::move(socket.error()));
  }
}

SubmitResult<> OverSocket::serve_ourselves() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return failure(Code::memory, "making a socket pair: " + posix::error_text(errno));
  }
  posix::UniqueFd ours(ends[0]);
  posix::UniqueFd theirs(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return failure(Code::memory, "starting a process: " + posix::error_text(errno));
  if (child == 0) {
    ours.reset();
    serve_in_child(instance_, std::move(theirs));
  }
  child_ = child;
  socket_ = std::move(ours);
  return {};
}

SubmitResult<> OverSocket::send_content(std::string_view content) {
  while (!content.empty()) {
    const std::string_view piece = content.substr(0, kMaxFrame);
    if (!send_all(frame_head(Frame::content, piece.size())) || !send_all(piece)) {
      return lost();
    }
    content.remove_prefix(piece.size());
  }
  return {};
}

// From here on the message is with the other side.
SubmitResult<> OverSocket::send_room() {
  if (!streaming_) {
    if (SubmitResult<> done = connect(); !done) return done;
    streaming_ = true;
    if (!send_all(hello_)) return lost();
  }
  SubmitResult<> done = send_content(room_);
  room_.clear();
  return done;
}

SubmitResult<> OverSocket::write(std::string_view content) {
  if (state_ == State::over)
    return failure(Code::write_error, "writing a message: it failed before");
  taken_ += content.size();
  SubmitResult<> done;
  if (max_octets_ != 0 && taken_ > max_octets_) {
    done = failure(Code::refused, fmt::format("message longer than {} octets", max_octets_));
  } else if (room_.size() + content.size() <= kRoom) {
    room_ += content;
  } else {
    done = send_room();
    if (done) done = send_content(content);
  }
  if (!done) state_ = State::over;
  return done;
}

// Everything that was not sent yet, as one piece where it is small. The commit is its end: as long
// as not all of it went, nothing is queued.
bool OverSocket::send_rest(std::string_view envelope) {
  std::string rest;
  if (!streaming_) rest = hello_;
  if (!room_.empty()) rest += frame_head(Frame::content, room_.size()) + room_;
  while (!envelope.empty()) {
    const std::string_view piece = envelope.substr(0, kMaxFrame);
    rest += frame_head(Frame::envelope, piece.size());
    rest += piece;
    envelope.remove_prefix(piece.size());
    if (rest.size() < 4 * kMaxFrame) continue;
    if (!send_all(rest)) return false;
    rest.clear();
  }
  return send_all(rest + frame_head(Frame::commit, 0));
}

SubmitResult<std::string> OverSocket::hand_over(std::string_view envelope) {
  for (;;) {
    if (!streaming_) {
      if (SubmitResult<> done = connect(); !done)
        return tl::make_unexpected(std::move(done.error()));
    }
    const bool sent = send_rest(envelope);
    if (!sent) say_no_more(socket_.get());
    std::optional<Answer> answer;
    if (sent || !told_) answer = receive_answer();
    end_connection();
    if (answer && answer->code == 0 && sent) return answer->id;
    if (!answer && sent) {
      return failure(Code::lost,
                     "the message was handed over, and no answer came: it may be queued");
    }
    // All of it is still here, and none of it there: it can be said again.
    const bool again = !streaming_ && !told_ && (!answer || answer->try_again);
    if (again && wait_again()) continue;
    if (answer && answer->code != 0) return refusal(*answer);
    return gone();
  }
}

SubmitResult<std::string> OverSocket::finish(const mail::Envelope& envelope) {
  if (state_ == State::over) {
    return failure(Code::write_error, "queueing a message: it failed before");
  }
  state_ = State::over;
  Result<std::string> octets = mail::encode(envelope);
  if (!octets) return failure(Code::bad_envelope, std::move(octets.error()));
  return hand_over(*octets);
}

}  // namespace

SubmitResult<std::unique_ptr<Submission>> begin_over_socket(const Instance& instance,
                                                            const SubmitOptions& options) {
  if (options.id || options.notice_about) {
    return failure(Code::bug, "a notice is queued by the queue's owner");
  }
  Result<std::string> hello =
      encode(Hello{.received_note = options.received_note, .received = options.received});
  if (!hello) return failure(Code::bug, std::move(hello.error()));
  return std::make_unique<OverSocket>(instance, options, std::move(*hello));
}

}  // namespace porpoise::queue
