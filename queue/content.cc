#include "queue/content.h"

#include <algorithm>
#include <cerrno>
#include <span>

#include "posix/file.h"

namespace porpoise::queue {
namespace {

constexpr std::size_t kRoom = 65536;

// Reads all of the content and gives its pieces to `each`.
template <class Each>
Result<> read_checked(const File& file, const Each& each) {
  const std::string what = fmt::format("message {}", file.header().id.text());
  std::string room(kRoom, '\0');
  std::uint32_t crc = 0;
  for (std::uint64_t done = 0; done < file.header().content_octets;) {
    const std::uint64_t left = file.header().content_octets - done;
    Result<std::size_t> n =
        posix::read_at(file.fd(), std::span(room).first(std::min<std::size_t>(left, room.size())),
                       static_cast<off_t>(file.content_offset() + done), what);
    if (!n) return failed(n);
    if (*n == 0) break;
    const std::string_view piece = std::string_view(room).substr(0, *n);
    crc = crc32c(crc, piece);
    if (Result<> taken = each(piece); !taken) return taken;
    done += *n;
  }
  if (crc == file.meta().content_crc) return {};
  return tl::make_unexpected(
      Error{Fate::permanent, what + " is damaged: its content is not what was accepted", EBADMSG});
}

}  // namespace

Result<> copy_checked(const File& file, int to) {
  const std::string what = fmt::format("a copy of message {}", file.header().id.text());
  return read_checked(file,
                      [&](std::string_view piece) { return posix::write_all(to, piece, what); });
}

Result<> check_content(const File& file) {
  return read_checked(file, [](std::string_view) { return Result<>(); });
}

}  // namespace porpoise::queue
