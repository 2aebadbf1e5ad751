#include "queue/new_message.h"

#include "posix/clock.h"
#include "posix/file.h"
#include "queue/received.h"
#include "queue/record.h"

namespace porpoise::queue {
namespace {

constexpr std::size_t kRoom = 65536;             // written at once; a small message is one write
constexpr std::uint64_t kLookEvery = 16u << 20;  // octets written; is there still room for more?

bool disk_is_at_fault(int err) {
  return err == ENOSPC || err == EDQUOT || err == EIO;
}

// What is stored must be readable again: the decoder's limits hold for everybody.
SubmitResult<> check(std::string_view envelope) {
  mail::EnvelopeDecoder decoder;
  const std::size_t taken = decoder.feed(envelope);
  if (decoder.fault() != mail::EnvelopeDecoder::Fault::none) {
    return failure(code_of(decoder.fault()), "envelope " + decoder.fault_text());
  }
  if (decoder.done() && taken == envelope.size()) return {};
  if (decoder.done())
    return failure(Code::bad_envelope, "envelope: something follows its final NUL");
  return failure(Code::read_error, "reading the envelope: it ends before its final NUL");
}

}  // namespace

tl::unexpected<SubmitError> failure(Code code, Error error) {
  error.fate = fate_of(static_cast<int>(code));
  return tl::make_unexpected(SubmitError{static_cast<int>(code), std::move(error)});
}

tl::unexpected<SubmitError> failure(Code code, std::string text) {
  return failure(code, Error{.text = std::move(text)});
}

Code code_of(mail::EnvelopeDecoder::Fault fault) {
  switch (fault) {
    case mail::EnvelopeDecoder::Fault::too_long:
      return Code::address_too_long;
    case mail::EnvelopeDecoder::Fault::too_large:
      return Code::memory;
    case mail::EnvelopeDecoder::Fault::none:
    case mail::EnvelopeDecoder::Fault::bad_letter:
      break;
  }
  return Code::bad_envelope;
}

SubmitResult<IntakeFolders> IntakeFolders::open(const Instance& instance) {
  IntakeFolders folders;
  struct Folder {
    posix::UniqueFd& fd;
    const char* name;
  };
  folders.instance = instance.folder();
  for (const Folder& f :
       {Folder{folders.tmp, "queue/tmp"}, Folder{folders.incoming, "queue/incoming"}}) {
    Result<posix::UniqueFd> fd = instance.open_folder(f.name);
    if (!fd) return failure(Code::folder, std::move(fd.error()));
    f.fd = std::move(*fd);
  }
  return folders;
}

NewMessage::NewMessage(const IntakeFolders& folders, const SubmitOptions& options, uid_t uid)
    : folders_(folders),
      options_(options),
      uid_(uid),
      arrival_us_(posix::wall_us()),
      id_(options.id ? *options.id : Id::make(arrival_us_, posix::random_bits())) {}

// Read for each message: a corrected file counts at once.
SubmitResult<> NewMessage::read_settings() {
  Result<MinFree> min_free = MinFree::load(folders_.instance);
  if (!min_free) return failure(Code::configuration, std::move(min_free.error()));
  min_free_ = *min_free;
  Result<ExtraRecipients> extra = ExtraRecipients::load(folders_.instance);
  if (!extra) return failure(Code::configuration, std::move(extra.error()));
  extra_ = std::move(*extra);
  return {};
}

SubmitResult<> NewMessage::start() {
  if (SubmitResult<> done = read_settings(); !done) return done;
  if (Result<> room = min_free_.check(folders_.tmp.get()); !room) {
    return failure(Code::write_error, std::move(room.error()));
  }
  // Not the bare id: a crash may have left a file of that name, and a notice keeps its id.
  const std::string name = fmt::format("{}.{:016x}", id_.text(), posix::random_bits());
  Result<posix::DurableFile> file = posix::DurableFile::begin(folders_.tmp.get(), name, 0600);
  if (!file) {
    const Code code = disk_is_at_fault(file.error().sys) ? Code::write_error : Code::create;
    return failure(code, std::move(file.error()));
  }
  file_ = std::move(*file);
  room_.reserve(kRoom);
  room_.assign(Header::kOctets, '\0');
  if (Result<> done = add(received_line(options_, uid_, id_.text(), arrival_us_)); !done) {
    return failure(Code::write_error, std::move(done.error()));
  }
  return {};
}

// Content, into the room and, when that is full, to the file.
Result<> NewMessage::add(std::string_view octets) {
  content_crc_ = crc32c(content_crc_, octets);
  content_octets_ += octets.size();
  if (content_octets_ > Header::kMaxContent) {
    return permanent("message longer than {} octets", Header::kMaxContent);
  }
  if (room_.size() + octets.size() > kRoom) {
    if (Result<> done = flush(); !done) return done;
  }
  if (octets.size() >= kRoom) {
    flushed_ += octets.size();
    return posix::write_all(file_->fd(), octets, "message " + id_.text());
  }
  room_ += octets;
  return {};
}

Result<> NewMessage::flush() {
  flushed_ += room_.size();
  Result<> done = posix::write_all(file_->fd(), room_, "message " + id_.text());
  room_.clear();
  return done;
}

SubmitResult<> NewMessage::write(std::string_view content) {
  if (!file_) return failure(Code::write_error, "writing a message: it failed before");
  taken_ += content.size();
  if (options_.max_octets != 0 && taken_ > options_.max_octets) {
    file_.reset();
    return failure(Code::refused,
                   fmt::format("message longer than {} octets", options_.max_octets));
  }
  extra_.look_at(content);
  Result<> done = add(content);
  if (done) done = check_room();
  if (done) return {};
  file_.reset();
  return failure(Code::write_error, std::move(done.error()));
}

// A large message is not to fill the disk either.
Result<> NewMessage::check_room() {
  if (flushed_ - looked_at_ < kLookEvery) return {};
  looked_at_ = flushed_;
  return min_free_.check(folders_.tmp.get());
}

// A bad envelope comes back as it is, to be refused.
std::string NewMessage::with_extra(std::string_view envelope) const {
  mail::EnvelopeDecoder decoder;
  const std::size_t taken = decoder.feed(envelope);
  if (!decoder.done() || taken != envelope.size()) return std::string(envelope);
  const mail::Envelope all = extra_.added_to(std::move(decoder).finish());
  return mail::encode(all).value_or(std::string(envelope));
}

SubmitResult<std::string> NewMessage::envelope_record(std::string_view envelope) const {
  if (SubmitResult<> done = check(envelope); !done) {
    return tl::make_unexpected(std::move(done.error()));
  }
  const Meta meta{.arrival_us = arrival_us_,
                  .uid = uid_,
                  .content_crc = content_crc_,
                  .notice_about = options_.notice_about};
  const Record record{.kind = Kind::envelope, .payload = encode_payload(meta, envelope)};
  return encode(record, id_, 0, Header::kOctets + content_octets_);
}

// The envelope behind the content, and the header in the room left for it.
Result<> NewMessage::complete(std::string_view record) {
  const std::string header = Header{.id = id_, .content_octets = content_octets_}.encode();
  const bool header_in_room = flushed_ == 0;
  if (header_in_room) room_.replace(0, header.size(), header);
  room_ += record;
  if (Result<> done = flush(); !done) return done;
  if (header_in_room) return {};
  return posix::write_at(file_->fd(), header, 0, "message " + id_.text());
}

Result<> NewMessage::commit(const SyncIncoming& sync_incoming) {
  posix::DurableFile file = std::move(*file_);
  file_.reset();
  const int incoming = folders_.incoming.get();
  if (!sync_incoming) return std::move(file).commit(incoming, id_.text(), "queue/incoming");
  return std::move(file).commit(incoming, id_.text(), sync_incoming);
}

SubmitResult<> NewMessage::finish(std::string_view envelope, const SyncIncoming& sync_incoming) {
  if (!file_) return failure(Code::write_error, "queueing a message: it failed before");
  SubmitResult<std::string> record =
      extra_.none() ? envelope_record(envelope) : envelope_record(with_extra(envelope));
  if (!record) return tl::make_unexpected(std::move(record.error()));
  Result<> done = complete(*record);
  if (!done) {
    file_.reset();
    return failure(Code::write_error, std::move(done.error()));
  }
  done = commit(sync_incoming);
  if (done) return {};
  // Syncs fail for the machine's reasons; what is permanent is about the name.
  const bool name = done.error().fate == Fate::permanent;
  return failure(name ? Code::link : Code::write_error, std::move(done.error()));
}

}  // namespace porpoise::queue
