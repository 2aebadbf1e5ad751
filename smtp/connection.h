// The client's end of a session: octets in, replies out, nothing waited for longer than it may
// take, and a signal that ends the session where it can be ended.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "libmail/result.h"
#include "posix/outlet.h"
#include "posix/unique_fd.h"

namespace porpoise::smtp {

class Connection {
 public:
  enum class Read : std::uint8_t {
    octets,
    end,       ///< of the connection, or it failed
    too_late,  ///< nothing came in time
    told,      ///< SIGTERM
  };

  /// Both descriptors are lent and keep their flags. From here on SIGTERM waits for read() and
  /// flush(), so that it never comes between a message and its reply.
  static Result<Connection> make(int in, int out);

  /// Reads what there is: `octets()`, valid until the next read. What a person types into a
  /// terminal ends in LF, and is given with CRLF: nothing can be smuggled in there.
  /// `deadline_us` is on posix::running_us().
  Read read(std::int64_t deadline_us);
  std::string_view octets() const { return octets_; }

  void put(std::string_view text) { out_room_ += text; }

  /// False: the client is gone, or took nothing for `patience`, or SIGTERM came while it took
  /// nothing. Then nothing more is ever sent.
  bool flush(std::chrono::seconds patience);

  /// Whether everything so far could be sent.
  bool good() const { return good_; }
  std::size_t waiting() const { return out_room_.size(); }

 private:
  Connection(int in, int out, posix::UniqueFd signals)
      : in_(in), outlet_(out), signals_(std::move(signals)) {}

  enum class Wait : std::uint8_t { ready, too_late, told };
  Wait wait(int fd, short events, std::int64_t deadline_us) const;
  void end_lines_in_crlf();

  int in_;
  posix::Outlet outlet_;
  posix::UniqueFd signals_;
  std::string room_, typed_, out_room_;
  std::string_view octets_;
  bool good_ = true;
  bool is_terminal_ = false;  // what is read
};

}  // namespace porpoise::smtp
