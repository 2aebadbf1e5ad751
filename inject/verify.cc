#include "inject/verify.h"

#include <sysexits.h>

#include "instance/recipients.h"
#include "libmail/address_text.h"
#include "posix/program.h"

namespace porpoise::inject {
namespace {

struct Verdict {
  std::string_view words;
  int code;
};

Verdict verdict_on(const Finding& found) {
  switch (found.answer) {
    case Finding::Answer::yes:
      return {found.local ? "deliverable" : "deliverable, on another host", EX_OK};
    case Finding::Answer::no:
      return {"undeliverable, nobody has this name", EX_NOUSER};
    case Finding::Answer::elsewhere:
      return {"undeliverable, on another host and no control/remote to send it there", EX_NOHOST};
    case Finding::Answer::unknown:
      return {"only a delivery can tell", EX_OK};
  }
  return {"only a delivery can tell", EX_OK};
}

void note(Verified& out, std::string_view line, int code) {
  out.text += posix::printable(line) + '\n';
  if (out.code == EX_OK) out.code = code;
}

}  // namespace

Outcome<Verified> verify(const Request& request) {
  Result<Instance> instance = Instance::find(request.instance);
  if (!instance) {
    const bool later = instance.error().fate == Fate::temporary;
    return failure(later ? Cause::later : Cause::configuration, instance.error());
  }
  Result<porpoise::Recipients> recipients = porpoise::Recipients::load(*instance);
  if (!recipients) return failure(Cause::later, recipients.error());
  Verified out;
  for (const std::string& argument : request.job.arguments) {
    Request one = request;
    one.job.arguments = {argument};
    Outcome<mail::Envelope> envelope = envelope_of(one);
    if (!envelope) {
      const Failure& why = envelope.error();
      if (why.cause != Cause::data && why.cause != Cause::usage) return failed(envelope);
      note(out, fmt::format("{}... {}", argument, why.error.text), EX_DATAERR);
      continue;
    }
    for (const mail::Recipient& recipient : envelope->recipients) {
      const Finding found = recipients->check(recipient.address);
      const auto [words, code] = verdict_on(found);
      note(out, fmt::format("{}... {}: {}", recipient.address, words, found.rule), code);
    }
  }
  return out;
}

}  // namespace porpoise::inject
