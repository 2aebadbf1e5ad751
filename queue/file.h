// One message in the queue, read and appended to.

#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "libmail/result.h"
#include "posix/unique_fd.h"
#include "queue/record.h"

namespace porpoise::queue {

/// What the log says so far: the records applied in order.
struct State {
  enum class Status : std::uint8_t { waiting, delivered, failed, cancelled };
  struct OfRecipient {
    Status status = Status::waiting;
    std::uint32_t attempts = 0;
    std::int64_t last_us = 0;  ///< wall clock of the last attempt
    std::string text;          ///< the last report
    std::string progress;      ///< the last note
    bool noticed = false;      ///< a notice about its failure is intended or queued
  };
  std::vector<OfRecipient> recipients;
  std::int64_t next_us = 0;  ///< 0: never put off
  std::uint32_t attempts = 0;
  bool held = false;
  std::map<Id, std::vector<std::uint32_t>> open_intents;  ///< intended, not yet queued
  std::set<Id> notices;                                   ///< queued

  void apply(const Event& event);
  bool any_waiting() const;
};

class File {
 public:
  enum class Access {
    read,    ///< changes nothing; a torn tail is ignored
    append,  ///< the caller holds the queue's lock; a torn tail is cut off, and a file with a log
             ///< is synced: what was read can be relied on
  };

  /// Events kept for events(): at least the last so many of a long log. state() knows all.
  static constexpr std::size_t kKeptEvents = 10'000;

  /// Opens `name` in folder `at`. `id` is what the name says. Permanent errors with sys = EBADMSG:
  /// damage (a header or envelope that is not whole; a bad record followed by a good one that says
  /// it was synced before it), the text says what and at which offset. Other errors are open(2)'s
  /// and read(2)'s.
  static Result<File> open(int at, const std::string& name, const Id& id, Access access);

  const Header& header() const { return header_; }
  const Meta& meta() const { return meta_; }
  const State& state() const { return state_; }
  const std::vector<Event>& events() const { return events_; }  ///< the log, for `why`
  std::uint64_t octets() const { return end_; }                 ///< of the file's good part
  std::uint64_t content_offset() const { return Header::kOctets; }
  int fd() const { return fd_.get(); }

  /// Appends one record for each event in one write, without syncing, and applies them to
  /// state(). After an error nothing may be appended any more. `events` of no length: no-op.
  Result<> append(const std::vector<Event>& events);
  /// The barrier. Must succeed before anything that depends on what was appended is done.
  Result<> sync();

  /// Writes the message as it is known here, and `more` behind it, to the new file `to`, under a
  /// generation that no earlier try had: for when append() or sync() has failed. Content and log
  /// are verified on the way; EBADMSG in Error::sys where they are not whole. The caller syncs
  /// `to` before it uses what is returned, which takes it for synced.
  Result<File> write_anew(posix::UniqueFd to, const std::vector<Event>& more);

 private:
  class Reader;
  File() = default;
  Result<> read_envelope(Reader& reader);
  Result<> read_log(Reader& reader);
  Result<> check_tail(Reader& reader) const;
  Result<> cut_and_sync(std::uint64_t octets);
  Result<> write_log_again() const;
  void apply(const Event& event);
  Result<Record> proved_record(std::uint32_t sequence, std::uint64_t offset) const;
  tl::unexpected<Error> damaged(std::uint64_t offset, std::string_view what) const;

  posix::UniqueFd fd_;
  std::string shown_;
  Header header_;
  Meta meta_;
  State state_;
  std::vector<Event> events_;
  std::uint64_t log_ = 0;       // where the log begins
  std::uint64_t end_ = 0;       // the known good end
  std::uint32_t sequence_ = 0;  // of the last record
  std::uint32_t synced_ = 0;    // of the last one known to be synced
  bool broken_ = false;
  std::vector<Event> unsynced_;  // appended by us, and not known to be on disk
  std::uint16_t times_anew_ = 0;
};

}  // namespace porpoise::queue
