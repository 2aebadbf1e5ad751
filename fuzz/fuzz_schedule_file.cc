// queue/schedule. The input is a file as it is, or entries that are written and then hurt. Held to:
//   - there is a verdict: of no use, or entries in their order, each once, each in its folder;
//   - what is taken is what encode would write: the same octets;
//   - what was written and not hurt is taken, whole.

#include <optional>
#include <string>
#include <vector>

#include "fuzz/property.h"
#include "fuzz/scratch.h"
#include "queue/schedule.h"

namespace {

using namespace porpoise;
using namespace porpoise::fuzz;
using namespace porpoise::queue;

std::string written_with(const std::vector<ScheduleEntry>& entries) {
  Result<ScheduleWriter> writer = ScheduleWriter::begin(scratch().fd());
  require(writer && writer->add(entries));
  require(std::move(*writer).finish(7).has_value());
  return scratch().text(kScheduleName);
}

std::vector<ScheduleEntry> read_all(ScheduleReader& reader) {
  std::vector<ScheduleEntry> all;
  for (std::uint64_t i = 0; i < 1024; ++i) {
    const std::string name = Id::make(0, i).folder();
    const Result<std::vector<ScheduleEntry>> read = reader.folder(name);
    require(read.has_value());
    for (const ScheduleEntry& entry : *read) {
      require(entry.id.folder() == name);
      all.push_back(entry);
    }
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input = view_of(data, size);
  if (input.empty()) return 0;
  std::string octets(input.substr(1));
  bool whole = false;
  if (input[0] % 4 != 0) {
    const std::size_t wounds = input[0] / 4 % 4;
    const std::string_view rest = input.substr(1);
    octets = written_with(decode_entries(rest.substr(std::min(rest.size(), wounds * 3))));
    for (std::size_t i = 0; i < wounds && rest.size() >= 3 * wounds; ++i) {
      const std::size_t at = static_cast<unsigned char>(rest[3 * i]) * 256u +
                             static_cast<unsigned char>(rest[3 * i + 1]);
      octets[at % octets.size()] = rest[3 * i + 2];
    }
    whole = wounds == 0;
  }
  scratch().write(kScheduleName, octets);
  Result<ScheduleReader> reader = ScheduleReader::open(scratch().fd());
  require(scratch().text(kScheduleName) == octets);  // reading changes nothing
  if (!reader) {
    require(!whole && reader.error().sys == EBADMSG && is_line(reader.error().text));
    return 0;
  }
  const std::vector<ScheduleEntry> all = read_all(*reader);
  require(all.size() == reader->head().count);
  require(reader->head().encode() + encode_entries(all) == octets);
  return 0;
}
