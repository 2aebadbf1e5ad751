// What send decides: events in, actions out, the clock an argument. No I/O.
//
// A message is in one of four places here. `fresh`, `waiting` and `parked` hold ids only, some 20
// octets and an index each: what has just arrived, what waits for its next attempt, and what is due
// but waits for its channel or its destination to have room. A bounded number is `open`: being
// read, tried, recorded or reported. Everything else about a message is in its file.
//
// What an open message is read by may be slow: after kSlowReading it takes no place from others.
//
// Each channel's slots are shared by first attempts and retries, half each when both wait; within
// those, messages take turns, and within a message its destinations do. No destination has more
// deliveries at once than its limit; what is only for those that have that many waits apart.
//
// What a crash may repeat is bounded by the order kept here: a record is on disk before the act
// that depends on it (a notice, a move, the next thing that is told), and a recipient's end is
// recorded within kRecordDelay while others of its message still run.

#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "queue/id.h"
#include "send/actions.h"
#include "send/destinations.h"
#include "send/fifo.h"
#include "send/parked.h"
#include "send/waiting.h"

namespace porpoise::send {

class Scheduler {
 public:
  Scheduler(const Limits& limits, std::uint64_t seed) : limits_(limits), random_(seed) {}

  // Events. After each, take() the actions.

  /// It is in incoming/. Known ones are no news.
  void arrived(const queue::Id& id, Time now);
  /// It is in deferred/, to be tried at `next`, as its log says (0: nothing about that).
  void found(const queue::Id& id, Time next, Time now);
  void loaded(const queue::Id& id, const Loaded& message, Time now);
  void load_failed(const queue::Id& id, Outcome outcome, Time now);
  /// Its content turned out not to be what was accepted; what was to be started was not.
  void damaged(const queue::Id& id, Time now);
  /// A note of the delivery in `slot`, to be given back at its next attempt.
  void noted(std::uint32_t slot, const std::string& note, Time now);
  /// `letter` is K, Z or D; `ruling` says what a deferral is taken for.
  void reported(std::uint32_t slot, char letter, const std::string& text, const std::string& note,
                Time now, const Ruling& ruling = {});
  /// Deliveries are started only while there is a spawner; losing it defers those that run.
  void spawner_up(Time now);
  void spawner_lost(Time now);
  void written(const queue::Id& id, Outcome outcome, Time now);
  void notice_done(const queue::Id& about, bool queued, Time now);
  void tick(Time now);  ///< due at wake()
  /// All that waits is due. Where a destination was unreachable, one message finds out for all.
  void retry_all(Time now);
  bool retry(const queue::Id& id, Time now);  ///< false: not known here
  /// The same, also of one that is in the queue and not known here yet.
  void ask_for(const queue::Id& id, Time now);
  /// Of this message, it is told how each attempt ends.
  void watch(const queue::Id& id) { watched_ = id; }
  /// Starts nothing any more; idle() once what runs has ended and is recorded.
  void stop(Time now);
  /// Other limits from now on. What runs goes on; what a held channel held is due where it is held
  /// no more.
  void limit(const Limits& limits, Time now);
  /// The wall clock was set by this much. What waits goes on waiting as long as it would have.
  void clock_stepped(Time by, Time now);

  // Answers.

  std::vector<Action> take() { return std::exchange(actions_, {}); }
  /// When tick() is wanted at the latest.
  std::optional<Time> wake() const;
  /// Nothing runs, and nothing is due but what trouble holds back.
  bool idle(Time now) const;
  bool stopped() const { return stopping_ && open_.empty(); }
  bool stopping() const { return stopping_; }
  bool knows(const queue::Id& id) const;
  bool reads(const queue::Id& id) const;  ///< it waits for loaded() or load_failed()
  /// Whether that delivery still has that slot: it may have been given up meanwhile.
  bool runs(const Start& delivery) const;

