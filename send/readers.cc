#include "send/readers.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <sys/eventfd.h>
#include <unistd.h>

#include "posix/error.h"
#include "send/worker.h"

namespace porpoise::send {

Result<MessageFile> read_message(queue::Spool& spool, const ReadMessage& job) {
  queue::Place place{};
  Result<queue::File> file = spool.open_file(job.id, queue::File::Access::read, &place);
  if (!file) return failed(file);
  MessageFile message{.file = std::move(*file), .place = place};
  // What a send that was killed has recorded may not be on disk yet. A notice depends on it.
  message.unsettled = !message.file.state().open_intents.empty();
  if (const auto& about = message.file.meta().notice_about) {
    Result<queue::File> other = spool.open_file(*about, queue::File::Access::read);
    if (!other && outcome_of(other.error()) == Outcome::trouble) return failed(other);
    message.confirmed = !other || !other->state().open_intents.contains(job.id);
    message.about_unsettled = other && other->state().notices.contains(job.id);
  }
  Result<> room = spool.reserve_log(message.file, place);
  if (!room) return failed(room);
  if (!job.first || message.file.header().content_octets > Readers::kSmall) return message;
  // Without it, it is asked for again when it is needed, and what is wrong is told then.
  if (Result<posix::UniqueFd> content = spool.copy_content(message.file)) {
    message.content = std::move(*content);
  }
  return message;
}

ReadAnswer Readers::carry_out(queue::Spool& spool, Reading job) {
  if (const auto* copy = std::get_if<CopyOf>(&job)) {
    return Copied{copy->id, spool.copy_content(copy->file)};
  }
  const ReadMessage& read = std::get<ReadMessage>(job);
  return WasRead{read.id, read.first, false, read_message(spool, read)};
}

struct Readers::Shared {
  CarryOut carry_out;
  std::chrono::milliseconds patience;
  posix::UniqueFd event;
  std::mutex mutex;  // of what follows
  std::condition_variable posted;
  std::condition_variable ended;
  std::deque<Reading> jobs;
  std::vector<ReadAnswer> answers;
  std::size_t running = 0;
  std::size_t idle = 0;  // of those
  bool finishing = false;
};

Result<std::unique_ptr<Readers>> Readers::start(const Instance& instance, CarryOut carry_out,
                                                std::chrono::milliseconds patience) {
  auto shared = std::make_shared<Shared>();
  shared->carry_out = std::move(carry_out);
  shared->patience = patience;
  shared->event.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!shared->event.open()) return posix::trouble(errno, "making an eventfd");
  std::unique_ptr<Readers> readers(new Readers(shared));
  for (std::size_t i = 0; i < kThreads; ++i) {
    Result<queue::Spool> spool = queue::Spool::open(instance);
    if (!spool) return failed(spool);
    readers->spools_.push_back(std::move(*spool));
  }
  const std::lock_guard guard(shared->mutex);
  if (Result<> started = readers->start_thread(); !started) return failed(started);
  return readers;
}

Result<> Readers::start_thread() {
  queue::Spool spool = std::move(spools_.back());
  spools_.pop_back();
  try {
    threads_.emplace_back(
        [shared = shared_, s = std::move(spool)]() mutable { run(shared, std::move(s)); });
  } catch (const std::exception& e) {
    return temporary("starting a thread: {}", e.what());
  }
  ++shared_->running;
  ++shared_->idle;
  return {};
}

Readers::~Readers() {
  std::unique_lock guard(shared_->mutex);
  shared_->finishing = true;
  shared_->posted.notify_all();
  const bool all =
      shared_->ended.wait_for(guard, shared_->patience, [this] { return shared_->running == 0; });
  guard.unlock();
  for (std::thread& thread : threads_) all ? thread.join() : thread.detach();
}

void Readers::post(Reading job) {
  const std::lock_guard guard(shared_->mutex);
  shared_->jobs.push_back(std::move(job));
  shared_->posted.notify_one();
  // The first one serves most sends. Where no more can be started, it has to do.
  if (shared_->jobs.size() > shared_->idle && !spools_.empty()) (void)start_thread();
}

int Readers::event() const {
  return shared_->event.get();
}

std::vector<ReadAnswer> Readers::take() {
  std::uint64_t count;
  (void)!::read(event(), &count, sizeof count);
  const std::lock_guard guard(shared_->mutex);
  return std::exchange(shared_->answers, {});
}

void Readers::run(const std::shared_ptr<Shared>& shared, queue::Spool spool) {
  std::unique_lock guard(shared->mutex);
  for (;;) {
    shared->posted.wait(guard, [&] { return shared->finishing || !shared->jobs.empty(); });
    if (shared->finishing) break;
    Reading job = std::move(shared->jobs.front());
    shared->jobs.pop_front();
    --shared->idle;
    guard.unlock();
    ReadAnswer answer = shared->carry_out(spool, std::move(job));
    guard.lock();
    ++shared->idle;
    shared->answers.push_back(std::move(answer));
    const std::uint64_t one = 1;
    (void)!::write(shared->event.get(), &one, sizeof one);
  }
  --shared->running;
  shared->ended.notify_all();
}

}  // namespace porpoise::send
