#include "send/schedule_keeper.h"

namespace porpoise::send {

void ScheduleKeeper::turn(const Scheduler& scheduler, Worker& worker, std::int64_t running_us) {
  if (running_us < next_us_) return;
  if (part_ > 0 || worker.unscheduled() > 0) post_part(scheduler, worker);
  next_us_ = running_us + (part_ == 0 ? kEvery : kPause);
}

void ScheduleKeeper::at_stop(const Scheduler& scheduler, Worker& worker, bool brief) {
  const std::size_t changed = worker.unscheduled();
  const std::size_t waiting = scheduler.waiting();
  if (changed == 0 || (brief && waiting > kFew && changed < waiting / 100)) return;
  part_ = 0;
  if (waiting == 0) return worker.post(WriteSchedule{.entries = {}, .first = true, .last = true});
  do {
    post_part(scheduler, worker);
  } while (part_ != 0);
}

void ScheduleKeeper::post_part(const Scheduler& scheduler, Worker& worker) {
  WriteSchedule job{.entries = {}, .first = part_ == 0, .last = part_ + 1 == kParts};
  scheduler.for_each_waiting([&](const WaitingSet::Entry& entry) {
    if (entry.id.folder_number() * kParts / 1024 != part_) return;
    job.entries.push_back({entry.id, entry.next_s});
  });
  part_ = job.last ? 0 : part_ + 1;
  worker.post(std::move(job));
}

}  // namespace porpoise::send
