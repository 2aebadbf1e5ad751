// What send decides: events in, actions out, the clock an argument. No I/O.
//
// A message is in one of three places here. `fresh` and `waiting` hold ids only, 16 octets and an
// index each: what has just arrived, and what waits for its next attempt. A bounded number is
// `open`: being read, tried, recorded or reported. Everything else about a message is in its file.
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
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "queue/id.h"
#include "queue/record.h"
#include "queue/spool.h"
#include "send/waiting.h"

namespace porpoise::send {

/// Microseconds since 1970. Both kinds of waiting use it; clock_stepped() keeps them right.
using Time = std::int64_t;
inline constexpr Time kSecond = 1'000'000;

inline constexpr Time kRecordDelay = 1 * kSecond;     ///< until an end is recorded at the latest
inline constexpr Time kNoticeDelay = 300 * kSecond;   ///< until a failure is reported at the latest
inline constexpr Time kTroubleDelay = 123 * kSecond;  ///< after trouble with a disk or program
inline constexpr std::uint32_t kParkedInARow = 50;    ///< then it is enough for a moment:
inline constexpr std::array<Time, 2> kRest = {kSecond, kSecond / 100};  ///< by Channel
inline constexpr std::int64_t kLongestWaitSeconds = 86400;  ///< later next times are pulled in

/// Where a delivery goes. Each channel has slots of its own, so that neither can hold up the
/// other.
enum class Channel : std::uint8_t {
  local,
  remote,  ///< to other hosts, by the program of control/remote
};
inline constexpr std::size_t kChannels = 2;

struct Limits {
  std::uint32_t deliveries = 10;        ///< control/concurrencylocal; 0 holds local mail
  std::uint32_t remote = 20;            ///< control/concurrencyremote; 0 holds the other
  std::size_t open_per_class = 100;     ///< messages open, of first attempts and of retries each
  std::size_t notices = 4;              ///< being queued at once
  std::int64_t lifetime_s = 7 * 86400;  ///< control/queuelifetime
};

/// A message as its file and the routing tables have it when an attempt begins.
struct Loaded {
  enum class Recipient : std::uint8_t {
    waiting,
    done,
    failed,    ///< and nobody has been told
    reported,  ///< failed, and a notice about it is intended or queued
  };

  /// A waiting recipient that no delivery can be started for: it fails at once.
  struct Refused {
    std::uint32_t recipient = 0;
    std::string address;
    std::string text;
  };

  queue::Place place = queue::Place::incoming;
  Time arrival = 0;
  Time next = 0;  ///< 0: never put off
  std::uint32_t attempts = 0;
  bool held = false;
  bool reports = true;  ///< false: the sender is `#@[]`, failures are told to nobody
  std::vector<Recipient> recipients;
  std::vector<Channel> channels;  ///< of the recipients; those it does not have are local
  std::vector<Refused> refused;
  std::vector<queue::Id> open_intents;
  std::optional<queue::Id> notice_about;  ///< it is a notice about that message
  bool confirmed = true;                  ///< false: that one's file does not yet say it is queued
};

/// Read the message; answer with loaded() or load_failed(). `first`: its first attempt.
struct Load {
  queue::Id id;
  bool first = false;
};
/// Begin a delivery; answer with reported().
struct Start {
  std::uint32_t slot = 0;
  std::uint64_t number = 0;  ///< counts from 1, for the log
  queue::Id id;
  std::uint32_t recipient = 0;
  Channel channel = Channel::local;
};
/// Append these, sync, and then move or remove the message; answer with written().
struct Write {
  enum class Then : std::uint8_t { stay, defer, remove };
  queue::Id id;
  queue::Place place = queue::Place::incoming;
  std::shared_ptr<const std::vector<queue::Event>> events;
  Then then = Then::stay;
};
/// Queue notice `id` about what `about` has recorded under that intent; answer with notice_done().
struct QueueNotice {
  queue::Id about;
  queue::Id id;
};
/// Put a damaged message aside; answer with written().
struct SetAside {
  queue::Id id;
};
/// The message is open no more: forget what belongs to it.
struct Close {
  queue::Id id;
};
/// A line of the log.
struct Say {
  std::string line;
};
/// How an attempt at a recipient of the watched message ended: K, Z or D.
struct Tell {
  queue::Id id;
  std::uint32_t recipient = 0;
  char letter = 'Z';
  std::string text;
};
using Action = std::variant<Load, Start, Write, QueueNotice, SetAside, Close, Say, Tell>;

/// How a disk job or a reading ended.
enum class Outcome {
  ok,
  trouble,  ///< to be done again later
  damaged,  ///< the file is not what it was
  gone,     ///< there is no such file
};

class Scheduler {
 public:
  Scheduler(Limits limits, std::uint64_t seed) : limits_(limits), random_(seed) {
    slots_.resize(std::size_t{limits.deliveries} + limits.remote);
  }

