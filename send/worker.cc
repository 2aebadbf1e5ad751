#include "send/worker.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <sys/eventfd.h>
#include <unistd.h>

#include "posix/clock.h"
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
  if (const auto* write = std::get_if<Write>(&job)) {
    const bool changes =
        write->then == Write::Then::defer || write->place == queue::Place::deferred;
    if (changes) ++unscheduled_;
  }
  const std::lock_guard guard(mutex_);
  jobs_.push_back(std::move(job));
  posted_.notify_one();
}

std::vector<Answer> Worker::take() {
  std::uint64_t count;
  (void)!::read(event_.get(), &count, sizeof count);
  const std::lock_guard guard(mutex_);
  posted_.notify_one();  // a scan may have waited for this
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
    if (scan_ && answers_.size() < kAhead) {
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
    doubtful_.erase(job.id);
    answer(Written{job.id, Outcome::ok, ""});
  } else {
    answer(Written{job.id, outcome_of(done.error()), done.error().text});
  }
}

Result<> Worker::record(const Write& job) {
  if (job.events->empty()) return {};
  const auto before = recorded_.find(job.id);
  if (before != recorded_.end() && before->second == job.events) return {};
  Result<> done = doubtful_.contains(job.id) ? write_anew(job) : append(job);
  if (!done && done.error().sys != ENOENT && doubtful_.contains(job.id)) done = write_anew(job);
  if (done && job.then != Write::Then::stay) recorded_[job.id] = job.events;
  return done;
}

// An error that leaves the file in doubt leaves the message in doubtful_. No room to append is no
// doubt: nothing is lost by that, and what was written in part is cut off.
Result<> Worker::append(const Write& job) {
  Result<queue::File*> file = file_for_records(job.id);
  if (!file) return failed(file);
  Result<> done = (*file)->append(*job.events);
  if (!done && (done.error().sys == ENOSPC || done.error().sys == EDQUOT)) return done;
  const bool appended = done.has_value();
  if (done) done = (*file)->sync();
  if (done) return done;
  doubtful_.emplace(job.id,
                    Doubtful{std::move(**file), appended ? job.events : nullptr, done.error()});
  files_.erase(job.id);
  return done;
}

Result<> Worker::write_anew(const Write& job) {
  Doubtful& doubtful = doubtful_.at(job.id);
  static const std::vector<queue::Event> kNone;
  const bool known = doubtful.included == job.events;
  Result<queue::File> file = spool_.write_anew(doubtful.file, known ? kNone : *job.events);
  if (!file) return failed(file);
  answer(Trouble{queue::told_anew(*file, doubtful.why)});
  doubtful_.erase(job.id);
  files_.emplace(job.id, std::move(*file));
  return {};
}

// After no room a file is closed and read anew: what it holds is what counts then.
Result<queue::File*> Worker::file_for_records(const queue::Id& id) {
  if (const auto known = files_.find(id); known != files_.end()) return &known->second;
  std::string alert;
  Result<queue::File> file = spool_.open_to_append(id, &alert);
  if (!alert.empty()) answer(Trouble{alert});
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
  doubtful_.erase(job.id);
  std::string text;
  for (const queue::Place place : {queue::Place::incoming, queue::Place::deferred}) {
    const Result<> done = spool_.set_aside(job.id, place);
    if (!done && done.error().sys != ENOENT) text = done.error().text;
  }
  answer(WasSetAside{job.id, text});
}

void Worker::work(const Settle& job) {
  answer(WasRead{job.id, job.first, true, settle(job)});
}

Result<MessageFile> Worker::settle(const Settle& job) {
  Result<MessageFile> message = read_message(spool_, {job.id});
  if (!message) return message;
  if (message->unsettled) {
    Result<queue::File> file = settled_file(job.id);
    if (!file) return failed(file);
    message->file = std::move(*file);
  }
  if (message->about_unsettled) {
    Result<queue::File> about = settled_file(*message->file.meta().notice_about);
    if (!about && outcome_of(about.error()) == Outcome::trouble) return failed(about);
    message->confirmed = !about || !about->state().open_intents.contains(job.id);
  }
  return message;
}

// One that is open here was synced when it was opened, and after each record since.
Result<queue::File> Worker::settled_file(const queue::Id& id) {
  if (files_.contains(id)) return spool_.open_file(id, queue::File::Access::read);
  std::string alert;
  Result<queue::File> file = spool_.open_to_append(id, &alert);
  if (!alert.empty()) answer(Trouble{alert});
  return file;
}

void Worker::work(const ScanIncoming&) {
  InIncoming piece;
  const Result<> done = spool_.for_each(
      queue::Place::incoming,
      [&](const queue::Id& id) {
        piece.ids.push_back(id);
        if (piece.ids.size() == kPiece) answer(std::exchange(piece, {}));
      },
      [&](const std::string& path) { found_stray(path); });
  if (!done) answer(Trouble{done.error().text});
  piece.last = true;
  answer(std::move(piece));
  const Result<int> swept = spool_.sweep_tmp(posix::wall_us());
  if (!swept) answer(Trouble{swept.error().text});
}