  std::size_t waiting() const;
  std::size_t open() const { return open_.size(); }
  /// The delivery that has that slot.
  std::optional<Start> delivery(std::uint32_t slot) const;
  std::uint32_t running(Channel c) const { return of(c).running[0] + of(c).running[1]; }
  const Limits& limits() const { return limits_; }
  std::optional<std::uint32_t> next_due_s() const;
  /// Every one that waits for a time or its turn, in no order.
  template <class Each>
  void for_each_waiting(const Each& each) const {
    waiting_.for_each([&](const WaitingSet::Entry& entry) {
      // Another send may have slots for it.
      each(entry.tag == kHeldTag ? WaitingSet::Entry{entry.id, kDue, 0} : entry);
    });
    parked_.for_each([&](const queue::Id& id) { each(WaitingSet::Entry{id, kDue, 0}); });
  }
  const Destinations& destinations() const { return destinations_; }
  std::size_t octets_of_waiting() const;  ///< of memory
  /// What was looked at so far, for tests: no event is work for all that waits but retry_all(),
  /// limit(), clock_stepped() and, once each kReleaseEvery while there is need, the release of what
  /// waited for a destination.
  std::uint64_t steps() const;

 private:
  enum Class : std::uint8_t { first_attempt, another };  // each owns half when both wait
  enum class Doing : std::uint8_t {
    nothing,
    loading,
    recording,  // what happened so far
    parking,    // the same, and then it waits for its turn
    intending,  // the intent of a notice, with what led to it
    queueing,   // the notice
    noticing,   // that it is queued
    removing,   // the message
    keeping,    // it for later
    setting_aside,
  };
  enum class Status : std::uint8_t { todo, later, running, deferred, done, failed, reported };

  static constexpr std::uint32_t kNone = 0xffffffff;  // of recipients, or of groups

  // The recipients of a message that are to be tried now and take the places of one crowd, chained
  // by Recipient::after. It has its turns with the message, or waits for its destination.
  struct Group {
    Destination to = 0;
    std::uint32_t next = kNone;  // recipient
    std::uint32_t turn = kNone;  // the group whose turn is after this one's
    Channel channel = Channel::local;
    bool blocked = false;   // in Crowd::blocked
    bool promised = false;  // a place of its destination is kept for it
  };

  // The recipients of a message that one channel is for: the groups that may have a turn, chained
  // by Group::turn.
  struct Share {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
    bool ready = false;  // in ready of that channel's Lane
    bool has_turns() const { return first != kNone; }
  };

  struct Recipient {
    Destination to = 0;
    Destination crowd = 0;
    std::uint32_t next_s = 0;  // of what waits
    std::uint32_t attempts = 0;
    std::uint32_t after = kNone;  // the next recipient of its group
    Channel channel = Channel::local;
    Status status = Status::done;
    bool reports = true;
  };

  // What is being written, or is to be written again.
  struct Unfinished {
    std::shared_ptr<const std::vector<queue::Event>> events;  // null: nothing
    Write::Then then = Write::Then::stay;
    Doing doing = Doing::nothing;
  };

  // What has happened to a message and is not settled yet. While its first delivery runs there is
  // nothing, and a message is small.
  struct Unsettled {
    std::vector<queue::Event> unrecorded;
    Time record_due = 0;
    Time notice_due = 0;
    Time trouble_until = 0;
    Unfinished unfinished;
    queue::Id intent;                // of the notice being intended
    std::vector<queue::Id> intents;  // recorded, their notices not yet known to be queued
    std::uint32_t unwanted = 0;      // failures nobody wants to know of, not yet logged
    bool notice_failed = false;
  };

  struct Message {
    queue::Id id;
    Class kind = first_attempt;
    Doing doing = Doing::loading;
    bool forced = false;  // due whatever its recipients' times say
    bool asked = false;   // somebody asked for this one
    Time arrival = 0;
    Time began = 0;               // this attempt
    Destination parked_with = 0;  // where it was before it was opened
    std::uint32_t next_s = 0;
    std::uint32_t attempts = 0;
    std::uint32_t tag = 0;  // of what it will wait for
    queue::Place place = queue::Place::incoming;
    std::vector<Recipient> recipients;
    std::vector<Group> groups;             // by channel and destination
    std::array<Share, kChannels> shares;   // by Channel
    std::array<std::uint32_t, 7> count{};  // of recipients, by Status
    bool reports = true;
    bool again = false;    // somebody asked for a retry while it was open
    bool benched = false;  // waits for a disk, and counts no more as open
    bool slow = false;     // to be read
    bool list = false;     // and kept open
    bool damaged = false;
    std::unique_ptr<Unsettled> rest;  // null: nothing

