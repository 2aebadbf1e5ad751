#include "queue/submit.h"

#include <stdlib.h>
#include <unistd.h>

#include "posix/clock.h"
#include "posix/durable_file.h"
#include "posix/file.h"
#include "posix/program.h"
#include "queue/foreign.h"
#include "queue/received.h"
#include "queue/record.h"
#include "queue/spool.h"

namespace porpoise::queue {
namespace {

constexpr std::size_t kRoom = 65536;  // written at once; a small message is one write

tl::unexpected<SubmitError> failure(Code code, Error error) {
  error.fate = fate_of(static_cast<int>(code));
  return tl::make_unexpected(SubmitError{static_cast<int>(code), std::move(error)});
}

bool disk_is_at_fault(int err) {
  return err == ENOSPC || err == EDQUOT || err == EIO;
}

// The owner's way in: straight into a file that nobody sees before it is whole.
class Direct : public Submission {
 public:
  Direct(const Instance& instance, const SubmitOptions& options)
      : instance_(instance),
        options_(options),
        arrival_us_(posix::wall_us()),
        id_(options.id ? *options.id : Id::make(arrival_us_, posix::random_bits())) {}

  SubmitResult<> start();
  SubmitResult<> write(std::string_view content) override;
  SubmitResult<std::string> finish(const mail::Envelope& envelope) override;

 private:
  Result<> add(std::string_view octets);
  Result<> flush();
  SubmitResult<std::string> envelope_record(const mail::Envelope& envelope) const;
  Result<> complete(std::string_view record);

  const Instance& instance_;
  SubmitOptions options_;
  std::int64_t arrival_us_;
  Id id_;
  posix::UniqueFd tmp_, incoming_;
  std::optional<posix::DurableFile> file_;  // none: not begun, ended or broken
  std::string room_;
  std::uint64_t flushed_ = 0;  // octets of the file that are written
  std::uint64_t taken_ = 0;    // of the caller's content
  std::uint64_t content_octets_ = 0;
  std::uint32_t content_crc_ = 0;
};

SubmitResult<> Direct::start() {
  struct Folder {
    posix::UniqueFd& fd;
    const char* name;
  };
  for (const Folder& f : {Folder{tmp_, "queue/tmp"}, Folder{incoming_, "queue/incoming"}}) {
    Result<posix::UniqueFd> fd = instance_.open_folder(f.name);
    if (!fd) return failure(Code::folder, std::move(fd.error()));
    f.fd = std::move(*fd);
  }
  // Not the bare id: a crash may have left a file of that name, and a notice keeps its id.
  const std::string name = fmt::format("{}.{:016x}", id_.text(), posix::random_bits());
  Result<posix::DurableFile> file = posix::DurableFile::begin(tmp_.get(), name, 0600);
  if (!file) {
    const Code code = disk_is_at_fault(file.error().sys) ? Code::write_error : Code::create;
    return failure(code, std::move(file.error()));
  }
  file_ = std::move(*file);
  room_.reserve(kRoom);
  room_.assign(Header::kOctets, '\0');
  if (Result<> done = add(received_line(options_, id_.text(), arrival_us_)); !done) {
    return failure(Code::write_error, std::move(done.error()));
  }
  return {};
}

// Content, into the room and, when that is full, to the file.
Result<> Direct::add(std::string_view octets) {
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

Result<> Direct::flush() {
  flushed_ += room_.size();
  Result<> done = posix::write_all(file_->fd(), room_, "message " + id_.text());
  room_.clear();
  return done;
}

SubmitResult<> Direct::write(std::string_view content) {
  if (!file_) return failure(Code::write_error, {.text = "writing a message: it failed before"});
  taken_ += content.size();
  if (options_.max_octets != 0 && taken_ > options_.max_octets) {
    file_.reset();
    return failure(Code::refused,
                   {.text = fmt::format("message longer than {} octets", options_.max_octets)});
  }
  Result<> done = add(content);
  if (done) return {};
  file_.reset();
  return failure(Code::write_error, std::move(done.error()));
}

SubmitResult<std::string> Direct::envelope_record(const mail::Envelope& envelope) const {
  Result<std::string> octets = mail::encode(envelope);
  if (!octets) return failure(Code::bad_envelope, std::move(octets.error()));
  // What is stored must be readable again: the decoder's limits hold for everybody.
  mail::EnvelopeDecoder decoder;
  (void)decoder.feed(*octets);
  if (decoder.fault() == mail::EnvelopeDecoder::Fault::too_long) {
    return failure(Code::address_too_long, {.text = "envelope " + decoder.fault_text()});
  }
  if (decoder.fault() == mail::EnvelopeDecoder::Fault::too_large) {
    return failure(Code::memory, {.text = "envelope " + decoder.fault_text()});
  }
  const Meta meta{.arrival_us = arrival_us_,
                  .uid = ::getuid(),
                  .content_crc = content_crc_,
                  .notice_about = options_.notice_about,
                  .envelope = envelope};
  const Record record{.kind = Kind::envelope, .payload = encode_payload(meta)};
  return encode(record, id_, 0, Header::kOctets + content_octets_);
}

// The envelope behind the content, and the header in the room left for it.
Result<> Direct::complete(std::string_view record) {
  const std::string header = Header{.id = id_, .content_octets = content_octets_}.encode();
  const bool header_in_room = flushed_ == 0;
  if (header_in_room) room_.replace(0, header.size(), header);
  room_ += record;
  if (Result<> done = flush(); !done) return done;
  if (header_in_room) return {};
  return posix::write_at(file_->fd(), header, 0, "message " + id_.text());
}

SubmitResult<std::string> Direct::finish(const mail::Envelope& envelope) {
  if (!file_) return failure(Code::write_error, {.text = "queueing a message: it failed before"});
  SubmitResult<std::string> record = envelope_record(envelope);
  if (!record) return record;
  Result<> done = complete(*record);
  if (!done) {
    file_.reset();
    return failure(Code::write_error, std::move(done.error()));
  }
  done = std::move(*file_).commit(incoming_.get(), id_.text(), "queue/incoming");
  file_.reset();
  if (!done) {
    // Syncs fail for the machine's reasons; what is permanent is about the name.
    const bool name = done.error().fate == Fate::permanent;
    return failure(name ? Code::link : Code::write_error, std::move(done.error()));
  }
  // Queued, whatever becomes of this: send looks at the folder when it starts.
  if (options_.trigger) (void)pull_trigger(instance_, id_);
  return id_.text();
}

}  // namespace

SubmitResult<std::unique_ptr<Submission>> begin(const Instance& instance,
                                                const SubmitOptions& options, bool allow_foreign) {
  const std::optional<std::string> foreign = allow_foreign ? foreign_program() : std::nullopt;
  if (foreign) return begin_foreign(instance, *foreign, options);
  if (Result<> done = instance.require_owner(); !done) {
    return failure(Code::home, std::move(done.error()));
  }
  auto direct = std::make_unique<Direct>(instance, options);
  if (SubmitResult<> done = direct->start(); !done) {
    return tl::make_unexpected(std::move(done.error()));
  }
  return direct;
}

}  // namespace porpoise::queue
