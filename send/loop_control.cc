// What a running send is asked and told from outside: commands on run/control, tables read again.

#include <algorithm>

#include "send/loop.h"

namespace porpoise::send {

using queue::Id;

std::string Loop::answer(const ControlServer::Peer& peer, std::string_view command) {
  if (command == "ping") return fmt::format("+OK send {}\n", ::getpid());
  if (command == "status") return answer_status();
  if (command != "retry" && !command.starts_with("retry ")) return "-ERR unknown command\n";
  const std::string_view operand = command.substr(std::min<std::size_t>(6, command.size()));
  return peer.may_do_all ? answer_retry(operand) : answer_retry_of(peer.uid, operand);
}

// Of somebody who may touch their own messages only. Those of others are as if they were not there,
// and the tables stay as they are: reading them is work.
std::string Loop::answer_retry_of(uid_t submitter, std::string_view operand) {
  if (operand.empty()) {
    return fmt::format("-ERR only root and {} retry all there is: name your messages\n",
                       instance_.owner().name);
  }
  const auto id = Id::parse(operand);
  const auto file = id ? spool_.open_file(*id, queue::File::Access::read)
                       : Result<queue::File>(permanent("no id"));
  if (!file || file->meta().uid != submitter) {
    return fmt::format("-ERR no such message: {}\n", operand);
  }
  scheduler_.ask_for(*id, now());
  return "+OK 1 messages due\n";
}

// The control files are read again: most often their correction is what makes a retry worth while.
std::string Loop::answer_retry(std::string_view operand) {
  reread_settings();
  if (operand.empty()) {
    const std::size_t waiting = scheduler_.waiting();
    retry_found_ = !deferred_read_;
    scheduler_.retry_all(now());
    return fmt::format("+OK {} messages due\n", waiting);
  }
  const auto id = Id::parse(operand);
  if (id && scheduler_.retry(*id, now())) return "+OK 1 messages due\n";
  if (id && spool_.open_file(*id, queue::File::Access::read)) {
    scheduler_.ask_for(*id, now());
    return "+OK 1 messages due\n";
  }
  return fmt::format("-ERR no such message: {}\n", operand);
}

std::string Loop::answer_status() {
  const auto next = scheduler_.next_due_s();
  return fmt::format(
      "+OK\npid={}\nwaiting={}\nopen={}\nrunning={}\nlimit={}\nremote_running={}\n"
      "remote_limit={}\nreading={}\nnext={}\n.\n",
      ::getpid(), scheduler_.waiting(), scheduler_.open(), scheduler_.running(Channel::local),
      scheduler_.limits().deliveries, scheduler_.running(Channel::remote),
      scheduler_.limits().remote, incoming_read_ && deferred_read_ ? "no" : "yes",
      next ? timestamp(Time{*next} * kSecond) : "never");
}

void Loop::reread_settings() {
  for (std::string& line : settings_.reload(instance_)) log(std::move(line));
  const Limits& now_are = scheduler_.limits();
  const Limits& are_to_be = settings_.limits();
  if (now_are != are_to_be) scheduler_.limit(are_to_be, now());
}

}  // namespace porpoise::send