    const Unsettled& unsettled() const;
    Unsettled& unsettle();  // the same, to be changed
    std::vector<queue::Event> take_unrecorded();
    std::uint32_t& of(Status s) { return count[static_cast<std::size_t>(s)]; }
    std::uint32_t of(Status s) const { return count[static_cast<std::size_t>(s)]; }
    Share& of(Channel c) { return shares[static_cast<std::size_t>(c)]; }
    const Share& of(Channel c) const { return shares[static_cast<std::size_t>(c)]; }
    bool anything_left() const;
    Group* group_of(Channel c, Destination to);
    void add_turn(std::uint32_t group);  // behind the others of its channel
    std::uint32_t take_turn(Channel c);  // of the first; there is one
  };

  // A channel. What is due, but for which the channel has enough read ahead, is parked: closed
  // again, so that it takes no room from what others could do.
  struct Lane {
    std::array<std::uint32_t, 2> running{};      // deliveries, by Class
    std::array<std::deque<queue::Id>, 2> ready;  // open, with recipients to do; by Class
    std::array<ParkedSet::List, 2> parked;       // by Class
    std::array<Fifo<Destination>, 2> returning;  // with parked messages it has room for; by Class
    std::array<bool, 2> parked_turn{};           // of parked or returning, by Class
    std::uint32_t parked_in_a_row = 0;
    Time rest_until = 0;  // nothing is read for another channel that is likely for this one
  };

  // A destination that deliveries go to, or would if it took more at once.
  struct Crowd {
    struct Queue {
      std::vector<queue::Id> blocked;  // open, in order
      ParkedSet::List parked;
      bool returning = false;  // in its Lane's
      bool empty() const { return blocked.empty() && parked.empty(); }
    };
    Channel channel = Channel::local;
    std::array<std::uint32_t, 2> running{};    // by Class
    std::uint32_t promised = 0;                // places
    std::uint32_t opening = 0;                 // of its parked messages
    std::unique_ptr<std::array<Queue, 2>> of;  // by Class; most destinations never have any

    Queue& queue(Class kind) {
      if (!of) of = std::make_unique<std::array<Queue, 2>>();
      return (*of)[kind];
    }
    bool blocks(Class kind) const { return of && !(*of)[kind].blocked.empty(); }
    bool nobody() const {
      return running[0] + running[1] + promised + opening == 0 &&
             (!of || ((*of)[0].empty() && (*of)[1].empty()));
    }
  };

  // Where a message to be opened comes from: parked with a lane or a destination, or else nobody
  // knows yet where it goes.
  struct Source {
    Class kind = first_attempt;
    std::optional<Channel> lane;
    Destination to = 0;
    bool parked() const { return lane || to != 0; }
  };

  struct Slot {
    bool used = false;
    Class kind = first_attempt;
    Channel channel = Channel::local;
    std::uint64_t number = 0;
    Time started = 0;
    queue::Id id;
    std::uint32_t recipient = 0;
    std::size_t note = 0;  // the last one's hash
  };

  void pump(Time now);
  void open_more(Time now);
  ParkedSet::Message take_from(const Source& source);
  std::optional<Source> next_to_open(Time now);
  std::optional<Source> source_of(Class kind, Time now);
  void drop_stale(Channel c, Class kind);
  void start_deliveries(Time now);
  void start_deliveries(Channel c, Time now);
  std::optional<Class> class_to_start(Channel c) const;
  void start_next(Message& m, Channel c, Time now);
  void start_one(Message& m, std::uint32_t recipient, Time now);
  std::uint32_t take_slot();
  void free_slot(std::uint32_t slot, Time now);
  void make_ready(Message& m, Time now);
  void make_ready(Message& m, Channel c, Time now);
  bool has_room(Channel c, Class kind) const;
  bool may_look_for(Channel c, Class kind, Time now) const;

  // Destinations.
  std::size_t group(Message& m);
  void block(Message& m, Group& g, Crowd& crowd);
  bool has_place(const Crowd& crowd) const;
  bool wants_back(const Crowd& crowd, Class kind) const;
  void settle(Channel c, Destination to, Time now);
  void withdraw(Message& m, Time now);
  void came_back(Message& m, Time now);
  bool can_be_parked(const Message& m) const;
  bool waits_long(const Message& m, const Group& g) const;
  void park(Message& m, Time now);
  void fruitless(Class kind, Time now);
  void release(Time now);

