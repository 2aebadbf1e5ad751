#include "queue/received.h"

#include "libmail/date.h"
#include "posix/program.h"

namespace porpoise::queue {
namespace {

std::string session_line(const ReceivedClauses& clauses, std::string_view id,
                         std::string_view date) {
  const std::string with_id = id.empty() ? "" : fmt::format(" id {}", id);
  const std::string recipient =
      clauses.recipient.empty() ? ""
                                : fmt::format("\n  for {}", posix::printable(clauses.recipient));
  return fmt::format("Received: from {}\n  by {} with {}{}{};\n  {}\n",
                     posix::printable(clauses.from), posix::printable(clauses.by),
                     posix::printable(clauses.with), with_id, recipient, date);
}

}  // namespace

std::string received_line(const SubmitOptions& options, uid_t uid, std::string_view id,
                          std::int64_t wall_us) {
  const std::string date = mail::print_date(wall_us / 1'000'000);
  if (options.received) return session_line(*options.received, id, date);
  const std::string note = options.received_note.empty() ? fmt::format("invoked by uid {}", uid)
                                                         : posix::printable(options.received_note);
  return fmt::format("Received: (porpoise {} {}); {}\n", id, note, date);
}

}  // namespace porpoise::queue
