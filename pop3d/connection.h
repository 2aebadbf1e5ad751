// The client's end: command lines in, replies out, nothing waited for longer than it may take.

#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "libmail/line_reader.h"
#include "posix/outlet.h"

namespace porpoise::pop3d {

class Connection {
 public:
  enum class ReadAhead {
    yes,
    no,  ///< octet by octet: what follows a line stays in the descriptor for the next program
  };

  /// Both descriptors are lent and keep their flags. `idle`: how long the client may take for one
  /// whole line, and for taking anything of our output.
  Connection(int in, int out, std::chrono::seconds idle, ReadAhead ahead)
      : in_(in), out_(out), outlet_(out), idle_(idle), ahead_(ahead) {}

  /// Reads on until `line` is complete; sends what was put before it waits. False: the connection
  /// ended, failed, or the client took too long.
  bool read_line(mail::LineReader& line);

  /// Collects output, sending it in large pieces. After a failure nothing more is sent.
  void put(std::string_view text);
  bool flush();
  bool good() const { return good_; }

  /// Sends what is left and ends the connection from our side, so that the client sees all of it:
  /// closing a TCP socket with input unread (commands sent ahead) would destroy replies on their
  /// way. What still comes is thrown away, for a moment.
  void finish();

 private:
  bool fill(std::int64_t deadline_us);

  int in_, out_;
  posix::Outlet outlet_;
  std::chrono::seconds idle_;
  ReadAhead ahead_;
  std::string ahead_room_;  // read, not yet given
  std::string out_room_;
  bool good_ = true;
};

/// Lets the kernel ask after a client that has fallen silent, so that a session whose client is
/// gone does not hold the mailbox until its idle time is over. Does nothing for what is no TCP
/// socket.
void keep_alive(int socket);

}  // namespace porpoise::pop3d
