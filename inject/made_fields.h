// The fields that inject makes where they are missing (reference 2.3 to 2.6).

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "inject/field_kind.h"
#include "inject/settings.h"
#include "libmail/address.h"

namespace porpoise::inject {

/// Makes what the caller did not write.
class Maker {
 public:
  explicit Maker(const Settings& settings) : settings_(settings) {}

  /// The envelope sender, where neither an option nor Return-Path says.
  std::string sender();

  /// Date, Message-ID, From, `Cc: recipient list not shown: ;` and Mail-Followup-To, each that
  /// `own` has not; of a resent message the Resent- forms of the first four. `several` tells that
  /// the From the caller wrote names more or fewer than one: such a message gets a Sender, too.
  /// `addressees` are those of To and Cc.
  std::string fields(const Own& own, bool several, const std::vector<mail::Mailbox>& addressees);

 private:
  const Account& account();
  std::string user();
  std::string name();
  std::string host() const;
  std::string own_address(const std::string& field);
  std::string followup(const std::vector<mail::Mailbox>& addressees) const;

  const Settings& settings_;
  std::optional<Account> account_{};
};

}  // namespace porpoise::inject
