// run/control: one-line commands to a running send, answers of one or more lines. What they mean is
// the caller's; here are the sockets.

#pragma once

#include <functional>
#include <poll.h>
#include <string>
#include <string_view>
#include <vector>

#include "instance/instance.h"
#include "libmail/result.h"
#include "posix/unique_fd.h"

namespace porpoise::send {

class ControlServer {
 public:
  static constexpr std::size_t kMaxClients = 16;       ///< one more, and the oldest has to go
  static constexpr std::size_t kMaxLineOctets = 256;   ///< of a command
  static constexpr std::size_t kMaxUnread = 64 << 10;  ///< octets of answers nobody has read

  /// Whole lines, each with its LF.
  using Answer = std::function<std::string(std::string_view command)>;

  /// The caller holds the queue's lock, and so is the only server.
  static Result<ControlServer> listen(const Instance& instance);

  /// Adds what to wait for.
  void add_to(std::vector<pollfd>& wanted) const;
  /// Does whatever is ready, which add_to() has asked for. Never waits for a client.
  void serve(const std::vector<pollfd>& ready, const Answer& answer);

 private:
  struct Client {
    posix::UniqueFd socket;
    std::string in;
    std::string out;
    bool over = false;
  };
  void accept();
  static void read(Client& client, const Answer& answer);
  static void write(Client& client);

  posix::UniqueFd listener_;
  std::vector<Client> clients_;  // the oldest first
};

}  // namespace porpoise::send
