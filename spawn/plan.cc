#include "spawn/plan.h"

#include <algorithm>

namespace porpoise::spawn {
namespace {

constexpr std::string_view kCut = "\n(the report was longer)\n";

}  // namespace

Result<std::string> local_part_of(const StartDelivery& start) {
  const std::size_t at = start.recipient.rfind('@');
  if (at == std::string::npos) return permanent("the address has no domain (#5.1.3)");
  // Mended: this was success, and the message gone.
  if (at == 0) return permanent("sorry, no mailbox here by that name (#5.1.1)");
  return start.recipient.substr(0, at);
}

Result<> require_deliverable(const Account& account, const Instance& instance, uid_t uid) {
  if (account.uid == 0) {
    return temporary("{}: nothing is delivered as root (#4.7.0)", account.rule);
  }
  if (!instance.is_system()) {
    if (account.uid == uid) return {};
    return temporary("{}: user {} has uid {}, but this instance delivers as uid {} only (#4.3.0)",
                     account.rule, account.user, account.uid, uid);
  }
  if (account.gid == 0) {
    return temporary("{}: nothing is delivered with root's group (#4.7.0)", account.rule);
  }
  const Identities& own = instance.identities();
  if (account.uid == own.queue.uid || account.uid == own.network.uid) {
    return temporary(
        "{}: nothing is delivered as uid {}, which is a part of the mail system's "
        "(#4.7.0)",
        account.rule, account.uid);
  }
  return {};
}

std::vector<std::string> arguments_for(const StartDelivery& start, const Account& account,
                                       const std::string& default_delivery) {
  const std::size_t at = start.recipient.rfind('@');
  return {"local",
          "--",
          account.user,
          account.home,
          start.recipient.substr(0, at),
          account.dash,
          account.ext,
          start.recipient.substr(at + 1),
          start.sender,
          default_delivery};
}

char letter_of(const posix::Ended& ended) {
  if (ended.signal != 0) return 'Z';
  switch (ended.code) {
    case 0:
      return 'K';
    case 71:
    case 74:
    case 75:
    case 111:
      return 'Z';
    default:
      return 'D';
  }
}

void ReportText::add(std::string_view piece) {
  const std::size_t taken = std::min(piece.size(), kMaxReportOctets - text_.size());
  text_ += piece.substr(0, taken);
  if (taken < piece.size()) cut_ = true;
}

std::string ReportText::text() const {
  if (!cut_) return text_;
  return text_.substr(0, kMaxReportOctets - kCut.size()) + std::string(kCut);
}

bool NoteReader::feed(std::string_view piece) {
  bool any = false;
  for (const char c : piece) {
    if (c != '\0') {
      too_long_ = too_long_ || partial_.size() == kMaxNoteOctets;
      if (!too_long_) partial_ += c;
      continue;
    }
    if (!too_long_) {
      last_ = partial_;
      any = true;
    }
    partial_.clear();
    too_long_ = false;
  }
  return any;
}

}  // namespace porpoise::spawn
