#include "send/worker.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <sys/eventfd.h>

#include "posix/error.h"

namespace porpoise::send {

Outcome outcome_of(const Error& error) {
  if (error.sys == EBADMSG) return Outcome::damaged;
  if (error.sys == ENOENT) return Outcome::gone;
  return Outcome::trouble;
}

Result<std::unique_ptr<Worker>> Worker::start(const Instance& instance) {
  Result<queue::Spool> spool = queue::Spool::open(instance);
  if (!spool) return failed(spool);
  posix::UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.open()) return posix::trouble(errno, "making an eventfd");
  std::unique_ptr<Worker> worker(new Worker(std::move(*spool), std::move(event)));
  try {
    worker->thread_ = std::thread([w = worker.get()] { w->run(); });
  } catch (const std::exception& e) {
    return temporary("starting a thread: {}", e.what());
  }
  return worker;
}

Worker::~Worker() {
  finish();
}

void Worker::post(Job job) {
  const std::lock_guard guard(mutex_);
  jobs_.push_back(std::move(job));
  posted_.notify_one();
}

std::vector<Answer> Worker::take() {
  std::uint64_t count;
  (void)!::read(event_.get(), &count, sizeof count);
  const std::lock_guard guard(mutex_);
  return std::exchange(answers_, {});
}

void Worker::finish() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard guard(mutex_);
    finishing_ = true;
    posted_.notify_one();
  }
  thread_.join();
}

void Worker::answer(Answer answer) {
  {
    const std::lock_guard guard(mutex_);
    answers_.push_back(std::move(answer));
  }
  const std::uint64_t one = 1;
  (void)!::write(event_.get(), &one, sizeof one);
}

// ---- the thread

void Worker::run() {
  for (Job job; next_job(job);) {
    std::visit([this](const auto& j) { work(j); }, job);
    sync_removals_if_due();
  }
  if (removals_due_) removals_due_ = std::chrono::steady_clock::now();
  sync_removals_if_due();
}

// The next job; meanwhile a piece of a scan, or a sync whose time has come. False: the end.
bool Worker::next_job(Job& job) {
  std::unique_lock guard(mutex_);
  while (jobs_.empty()) {
    if (finishing_) return false;
    if (to_scan_) {
      guard.unlock();
      scan_piece();
      sync_removals_if_due();
      guard.lock();
    } else if (removals_due_) {
      posted_.wait_until(guard, *removals_due_);
      guard.unlock();
      sync_removals_if_due();
      guard.lock();
    } else {
      posted_.wait(guard);
    }
  }
  job = std::move(jobs_.front());
  jobs_.pop_front();
  return true;
}

void Worker::work(const Write& job) {
  Result<> done = record(job);
  if (done && job.then == Write::Then::defer) done = spool_.move_to_deferred(job.id);
  if (done && job.then == Write::Then::remove) {
    done = spool_.remove(job.id, job.place);
    if (!removals_due_) removals_due_ = std::chrono::steady_clock::now() + kRemovalDelay;
  }
  if (!done || job.then != Write::Then::stay) files_.erase(job.id);
  if (done) {
    recorded_.erase(job.id);
    answer(Written{job.id, Outcome::ok, ""});
  } else {
    answer(Written{job.id, outcome_of(done.error()), done.error().text});
  }
}

Result<> Worker::record(const Write& job) {
  if (job.events->empty()) return {};
  const auto before = recorded_.find(job.id);
  if (before != recorded_.end() && before->second == job.events) return {};
  Result<queue::File*> file = file_for_records(job.id);
  if (!file) return failed(file);
  Result<> done = (*file)->append(*job.events);
  if (done) done = (*file)->sync();
  if (done && job.then != Write::Then::stay) recorded_[job.id] = job.events;
  return done;
}

// After any error a file is closed and read anew: what it holds is what counts then.
Result<queue::File*> Worker::file_for_records(const queue::Id& id) {
  if (const auto known = files_.find(id); known != files_.end()) return &known->second;
  Result<queue::File> file = spool_.open_file(id, queue::File::Access::append);
  if (!file) return failed(file);
  if (files_.size() >= kOpenFiles) files_.clear();
  return &files_.emplace(id, std::move(*file)).first->second;
}

void Worker::work(const CopyContent& job) {
  Result<queue::File> file = spool_.open_file(job.id, queue::File::Access::read);
  if (!file) return answer(Copied{job.id, failed(file)});
  answer(Copied{job.id, spool_.copy_content(*file)});
}

void Worker::work(const SetAside& job) {
  files_.erase(job.id);
  recorded_.erase(job.id);
  std::string text;
  for (const queue::Place place : {queue::Place::incoming, queue::Place::deferred}) {
    const Result<> done = spool_.set_aside(job.id, place);
    if (!done && done.error().sys != ENOENT) text = done.error().text;
  }
  answer(WasSetAside{job.id, text});
}

void Worker::work(const ScanIncoming&) {
  InIncoming piece;
  const Result<> done = spool_.for_each(
      queue::Place::incoming,
      [&](const queue::Id& id) {
        piece.ids.push_back(id);
        if (piece.ids.size() == kPiece) answer(std::exchange(piece, {}));
      },
      [&](const std::string& path) { answer(Trouble{"queue/" + path + " is no message"}); });
  if (!done) answer(Trouble{done.error().text});
  piece.last = true;
  answer(std::move(piece));
}

void Worker::work(const ScanDeferred&) {
  to_scan_.emplace();
  const Result<> done = spool_.for_each(
      queue::Place::deferred, [&](const queue::Id& id) { to_scan_->push_back(id); },
      [&](const std::string& path) { answer(Trouble{"queue/" + path + " is no message"}); });
  if (!done) answer(Trouble{done.error().text});
}

// What cannot be read is due at once: the loop will find out what is the matter with it.
void Worker::scan_piece() {
  InDeferred piece;
  for (std::size_t n = 0; n < kPiece && !to_scan_->empty(); ++n) {
    const queue::Id id = to_scan_->back();
    to_scan_->pop_back();
    Result<queue::File> file = spool_.open_file(id, queue::File::Access::read);
    if (!file && file.error().sys == ENOENT) continue;
    piece.messages.emplace_back(id, file ? file->state().next_us : 0);
  }
  piece.last = to_scan_->empty();
  if (piece.last) to_scan_.reset();
  answer(std::move(piece));
}

void Worker::sync_removals_if_due() {
  if (!removals_due_ || std::chrono::steady_clock::now() < *removals_due_) return;
  removals_due_.reset();
  const Result<> done = spool_.sync_removed();
  if (!done) answer(Trouble{done.error().text});
}

}  // namespace porpoise::send