void Worker::work(const ScanDeferred&) {
  scan_.emplace();
  Result<std::vector<std::string>> folders =
      spool_.deferred_folders([&](const std::string& path) { found_stray(path); });
  if (!folders) answer(Trouble{folders.error().text});
  if (folders) scan_->folders.assign(folders->rbegin(), folders->rend());
  Result<queue::ScheduleReader> schedule = queue::ScheduleReader::open(spool_.folder());
  if (schedule) scan_->schedule = std::move(*schedule);
  if (!schedule && schedule.error().sys != ENOENT) answer(Trouble{schedule.error().text});
}

// What a crash has left of a message that was to be written anew is removed. It can be nothing of
// now: the jobs of this thread are done one after the other.
void Worker::found_stray(const std::string& path) {
  const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
  if (!queue::is_anew_name(name)) return answer(Trouble{"queue/" + path + " is no message"});
  (void)::unlinkat(spool_.folder(), path.c_str(), 0);
}

// What cannot be read is due at once: the loop will find out what is the matter with it. So is what
// has a notice still to be queued.
void Worker::scan_piece() {
  InDeferred piece;
  std::size_t read = 0;
  std::size_t folders = 0;
  while (piece.messages.size() < kPieceKnown && read < kPiece) {
    if (!scan_->known.empty()) {
      const queue::ScheduleEntry& entry = scan_->known.back();
      piece.messages.emplace_back(entry.id, Time{entry.next_s} * kSecond);
      scan_->known.pop_back();
    } else if (!scan_->unknown.empty()) {
      scan_unknown(piece);
      ++read;
    } else if (!scan_->folders.empty() && folders < kFolders) {
      scan_next_folder();
      ++folders;
    } else {
      break;
    }
  }
  piece.last = scan_->known.empty() && scan_->unknown.empty() && scan_->folders.empty();
  if (piece.last) scan_.reset();
  if (piece.last || !piece.messages.empty()) answer(std::move(piece));
}

void Worker::scan_unknown(InDeferred& piece) {
  const queue::Id id = scan_->unknown.back();
  scan_->unknown.pop_back();
  Result<queue::File> file = spool_.open_file(id, queue::File::Access::read);
  if (!file && file.error().sys == ENOENT) return;
  const bool waits = file && file->state().open_intents.empty();
  piece.messages.emplace_back(id, waits ? file->state().next_us : 0);
  ++unscheduled_;
}

// What is in the folder counts; the schedule only saves reading it.
void Worker::scan_next_folder() {
  const std::string folder = std::move(scan_->folders.back());
  scan_->folders.pop_back();
  std::vector<queue::ScheduleEntry> entries;
  if (scan_->schedule) {
    Result<std::vector<queue::ScheduleEntry>> read = scan_->schedule->folder(folder);
    if (read) entries = std::move(*read);
    if (!read) answer(Trouble{read.error().text});
    if (!read) scan_->schedule.reset();
  }
  const auto each = [&](const queue::Id& id) {
    const auto at = std::ranges::lower_bound(entries, id, {}, &queue::ScheduleEntry::id);
    if (at != entries.end() && at->id == id) return scan_->known.push_back(*at);
    scan_->unknown.push_back(id);
  };
  const Result<> done =
      spool_.for_each_in(folder, each, [&](const std::string& path) { found_stray(path); });
  if (!done) answer(Trouble{done.error().text});
}

// A hint is not worth an alert for each part: one that fails is tried again with the next schedule.
void Worker::work(const WriteSchedule& job) {
  const Result<> done = write_schedule(job);
  if (done) return;
  schedule_.reset();
  answer(Trouble{"queue/schedule is not written: " + done.error().text});
}

Result<> Worker::write_schedule(const WriteSchedule& job) {
  if (job.first && job.last && job.entries.empty()) {
    unscheduled_ = 0;
    return queue::remove_schedule(spool_.folder());
  }
  if (job.first) {
    schedule_.reset();
    unscheduled_ = 0;
    Result<queue::ScheduleWriter> begun = queue::ScheduleWriter::begin(spool_.folder());
    if (!begun) return failed(begun);
    schedule_.emplace(std::move(*begun));
  }
  if (!schedule_) return {};  // a part before this one failed
  if (Result<> done = schedule_->add(job.entries); !done) return done;
  if (!job.last) return {};
  Result<> done = std::move(*schedule_).finish(posix::wall_us());
  if (done) schedule_.reset();
  return done;
}

void Worker::sync_removals_if_due() {
  if (!removals_due_ || std::chrono::steady_clock::now() < *removals_due_) return;
  removals_due_.reset();
  const Result<> done = spool_.sync_removed();
  if (!done) answer(Trouble{done.error().text});
}

}  // namespace porpoise::send
