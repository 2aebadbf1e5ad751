// generate_queue INSTANCE COUNT SECONDS [--schedule]: puts COUNT messages into queue/deferred that
// were put off, each due SECONDS from now plus its own number of seconds. Nothing is synced. With
// --schedule, queue/schedule names them. For tests and bench of large queues.

#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "instance/instance.h"
#include "posix/clock.h"
#include "posix/file.h"
#include "posix/program.h"
#include "queue/record.h"
#include "queue/schedule.h"
#include "queue/spool.h"

namespace {

using namespace porpoise;
using namespace porpoise::queue;

constexpr const char* kContent =
    "Received: (porpoise generated invoked by uid 0); 1 Jan 2026 00:00:00 -0000\n"
    "From: <sender@here.test>\nSubject: generated\n\nThis one waits.\n";

std::string file_of(const Id& id, std::int64_t arrival_us, std::int64_t next_us) {
  const std::string content = kContent;
  Meta meta{.arrival_us = arrival_us, .uid = ::getuid(), .content_crc = crc32c(0, content)};
  meta.envelope.sender = "sender@here.test";
  meta.envelope.recipients = {{"nobody@far.test", {}}};
  std::string octets = Header{.id = id, .content_octets = content.size()}.encode() + content;
  octets += encode({.kind = queue::Kind::envelope, .payload = encode_payload(meta)}, id, 0,
                   octets.size());
  Event deferred;
  deferred.kind = queue::Kind::deferred;
  deferred.wall_us = arrival_us;
  deferred.recipients = {0};
  deferred.text = "it is far away (#4.4.1)";
  Event next;
  next.kind = queue::Kind::next;
  next.wall_us = arrival_us;
  next.next_us = next_us;
  next.attempts = 1;
  std::uint32_t sequence = 0;
  for (const Event& event : {deferred, next}) {
    octets += encode({.kind = event.kind, .sequence = ++sequence, .payload = encode_payload(event)},
                     id, 0, octets.size());
  }
  return octets;
}

Result<int> generate(const std::string& where, std::uint64_t count, std::int64_t seconds,
                     bool with_schedule) {
  Result<Instance> instance = Instance::open(where);
  if (!instance) return failed(instance);
  Result<Spool> spool = Spool::open(*instance);
  if (!spool) return failed(spool);
  std::vector<posix::UniqueFd> folders(1024);
  std::vector<ScheduleEntry> entries;
  const std::int64_t now = posix::wall_us();
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::int64_t arrival = now - 3'600'000'000 + static_cast<std::int64_t>(i);
    const Id id = Id::make(arrival, i * 2'654'435'761u);
    posix::UniqueFd& folder = folders[id.folder_number()];
    if (!folder.open()) {
      (void)::mkdirat(spool->deferred(), id.folder().c_str(), 0700);
      Result<posix::UniqueFd> opened = posix::open_folder(spool->deferred(), id.folder());
      if (!opened) return failed(opened);
      folder = std::move(*opened);
    }
    const std::int64_t next_s = now / 1'000'000 + seconds + static_cast<std::int64_t>(i % 3600);
    Result<posix::UniqueFd> fd =
        posix::open_at(folder.get(), id.text(), O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!fd) return failed(fd);
    Result<> done =
        posix::write_all(fd->get(), file_of(id, arrival, next_s * 1'000'000), id.text());
    if (!done) return failed(done);
    if (with_schedule) entries.push_back({id, static_cast<std::uint32_t>(next_s)});
  }
  if (!with_schedule) return 0;
  Result<ScheduleWriter> writer = ScheduleWriter::begin(spool->folder());
  if (!writer) return failed(writer);
  Result<> done = writer->add(std::move(entries));
  if (done) done = std::move(*writer).finish(now);
  if (!done) return failed(done);
  return 0;
}

std::int64_t number(const char* text) {
  std::int64_t value = -1;
  const std::string_view word = text;
  (void)std::from_chars(word.data(), word.data() + word.size(), value);
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("generate_queue", [&]() -> Result<int> {
    const bool with_schedule = argc == 5 && std::string_view(argv[4]) == "--schedule";
    if (argc != 4 && !with_schedule) {
      return permanent("usage: generate_queue INSTANCE COUNT SECONDS [--schedule]");
    }
    return generate(argv[1], static_cast<std::uint64_t>(number(argv[2])), number(argv[3]),
                    with_schedule);
  });
}
