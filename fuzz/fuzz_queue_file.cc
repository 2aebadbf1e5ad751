// The queue file reader. The input is either a file as it is, or says which records are written and
// how the file is then hurt: octets changed, the end cut off, octets put behind it. Held to:
//   - there is a verdict: damage, or the envelope as it was written and the first so many records
//     as they were written - never one that was not;
//   - opening to append cuts off what is not good, and changes nothing of what is read;
//   - what is then appended is read behind the records that were there.

#include <fmt/format.h>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/property.h"
#include "fuzz/scratch.h"
#include "queue/file.h"

namespace {

using namespace porpoise;
using namespace porpoise::fuzz;
using namespace porpoise::queue;

const Id kId = Id::make(1'795'252'194'123'456, 0x123456789a);
constexpr const char* kName = "m";
constexpr Kind kKinds[] = {Kind::delivered, Kind::failed,    Kind::deferred,  Kind::next,
                           Kind::progress,  Kind::intent,    Kind::noticed,   Kind::held,
                           Kind::released,  Kind::cancelled, Kind::redirected};

// Octets of the input, one after the other; 0 when they are over.
class Script {
 public:
  explicit Script(std::string_view octets) : rest_(octets) {}
  bool over() const { return rest_.empty(); }
  std::uint32_t octet() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<unsigned char>(rest_[0]);
    rest_.remove_prefix(1);
    return value;
  }
  std::uint32_t number() { return octet() << 8 | octet(); }
  std::string_view text(std::size_t octets) {
    const std::string_view taken = rest_.substr(0, octets);
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

struct Written {
  std::string octets;
  std::string meta;                 // the envelope's payload
  std::vector<std::string> events;  // the payloads
};

Event event_of(Script& script) {
  Event event;
  event.kind = kKinds[script.octet() % std::size(kKinds)];
  event.wall_us = script.number();
  const std::uint32_t what = script.octet();
  for (std::uint32_t i = 0; i < what % 4; ++i) event.recipients.push_back(script.octet() % 8);
  event.text = script.text(what >> 4);
  if (event.kind == Kind::next) event.next_us = script.number();
  if (event.kind == Kind::intent || event.kind == Kind::noticed) event.notice = kId;
  return event;
}

Written write(Script& script) {
  Written written;
  const std::string content(script.text(script.octet() % 32));
  Meta meta{.arrival_us = 5, .uid = 1000, .content_crc = crc32c(0, content)};
  meta.envelope.sender = "a@b";
  meta.envelope.recipients.resize(script.octet() % 4, {"r@here.test", {}});
  written.meta = encode_payload(meta);
  written.octets = Header{.id = kId, .content_octets = content.size()}.encode() + content;
  written.octets +=
      encode({.kind = Kind::envelope, .payload = written.meta}, kId, 0, written.octets.size());
  const std::uint32_t events = script.octet() % 8;
  const bool synced = script.octet() % 2 == 0;
  for (std::uint32_t i = 0; i < events; ++i) {
    const Event event = event_of(script);
    const std::string payload = encode_payload(event);
    written.events.push_back(fmt::format("{}{}", static_cast<char>(event.kind), payload));
    written.octets += encode(
        {.kind = event.kind, .sequence = i + 1, .unsynced = synced ? 0 : i, .payload = payload},
        kId, 0, written.octets.size());
  }
  return written;
}

void hurt(std::string& octets, Script& script) {
  for (int wounds = 0; !script.over() && wounds < 8; ++wounds) {
    const std::uint32_t kind = script.octet();
    const std::size_t at = octets.empty() ? 0 : script.number() % octets.size();
    if (kind % 4 == 0) {
      octets.resize(at);
    } else if (kind % 4 == 1 && !octets.empty()) {
      octets[at] = static_cast<char>(script.octet());
    } else if (kind % 4 == 2) {
      octets += script.text(kind >> 2);
    } else {
      const std::string again = octets.substr(at, kind >> 2);  // an old block in another place
      octets += again;
    }
  }
}

struct Read {
  bool damaged = false;
  std::string meta;
  std::vector<std::string> events;
  std::uint64_t octets = 0;
};

Read read(File::Access access) {
  Result<File> file = File::open(scratch().fd(), kName, kId, access);
  Read result;
  if (!file) {
    require(file.error().sys == EBADMSG && is_line(file.error().text));
    result.damaged = true;
    return result;
  }
  result.meta = encode_payload(file->meta());
  for (const Event& event : file->events()) {
    result.events.push_back(
        fmt::format("{}{}", static_cast<char>(event.kind), encode_payload(event)));
  }
  result.octets = file->octets();
  require(file->state().recipients.size() == file->meta().envelope.recipients.size());
  return result;
}

void check_same(const Read& a, const Read& b) {
  require(a.damaged == b.damaged && a.meta == b.meta && a.events == b.events &&
          a.octets == b.octets);
}

void append_one() {
  Result<File> file = File::open(scratch().fd(), kName, kId, File::Access::append);
  require(file.has_value());
  require(file->append({{.kind = Kind::failed, .wall_us = 1, .recipients = {0}, .text = "new"}})
              .has_value());
  require(file->sync().has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  Script script(view_of(data, size));
  std::optional<Written> written;
  std::string octets;
  if (script.octet() % 4 == 0) {
    octets = script.text(size);
  } else {
    written = write(script);
    octets = written->octets;
    hurt(octets, script);
  }
  scratch().write(kName, octets);
  const Read first = read(File::Access::read);
  require(scratch().text(kName) == octets);  // reading changes nothing
  if (written && octets == written->octets) {
    require(!first.damaged && first.events == written->events && first.octets == octets.size());
  }
  if (written && !first.damaged) {
    require(first.meta == written->meta && first.events.size() <= written->events.size());
    for (std::size_t i = 0; i < first.events.size(); ++i) {
      require(first.events[i] == written->events[i]);
    }
  }
  check_same(read(File::Access::append), first);
  if (first.damaged) {
    require(scratch().text(kName) == octets);  // it is set aside as it is
    return 0;
  }
  require(scratch().text(kName) == octets.substr(0, first.octets));
  append_one();
  const Read last = read(File::Access::read);
  require(!last.damaged && last.events.size() == first.events.size() + 1);
  require(std::equal(first.events.begin(), first.events.end(), last.events.begin()));
  return 0;
}
