#include "front/check_queue.h"

#include <unistd.h>

#include "front/owner.h"
#include "instance/instance.h"
#include "posix/file.h"
#include "posix/program.h"
#include "posix/writer.h"
#include "queue/check.h"
#include "queue/listing.h"
#include "queue/submit.h"

namespace porpoise::front {
namespace {

using queue::Finding;

const char* word_for(Finding::End end) {
  switch (end) {
    case Finding::End::repaired:
      return "repaired";
    case Finding::End::note:
      return "note";
    case Finding::End::left:
      break;
  }
  return "left";
}

std::string text_of(const Finding& f) {
  std::string line = fmt::format("{}: {}", f.path, f.what);
  if (f.end == Finding::End::repaired) line += ": " + f.done;
  if (f.end == Finding::End::left && !f.done.empty()) line += ": not repaired: " + f.done;
  return line + "\n";
}

std::string json_of(const Finding& f) {
  using queue::json_string;
  return fmt::format("{{\"path\":{},\"finding\":{},\"end\":\"{}\",\"done\":{}}}\n",
                     json_string(f.path), json_string(f.what), word_for(f.end),
                     json_string(f.done));
}

std::string sum_of(const queue::CheckResult& r, bool json) {
  if (json) {
    return fmt::format(
        "{{\"messages\":{},\"octets\":{},\"found\":{},\"repaired\":{},\"live\":{}}}\n", r.messages,
        r.octets, r.found, r.repaired, r.live);
  }
  std::string line = fmt::format("{} messages, {} octets: ", r.messages, r.octets);
  line += r.found == 0 ? "all is well" : fmt::format("{} found, {} repaired", r.found, r.repaired);
  return line + (r.live ? " (send is at work)\n" : "\n");
}

}  // namespace

Result<int> check_queue(const CheckQueueWish& wish) {
  Result<Instance> instance = Instance::find(wish.instance);
  if (!instance) return failed(instance);
  if (instance->is_system() && ::geteuid() == 0) {
    if (Result<> done = become(instance->owner()); !done) return failed(done);
  }
  if (Result<> done = instance->require_owner(); !done) return failed(done);
  posix::Writer out(1, "standard output");
  const auto tell = [&](const Finding& f) { out.put(wish.json ? json_of(f) : text_of(f)); };
  Result<queue::CheckResult> result = queue::check(*instance, wish.repair, tell);
  if (result) out.put(sum_of(*result, wish.json));
  if (Result<> done = out.flush(); !done) return failed(done);
  if (!result) return failed(result);
  // What came while we had the lock found no send that could look after it.
  if (wish.repair && result->messages > 0) queue::start_send_if_nobody_listens(*instance);
  if (result->found == 0) return 0;
  if (result->found == result->repaired) return 1;
  posix::complain("porpoise", fmt::format("{} of what is wrong with the queue stays as it is",
                                          result->found - result->repaired));
  return 4;
}

}  // namespace porpoise::front
