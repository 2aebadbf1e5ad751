#include "queue/usage.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace porpoise::queue {
namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;

bool beyond(std::uint64_t count, std::uint64_t limit) {
  return limit != 0 && count > limit;
}

}  // namespace

const UidLimits& Usage::limits_of(uid_t uid) const {
  const auto named = limits_.of_uid.find(uid);
  if (named != limits_.of_uid.end()) return named->second;
  return is_own(uid) ? limits_.own : limits_.anybody;
}

bool Usage::all_taken(uid_t uid) const {
  return connections_ + (is_own(uid) ? 0 : limits_.kept_connections) >= limits_.connections;
}

std::optional<std::string> Usage::connect(uid_t uid) {
  if (all_taken(uid)) {
    return fmt::format("all {} connections are taken",
                       limits_.connections - (is_own(uid) ? 0 : limits_.kept_connections));
  }
  const std::uint64_t limit = limits_of(uid).connections;
  Account& account = accounts_[uid];
  if (beyond(account.connections + 1, limit)) {
    return fmt::format("uid {} has {} connections, and may have no more", uid, account.connections);
  }
  ++account.connections;
  ++connections_;
  return std::nullopt;
}

void Usage::disconnect(uid_t uid) {
  --accounts_[uid].connections;
  --connections_;
}

// Messages that may be begun come back steadily, up to an hour's.
void Usage::fill(Account& account, const UidLimits& limits, std::int64_t now_us) const {
  const auto most = static_cast<double>(limits.hourly);
  if (account.tokens_us < 0) {
    account.tokens = most;
  } else {
    const auto passed = static_cast<double>(std::max<std::int64_t>(0, now_us - account.tokens_us));
    account.tokens = std::min(most, account.tokens + most * passed / kHourUs);
  }
  account.tokens_us = now_us;
}

std::optional<std::string> Usage::begin_message(uid_t uid, std::int64_t now_us) {
  const UidLimits& limits = limits_of(uid);
  Account& account = accounts_[uid];
  const std::uint64_t messages = account.stored.size() + account.away + account.coming;
  if (beyond(messages + 1, limits.messages)) {
    return fmt::format("uid {} has {} messages in the queue, and may have no more", uid, messages);
  }
  fill(account, limits, now_us);
  if (limits.hourly != 0 && account.tokens < 1) {
    return fmt::format("uid {} has handed in {} messages within an hour, and may no more", uid,
                       limits.hourly);
  }
  if (limits.hourly != 0) account.tokens -= 1;
  ++account.coming;
  return std::nullopt;
}

std::optional<std::string> Usage::add_octets(uid_t uid, std::uint64_t octets) {
  Account& account = accounts_[uid];
  const std::uint64_t limit = limits_of(uid).octets;
  if (beyond(account.octets + account.away_octets + account.coming_octets + octets, limit)) {
    return fmt::format("uid {} would have more than {} octets in the queue", uid, limit);
  }
  account.coming_octets += octets;
  return std::nullopt;
}

std::optional<std::string> Usage::add_memory(uid_t uid, std::size_t octets) {
  Account& account = accounts_[uid];
  if (memory_ + octets > limits_.memory_octets ||
      account.memory + octets > limits_.uid_memory_octets) {
    return fmt::format("messages of uid {} take too much memory", uid);
  }
  account.memory += octets;
  memory_ += octets;
  return std::nullopt;
}

void Usage::take_memory(uid_t uid, std::size_t octets) {
  accounts_[uid].memory -= octets;
  memory_ -= octets;
}

void Usage::end_message(uid_t uid, std::uint64_t octets, const std::optional<Id>& queued) {
  Account& account = accounts_[uid];
  --account.coming;
  account.coming_octets -= octets;
  if (queued) found(uid, {*queued, octets});
}

void Usage::found(uid_t uid, const Stored& stored) {
  const UidLimits& limits = limits_of(uid);
  if (limits.messages == 0 && limits.octets == 0) return;
  Account& account = accounts_[uid];
  account.stored.push_back(stored);
  account.octets += stored.octets;
}

// Often enough that at most twice as many are known as there are, and when a limit is near; never
// twice within a second.
std::vector<Usage::Stored> Usage::to_look_for(uid_t uid, std::int64_t now_us) {
  const auto entry = accounts_.find(uid);
  if (entry == accounts_.end() || entry->second.stored.empty()) return {};
  Account& account = entry->second;
  const UidLimits& limits = limits_of(uid);
  const bool many = account.stored.size() >= account.look_at;
  const bool near = (limits.messages != 0 && account.stored.size() >= limits.messages / 2) ||
                    (limits.octets != 0 && account.octets >= limits.octets / 2);
  const bool just_now = account.looked_us != 0 && now_us < account.looked_us + kPauseUs;
  if (account.away != 0 || just_now || !(many || near)) return {};
  account.looked_us = now_us;
  account.away = account.stored.size();
  account.away_octets = std::exchange(account.octets, 0);
  return std::exchange(account.stored, {});
}

void Usage::looked_for(uid_t uid, std::vector<Stored> still_there) {
  Account& account = accounts_[uid];
  account.away = 0;
  account.away_octets = 0;
  for (const Stored& stored : account.stored) still_there.push_back(stored);
  account.stored = std::move(still_there);
  account.octets = 0;
  for (const Stored& stored : account.stored) account.octets += stored.octets;
  account.look_at = std::max<std::uint64_t>(kFewest, 2 * account.stored.size());
}

}  // namespace porpoise::queue
