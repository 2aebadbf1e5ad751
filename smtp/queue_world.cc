#include "smtp/queue_world.h"

#include <cerrno>
#include <stdlib.h>

#include "libmail/smtp_path.h"
#include "posix/program.h"
#include "smtp/received.h"

namespace porpoise::smtp {
namespace {

template <class... A>
tl::unexpected<Refusal> refuse(int code, mail::StatusCode status, fmt::format_string<A...> text,
                               A&&... args) {
  return tl::make_unexpected(Refusal{code, status, fmt::format(text, std::forward<A>(args)...)});
}

tl::unexpected<Refusal> refuse(const queue::SubmitError& error) {
  posix::complain("sendmail", error.error.text);
  return tl::make_unexpected(refusal_of(error));
}

}  // namespace

bool foreign_queue() {
  const char* program = ::secure_getenv("QMAILQUEUE");
  return program != nullptr && program[0] != '\0';
}

Refusal refusal_of(const queue::SubmitError& error) {
  const int sys = error.error.sys;
  if (sys == ENOSPC || sys == EDQUOT) return {452, {4, 3, 1}, "no room for it now"};
  // A foreign program's own words are for the client.
  const bool custom = error.code == static_cast<int>(queue::Code::custom);
  const std::string text = custom ? error.error.text : queue::text_of(error.code);
  if (error.error.fate == Fate::permanent) return {554, {5, 3, 0}, text};
  return {451, {4, 3, 0}, text};
}

// "x@[127.0.0.1]" is x at this host (RFC 1123 section 5.2.17).
std::string QueueWorld::without_own_literal(const std::string& address) {
  const std::size_t at = address.rfind('@');
  if (at == std::string::npos || address.back() != ']') return address;
  if (!own_) own_ = OwnAddresses::of_this_host();
  const std::string_view domain = std::string_view(address).substr(at + 1);
  return own_->holds(domain) ? address.substr(0, at + 1) + ip_host_ : address;
}

// Once it could be read it holds for the session; send looks again at each attempt.
Taken<> QueueWorld::load() {
  if (recipients_) return {};
  Result<Recipients> loaded = Recipients::load(instance_);
  if (!loaded) {
    posix::complain("sendmail", loaded.error().text);
    return refuse(451, {4, 3, 0}, "recipients cannot be looked up now");
  }
  recipients_ = std::move(*loaded);
  return {};
}

Taken<Checked> QueueWorld::check(const std::string& address) {
  using Answer = Finding::Answer;
  if (foreign_queue()) return Checked{address, false};
  if (Taken<> done = load(); !done) return tl::make_unexpected(std::move(done.error()));
  const std::string here = without_own_literal(address);
  const Finding found = recipients_->check(here);
  if (found.answer == Answer::no) {
    return refuse(550, {5, 1, 1}, "no mailbox here by that name: {}", address);
  }
  if (!found.local && !client_.relay) {
    return refuse(550, {5, 7, 1}, "mail for other hosts is not taken from you: {}", address);
  }
  if (found.answer == Answer::elsewhere) {
    return refuse(550, {5, 7, 1}, "nothing here sends mail to other hosts: {}", address);
  }
  return Checked{here, found.local && found.answer == Answer::yes};
}

Taken<> QueueWorld::begin(const Trace& trace) {
  queue::SubmitOptions options;
  options.received = received_clauses(trace, host_, client_.note);
  auto submission = queue::begin(instance_, options);
  if (!submission) return refuse(submission.error());
  submission_ = std::move(*submission);
  return {};
}

Taken<> QueueWorld::append(std::string_view text) {
  queue::SubmitResult<> written = submission_->write(text);
  if (!written) return refuse(written.error());
  return {};
}

Taken<std::string> QueueWorld::commit(const mail::Envelope& envelope) {
  const std::unique_ptr<queue::Submission> submission = std::move(submission_);
  queue::SubmitResult<std::string> id = submission->finish(envelope);
  if (!id) return refuse(id.error());
  new_ = true;
  return std::move(*id);
}

}  // namespace porpoise::smtp
