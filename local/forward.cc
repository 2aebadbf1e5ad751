#include "local/forward.h"

#include "posix/file.h"
#include "queue/submit.h"

namespace porpoise::local {
namespace {

tl::unexpected<Error> refused(const queue::SubmitError& why) {
  Error error = why.error;
  // A foreign program's own text says all; else the code's meaning comes first.
  if (why.code != static_cast<int>(queue::Code::custom)) {
    const std::string meaning = queue::text_of(why.code);
    error.text = error.text.empty() ? meaning : fmt::format("{}: {}", meaning, error.text);
  }
  return tl::make_unexpected(std::move(error));
}

}  // namespace

Result<std::string> forward(const Instance& instance, const std::string& sender,
                            const std::vector<std::string>& recipients,
                            const std::string& first_line, int message) {
  if (Result<> owner = instance.require_submitter(); !owner) return failed(owner);
  auto submission = queue::begin(instance, {});
  if (!submission) return refused(submission.error());
  if (auto done = (*submission)->write(first_line); !done) return refused(done.error());
  char room[65536];
  for (;;) {
    Result<std::size_t> n = posix::read_some(message, room, "the message");
    if (!n) return temporary("{} (#4.3.0)", n.error().text);
    if (*n == 0) break;
    if (auto done = (*submission)->write({room, *n}); !done) return refused(done.error());
  }

  mail::Envelope envelope;
  envelope.sender = sender;
  for (const std::string& address : recipients) envelope.recipients.push_back({address, {}});
  auto id = (*submission)->finish(envelope);
  if (!id) return refused(id.error());
  queue::start_send_if_nobody_listens(instance);
  return *id;
}

}  // namespace porpoise::local
