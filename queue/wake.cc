// Telling send that there is mail, and starting one where none is.

#include "queue/wake.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "instance/control.h"
#include "instance/resolver.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/process.h"
#include "queue/foreign.h"
#include "queue/spool.h"
#include "queue/submit.h"

namespace porpoise::queue {
namespace {

constexpr const char* kTrigger = "queue/trigger";

// The trigger for writing; not open where nobody reads it, or can: send makes a missing one.
Result<posix::UniqueFd> open_trigger(const Instance& instance) {
  Result<posix::UniqueFd> fd =
      posix::open_at(instance.folder(), kTrigger, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
  if (!fd && (fd.error().sys == ENXIO || fd.error().sys == ENOENT)) return posix::UniqueFd();
  if (!fd) return fd;
  Result<struct stat> st = posix::stat_of(fd->get(), kTrigger);
  if (!st) return failed(st);
  if (!S_ISFIFO(st->st_mode)) return permanent("{}/{}: not a FIFO", instance.path(), kTrigger);
  return fd;
}

bool is_set(const char* name) {
  const char* value = ::getenv(name);
  return value != nullptr && value[0] != '\0';
}

// What a send started by anybody gets: nothing that depends on who started it.
std::vector<std::string> environment_of_send() {
  std::vector<std::string> list = {"PATH=/usr/local/bin:/usr/bin:/bin"};
  for (const char* name : {"PORPOISE_BIN", "PORPOISE_NAMED_FILES"}) {
    if (is_set(name)) list.push_back(fmt::format("{}={}", name, ::getenv(name)));
  }
  return list;
}

}  // namespace

std::string trigger_record(const Id& id) {
  std::string record = id.text() + "\n";
  record.resize(kTriggerOctets, ' ');
  return record;
}

Result<bool> pull_trigger(const Instance& instance, const Id& id) {
  Result<posix::UniqueFd> fd = open_trigger(instance);
  if (!fd) return failed(fd);
  if (!fd->open()) return false;
  // At most PIPE_BUF octets: whole or not at all.
  Result<> done = posix::write_all(fd->get(), trigger_record(id), kTrigger);
  if (done || done.error().sys == EAGAIN) return true;
  if (done.error().sys == EPIPE) return false;
  return failed(done);
}

void have_incoming_read(const Instance& instance) {
  Result<posix::UniqueFd> fd = open_trigger(instance);
  if (!fd || !fd->open()) return;
  // A record that names nothing. Full, it says the same.
  (void)posix::write_all(fd->get(), std::string(kTriggerOctets, ' '), kTrigger);
}

bool send_is_wanted(const Instance& instance) {
  if (instance.is_system()) return false;  // root runs it there
  const char* no_send = ::getenv("PORPOISE_NO_SEND");
  if (no_send != nullptr && std::string_view(no_send) == "1") return false;
  if (foreign_program()) return false;  // what that program queues is its own to look after
  Result<posix::UniqueFd> trigger = open_trigger(instance);
  if (!trigger || trigger->open()) return false;
  Result<Spool> spool = Spool::open(instance);
  return spool && !spool->is_locked().value_or(true);
}

posix::Command send_once(const Instance& instance) {
  posix::Command command;
  command.path = posix::program_folder() + "/send";
  command.arguments = {"send", "--once", "--instance", instance.path()};
  command.environment = environment_of_send();
  command.fds = {-1, -1, -1};
  command.folder.assign(1, '/');
  command.new_session = true;
  return command;
}

// Not waited for: it outlives us, and where it cannot start the message waits for the next.
void start_send_if_nobody_listens(const Instance& instance) {
  if (send_is_wanted(instance)) (void)posix::start(send_once(instance));
}

Result<std::optional<std::string>> undeliverable(const Instance& instance,
                                                 const mail::Envelope& envelope) {
  Result<std::optional<std::string>> remote = Control(instance.folder()).line("remote");
  if (!remote || *remote) return remote ? Result<std::optional<std::string>>(std::nullopt) : remote;
  Result<Router> router = Router::load(instance);
  if (!router) return failed(router);
  for (const mail::Recipient& recipient : envelope.recipients) {
    if (router->route(recipient.address).channel == Route::Channel::remote) {
      return std::optional<std::string>(recipient.address);
    }
  }
  return std::optional<std::string>();
}

}  // namespace porpoise::queue
