// Whose is this address? The one library that answers, for send, spawn, local, sendmail and, later,
// RCPT and `porpoise try`.
//
// Two steps. route() looks at the domain: locals, then virtualdomains (reference 5.3). account()
// looks at the local part of what is local: users/assign, then the owner or, in a system instance,
// the password file (instance/password_file.h), then alias/.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "instance/control.h"
#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise {

/// Where an envelope recipient goes.
struct Route {
  enum class Channel { local, remote };
  Channel channel = Channel::local;
  std::string address;  ///< as routed: `@envnoathost` added, percenthack undone, a virtual
                        ///< domain's "prefix-" put in front; logs, Delivered-To and VERP see it
  std::string rule;     ///< what decided, for a person: "control/locals: here.test"
};

/// Who gets a local part, and by which name of dot-file.
struct Account {
  std::string user;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
  std::string dash;  ///< "" or "-"
  std::string ext;   ///< in the original case
  std::string rule;  ///< "users/assign line 3", "control/owner", "the password file", "alias/"
  std::vector<gid_t> groups{};  ///< beside `gid`
  /// Of the password file: it counts only if its home is there and its own, which only whoever has
  /// become the user may look at (reference 6.4); else the next shorter name is tried.
  bool needs_home = false;
};

/// The routing tables, read once and immutable: make a new one to see a changed configuration.
class Router {
 public:
  /// Errors: those of Control, naming the file.
  static Result<Router> load(const Instance& instance);

  Route route(std::string_view recipient) const;
  bool is_local_domain(std::string_view domain) const;

 private:
  std::string envnoathost_;
  std::vector<std::string> locals_;             // lower case, sorted
  std::vector<std::string> percenthack_;        // lower case, sorted
  std::map<std::string, std::string> virtual_;  // lower-case key, prefix
};

/// The local names of an instance, but for those of the password file.
class Accounts {
 public:
  /// Reads users/assign (missing is fine). A damaged file is a temporary error with the line: mail
  /// waits until it is mended; so is one that trusted_text() does not believe.
  static Result<Accounts> load(const Instance& instance);

  /// Looks up the local part of a routed address: assign's exact lines, its prefixes from the
  /// longest, the owner's name or decimal uid (also as NAME-EXT), then alias/. Always an answer:
  /// whether alias/ has a dot-file for it is found by local. In a system instance it knows of
  /// users/assign and alias/ only.
  Account find(std::string_view local_part) const;

  /// What users/assign says.
  std::optional<Account> assigned(std::string_view local_part) const;
  /// What alias/ handles.
  Account alias(std::string_view local_part) const;

  /// The account somebody may log in as, by POP3: an exact assign line or, in a personal instance,
  /// the owner; never alias.
  std::optional<Account> login(std::string_view name) const;

 private:
  Account account_of_owner() const;

  struct Line {
    std::string key;  // lower case
    Account account;
    int number = 0;
  };
  std::vector<Line> exact_;     // sorted by key, first of equals wins
  std::vector<Line> prefix_;    // sorted by key
  std::optional<Owner> owner_;  // of a personal instance
  Identity alias_;
  std::string alias_home_;
};

}  // namespace porpoise
