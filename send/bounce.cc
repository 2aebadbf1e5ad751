#include "send/bounce.h"

#include <cerrno>
#include <fcntl.h>
#include <span>

#include "instance/control.h"
#include "posix/clock.h"
#include "posix/file.h"
#include "queue/submit.h"
#include "send/description.h"
#include "send/notice.h"

namespace porpoise::send {
namespace {

Result<NoticeAbout> about_message(const Instance& instance, const BounceOptions& options) {
  const Control control(instance.folder());
  NoticeAbout about;
  about.id = options.id.text();
  about.about = options.about.text();
  about.now_us = posix::wall_us();
  Result<std::string> host = control.line_or("me", "localhost");
  if (!host) return failed(host);
  about.host = std::move(*host);
  Result<std::string> from = control.line_or("bouncefrom", "MAILER-DAEMON");
  if (!from) return failed(from);
  Result<std::string> from_host = control.line_or_me("bouncehost");
  if (!from_host) return failed(from_host);
  about.from = *from + "@" + *from_host;
  return about;
}

Result<std::string> double_bounce_to(const Instance& instance) {
  const Control control(instance.folder());
  Result<std::string> to = control.line_or("doublebounceto", "postmaster");
  if (!to) return to;
  Result<std::string> host = control.line_or_me("doublebouncehost");
  if (!host) return host;
  return *to + "@" + *host;
}

Result<> read_header(int content, NoticeAbout& about) {
  std::string room(kMaxHeaderOctets + 1, '\0');
  std::size_t have = 0;
  while (have < room.size()) {
    Result<std::size_t> n = posix::read_some(content, std::span(room).subspan(have), "the message");
    if (!n) return failed(n);
    if (*n == 0) break;
    have += *n;
  }
  room.resize(have);
  about.header = header_of(room);
  // Where the whole room is header, there is more of it.
  about.header_cut = have > kMaxHeaderOctets && room.find("\n\n") == std::string::npos &&
                     room.find("\n\r\n") == std::string::npos && !room.starts_with('\n');
  return {};
}

Result<> look_for_eight_bit(DescriptionReader& failures, NoticeAbout& about) {
  about.eight_bit = has_eight_bit(about.header) || has_eight_bit(about.to);
  for (;;) {
    Result<std::optional<Failure>> failure = failures.next();
    if (!failure) return failed(failure);
    if (!*failure) return {};
    about.eight_bit =
        about.eight_bit || has_eight_bit((*failure)->text) || has_eight_bit((*failure)->address);
  }
}

template <class T>
tl::unexpected<Error> as_error(queue::SubmitResult<T>& result) {
  return tl::make_unexpected(std::move(result.error().error));
}

Result<> write_failures(queue::Submission& submission, DescriptionReader& failures,
                        std::string (*say)(const Failure&)) {
  if (auto begun = failures.begin(); !begun) return failed(begun);
  for (;;) {
    Result<std::optional<Failure>> failure = failures.next();
    if (!failure) return failed(failure);
    if (!*failure) return {};
    if (auto done = submission.write(say(**failure)); !done) return as_error(done);
  }
}

Result<> write_notice(queue::Submission& submission, DescriptionReader& failures,
                      const NoticeAbout& about) {
  if (auto done = submission.write(notice_beginning(about)); !done) return as_error(done);
  if (auto done = write_failures(submission, failures, failure_paragraph); !done) return done;
  if (auto done = submission.write(notice_middle(about)); !done) return as_error(done);
  if (auto done = write_failures(submission, failures, failure_status); !done) return done;
  if (auto done = submission.write(notice_end(about)); !done) return as_error(done);
  return {};
}

// Whoever put it there may have been killed before it was on disk.
Result<> sync_existing(const Instance& instance, const queue::Id& id) {
  Result<posix::UniqueFd> incoming = instance.open_folder("queue/incoming");
  if (!incoming) return failed(incoming);
  Result<posix::UniqueFd> file = posix::open_at(incoming->get(), id.text(), O_RDONLY);
  if (!file && file.error().sys == ENOENT) return {};  // moved on, which was synced
  if (!file) return failed(file);
  if (Result<> done = posix::sync(file->get(), "notice " + id.text()); !done) return done;
  return posix::sync(incoming->get(), "queue/incoming");
}

}  // namespace

Result<> bounce(const Instance& instance, const BounceOptions& options) {
  DescriptionReader failures(options.description);
  Result<DescriptionReader::About> described = failures.begin();
  if (!described) return failed(described);
  if (described->sender == "#@[]") {
    return permanent("message {} is a double bounce: there is nobody to tell",
                     options.about.text());
  }
  Result<NoticeAbout> about = about_message(instance, options);
  if (!about) return failed(about);
  Result<std::string> double_to = double_bounce_to(instance);
  if (!double_to) return failed(double_to);

  const NoticeEnvelope whom = notice_envelope(described->sender, *double_to);
  about->sender = described->sender;
  about->arrival_us = described->arrival_us;
  about->to = whom.recipient;
  about->is_double = whom.is_double;
  if (Result<> done = read_header(options.content, *about); !done) return done;
  if (Result<> done = look_for_eight_bit(failures, *about); !done) return done;

  queue::SubmitOptions how;
  how.received_note = "for bounce";
  how.id = options.id;
  how.notice_about = options.about;
  how.trigger = false;
  auto submission = queue::begin(instance, how, false);
  if (!submission) return as_error(submission);
  if (Result<> done = write_notice(**submission, failures, *about); !done) return done;
  mail::Envelope envelope;
  envelope.sender = whom.sender;
  envelope.recipients.push_back({whom.recipient, {}});
  auto queued = (*submission)->finish(envelope);
  if (!queued && queued.error().error.sys == EEXIST) return sync_existing(instance, options.id);
  if (!queued) return as_error(queued);
  return {};
}

}  // namespace porpoise::send
