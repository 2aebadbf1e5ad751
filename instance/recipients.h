// Would mail for this address be delivered? Asked by sessions before they take it, so that nobody
// has to write a notice afterwards.

#pragma once

#include <string>
#include <string_view>

#include "instance/resolver.h"

namespace porpoise {

struct Finding {
  enum class Answer {
    yes,
    no,         ///< there is no such mailbox
    elsewhere,  ///< on another host, and no control/remote to send it there
    /// Only a delivery can tell, as where a home may not be read: take it.
    unknown,
  };
  Answer answer = Answer::yes;
  bool local = true;
  std::string rule;  ///< what decided, for a person: "users/assign line 3"
};

/// The tables of an instance, read once: make a new one to see a changed configuration.
class Recipients {
 public:
  /// The instance must outlive it. Errors: those of Router and Accounts.
  static Result<Recipients> load(const Instance& instance);

  /// Looks for the dot-file of an address in envelope form where that decides. Whether what it
  /// finds can be read and makes sense is left to the delivery. In a system instance it asks the
  /// password file, too; what the caller may not see there is unknown.
  Finding check(std::string_view address) const;

 private:
  Recipients(const Instance& instance, Router router, Accounts accounts, bool remote)
      : instance_(&instance),
        router_(std::move(router)),
        accounts_(std::move(accounts)),
        remote_(remote) {}

  Finding check_local(std::string_view local_part) const;

  const Instance* instance_;
  Router router_;
  Accounts accounts_;
  bool remote_;
};

}  // namespace porpoise
