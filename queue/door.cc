#include "queue/door.h"

#include <algorithm>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "posix/clock.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/program.h"
#include "posix/sandbox.h"
#include "posix/socket.h"
#include "queue/wake.h"

namespace porpoise::queue {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::size_t kReadAtOnce = 65536;
constexpr int kAcceptAtOnce = 64;

// What an event of epoll is about; connections are numbered from kFirst on.
constexpr std::uint64_t kListening = 0, kSignals = 1, kPosted = 2, kFirst = 16;

Result<> watch(int epoll, int fd, std::uint64_t about) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = about}};
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) return {};
  return posix::trouble(errno, "watching a descriptor");
}

Result<uid_t> uid_behind(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return posix::trouble(errno, "asking who connects");
  }
  return peer.uid;
}

// An answer is small, and the first thing that goes that way: it fits, or the client is none.
void send_answer(int socket, const Answer& answer) {
  const std::string frame = encode(answer);
  (void)::send(socket, frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Each connection may need two descriptors.
std::size_t connections_by_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 100;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
  constexpr rlim_t kOthers = 64;
  return limit.rlim_cur <= kOthers ? 1 : static_cast<std::size_t>((limit.rlim_cur - kOthers) / 2);
}

Answer later(std::string text, bool try_again) {
  return {.code = static_cast<int>(Code::refused_for_now),
          .text = std::move(text),
          .try_again = try_again};
}

// A client that finds a hole here finds itself with the queue and nothing else.
Result<> give_up_rights(const Instance& instance) {
  const int at = instance.folder();
  Result<posix::Confined> done = posix::confine(
      {.places = {{.path = "queue", .access = posix::Sandbox::Access::write, .at = at},
                  {.path = "control", .at = at}}});
  if (!done) return failed(done);
  return {};
}

}  // namespace

Result<std::unique_ptr<Door>> Door::make(const Instance& instance, SubmitLimits limits) {
  SubmitResult<IntakeFolders> folders = IntakeFolders::open(instance);
  if (!folders) return tl::make_unexpected(std::move(folders.error().error));
  Result<posix::UniqueFd> deferred = instance.open_folder("queue/deferred");
  if (!deferred) return failed(deferred);
  std::unique_ptr<Door> door(new Door(instance, std::move(*folders), std::move(limits)));
  door->deferred_ = std::move(*deferred);
  door->epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  door->posted_event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!door->epoll_.open() || !door->posted_event_.open()) {
    return posix::trouble(errno, "making an event loop");
  }
  if (Result<> done = watch(door->epoll_.get(), door->posted_event_.get(), kPosted); !done) {
    return failed(done);
  }
  return door;
}

Door::Door(const Instance& instance, IntakeFolders folders, SubmitLimits limits)
    : instance_(instance),
      folders_(std::move(folders)),
      incoming_([this] { return posix::sync(folders_.incoming.get(), "folder queue/incoming"); }),
      usage_(std::move(limits),
             {0, instance.identities().queue.uid, instance.identities().network.uid,
              instance.identities().alias.uid}),
      buffer_(kReadAtOnce, '\0'),
      next_number_(kFirst),
      pool_(kThreads, kLargeThreads) {}

Door::~Door() {
  census_.reset();
}

Result<> Door::listen(int listening) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(listening, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) {
    return permanent("descriptor {} is no listening socket", listening);
  }
  if (Result<> done = posix::set_nonblocking(listening); !done) return done;
  listening_ = listening;
  return watch(epoll_.get(), listening, kListening);
}

Result<> Door::hear(int signals) {
  signals_ = signals;
  return watch(epoll_.get(), signals, kSignals);
}

void Door::count_what_is_there() {
  census_.emplace(instance_, posix::wall_us(), [this](auto piece) {
    post([this, piece = std::move(piece)] {
      for (const auto& [uid, stored] : piece) usage_.found(uid, stored);
    });
  });
}

// ---- the loop

