// The scheduler's actions carried out, and the worker's answers to them.

#include "instance/control.h"
#include "libmail/envelope.h"
#include "posix/file.h"
#include "posix/process.h"
#include "send/description.h"
#include "send/loop.h"
#include "send/ruling.h"

namespace porpoise::send {
namespace {

using queue::Id;

std::string domain_of(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return std::string(at == std::string_view::npos ? address : address.substr(at + 1));
}

}  // namespace

// ---- answers of the readers and the worker

void Loop::take_answers() {
  for (Answer& a : worker_->take()) std::visit([this](auto& answer) { on(answer); }, a);
  for (ReadAnswer& a : readers_->take()) std::visit([this](auto& answer) { on(answer); }, a);
}

void Loop::on(Written& a) {
  if (a.outcome == Outcome::trouble) log("alert: " + a.text + ", will try again later");
  if (a.outcome == Outcome::damaged) log("alert: " + a.text + ", setting it aside");
  scheduler_.written(a.id, a.outcome, now());
}

void Loop::on(Copied& a) {
  have_content(a.id, std::move(a.content));
}

void Loop::on(WasSetAside& a) {
  log(a.text.empty() ? fmt::format("alert: msg {} is in queue/damaged", a.id.text())
                     : "alert: " + a.text);
  scheduler_.written(a.id, Outcome::ok, now());
}

void Loop::on(InIncoming& a) {
  for (const Id& id : a.ids) scheduler_.arrived(id, now());
  if (a.last) incoming_read_ = true;
}

void Loop::on(InDeferred& a) {
  for (const auto& [id, next] : a.messages)
    scheduler_.found(id, retry_found_ ? kDueForAll * kSecond : next, now());
  if (!a.last) return;
  deferred_read_ = true;
  retry_found_ = false;
}

void Loop::on(Trouble& a) {
  log("alert: " + a.text);
}

// ---- actions of the scheduler

void Loop::perform() {
  for (std::vector<Action> actions = scheduler_.take(); !actions.empty();
       actions = scheduler_.take()) {
    for (const Action& action : actions) std::visit([this](const auto& a) { act(a); }, action);
  }
}

void Loop::act(const Load& a) {
  readers_->post(ReadMessage{a.id, a.first});
}

// What has to be on disk before anything is built on it the worker sees to.
void Loop::on(WasRead& a) {
  if (!scheduler_.reads(a.id)) return;
  if (!a.message) {
    const Outcome outcome = outcome_of(a.message.error());
    if (outcome == Outcome::damaged) log("alert: " + a.message.error().text + ", setting it aside");
    if (outcome == Outcome::trouble) {
      log("alert: " + a.message.error().text + ", will try again later");
    }
    return scheduler_.load_failed(a.id, outcome, now());
  }
  const MessageFile& m = *a.message;
  // One that is open has been synced, and is the worker's to write to.
  const bool about = m.about_unsettled && !bodies_.contains(*m.file.meta().notice_about);
  if (!a.settled && (m.unsettled || about)) return worker_->post(Settle{a.id, a.first});
  scheduler_.loaded(a.id, take_in(a), now());
}

Loaded Loop::take_in(WasRead& a) {
  MessageFile& m = *a.message;
  Loaded loaded;
  loaded.place = m.place;
  loaded.notice_about = m.file.meta().notice_about;
  loaded.confirmed = m.confirmed;
  Body& body = bodies_[a.id];
  describe(m.file, loaded, body);
  if (a.first && m.file.events().empty()) log_new(m.file);
  body.content = std::move(m.content);
  if (!body.content.open()) body.file = std::make_unique<queue::File>(std::move(m.file));
  return loaded;
}

void Loop::describe(const queue::File& file, Loaded& l, Body& body) const {
  const queue::Meta& meta = file.meta();
  const queue::State& state = file.state();
  l.arrival = meta.arrival_us;
  l.next = state.next_us;
  l.attempts = state.attempts;
  l.held = state.held;
  l.reports = meta.envelope.sender != "#@[]";
  std::optional<bool> goes_elsewhere;
  for (const auto& [intent, recipients] : state.open_intents) l.open_intents.push_back(intent);
  body.content_octets = file.header().content_octets;
  std::size_t octets = meta.envelope.sender.size();
  for (const mail::Recipient& r : meta.envelope.recipients) octets += r.address.size();
  body.addresses = Texts(1 + meta.envelope.recipients.size(), octets);
  body.addresses.add(meta.envelope.sender);
  for (std::uint32_t i = 0; i < meta.envelope.recipients.size(); ++i) {
    const std::string& address = meta.envelope.recipients[i].address;
    body.addresses.add(address);
    const bool reports = mail::wants_failure_notice(meta.envelope.recipients[i]);
    using enum queue::State::Status;
    const queue::State::OfRecipient& r = state.recipients[i];
    if (r.status == failed) {
      l.recipients.push_back(r.noticed || !reports ? Loaded::Recipient::reported
                                                   : Loaded::Recipient::failed);
      continue;
    }
    l.recipients.push_back(r.status == waiting ? Loaded::Recipient::waiting
                                               : Loaded::Recipient::done);
    if (r.status != waiting) continue;
    if (!r.progress.empty()) body.progress.emplace_back(i, r.progress);
    const Route route = settings_.router().route(address);
    l.waiting.resize(i + 1);
    l.waiting[i] = waiting_of(meta, r, address, route);
    l.waiting[i].reports = reports;
    if (route.channel == Route::Channel::local) continue;
    if (!goes_elsewhere) goes_elsewhere = has_remote();
    if (*goes_elsewhere) continue;
    l.refused.push_back(
        {i, route.address,
         fmt::format("no route: {} is not local and this instance has no control/remote (#5.1.2)",
                     domain_of(route.address))});
  }
}

// What the rules say now of what happened then: a corrected file counts for what waits, too.
Loaded::Waiting Loop::waiting_of(const queue::Meta& meta, const queue::State::OfRecipient& r,
                                 const std::string& address, const Route& route) const {
  Loaded::Waiting w;
  w.channel = route.channel == Route::Channel::local ? Channel::local : Channel::remote;
  w.to = destination_of(route.address, w.channel, seed_);
  w.crowd = crowd_of(route.address, w.channel, seed_);
  w.attempts = r.attempts;
  if (r.attempts == 0) return w;
  const std::string full = full_address(address);
  const mail::RetryPlan plan = settings_.rules().plan(
      {.address = full, .remote = w.channel == Channel::remote, .report = r.text});
  w.lifetime_s = plan.lifetime_s;
  w.due = plan.next(meta.arrival_us / kSecond, r.last_us / kSecond, r.attempts) * kSecond;
  return w;
}

// As retry rules see it: with a domain.
std::string Loop::full_address(std::string_view address) const {
  if (address.find('@') != std::string_view::npos) return std::string(address);
  return settings_.router().route(address).address;
}

Ruling Loop::rule_on(const spawn::DeliveryReport& report) const {
  const std::optional<Start> delivery = scheduler_.delivery(report.slot);
  if (report.letter != 'Z' || !delivery) return {};
  const auto body = bodies_.find(delivery->id);
  if (body == bodies_.end()) return {};
  const std::string_view address = body->second.recipient(delivery->recipient);
  const Route route = settings_.router().route(address);
  return send::rule_on(settings_.rules(), full_address(address), route.address, delivery->channel,
                       report.text);
}

// Asked anew each time: where the file has just been made, nothing may come back for its lack.
// What is wrong in it, or with reading it, spawn finds out; the mail waits then.
bool Loop::has_remote() const {
  const Result<std::optional<std::string>> line = Control(instance_.folder()).line("remote");
  return !line || line->has_value();
}

void Loop::log_new(const queue::File& file) {
  const std::string id = file.header().id.text();
  const auto octets = static_cast<std::int64_t>(file.header().content_octets);
  const queue::Meta& meta = file.meta();
  log_.add(now(), {.event = "new", .story = "new msg " + id, .told = {{"id", id}}});
  log_.add(now(),
           {.event = "info",
            .story = fmt::format("info msg {}: bytes {} from <{}> qp {} uid {}", id, octets,
                                 log_safe(meta.envelope.sender), id, meta.uid),
            .told = {{"id", id},
                     {"bytes", octets},
                     {"sender", meta.envelope.sender},
                     {"uid", std::int64_t{meta.uid}}},
            .facts = {{"recipients", static_cast<std::int64_t>(meta.envelope.recipients.size())}}});
}

void Loop::act(const Start& a) {
  if (!scheduler_.runs(a)) return;
  const Body& body = bodies_.at(a.id);
  const std::string channel = a.channel == Channel::local ? "local" : "remote";
  const std::string routed = settings_.router().route(body.recipient(a.recipient)).address;
  log_.add(now(), {.event = "start",
                   .story = fmt::format("starting delivery {}: msg {} to {} {}", a.number,
                                        a.id.text(), channel, log_safe(routed)),
                   .told = {{"delivery", static_cast<std::int64_t>(a.number)},
                            {"id", a.id.text()},
                            {"channel", channel},
                            {"recipient", routed}},
                   .facts = {{"attempt", std::int64_t{a.attempt}}}});
  with_content(a.id, [this, a](const Result<>& content) { deliver(a, content); });
}

// Of a first attempt it was copied with the reading, if it is small; a large one is the worker's to
// copy.
void Loop::with_content(const Id& id, std::function<void(const Result<>&)> then) {
  Body& body = bodies_.at(id);
  if (body.content.open()) return then({});
  std::vector<std::function<void(const Result<>&)>>& waiting = wait_for_content_[id];
  waiting.push_back(std::move(then));
  if (waiting.size() > 1) return;  // it is being copied
  if (body.content_octets > Readers::kSmall || !body.file) return worker_->post(CopyContent{id});
  readers_->post(CopyOf{id, std::move(*std::exchange(body.file, nullptr))});
}

void Loop::have_content(const Id& id, Result<posix::UniqueFd> content) {
  const auto at = bodies_.find(id);
  if (at == bodies_.end()) return;
  Body& body = at->second;
  body.file.reset();
  Result<> done;
  if (content) {
    body.content = std::move(*content);
  } else {
    log("alert: " + content.error().text);
    done = failed(content);
  }
  const bool damaged = !done && outcome_of(done.error()) == Outcome::damaged;
  const auto waiting = wait_for_content_.extract(id);
  if (damaged) scheduler_.damaged(id, now());
  if (!waiting) return;
  for (const auto& then : waiting.mapped()) then(done);
}

void Loop::deliver(const Start& a, const Result<>& content) {
  const auto defer = [&](const Error& why) {
    scheduler_.reported(a.slot, 'Z', why.text + " (#4.3.0)", "", now(), {.tried = false});
  };
  if (!scheduler_.runs(a)) return;  // the spawner was lost, or the message is damaged
  if (!content) return defer(content.error());
  const Body& body = bodies_.at(a.id);
  Result<posix::UniqueFd> copy = queue::Spool::reopen(body.content.get());
  if (!copy) return defer(copy.error());
  spawn::StartDelivery delivery;
  delivery.slot = a.slot;
  delivery.elsewhere = a.channel == Channel::remote;
  delivery.recipient = settings_.router().route(body.recipient(a.recipient)).address;
  delivery.sender = mail::verp_sender(body.sender(), delivery.recipient);
  delivery.progress = body.progress_of(a.recipient);
  const Result<> done = spawner_->begin(delivery, std::move(*copy));
  if (!done) lose_spawner(done.error());
}

void Loop::act(const QueueNotice& a) {
  with_content(a.about, [this, a](const Result<>& content) { start_bounce(a, content); });
}

void Loop::start_bounce(const QueueNotice& a, const Result<>& content) {
  Result<pid_t> child = content ? bounce_process(a, bodies_.at(a.about))
                                : Result<pid_t>(tl::make_unexpected(content.error()));
  if (child) return bounces_.push_back({*child, a.about});
  log("alert: " + child.error().text);
  scheduler_.notice_done(a.about, false, now());
}

// It is told what the message's file says, and nothing else: only what is recorded is reported.
Result<pid_t> Loop::bounce_process(const QueueNotice& a, const Body& body) {
  Result<queue::File> file = spool_.open_file(a.about, queue::File::Access::read);
  if (!file) return failed(file);
  Result<posix::UniqueFd> content = queue::Spool::reopen(body.content.get());
  if (!content) return failed(content);
  Result<posix::UniqueFd> description = describe_failures(*file, a.id);
  if (!description) return failed(description);
  posix::Command command;
  command.path = posix::program_folder() + "/bounce";
  command.arguments = {"bounce",    "--instance", instance_.path(), "--id",
                       a.id.text(), "--about",    a.about.text()};
  command.environment = posix::own_environment();
  command.fds = {content->get(), -1, 2, description->get()};
  return posix::start(command);
}

void Loop::act(const Write& a) {
  worker_->post(a);
}
void Loop::act(const SetAside& a) {
  worker_->post(a);
}
void Loop::act(const Close& a) {
  bodies_.erase(a.id);
  wait_for_content_.erase(a.id);
}
void Loop::act(const Say& a) {
  log_.add(now(), a.entry);
}

// Whoever asked may be gone: it costs nobody anything.
void Loop::act(const Tell& a) {
  std::string record(1, a.letter);
  for (const std::string_view field :
       {bodies_.at(a.id).recipient(a.recipient), std::string_view(a.text)}) {
    record += '\0';
    record += field.substr(0, field.find('\0'));
  }
  record += '\0';
  (void)posix::write_all(options_.report->fd, record, "the report");
}

}  // namespace porpoise::send
