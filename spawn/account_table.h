// users/assign and the owner, as they are now.

#pragma once

#include <cstdint>
#include <optional>
#include <sys/stat.h>

#include "instance/instance.h"
#include "instance/resolver.h"
#include "libmail/result.h"

namespace porpoise::spawn {

/// The accounts of an instance (lent), read again when users/assign or control/owner changes.
class AccountTable {
 public:
  explicit AccountTable(const Instance& instance) : instance_(instance) {}
  /// Lent until the next call. Errors are those of Instance::open and Accounts::load.
  Result<const Accounts*> current();

 private:
  struct Stamp {
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  Stamp stamp_of(const char* name) const;
  static bool may_change_unseen(const Stamp& stamp);

  const Instance& instance_;
  Stamp assign_, owner_;
  std::optional<Accounts> accounts_;
};

}  // namespace porpoise::spawn
