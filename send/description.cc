#include "send/description.h"

#include <cerrno>
#include <sys/mman.h>

#include "libmail/number.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/writer.h"

namespace porpoise::send {
namespace {

std::string field_of(std::string_view text) {
  std::string field(text.substr(0, DescriptionReader::kMaxFieldOctets));
  for (char& c : field) {
    if (c == '\0') c = '?';
  }
  field += '\0';
  return field;
}

constexpr const char* kWhat = "the description of a notice";

}  // namespace

Result<posix::UniqueFd> describe_failures(const queue::File& file, const queue::Id& notice) {
  const auto intent = file.state().open_intents.find(notice);
  if (intent == file.state().open_intents.end()) {
    return posix::trouble(ENOENT, "looking for the intent of notice " + notice.text());
  }
  posix::UniqueFd fd(::memfd_create("failures", MFD_CLOEXEC));
  if (!fd.open()) return posix::trouble(errno, "making a file in memory");
  posix::Writer writer(fd.get(), kWhat);
  writer.put(field_of(file.meta().envelope.sender));
  writer.put(field_of(std::to_string(file.meta().arrival_us)));
  for (const std::uint32_t i : intent->second) {
    if (i >= file.state().recipients.size()) continue;
    writer.put(field_of(file.meta().envelope.recipients[i].address));
    writer.put(field_of(file.state().recipients[i].text));
  }
  if (Result<> done = writer.flush(); !done) return failed(done);
  return fd;
}

Result<DescriptionReader::About> DescriptionReader::begin() {
  offset_ = 0;
  room_.clear();
  Result<std::optional<std::string>> sender = field();
  if (!sender) return failed(sender);
  Result<std::optional<std::string>> arrival = field();
  if (!arrival) return failed(arrival);
  if (!*sender || !*arrival) return permanent("{} ends too early", kWhat);
  About about;
  about.sender = std::move(**sender);
  if (!parse_number(**arrival, about.arrival_us)) return permanent("{}: no arrival time", kWhat);
  return about;
}

Result<std::optional<Failure>> DescriptionReader::next() {
  Result<std::optional<std::string>> address = field();
  if (!address) return failed(address);
  if (!*address) return std::optional<Failure>();
  Result<std::optional<std::string>> text = field();
  if (!text) return failed(text);
  if (!*text) return permanent("{} ends too early", kWhat);
  return std::optional(Failure{std::move(**address), std::move(**text)});
}

Result<std::optional<std::string>> DescriptionReader::field() {
  char more[4096];
  for (;;) {
    if (const std::size_t end = room_.find('\0'); end != std::string::npos) {
      if (end > kMaxFieldOctets) break;
      std::optional<std::string> field = room_.substr(0, end);
      room_.erase(0, end + 1);
      return field;
    }
    if (room_.size() > kMaxFieldOctets) break;
    Result<std::size_t> n = posix::read_at(fd_, more, offset_, kWhat);
    if (!n) return failed(n);
    if (*n == 0 && room_.empty()) return std::optional<std::string>();
    if (*n == 0) return permanent("{} ends too early", kWhat);
    room_.append(more, *n);
    offset_ += static_cast<off_t>(*n);
  }
  return permanent("{}: a field is too long", kWhat);
}

}  // namespace porpoise::send
