#include "maildir/deliver.h"

#include <fcntl.h>
#include <unistd.h>

#include "posix/clock.h"
#include "posix/file.h"

namespace porpoise::maildir {
namespace {

using posix::DurableFile;
using posix::UniqueFd;

tl::unexpected<Error> later(Error error) {
  error.fate = Fate::temporary;
  return tl::make_unexpected(std::move(error));
}

struct Folders {
  UniqueFd tmp;
  UniqueFd fresh;
};

Result<Folders> open_folders(const std::string& maildir) {
  Result<UniqueFd> top = posix::open_folder(posix::kHere, maildir);
  if (!top) return failed(top);
  Folders folders;
  for (const auto& [name, fd] :
       {std::pair("tmp", &folders.tmp), std::pair("new", &folders.fresh)}) {
    Result<UniqueFd> folder = posix::open_folder(top->get(), name);
    if (!folder) {
      const std::string_view text = folder.error().text;
      return temporary("{} is no Maildir: {}", maildir, text);
    }
    *fd = std::move(*folder);
  }
  return folders;
}

// Counts what readers ask for: octets, and octets where every line ends in CRLF.
struct Sizes {
  std::uint64_t octets = 0;
  std::uint64_t on_wire = 0;
  char last = '\0';

  void count(std::string_view text) {
    octets += text.size();
    on_wire += text.size();
    for (const char c : text) {
      if (c == '\n' && last != '\r') ++on_wire;
      last = c;
    }
  }

  // Where the last line has no end, readers differ in what they send, and so in what they count:
  // they have to look.
  std::optional<std::uint64_t> wire_size() const {
    if (octets > 0 && last != '\n') return std::nullopt;
    return on_wire;
  }
};

Result<> copy(std::string_view prefix, int message, int to, const std::string& what, Sizes& sizes) {
  sizes.count(prefix);
  if (Result<> done = posix::write_all(to, prefix, what); !done) return done;
  char room[65536];
  for (;;) {
    Result<std::size_t> n = posix::read_some(message, room, "the message");
    if (!n) return failed(n);
    if (*n == 0) return {};
    const std::string_view piece(room, *n);
    sizes.count(piece);
    if (Result<> done = posix::write_all(to, piece, what); !done) return done;
  }
}

struct Begun {
  DurableFile file;
  std::string name;
};

Result<Begun> begin(int tmp, const World& world) {
  for (int tries = 1;; ++tries) {
    std::string name = unique_name(world.stamp());
    Result<DurableFile> file = DurableFile::begin(tmp, name, 0600, world.birth);
    if (file) return Begun{std::move(*file), std::move(name)};
    if (file.error().sys != EEXIST || tries == kMaxNames) return failed(file);
  }
}

// A name that exists is somebody's message: the file gets another one.
Result<std::string> commit(Begun begun, int fresh, const Sizes& sizes, const World& world,
                           const std::string& maildir) {
  for (int tries = 1;; ++tries) {
    std::string name = with_sizes(begun.name, sizes.octets, sizes.wire_size());
    Result<> done = std::move(begun.file).commit(fresh, name, maildir + "/new");
    if (done) return name;
    if (done.error().sys != EEXIST || tries == kMaxNames) return failed(done);
    begun.name = unique_name(world.stamp());
  }
}

}  // namespace

World real_world() {
  auto stamp = [host = posix::host_name(), sequence = 0u]() mutable {
    return Stamp{posix::wall_us(), ::getpid(), ++sequence, posix::random_bits(), host};
  };
  return {std::move(stamp), posix::default_birth()};
}

Result<std::string> deliver(const std::string& maildir, std::string_view prefix, int message,
                            const World& world) {
  Result<Folders> folders = open_folders(maildir);
  if (!folders) return later(std::move(folders.error()));
  Result<Begun> begun = begin(folders->tmp.get(), world);
  if (!begun) return later(std::move(begun.error()));
  Sizes sizes;
  Result<> copied = copy(prefix, message, begun->file.fd(), begun->name, sizes);
  if (!copied) return later(std::move(copied.error()));
  Result<std::string> name = commit(std::move(*begun), folders->fresh.get(), sizes, world, maildir);
  if (!name) return later(std::move(name.error()));
  return name;
}

}  // namespace porpoise::maildir