void Door::turn() {
  const bool timed = !connections_.empty() || accept_again_us_ != 0;
  epoll_event events[64];
  const int n = ::epoll_wait(epoll_.get(), events, std::size(events), timed ? 1000 : -1);
  for (int i = 0; i < n; ++i) {
    const std::uint64_t about = events[i].data.u64;
    if (about == kListening) {
      accept_some();
    } else if (about == kSignals) {
      hear_signals();
    } else if (about == kPosted) {
      run_posted();
    } else if (const auto entry = connections_.find(about); entry != connections_.end()) {
      read(*entry->second);
    }
  }
  const std::int64_t now_us = posix::running_us();
  if (now_us >= swept_us_ + kSecondUs) sweep(now_us);
}

void Door::hear_signals() {
  signalfd_siginfo info;
  while (::read(signals_, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP) {
      read_limits();
    } else {
      stop();
    }
  }
}

// Whoever is told to come again finds the next one who serves.
void Door::stop() {
  if (listening_ >= 0) (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listening_, nullptr);
  listening_ = -1;
  accept_again_us_ = 0;
  stopping_ = true;
  census_.reset();
  for (auto entry = connections_.begin(); entry != connections_.end();) {
    Connection& connection = *(entry++)->second;
    if (!connection.working) refuse(connection, later("queue is being stopped", true));
  }
}

// A file that is wrong changes nothing, and is told once.
void Door::read_limits() {
  Result<SubmitLimits> limits = read_submit_limits(Control(instance_.folder()));
  const std::string fault = limits ? "" : limits.error().text;
  if (!fault.empty() && fault != limits_fault_) posix::complain("queue", fault);
  limits_fault_ = fault;
  if (!limits) return;
  limits->connections = usage_.limits().connections;
  usage_.set_limits(std::move(*limits));
}

void Door::sweep(std::int64_t now_us) {
  swept_us_ = now_us;
  if (signals_ >= 0) read_limits();
  if (accept_again_us_ != 0 && now_us >= accept_again_us_) {
    accept_again_us_ = 0;
    (void)watch(epoll_.get(), listening_, kListening);
  }
  const SubmitLimits& limits = usage_.limits();
  for (auto entry = connections_.begin(); entry != connections_.end();) {
    Connection& connection = *(entry++)->second;
    if (connection.working) continue;
    const bool idle = now_us - connection.progress_us > limits.idle_s * kSecondUs;
    if (!idle && now_us - connection.entered_us <= limits.total_s * kSecondUs) continue;
    refuse(connection,
           {.code = static_cast<int>(Code::timeout),
            .text = idle ? fmt::format("reading: nothing came for {} seconds", limits.idle_s)
                         : "reading took too long"});
  }
}

void Door::post(std::function<void()> event) {
  bool first = false;
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(event));
    first = posted_.size() == 1;
  }
  const std::uint64_t one = 1;
  if (first) (void)!::write(posted_event_.get(), &one, sizeof one);
}

void Door::run_posted() {
  std::uint64_t count = 0;
  (void)!::read(posted_event_.get(), &count, sizeof count);
  std::vector<std::function<void()>> posted;
  {
    const std::lock_guard lock(posted_mutex_);
    posted.swap(posted_);
  }
  for (const auto& event : posted) event();
}

// ---- connections

void Door::accept_some() {
  for (int i = 0; i < kAcceptAtOnce; ++i) {
    posix::UniqueFd socket(::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.open()) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN) return;
      // Out of descriptors or memory: what waits is not lost, and the loop must not spin.
      posix::complain("queue", "accepting a connection: " + posix::error_text(errno));
      (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listening_, nullptr);
      accept_again_us_ = posix::running_us() + kSecondUs;
      return;
    }
    if (Result<uid_t> uid = uid_behind(socket.get())) enter(std::move(socket), *uid);
  }
}

