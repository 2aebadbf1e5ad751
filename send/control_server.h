// run/control: one-line commands to a running send, answers of one or more lines. What they mean is
// the caller's; here are the sockets, who is at their other end, and how much each may ask.
//
// In a system instance everybody may connect. Root and the queue's owner come first; of others,
// each uid has so many connections and so many commands.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "instance/instance.h"
#include "libmail/result.h"
#include "posix/unique_fd.h"

namespace porpoise::send {

class ControlServer {
 public:
  static constexpr std::size_t kMaxClients = 64;       ///< one more, and an oldest has to go
  static constexpr std::size_t kMaxClientsOfUid = 4;   ///< of somebody else's, the same
  static constexpr std::size_t kMaxLineOctets = 256;   ///< of a command
  static constexpr std::size_t kMaxUnread = 64 << 10;  ///< octets of answers nobody has read
  /// Commands of a uid that is neither root nor the owner: so many at once, then one each.
  static constexpr std::int64_t kCommandsAtOnce = 20;
  static constexpr std::int64_t kCommandEveryUs = 500'000;

  /// Who asks, as the kernel has it.
  struct Peer {
    uid_t uid = 0;
    bool may_do_all = false;  ///< root, or the queue's owner
  };

  /// Whole lines, each with its LF.
  using Answer = std::function<std::string(const Peer& peer, std::string_view command)>;
  /// Microseconds of a clock that is never set.
  using Clock = std::function<std::int64_t()>;

  /// The caller holds the queue's lock, and so is the only server.
  static Result<ControlServer> listen(const Instance& instance);
  /// On a socket that listens already.
  static Result<ControlServer> given(const Instance& instance, posix::UniqueFd listener);
  void use_clock(Clock clock) { clock_ = std::move(clock); }  ///< for tests

  /// Adds what to wait for.
  void add_to(std::vector<pollfd>& wanted) const;
  /// Does whatever is ready, which add_to() has asked for. Never waits for a client.
  void serve(const std::vector<pollfd>& ready, const Answer& answer);

  /// Takes in a connection of `peer`; for accept() and tests.
  void add(posix::UniqueFd socket, const Peer& peer);

 private:
  struct Client {
    posix::UniqueFd socket;
    Peer peer;
    std::string in{};
    std::string out{};
    bool over = false;
  };
  void accept();
  void make_room(const Peer& peer);
  void read(Client& client, const Answer& answer);
  bool may_ask(const Peer& peer);
  static void write(Client& client);

  posix::UniqueFd listener_;
  uid_t owner_ = 0;
  uid_t overflow_ = 0;                         // it owns nothing: it may be anybody
  std::vector<Client> clients_;                // the oldest first
  std::map<uid_t, std::int64_t> asked_until_;  // when what a uid has asked is worked off
  Clock clock_;
};

}  // namespace porpoise::send
