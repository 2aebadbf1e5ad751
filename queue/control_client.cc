#include "queue/control_client.h"

#include <cerrno>
#include <sys/socket.h>
#include <sys/time.h>

#include "posix/error.h"
#include "posix/file.h"
#include "posix/socket.h"

namespace porpoise::queue {
namespace {

bool is_long(const std::string& command) {
  return command == "status";
}

bool is_whole(const std::string& answer, bool wants_long) {
  if (!answer.ends_with('\n')) return false;
  return !wants_long || answer.starts_with("-ERR") || answer.ends_with("\n.\n");
}

}  // namespace

Result<std::string> ask_send(const Instance& instance, const std::string& line) {
  Result<posix::UniqueFd> run = instance.open_folder("run");
  if (!run) return failed(run);
  Result<posix::UniqueFd> socket = posix::connect_in(run->get(), "control");
  if (!socket) return failed(socket);
  const timeval patience{kAskSeconds, 0};
  (void)::setsockopt(socket->get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  (void)::setsockopt(socket->get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (Result<> done = posix::write_all(socket->get(), line + "\n", "run/control"); !done) {
    return failed(done);
  }
  std::string answer;
  char room[4096];
  while (!is_whole(answer, is_long(line))) {
    Result<std::size_t> n = posix::read_some(socket->get(), room, "run/control");
    if (!n && n.error().sys == EAGAIN) {
      return posix::trouble(ETIMEDOUT, "waiting for an answer of send");
    }
    if (!n) return failed(n);
    if (*n == 0) return temporary("send ended before it had answered");
    answer.append(room, *n);
    if (answer.size() > kMaxAnswerOctets) return temporary("an answer of send without an end");
  }
  return answer;
}

}  // namespace porpoise::queue
