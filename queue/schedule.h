// queue/schedule: which messages wait, and until when, so that a start need not read their files.
// A hint: the log in a message's file is the truth, and what the schedule does not name is found in
// the folders. queue(5) has it octet by octet.
//
//   head       one line of kHeadOctets, text: when it was written, how many entries, a checksum
//   entries    16 octets each, sorted by folder of deferred/, then by id

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/result.h"
#include "posix/unique_fd.h"
#include "queue/id.h"

namespace porpoise::queue {

struct ScheduleEntry {
  Id id;
  std::uint32_t next_s = 0;  ///< seconds since 1970; 0: due

  bool operator==(const ScheduleEntry&) const = default;
};

/// The order of a schedule.
bool schedule_before(const Id& a, const Id& b);

struct ScheduleHead {
  std::int64_t wall_us = 0;  ///< when it was written
  std::uint32_t count = 0;   ///< of entries
  std::uint32_t crc = 0;     ///< of the entries alone

  static constexpr std::size_t kOctets = 80;
  std::string encode() const;
  /// Nothing unless every octet is as encode() writes it, its own checksum included.
  static std::optional<ScheduleHead> decode(std::string_view octets);
};

inline constexpr std::size_t kScheduleEntryOctets = 16;
std::string encode_entries(const std::vector<ScheduleEntry>& entries);
/// Whole entries; what is left over at the end is passed over.
std::vector<ScheduleEntry> decode_entries(std::string_view octets);

/// Reads a schedule folder by folder. Memory: the entries of one folder.
class ScheduleReader {
 public:
  /// Reads all of it once, and verifies it: length, checksums, order. ENOENT in Error::sys: there
  /// is none. EBADMSG: it is not as it was written; such a one is of no use.
  static Result<ScheduleReader> open(int queue_folder);

  const ScheduleHead& head() const { return head_; }
  /// The entries of folder `name` of deferred/; each call asks for a later one than the one before.
  Result<std::vector<ScheduleEntry>> folder(const std::string& name);

 private:
  ScheduleReader() = default;
  Result<> verify();
  Result<std::string> octets_at(std::uint64_t entry) const;

  posix::UniqueFd fd_;
  ScheduleHead head_;
  std::uint64_t next_ = 0;  // entries given out or passed over
  std::vector<ScheduleEntry> held_;
  std::size_t held_used_ = 0;
};

/// Writes a schedule in pieces; it replaces the one before when it is whole. It is not synced: one
/// that a crash has torn is seen to be, and passed over.
class ScheduleWriter {
 public:
  static Result<ScheduleWriter> begin(int queue_folder);
  ScheduleWriter(ScheduleWriter&&) noexcept = default;
  ScheduleWriter& operator=(ScheduleWriter&&) noexcept = default;
  ~ScheduleWriter();  ///< an unfinished one leaves nothing

  /// In any order among themselves; all of them behind those of the call before.
  Result<> add(std::vector<ScheduleEntry> entries);
  Result<> finish(std::int64_t wall_us) &&;

 private:
  ScheduleWriter(int queue_folder, posix::UniqueFd fd) : queue_(queue_folder), fd_(std::move(fd)) {}

  int queue_;
  posix::UniqueFd fd_;  // open: its temporary name is ours to remove
  ScheduleHead head_;
};

/// Removes the schedule; that there is none is no error.
Result<> remove_schedule(int queue_folder);

inline constexpr const char* kScheduleName = "schedule";
inline constexpr const char* kScheduleDraft = "schedule.draft";  ///< while it is being written

}  // namespace porpoise::queue
