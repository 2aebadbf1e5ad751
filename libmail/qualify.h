// Completing the host of an address (reference 1.5, steps 4 to 6).

#pragma once

#include <string>

#include "libmail/address.h"

namespace porpoise::mail {

struct Hosts {
  std::string default_host;    ///< for an address without a host
  std::string default_domain;  ///< for a host without a dot
  std::string plus_domain;     ///< for a host that ends in "+"
};

/// `domain` completed: none becomes the default host; "cs+" becomes "cs." and the plus domain; a
/// host without a dot gets the default domain. The default host is completed in the same way. A
/// literal stays as it is.
std::string qualify_domain(std::string domain, const Hosts& hosts);

/// Completes the address of `mailbox`, unless it is the null path. True if it changed.
bool qualify(Mailbox& mailbox, const Hosts& hosts);

}  // namespace porpoise::mail
