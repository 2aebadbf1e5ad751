// What inject does with each field (reference 1.2), and which of a resent message's fields are its
// caller's (RFC 5322 section 3.6.6).

#pragma once

#include <array>
#include <cstddef>

#include "libmail/header.h"

namespace porpoise::inject {

enum class Treatment {
  recipients,         ///< completed, names recipients
  hidden_recipients,  ///< names recipients, then goes
  sender,             ///< completed; must be readable
  reply,              ///< completed where it can be read
  return_path,        ///< names the envelope sender, then goes
  deleted,
  untouched,
};

Treatment treatment_of(mail::FieldName name);

/// One of the eight Resent- fields of reference 2.5.
bool is_resent(mail::FieldName name);

/// Whether a From or Sender names nobody (`From:`, `From: <>`): it counts as absent, since no
/// reader accepts it. One that cannot be read names somebody.
bool names_nobody(std::string_view body);

/// What the caller wrote, as against what is made.
///
/// Of a resent message that is its newest block of Resent- fields: from the first one down to the
/// next Received field. What stands below that was put there by whoever resent it before.
class Own {
 public:
  explicit Own(const mail::Header& header);

  bool resent() const { return resent_; }

  /// Whether field `index` is of the kind that counts: a Resent- field of the newest block where
  /// the message is resent, else any.
  bool counts(std::size_t index) const;

  /// Whether there is such a field.
  bool has(mail::FieldName name) const { return present_[static_cast<std::size_t>(name)]; }

  /// Notes a field that counts.
  void note(mail::FieldName name) { present_[static_cast<std::size_t>(name)] = true; }

 private:
  const mail::Header& header_;
  std::array<bool, 64> present_{};
  std::size_t block_end_ = 0;  // index of the first field below the newest block
  bool resent_ = false;
};

}  // namespace porpoise::inject
