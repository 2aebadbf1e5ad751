#include "spawn/account_table.h"

#include "posix/clock.h"

namespace porpoise::spawn {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

AccountTable::Stamp AccountTable::stamp_of(const char* name) const {
  struct stat st;
  if (::fstatat(instance_.folder(), name, &st, 0) != 0) return {};
  return {st.st_ino, st.st_size, nanoseconds(st.st_mtim), nanoseconds(st.st_ctim)};
}

// A second change within one tick of the file system's clock leaves the same times.
bool AccountTable::may_change_unseen(const Stamp& stamp) {
  return posix::wall_us() - stamp.ctime_ns / 1000 < 2 * kSecond;
}

Result<const Accounts*> AccountTable::current() {
  const Stamp assign = stamp_of("users/assign");
  const Stamp owner = stamp_of("control/owner");
  if (!accounts_ || assign != assign_ || owner != owner_ || may_change_unseen(assign) ||
      may_change_unseen(owner)) {
    accounts_.reset();
    Result<Instance> instance = Instance::open(instance_.path());
    if (!instance) return failed(instance);
    Result<Accounts> accounts = Accounts::load(*instance);
    if (!accounts) return failed(accounts);
    accounts_ = std::move(*accounts);
    assign_ = assign;
    owner_ = owner;
  }
  return &*accounts_;
}

}  // namespace porpoise::spawn
