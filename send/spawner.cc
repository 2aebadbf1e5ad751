#include "send/spawner.h"

#include <fcntl.h>

#include "posix/error.h"
#include "posix/process.h"
#include "posix/socket.h"

namespace porpoise::send {

Result<Spawner> Spawner::given(posix::UniqueFd socket) {
  if (::fcntl(socket.get(), F_SETFD, FD_CLOEXEC) != 0) {
    return posix::system_error(errno, fmt::format("descriptor {}", socket.get()));
  }
  if (Result<> done = posix::set_nonblocking(socket.get()); !done) return failed(done);
  Spawner spawner;
  spawner.socket_ = std::move(socket);
  return spawner;
}

Result<Spawner> Spawner::start(const Instance& instance) {
  Result<posix::SocketPair> pair = posix::message_pair();
  if (!pair) return failed(pair);
  posix::Command command;
  command.path = posix::program_folder() + "/spawn";
  command.arguments = {"spawn", "--instance", instance.path()};
  command.environment = posix::own_environment();
  command.fds = {-1, -1, 2, pair->theirs.get()};
  command.new_session = true;
  Result<pid_t> child = posix::start(command);
  if (!child) return failed(child);
  Result<Spawner> spawner = given(std::move(pair->ours));
  if (spawner) spawner->child_ = *child;
  return spawner;
}

Result<> Spawner::begin(const spawn::StartDelivery& delivery, posix::UniqueFd content) {
  unsent_.emplace_back(spawn::encode(delivery), std::move(content));
  return flush();
}

Result<> Spawner::flush() {
  while (!unsent_.empty()) {
    const auto& [text, content] = unsent_.front();
    Result<> done = posix::send_message(socket(), text, content.get());
    if (!done && done.error().sys == EAGAIN) return {};
    if (!done) return done;
    unsent_.pop_front();
  }
  return {};
}

Result<std::optional<Spawner::Said>> Spawner::next() {
  Result<std::optional<posix::Message>> message =
      posix::receive_message(socket(), spawn::kMaxMessageOctets);
  if (!message && message.error().sys == EAGAIN) return std::optional<Said>();
  if (!message) return failed(message);
  if (!*message) return temporary("the spawner has closed its socket");
  const std::string& text = (*message)->text;
  if (auto note = spawn::decode_note(text)) return std::optional<Said>(std::move(*note));
  if (auto report = spawn::decode_report(text)) return std::optional<Said>(std::move(*report));
  return temporary("the spawner said something that makes no sense");
}

}  // namespace porpoise::send