  Lane& of(Channel c) { return lanes_[static_cast<std::size_t>(c)]; }
  const Lane& of(Channel c) const { return lanes_[static_cast<std::size_t>(c)]; }
  std::uint32_t slots(Channel c) const {
    return c == Channel::local ? limits_.deliveries : limits_.remote;
  }
  std::uint32_t places(Channel c) const {
    return c == Channel::local ? limits_.per_recipient : limits_.per_host;
  }
  bool held(Channel c) const { return slots(c) == 0; }

  Message* find(const queue::Id& id);
  Message* read(const queue::Id& id);
  void say_unwanted(Message& m);
  void begin_attempt(Message& m, const Loaded& l, Time now);
  bool must_wait_for_another(Message& m, const Loaded& l, Time now);
  void hold(Message& m, Time now);
  void refuse(Message& m, const Loaded::Refused& r, Time now);
  bool is_due(const Message& m, const Loaded& l, const Loaded::Waiting& w, Time now,
              std::uint32_t& next_s);
  bool is_final(const Message& m, std::uint32_t recipient, const Ruling& ruling) const;
  void defer(Message& m, std::uint32_t recipient, const std::string& text, const Ruling& ruling,
             Time now);
  void set_status(Message& m, std::uint32_t recipient, Status status);
  void it_takes_mail(Destination to, Time now);
  void fail(Message& m, std::uint32_t recipient, std::string text, Time now);
  void add_event(Message& m, queue::Kind kind, std::uint32_t recipient, std::string text, Time now);

  // Each decides what the message does next; the reference may be gone afterwards.
  void advance(Message& m, Time now);
  void advance_all(Time now);
  void reading_lasts(Message& m, Time now);
  void intend_notice(Message& m, Time now);
  void queue_notice(Message& m);
  void keep(Message& m, Time now);
  void write(Message& m, Doing doing, std::vector<queue::Event> events, Write::Then then);
  void write_again(Message& m);
  void trouble(Message& m, Time now);
  void finished(Message& m, Doing doing, Time now);
  void confirm_notice(Message& m);
  void wait_again(Message& m, Time now);
  void forget(Message& m, Time now);
  void bench(Message& m, bool on);

  void do_this(Action action);
  void say(LogEntry entry) { do_this(Say{std::move(entry)}); }
  void say(std::string line) { say(log_entry(std::move(line))); }
  void say_status();
  void say_ended(const Slot& s, char letter, const std::string& text, Time now);
  void say_waits(const Message& m);
  void say_destination(const std::string& name, const char* state, Time since,
                       const std::string& text);
  void tell(const Message& m, std::uint32_t recipient, char letter, const std::string& text);

  Limits limits_;
  std::optional<queue::Id> watched_;
  std::mt19937_64 random_;
  WaitingSet fresh_;
  WaitingSet waiting_;
  ParkedSet parked_;
  std::map<queue::Id, Message> open_;
  std::array<std::size_t, 2> open_count_{};  // by Class
  std::array<std::size_t, 2> loading_{};     // by Class
  std::size_t benched_ = 0;
  std::size_t lists_ = 0;              // kept open
  std::array<Lane, kChannels> lanes_;  // by Channel
  std::unordered_map<Destination, Crowd> crowds_;
  Destinations destinations_;
  std::array<std::uint32_t, 2> fruitless_{};  // readings in a row, by Class
  std::array<Time, 2> rest_until_{};          // by Class
  std::set<std::uint32_t> recovered_;         // tags of destinations that take mail again
  Time release_at_ = 0;                       // what waits for those; 0: nothing does
  Time released_ = 0;                         // when that was done last
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::uint64_t deliveries_ = 0;
  std::size_t notices_ = 0;
  Time pumped_ = 0;  // when pump() last looked at what is due
  bool spawner_ = false;
  bool stopping_ = false;
  mutable std::uint64_t steps_ = 0;
  std::vector<Action> actions_;
};

}  // namespace porpoise::send
