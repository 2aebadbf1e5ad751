#include "front/retry.h"

#include <charconv>

#include "front/queued.h"
#include "front/tool.h"
#include "instance/instance.h"
#include "posix/file.h"
#include "posix/process.h"
#include "queue/control_client.h"

namespace porpoise::front {
namespace {

constexpr std::string_view kDone = "+OK ";
constexpr std::string_view kRefused = "-ERR ";

Result<> tell(std::size_t due) {
  return posix::write_all(1, fmt::format("{} message{} due\n", due, due == 1 ? "" : "s"),
                          "standard output");
}

bool nobody_there(const Error& error) {
  return error.sys == ECONNREFUSED || error.sys == ENOENT;
}

// "+OK 3 messages due": 3.
Result<std::size_t> due_in(std::string_view answer) {
  answer = answer.substr(0, answer.find('\n'));
  if (answer.starts_with(kRefused)) return permanent("{}", answer.substr(kRefused.size()));
  std::size_t due = 0;
  if (!answer.starts_with(kDone) ||
      std::from_chars(answer.data() + kDone.size(), answer.data() + answer.size(), due).ec !=
          std::errc()) {
    return temporary("an answer of send that makes no sense: {}", answer);
  }
  return due;
}

Result<std::size_t> ask(const Instance& instance, const std::string& line) {
  Result<std::string> answer = queue::ask_send(instance, line);
  if (!answer) return failed(answer);
  return due_in(*answer);
}

Result<std::size_t> ask_for_each(const Instance& instance, const std::vector<queue::Id>& ids) {
  if (ids.empty()) return ask(instance, "retry");
  std::size_t due = 0;
  for (const queue::Id& id : ids) {
    Result<std::size_t> more = ask(instance, "retry " + id.text());
    if (!more) return more;
    due += *more;
  }
  return due;
}

Result<int> retry_here(const Instance& instance, const std::vector<queue::Id>& ids) {
  if (Result<> done = check_queued(instance, ids); !done) return failed(done);
  Result<std::size_t> count = ids.empty() ? count_messages(instance) : ids.size();
  if (!count) return failed(count);
  if (Result<> done = tell(*count); !done) return failed(done);
  if (*count == 0) return 0;
  (void)posix::write_all(2, "porpoise: no send runs, so this tries them itself\n", "the terminal");
  std::vector<std::string> arguments = {"send", "--instance", instance.path(), "--once", "--retry"};
  for (const queue::Id& id : ids) arguments.push_back(id.text());
  return become_program(posix::program_folder() + "/send", arguments);
}

}  // namespace

Result<int> retry(const std::optional<std::string>& instance_option,
                  const std::vector<std::string>& id_texts) {
  Result<std::vector<queue::Id>> ids = parse_ids(id_texts);
  if (!ids) return failed(ids);
  Result<Instance> instance = Instance::find(instance_option);
  if (!instance) return failed(instance);
  if (Result<> done = instance->require_submitter(); !done) return failed(done);
  Result<std::size_t> due = ask_for_each(*instance, *ids);
  if (!due && nobody_there(due.error()) && instance->is_system()) {
    return temporary("instance {}: no send runs; porpoise run, as root, starts it",
                     instance->path());
  }
  if (!due && nobody_there(due.error())) return retry_here(*instance, *ids);
  if (!due) return failed(due);
  if (Result<> done = tell(*due); !done) return failed(done);
  return 0;
}

}  // namespace porpoise::front
