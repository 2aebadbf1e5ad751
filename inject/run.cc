#include "inject/run.h"

#include <cstdlib>
#include <functional>
#include <pwd.h>
#include <unistd.h>

#include "inject/input.h"
#include "inject/interactive.h"
#include "instance/control.h"
#include "instance/instance.h"
#include "libmail/address_text.h"
#include "posix/clock.h"
#include "posix/file.h"
#include "posix/program.h"
#include "posix/writer.h"
#include "queue/foreign.h"
#include "queue/submit.h"

namespace porpoise::inject {
namespace {

// ---- the world: instance, control files, the caller

Outcome<std::optional<Instance>> find_instance(const Request& request) {
  Result<Instance> found = Instance::find(request.instance);
  if (found) {
    Result<> own =
        request.print || queue::foreign_program() ? Result<>() : found->require_submitter();
    if (!own) return failure(Cause::permission, own.error());
    return std::optional(std::move(*found));
  }
  // -n can do with the environment and this host's name, where no instance was asked for.
  if (request.print && !request.instance) return std::optional<Instance>();
  const bool later = found.error().fate == Fate::temporary;
  return failure(later ? Cause::later : Cause::configuration, found.error());
}

Outcome<HostDefaults> host_defaults(const std::optional<Instance>& instance) {
  if (!instance) {
    const std::string host = posix::host_name();
    return HostDefaults{host, host, host, host};
  }
  const Control control(instance->folder());
  HostDefaults hosts;
  const std::pair<const char*, std::string*> files[] = {{"defaulthost", &hosts.default_host},
                                                        {"defaultdomain", &hosts.default_domain},
                                                        {"plusdomain", &hosts.plus_domain},
                                                        {"idhost", &hosts.id_host}};
  for (const auto& [file, value] : files) {
    Result<std::string> line = control.line_or_me(file);
    if (!line) return failure(Cause::later, line.error());
    *value = std::move(*line);
  }
  return hosts;
}

// The password file may be a slow directory service: asked only when nothing else says who it is.
Account find_account(const std::optional<Instance>& instance) {
  const uid_t uid = ::getuid();
  if (const passwd* entry = ::getpwuid(uid); entry != nullptr && entry->pw_name[0] != '\0') {
    return {entry->pw_name, gecos_name(entry->pw_gecos, entry->pw_name)};
  }
  if (instance && instance->owner().uid == uid) return {instance->owner().name, ""};
  return {"anonymous", ""};
}

void set_from(Settings& settings, const std::string& from) {
  const mail::Mailbox mailbox = mail::from_envelope(from);
  settings.user = mailbox.local;
  settings.host = mailbox.domain;
  if (settings.host->ends_with('.')) settings.host->pop_back();
  settings.name = "";  // another one's name would be wrong
}

// The addresses of mailing lists, for Mail-Followup-To (reference 2.6).
Outcome<> read_lists(Settings& settings) {
  const char* file = either(::getenv, "QMAILMFTFILE");
  if (file == nullptr || file[0] == '\0') return {};
  Result<Control::List> list = Control(posix::kHere, "").list(file);
  if (!list) return failure(Cause::later, list.error());
  for (const std::string& entry : list->entries) settings.lists.insert(ascii_lower(entry));
  return {};
}

Outcome<Settings> settings_for(const Request& request, const std::optional<Instance>& instance) {
  Outcome<HostDefaults> hosts = host_defaults(instance);
  if (!hosts) return failed(hosts);
  Outcome<Settings> settings = make_settings(::getenv, *hosts);
  if (!settings) return settings;
  const std::string sender = request.job.sender.value_or("");
  if (request.sender_is_from && !sender.empty()) set_from(*settings, sender);
  if (request.name) settings->name = request.name;
  if (Outcome<> done = read_lists(*settings); !done) return failed(done);
  settings->wall_us = posix::wall_us();
  settings->pid = ::getpid();
  settings->random = posix::random_bits();
  settings->account = [&instance] { return find_account(instance); };
  return settings;
}

// ---- the message

struct Opening {
  mail::Header header;
  std::string_view rest;  // of the body, as far as it was read; lasts until the next read
};

Outcome<Opening> read_header(Input& input) {
  mail::HeaderReader reader;
  std::string_view rest;
  while (!reader.done()) {
    Outcome<std::string_view> piece = input.next();
    if (!piece) return failed(piece);
    if (piece->empty()) break;
    rest = *piece;
    rest.remove_prefix(reader.feed(rest));
  }
  Result<mail::Header> header = std::move(reader).finish();
  if (!header) return failure(Cause::data, header.error());
  return Opening{std::move(*header), rest};
}

using Sink = std::function<Outcome<>(std::string_view)>;

Outcome<> copy_body(Input& input, const Opening& opening, const Sink& put) {
  if (opening.header.end() == mail::Header::End::input) return {};
  if (Outcome<> done = put("\n"); !done) return done;
  LineEnds ends;
  if (Outcome<> done = put(ends.feed(opening.header.body_begin())); !done) return done;
  std::string_view piece = opening.rest;
  for (;;) {
    if (Outcome<> done = put(ends.feed(piece)); !done) return done;
    Outcome<std::string_view> next = input.next();
    if (!next) return failed(next);
    if (next->empty()) return put(ends.finish());
    piece = *next;
  }
}

Outcome<> print(Input& input, const Opening& opening, const Completed& completed) {
  posix::Writer writer(STDOUT_FILENO, "standard output");
  const Sink put = [&](std::string_view text) -> Outcome<> {
    writer.put(text);
    if (writer.good()) return {};
    return failure(Cause::output, writer.flush().error());
  };
  const std::string sender = mail::quote_address(completed.envelope.sender);
  if (Outcome<> done = put(fmt::format("Return-Path: <{}>\n", sender)); !done) return done;
  if (Outcome<> done = put(completed.header); !done) return done;
  if (Outcome<> done = copy_body(input, opening, put); !done) return done;
  if (Result<> done = writer.flush(); !done) return failure(Cause::output, done.error());
  return {};
}

// ---- the queue

Failure of(const queue::SubmitError& e) {
  switch (static_cast<queue::Code>(e.code)) {
    case queue::Code::address_too_long:
      return {Cause::data, e.error};
    case queue::Code::memory:
    case queue::Code::cannot_start:
      return {Cause::system, e.error};
    default:
      break;
  }
  return {e.error.fate == Fate::permanent ? Cause::unavailable : Cause::later, e.error};
}

template <class T>
tl::unexpected<Failure> not_queued(const queue::SubmitResult<T>& result) {
  return tl::make_unexpected(of(result.error()));
}

// Mail that nothing here can ever deliver is refused now, to the caller's face, not bounced later.
Outcome<> check_deliverable(const Instance& instance, const mail::Envelope& envelope) {
  if (queue::foreign_program()) return {};
  Result<std::optional<std::string>> elsewhere = queue::undeliverable(instance, envelope);
  if (!elsewhere) return failure(Cause::later, elsewhere.error());
  if (!*elsewhere) return {};
  return refuse(Cause::elsewhere,
                "{} is on another host, and instance {} has no control/remote to send it there",
                **elsewhere, instance.path());
}

void tell_recipients(const mail::Envelope& envelope, const std::string& id) {
  std::string text;
  for (const mail::Recipient& recipient : envelope.recipients) {
    text += fmt::format("{}... queued{}{}\n", posix::printable(recipient.address),
                        id.empty() ? "" : " as ", id);
  }
  (void)posix::write_all(STDOUT_FILENO, text, "standard output");
}

Outcome<> submit(const Request& request, const Instance& instance, Input& input,
                 const Opening& opening, const Completed& completed) {
  if (Outcome<> done = check_deliverable(instance, completed.envelope); !done) return done;
  auto submission = queue::begin(instance, {});
  if (!submission) return not_queued(submission);
  const Sink put = [&](std::string_view text) -> Outcome<> {
    if (text.empty()) return {};
    queue::SubmitResult<> written = (*submission)->write(text);
    return written ? Outcome<>() : not_queued(written);
  };
  if (Outcome<> done = put(completed.header); !done) return done;
  if (Outcome<> done = copy_body(input, opening, put); !done) return done;
  queue::SubmitResult<std::string> id = (*submission)->finish(completed.envelope);
  if (!id) return not_queued(id);

  // It is queued: whatever happens now, the answer is success; unless the caller wants to wait for
  // another one.
  if (request.start_send && !request.wait) queue::start_send_if_nobody_listens(instance);
  if (request.print_id) {
    (void)posix::write_all(STDOUT_FILENO, *id + "\n", "standard output");
  }
  if (request.verbose) tell_recipients(completed.envelope, *id);
  if (!request.wait || id->empty()) return {};
  return attempt_and_tell(instance, *id, completed.envelope.recipients.size());
}

Outcome<> take(const Request& request, Input& input) {
  // Told before anybody types a message.
  const Job& job = request.job;
  if (job.recipients == Recipients::arguments && job.arguments.empty() && !job.nobody_is_fine) {
    return refuse(Cause::usage, "no recipients: none were named");
  }
  Outcome<std::optional<Instance>> instance = find_instance(request);
  if (!instance) return failed(instance);
  Outcome<Settings> settings = settings_for(request, *instance);
  if (!settings) return failed(settings);
  Outcome<Opening> opening = read_header(input);
  if (!opening) return failed(opening);
  Outcome<Completed> completed = complete(opening->header, job, *settings);
  if (!completed) return failed(completed);
  if (request.print) return print(input, *opening, *completed);
  return submit(request, **instance, input, *opening, *completed);
}

// The message was not taken: it is kept whole, with what nobody has read of it yet.
Failure kept(Failure why, Input& input, KeptCopy& copy) {
  Outcome<std::string_view> piece = input.next();
  while (piece && !piece->empty()) piece = input.next();
  Result<std::string> path = copy.save();
  const char* what = piece ? "the message" : "what was read of the message";
  why.error.text +=
      path ? fmt::format(" ({} is kept in {})", what, *path)
           : fmt::format(" (and the message could not be kept: {})", path.error().text);
  return why;
}

}  // namespace

Outcome<> run(const Request& request) {
  Input input(STDIN_FILENO, request.dot_ends);
  input.begin_with(request.before);
  if (!request.save_to || request.print) return take(request, input);
  KeptCopy copy(*request.save_to);
  input.copy_to(&copy);
  Outcome<> done = take(request, input);
  if (done) return {};
  return tl::make_unexpected(kept(std::move(done.error()), input, copy));
}

Outcome<mail::Envelope> envelope_of(const Request& request) {
  Outcome<std::optional<Instance>> instance = find_instance(request);
  if (!instance) return failed(instance);
  Outcome<Settings> settings = settings_for(request, *instance);
  if (!settings) return failed(settings);
  Result<mail::Header> nothing = mail::HeaderReader().finish();
  if (!nothing) return failure(Cause::software, nothing.error());
  Outcome<Completed> completed = complete(*nothing, request.job, *settings);
  if (!completed) return failed(completed);
  return std::move(completed->envelope);
}

}  // namespace porpoise::inject
