#include "send/destinations.h"

namespace porpoise::send {

bool Destinations::failed(Destination to, const Ruling& why, const std::string& text, Time next,
                          Time now) {
  if (to == 0) return false;
  const auto at = by_.find(to);
  const bool news = at == by_.end();
  if (news) {
    states_.push_front({.to = to, .name = why.name, .first_failure = now, .text = {}});
    by_[to] = states_.begin();
  } else {
    states_.splice(states_.begin(), states_, at->second);
  }
  State& s = states_.front();
  if (s.given_up && s.error != why.error) s.given_up = false;  // another story
  // Whoever is first to be tried again finds out for all.
  if (!why.unreachable) {
    s.next_try = 0;
  } else if (s.next_try <= now || next < s.next_try) {
    s.next_try = next;
  }
  s.last_failure = now;
  s.error = why.error;
  s.text = text.substr(0, kMaxErrorOctets);
  if (states_.size() > kMost) {
    by_.erase(states_.back().to);
    states_.pop_back();
  }
  return news;
}

void Destinations::returned(Destination to, std::uint32_t error) {
  const auto at = by_.find(to);
  if (at != by_.end() && at->second->error == error) at->second->given_up = true;
}

bool Destinations::succeeded(Destination to) {
  const auto at = by_.find(to);
  if (at == by_.end()) return false;
  states_.erase(at->second);
  by_.erase(at);
  return true;
}

const Destinations::State* Destinations::given_up(Destination to, std::uint32_t error,
                                                  Time now) const {
  const State* s = find(to);
  if (s == nullptr || !s->given_up || s->error != error) return nullptr;
  return now - s->last_failure <= kForgetAfter ? s : nullptr;
}

Time Destinations::wait_until(Destination to, Time now) const {
  const State* s = find(to);
  return s != nullptr && s->next_try > now ? s->next_try : 0;
}

void Destinations::try_all() {
  for (State& s : states_) s.next_try = 0;
}

const Destinations::State* Destinations::find(Destination to) const {
  const auto at = by_.find(to);
  return at == by_.end() ? nullptr : &*at->second;
}

void Destinations::clock_stepped(Time by) {
  for (State& s : states_) {
    s.first_failure += by;
    s.last_failure += by;
    if (s.next_try != 0) s.next_try += by;
  }
}

}  // namespace porpoise::send
