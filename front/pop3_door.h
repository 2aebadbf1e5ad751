// The POP3 listener of `porpoise run`: a session of popup, checkpassword and pop3d for each
// connection. In a system instance popup and checkpassword start beside each other, joined by a
// socket pair: popup, which hears what strangers say, is the network identity; checkpassword is
// root until it becomes the user and pop3d.

#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "front/parts.h"
#include "posix/unique_fd.h"

namespace porpoise::front {

class Pop3Door {
 public:
  static constexpr std::size_t kMaxSessions = 50;  ///< at once; beyond: -ERR [SYS/TEMP]
  /// In a system instance kMaxSessions are those before the login, and this all of them.
  static constexpr std::size_t kMaxInSystem = 500;
  /// There, where it is full, one that has not logged in for so long has to go.
  static constexpr std::int64_t kLoginUs = 10'000'000;
  /// How long nobody is let in after the machine had no room for a connection.
  static constexpr std::int64_t kPauseUs = 1'000'000;

  explicit Pop3Door(const Parts& parts) : parts_(parts) {}

  /// Listens on `given` or, where it is not open, as control/pop3port says, and writes
  /// run/pop3port; does nothing where it says none. Errors name the port and the file.
  Result<> open(posix::UniqueFd given);
  /// Stops listening and removes run/pop3port; sessions go on.
  void close();

  /// To be polled for input; -1 while nobody is let in.
  int fd(std::int64_t now_us) const;
  /// When fd() will be there again; none where it is not put off.
  std::optional<std::int64_t> due_us(std::int64_t now_us) const;
  void let_in(std::int64_t now_us);  ///< one connection, if there is one

  /// A child ended. False: it is none of ours.
  bool ended(pid_t child, const posix::Ended& how);
  std::size_t sessions() const { return sessions_.size(); }
  void signal_sessions(int signal) const;

 private:
  Result<> listen(bool wanted_port_only, unsigned short& port);
  bool make_room(std::int64_t now_us);
  Result<> start_session(int connection, std::int64_t now_us);
  Result<> start_apart(int connection, std::int64_t now_us);

  const Parts& parts_;
  std::string host_;
  posix::UniqueFd listener_;
  std::int64_t closed_until_us_ = 0;
  std::set<pid_t> sessions_;  // of a system instance, the root half
  struct Greeter {
    pid_t pid = 0;
    std::int64_t since_us = 0;
  };
  std::vector<Greeter> greeters_;  // and popup, the oldest first
};

}  // namespace porpoise::front