  // Events. After each, take() the actions.

  /// It is in incoming/. Known ones are no news.
  void arrived(const queue::Id& id, Time now);
  /// It is in deferred/, to be tried at `next` (0: at once).
  void found(const queue::Id& id, Time next, Time now);
  void loaded(const queue::Id& id, const Loaded& message, Time now);
  void load_failed(const queue::Id& id, Outcome outcome, Time now);
  /// Its content turned out not to be what was accepted; what was to be started was not.
  void damaged(const queue::Id& id, Time now);
  /// A note of the delivery in `slot`, to be given back at its next attempt.
  void noted(std::uint32_t slot, const std::string& note, Time now);
  /// `letter` is K, Z or D.
  void reported(std::uint32_t slot, char letter, std::string text, const std::string& note,
                Time now);
  /// Deliveries are started only while there is a spawner; losing it defers those that run.
  void spawner_up(Time now);
  void spawner_lost(Time now);
  void written(const queue::Id& id, Outcome outcome, Time now);
  void notice_done(const queue::Id& about, bool queued, Time now);
  void tick(Time now);  ///< due at wake()
  void retry_all(Time now);
  bool retry(const queue::Id& id, Time now);  ///< false: not known here
  /// Of this message, it is told how each attempt ends.
  void watch(const queue::Id& id) { watched_ = id; }
  /// Starts nothing any more; idle() once what runs has ended and is recorded.
  void stop(Time now);
  /// The wall clock was set by this much.
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
  /// Whether that delivery still has that slot: it may have been given up meanwhile.
  bool runs(const Start& delivery) const;

  std::size_t waiting() const;
  std::size_t open() const { return open_.size(); }
  std::uint32_t running(Channel c) const { return of(c).running[0] + of(c).running[1]; }
  const Limits& limits() const { return limits_; }
  std::optional<std::uint32_t> next_due_s() const;
  /// Every one that waits for a time or its turn, in no order.
  template <class Each>
  void for_each_waiting(const Each& each) const {
    waiting_.for_each(each);
    for (const Lane& lane : lanes_) {
      for (const WaitingSet& parked : lane.parked) parked.for_each(each);
    }
  }

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

  // The recipients of a message that one channel is for.
  struct Share {
    std::uint32_t todo = 0;
    std::uint32_t deferred = 0;
    std::uint32_t cursor = 0;  // no recipient before it is to do
    bool ready = false;        // in ready of that channel's Lane
  };

  struct Message {
    queue::Id id;
    Class kind = first_attempt;
    bool forced = false;  // due whatever its next time says
    Doing doing = Doing::loading;
    queue::Place place = queue::Place::incoming;
    Time arrival = 0;
    std::uint32_t next_s = 0;
    std::uint32_t attempts = 0;
    bool reports = true;
    bool last_attempt = false;
    bool held = false;   // all that is left waits for a channel without slots
    bool again = false;  // somebody asked for a retry while it was open
    std::vector<Status> recipients;
    std::vector<Channel> channels;
    std::array<Share, kChannels> shares;   // by Channel
    std::array<std::uint32_t, 7> count{};  // of recipients, by Status
    std::vector<queue::Event> unrecorded;
    Time record_due = 0;
    Time notice_due = 0;
    Time trouble_until = 0;
    std::optional<Write> unfinished;  // under way, or to be done again
    Doing unfinished_doing = Doing::nothing;
    queue::Id intent;               // of the notice being intended
    std::deque<queue::Id> intents;  // recorded, their notices not yet known to be queued
    bool notice_failed = false;
    bool damaged = false;

    std::uint32_t& of(Status s) { return count[static_cast<std::size_t>(s)]; }
    std::uint32_t of(Status s) const { return count[static_cast<std::size_t>(s)]; }
    Share& of(Channel c) { return shares[static_cast<std::size_t>(c)]; }
    const Share& of(Channel c) const { return shares[static_cast<std::size_t>(c)]; }
    bool anything_left() const;
  };

