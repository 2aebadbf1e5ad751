// control/queueextra: recipients that are added to every message, for a copy of all mail.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libmail/envelope.h"
#include "libmail/result.h"

namespace porpoise::queue {

class ExtraRecipients {
 public:
  static constexpr std::size_t kMost = 10;       ///< entries of control/queueextra
  static constexpr std::size_t kMaxLine = 1100;  ///< of a header line that is looked at

  /// `instance` is its folder. None without the file. Temporary errors name it: it cannot be read,
  /// has an entry that no envelope could hold, or too many.
  static Result<ExtraRecipients> load(int instance);

  /// Looks at the content as it passes, in pieces of any size, for Delivered-To fields in its
  /// header: what has been delivered to an extra recipient and comes in again, forwarded from
  /// there, is not copied to it once more.
  void look_at(std::string_view content);

  /// The envelope with those that are wanted: not a recipient already, not delivered there before.
  /// They have NOTIFY=NEVER: their failures are nobody's who sent the message.
  mail::Envelope added_to(const mail::Envelope& envelope) const;

  bool none() const { return extras_.empty(); }

 private:
  struct Extra {
    std::string address;
    bool been_there = false;
  };
  void look_at_line(std::string_view line);

  std::vector<Extra> extras_;
  std::string line_;
  bool in_header_ = true;
};

}  // namespace porpoise::queue