// One user can have many uids (those of a container). Whoever has been here longest goes, so that
// those who hand in mail and leave always come in.
void Door::make_room() {
  const std::int64_t latest = posix::running_us() - usage_.limits().crowded_s * kSecondUs;
  for (const auto& [number, connection] : connections_) {  // in the order in which they came
    if (connection->entered_us > latest) return;
    if (connection->working || usage_.is_own(connection->uid)) continue;
    return refuse(*connection, later("all connections are taken, and this one is old", true));
  }
}

void Door::enter(posix::UniqueFd socket, uid_t uid) {
  if (usage_.all_taken(uid)) make_room();
  if (const auto refusal = usage_.connect(uid)) {
    send_answer(socket.get(), later(*refusal, true));
    return;
  }
  auto made = std::make_unique<Connection>();
  Connection& connection = *made;
  connection.number = next_number_++;
  connection.socket = std::move(socket);
  connection.uid = uid;
  connection.entered_us = connection.progress_us = posix::running_us();
  connections_.emplace(connection.number, std::move(made));
  read(connection);  // a small message is there already
}

// One event each: while a job has the connection, nothing of it is heard.
void Door::arm(Connection& connection) {
  epoll_event event{.events = EPOLLIN | EPOLLONESHOT, .data = {.u64 = connection.number}};
  const int act = connection.watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  connection.watched = true;
  if (::epoll_ctl(epoll_.get(), act, connection.socket.get(), &event) == 0) return;
  refuse(connection,
         later(fmt::format("watching a connection: {}", posix::error_text(errno)), true));
}

// No room for ancillary data is given, so the kernel closes any descriptor that comes.
void Door::read(Connection& connection) {
  if (connection.working) return;
  const ssize_t n = ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (n > 0) {
    connection.progress_us = posix::running_us();
    process(connection, std::string_view(buffer_).substr(0, static_cast<std::size_t>(n)));
  } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    arm(connection);
  } else {
    drop(connection);  // gone, before it had said all
  }
}

void Door::refuse(Connection& connection, const Answer& answer) {
  send_answer(connection.socket.get(), answer);
  drop(connection);
}

// Forgets it, and all that was made for it.
void Door::drop(Connection& connection) {
  const uid_t uid = connection.uid;
  if (connection.begun) usage_.end_message(uid, connection.octets, std::nullopt);
  usage_.take_memory(uid, connection.memory);
  usage_.disconnect(uid);
  // A large file takes a while to go.
  if (connection.message) {
    std::shared_ptr<NewMessage> message = std::move(connection.message);
    pool_.add(uid, Pool::Size::large,
              [message = std::move(message)]() mutable { message.reset(); });
  }
  connections_.erase(connection.number);
}

// ---- whole lives

Result<> serve(const Instance& instance, int listening) {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&wanted, s);
  (void)::sigprocmask(SIG_BLOCK, &wanted, nullptr);  // the threads inherit it
  const posix::UniqueFd signals(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.open()) return posix::trouble(errno, "making a signalfd");
  Result<SubmitLimits> limits = read_submit_limits(Control(instance.folder()));
  if (!limits) return failed(limits);
  limits->connections = std::min(limits->connections, connections_by_descriptors());
  if (Result<> done = give_up_rights(instance); !done) return done;
  Result<std::unique_ptr<Door>> door = Door::make(instance, std::move(*limits));
  if (!door) return failed(door);
  if (Result<> done = (*door)->hear(signals.get()); !done) return done;
  if (Result<> done = (*door)->listen(listening); !done) return done;
  (*door)->count_what_is_there();
  have_incoming_read(instance);
  while (!(*door)->stopping() || !(*door)->empty()) (*door)->turn();
  return {};
}

Result<> serve_one(const Instance& instance, posix::UniqueFd connection, uid_t uid) {
  Result<std::unique_ptr<Door>> door = Door::make(instance, SubmitLimits{});
  if (!door) return failed(door);
  (*door)->enter(std::move(connection), uid);
  while (!(*door)->empty()) (*door)->turn();
  return {};
}

}  // namespace porpoise::queue