  // A channel. What is due, but for which the channel has enough read ahead, is parked: closed
  // again, so that it takes no room from what others could do.
  struct Lane {
    std::array<std::uint32_t, 2> running{};      // deliveries, by Class
    std::array<std::deque<queue::Id>, 2> ready;  // open, with recipients to do; by Class
    std::array<WaitingSet, 2> parked;            // by Class
    std::uint32_t parked_in_a_row = 0;
    Time rest_until = 0;  // nothing is read for another channel that is likely for this one
  };
  // Where a message to be opened comes from: a lane's parked ones, or else nobody knows yet.
  struct Source {
    Class kind = first_attempt;
    std::optional<Channel> parked;
  };

  struct Slot {
    bool used = false;
    Class kind = first_attempt;
    std::uint64_t number = 0;
    queue::Id id;
    std::uint32_t recipient = 0;
    std::string note;
  };

  void pump(Time now);
  void open_more(Time now);
  std::optional<Source> next_to_open(Time now) const;
  std::optional<Source> source_of(Class kind, Time now) const;
  void start_deliveries(Time now);
  void start_deliveries(Channel c, Time now);
  std::optional<Class> class_to_start(Channel c) const;
  void start_one(Message& m, Channel c, std::uint32_t slot);
  std::optional<std::uint32_t> free_slot(Channel c) const;
  void make_ready(Message& m, Time now);
  void make_ready(Message& m, Channel c, Time now);
  bool has_room(Channel c, Class kind) const;
  bool can_be_parked(const Message& m) const;
  void park(Message& m, Time now);
  bool may_look_for(Channel c, Class kind, Time now) const;

  Lane& of(Channel c) { return lanes_[static_cast<std::size_t>(c)]; }
  const Lane& of(Channel c) const { return lanes_[static_cast<std::size_t>(c)]; }
  std::uint32_t slots(Channel c) const {
    return c == Channel::local ? limits_.deliveries : limits_.remote;
  }
  Channel channel_of(std::uint32_t slot) const {
    return slot < limits_.deliveries ? Channel::local : Channel::remote;
  }
  bool held(Channel c) const { return slots(c) == 0; }

  Message* find(const queue::Id& id);
  void begin_attempt(Message& m, const Loaded& l, Time now);
  bool must_wait_for_another(Message& m, const Loaded& l, Time now);
  void hold(Message& m, Time now);
  void set_status(Message& m, std::uint32_t recipient, Status status);
  void fail(Message& m, std::uint32_t recipient, std::string text, Time now);
  void add_event(Message& m, queue::Kind kind, std::uint32_t recipient, std::string text, Time now);

  // Each decides what the message does next; the reference may be gone afterwards.
  void advance(Message& m, Time now);
  void advance_all(Time now);
  void intend_notice(Message& m, Time now);
  void queue_notice(Message& m);
  void keep(Message& m, Time now);
  void write(Message& m, Doing doing, std::vector<queue::Event> events, Write::Then then);
  void trouble(Message& m, Time now);
  void finished(Message& m, Doing doing, Time now);
  void confirm_notice(Message& m);
  void wait_again(Message& m, Time now);
  void forget(Message& m);

  void do_this(Action action) { actions_.push_back(std::move(action)); }
  void say(std::string line) { do_this(Say{std::move(line)}); }
  void say_status();
  void tell(const Message& m, std::uint32_t recipient, char letter, const std::string& text);

  Limits limits_;
  std::optional<queue::Id> watched_;
  std::mt19937_64 random_;
  WaitingSet fresh_;
  WaitingSet waiting_;
  std::map<queue::Id, Message> open_;
  std::array<std::size_t, 2> open_count_{};  // by Class
  std::array<std::size_t, 2> loading_{};     // by Class
  std::array<Lane, kChannels> lanes_;        // by Channel
  std::vector<Slot> slots_;                  // the local ones first
  std::uint64_t deliveries_ = 0;
  std::size_t notices_ = 0;
  Time pumped_ = 0;  // when pump() last looked at what is due
  bool spawner_ = false;
  bool stopping_ = false;
  std::vector<Action> actions_;
};

}  // namespace porpoise::send
