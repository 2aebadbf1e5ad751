// replay [options] BASE LOG TYPE MOUNTPOINT -- CHECKER ...: makes the disks that a power loss could
// have left (testlab/crash/blkrec recorded the writes), mounts each and asks CHECKER about it.
//
//   --seed S      of the subsets (default 1)
//   --subsets N   random subsets at each flush (default 4)
//   --count N     only so many states, spread evenly (default 0: all)
//   --only K      only state K
//   --tear N      a write may be cut at multiples of N octets (default 4096; file systems rely on
//                 less only by accident: at 512 a superblock of 1 KiB is cut in two)
//   --options O   of mount(2)'s data ("nouuid")
//
// The states: after the first mark, the disk after each record ("prefix"); and at each flush, the
// disk of the flush before with a random subset of the writes since, some of them torn ("subset").
// Both are numbered in one series that depends only on the log, seed and subsets.
//
// For each state CHECKER, a child, reads a line "NUMBER POSITION LEFT-OUT" and answers one line
// when it is done with the mounted disk. POSITION: how many records of the log had been made.
// A disk that does not mount is told as "NUMBER POSITION !REASON".
//
// Needs root. The disk is a memfd behind a loop device that clears itself, the mount is in a mount
// namespace of its own, and everything ends with the parent: nothing stays, however it ends.

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <random>
#include <sched.h>
#include <set>
#include <signal.h>
#include <span>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "testlab/crash/block_log.h"

namespace {

using porpoise::crash::BlockOp;
using porpoise::crash::BlockRecord;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kMaxShown = 40;  // writes left out that a line names

struct Options {
  std::uint64_t seed = 1;
  int subsets = 4;
  std::uint64_t count = 0;
  long long only = -1;
  std::uint32_t tear = kPage;
  std::string mount_data;
  const char* base = nullptr;
  const char* log = nullptr;
  const char* type = nullptr;
  const char* mountpoint = nullptr;
  char** checker = nullptr;
};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "replay: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(111);
}

struct Entry {
  BlockRecord head;
  const char* data;
};

std::span<char> map_file(const char* path, int flags) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  struct stat st{};
  if (fd < 0 || ::fstat(fd, &st) != 0) die(path);
  const auto size = static_cast<std::size_t>(st.st_size);
  void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (at == MAP_FAILED) die(path);
  ::close(fd);
  return {static_cast<char*>(at), size};
}

std::vector<Entry> read_log(const char* path) {
  const std::span<char> octets = map_file(path, MAP_PRIVATE);
  std::vector<Entry> entries;
  for (std::size_t at = 0; at + sizeof(BlockRecord) <= octets.size();) {
    Entry entry{};
    std::memcpy(&entry.head, &octets[at], sizeof entry.head);
    at += sizeof entry.head;
    entry.data = octets.data() + at;
    at += entry.head.octets;
    entries.push_back(entry);
  }
  return entries;
}

// The disk that is mounted: a memfd behind a loop device.
class Disk {
 public:
  explicit Disk(std::size_t size) : size_(size) {
    memory_ = ::memfd_create("disk", MFD_CLOEXEC);
    if (memory_ < 0 || ::ftruncate(memory_, static_cast<off_t>(size)) != 0) die("memfd");
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory_, 0);
    if (at == MAP_FAILED) die("mmap");
    octets_ = {static_cast<char*>(at), size};
    attach();
  }

  const std::string& device() const { return device_; }

  // Makes it the same as `wanted`. Only pages that either side ever wrote can differ: those that
  // the memfd holds, and `written`.
  void become(std::span<const char> wanted, const std::set<std::size_t>& written) {
    for (const std::size_t page : written) copy_page(wanted, page * kPage);
    for (off_t at = 0; (at = ::lseek(memory_, at, SEEK_DATA)) >= 0;) {
      const off_t end = ::lseek(memory_, at, SEEK_HOLE);
      for (off_t page = at; page < end; page += kPage) {
        copy_page(wanted, static_cast<std::size_t>(page));
      }
      at = end;
    }
    ::ioctl(loop_, BLKFLSBUF, 0);  // forgets what the device has cached
  }

 private:
  void copy_page(std::span<const char> wanted, std::size_t at) {
    const std::size_t octets = std::min(kPage, size_ - at);
    if (std::memcmp(&octets_[at], &wanted[at], octets) == 0) return;
    std::memcpy(&octets_[at], &wanted[at], octets);
  }

  void attach() {
    const int control = ::open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) die("/dev/loop-control");
    for (;;) {
      const int number = ::ioctl(control, LOOP_CTL_GET_FREE);
      if (number < 0) die("a free loop device");
      device_ = "/dev/loop" + std::to_string(number);
      loop_ = ::open(device_.c_str(), O_RDWR | O_CLOEXEC);
      if (loop_ < 0) die(device_);
      loop_config config{};
      config.fd = static_cast<std::uint32_t>(memory_);
      config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
      if (::ioctl(loop_, LOOP_CONFIGURE, &config) == 0) break;
      if (errno != EBUSY) die(device_);
      ::close(loop_);  // somebody else was quicker
    }
    ::close(control);
  }

  std::size_t size_;
  int memory_ = -1;
  int loop_ = -1;
  std::string device_;
  std::span<char> octets_;
};

// The child that judges.
class Checker {
 public:
  explicit Checker(char** command) {
    int to[2];
    int from[2];
    if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0) die("pipe");
    child_ = ::fork();
    if (child_ < 0) die("fork");
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(to[0], 0);
      ::dup2(from[1], 1);
      ::execvp(command[0], command);
      die(command[0]);
    }
    ::close(to[0]);
    ::close(from[1]);
    to_ = ::fdopen(to[1], "w");
    from_ = ::fdopen(from[0], "r");
  }

  void ask(const std::string& line) {
    std::fprintf(to_, "%s\n", line.c_str());
    std::fflush(to_);
    char answer[4096];
    if (std::fgets(answer, sizeof answer, from_) == nullptr) {
      std::fprintf(stderr, "replay: the checker has ended at: %s\n", line.c_str());
      std::exit(111);
    }
  }

  int finish() {
    std::fclose(to_);
    int status = 0;
    ::waitpid(child_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 111;
  }

 private:
  pid_t child_ = -1;
  FILE* to_ = nullptr;
  FILE* from_ = nullptr;
};

class Replay {
 public:
  explicit Replay(const Options& options)
      : options_(options),
        entries_(read_log(options.log)),
        now_(map_file(options.base, MAP_PRIVATE)),
        flushed_(map_file(options.base, MAP_PRIVATE)),
        wanted_(map_file(options.base, MAP_PRIVATE)),
        disk_(now_.size()),
        checker_(options.checker) {
    note_base_pages();
    total_ = count_states();
  }

  int run() {
    walk([this](std::size_t position, bool flush) { state(position, flush); });
    std::fprintf(stderr, "%zu records, %llu states, %llu tried, %llu did not mount\n",
                 entries_.size(), static_cast<unsigned long long>(total_),
                 static_cast<unsigned long long>(tried_),
                 static_cast<unsigned long long>(unmountable_));
    return checker_.finish();
  }

 private:
  void note_base_pages() {
    for (std::size_t page = 0; page * kPage < now_.size(); ++page) {
      static const char kNothing[kPage] = {};
      const std::size_t octets = std::min(kPage, now_.size() - page * kPage);
      if (std::memcmp(&now_[page * kPage], kNothing, octets) != 0) written_.insert(page);
    }
    for (const Entry& entry : entries_) {
      if (entry.head.op == BlockOp::mark || entry.head.op == BlockOp::flush) continue;
      for_pages(entry.head, [this](std::size_t page) { written_.insert(page); });
    }
  }

  template <class Each>
  static void for_pages(const BlockRecord& head, const Each& each) {
    const std::uint64_t octets = head.op == BlockOp::zero ? head.zero_octets : head.octets;
    for (std::uint64_t at = head.offset / kPage; at * kPage < head.offset + octets; ++at) each(at);
  }

  std::size_t first_mark() const {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].head.op == BlockOp::mark) return i;
    }
    return entries_.size();
  }

  // Calls each(position, at a flush) for every state, in order.
  template <class Each>
  void walk(const Each& each) {
    const std::size_t begin = first_mark();
    pending_.clear();
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const BlockOp op = entries_[i].head.op;
      if (op == BlockOp::flush) {
        for (int n = 0; i > begin && !pending_.empty() && n < options_.subsets; ++n) each(i, true);
        settle();
      } else if (op != BlockOp::mark) {
        apply(now_, entries_[i], entries_[i].head.octets);
        apply(wanted_, entries_[i], entries_[i].head.octets);
        pending_.push_back(i);
        if (i > begin) each(i + 1, false);
      }
    }
  }

  std::uint64_t count_states() {
    std::uint64_t n = 0;
    const std::size_t begin = first_mark();
    std::size_t pending = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const BlockOp op = entries_[i].head.op;
      if (op == BlockOp::flush) {
        if (i > begin && pending > 0) n += static_cast<std::uint64_t>(options_.subsets);
        pending = 0;
      } else if (op != BlockOp::mark) {
        ++pending;
        n += i > begin;
      }
    }
    return n;
  }

  // The writes since the flush before are on the disk now.
  void settle() {
    for (const std::size_t i : pending_) {
      apply(flushed_, entries_[i], entries_[i].head.octets);
    }
    pending_.clear();
  }

  static void apply(std::span<char> disk, const Entry& entry, std::uint32_t octets) {
    if (entry.head.op == BlockOp::zero) {
      std::memset(&disk[entry.head.offset], 0, entry.head.zero_octets);
    } else if (octets > 0) {
      std::memcpy(&disk[entry.head.offset], entry.data, octets);
    }
  }

  bool is_chosen(std::uint64_t number) const {
    if (options_.only >= 0) return number == static_cast<std::uint64_t>(options_.only);
    if (options_.count == 0 || options_.count >= total_) return true;
    return number * options_.count / total_ != (number + 1) * options_.count / total_;
  }

  void state(std::size_t position, bool flush) {
    const std::uint64_t number = number_++;
    if (!is_chosen(number)) return;
    if (!flush) {
      show(number, position, "prefix");
      return;
    }
    const std::string left_out = take_subset(number);
    show(number, position, left_out);
    copy_pending(now_, wanted_);
  }

  // wanted_ becomes the disk of the last flush with some of the writes since.
  std::string take_subset(std::uint64_t number) {
    std::mt19937_64 random(options_.seed * 1'000'003 + number);
    copy_pending(flushed_, wanted_);
    std::string left_out = "subset without";
    std::size_t shown = 0;
    for (const std::size_t i : pending_) {
      const std::uint32_t octets = entries_[i].head.octets;
      const std::uint64_t dice = random();
      std::uint32_t kept = dice & 1 ? octets : 0;
      if (options_.tear > 0 && (dice >> 1 & 7) == 0) {
        kept = std::min<std::uint32_t>(
            octets,
            options_.tear * static_cast<std::uint32_t>((dice >> 8) % (octets / options_.tear + 1)));
      }
      if (kept > 0 || (entries_[i].head.op == BlockOp::zero && (dice & 1))) {
        apply(wanted_, entries_[i], kept);
      }
      if (kept < octets && ++shown <= kMaxShown) {
        left_out += " " + std::to_string(i) + (kept > 0 ? "+" + std::to_string(kept) : "") + "@" +
                    std::to_string(entries_[i].head.offset);
      }
    }
    return left_out;
  }

  void copy_pending(std::span<const char> from, std::span<char> to) {
    for (const std::size_t i : pending_) {
      for_pages(entries_[i].head, [&](std::size_t page) {
        const std::size_t octets = std::min(kPage, to.size() - page * kPage);
        std::memcpy(&to[page * kPage], &from[page * kPage], octets);
      });
    }
  }

  void show(std::uint64_t number, std::size_t position, const std::string& left_out) {
    const std::string name = std::to_string(number) + " " + std::to_string(position) + " ";
    ++tried_;
    disk_.become(wanted_, written_);
    if (::mount(disk_.device().c_str(), options_.mountpoint, options_.type, 0,
                options_.mount_data.c_str()) != 0) {
      ++unmountable_;
      checker_.ask(name + "!" + std::strerror(errno) + " " + left_out);
      return;
    }
    checker_.ask(name + left_out);
    for (int tries = 0; ::umount(options_.mountpoint) != 0; ++tries) {
      if (errno != EBUSY || tries == 500) die("umount of state " + std::to_string(number));
      ::usleep(10'000);  // a process of the recovery is still ending
    }
  }

  const Options& options_;
  std::vector<Entry> entries_;
  std::span<char> now_;      // all writes so far
  std::span<char> flushed_;  // all writes up to the last flush
  std::span<char> wanted_;   // what the disk shall be; now_ but inside of state()
  std::set<std::size_t> written_;
  std::vector<std::size_t> pending_;  // writes since the last flush
  Disk disk_;
  Checker checker_;
  std::uint64_t total_ = 0;
  std::uint64_t number_ = 0;
  std::uint64_t tried_ = 0;
  std::uint64_t unmountable_ = 0;
};

Options read_options(int argc, char** argv) {
  const option known[] = {{"seed", required_argument, nullptr, 's'},
                          {"subsets", required_argument, nullptr, 'u'},
                          {"count", required_argument, nullptr, 'c'},
                          {"only", required_argument, nullptr, 'o'},
                          {"tear", required_argument, nullptr, 't'},
                          {"options", required_argument, nullptr, 'm'},
                          {nullptr, 0, nullptr, 0}};
  Options options;
  bool good = true;
  for (int c; (c = ::getopt_long(argc, argv, "+", known, nullptr)) != -1;) {
    if (c == 's') options.seed = std::strtoull(optarg, nullptr, 10);
    if (c == 'u') options.subsets = std::atoi(optarg);
    if (c == 'c') options.count = std::strtoull(optarg, nullptr, 10);
    if (c == 'o') options.only = std::atoll(optarg);
    if (c == 't') options.tear = static_cast<std::uint32_t>(std::atoi(optarg));
    if (c == 'm') options.mount_data = optarg;
    good = good && c != '?';
  }
  char** rest = argv + optind;
  if (!good || argc - optind < 6 || std::string_view(rest[4]) != "--") {
    std::fputs("usage: replay [options] BASE LOG TYPE MOUNTPOINT -- CHECKER ...\n", stderr);
    std::exit(100);
  }
  options.base = rest[0];
  options.log = rest[1];
  options.type = rest[2];
  options.mountpoint = rest[3];
  options.checker = rest + 5;
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGPIPE, SIG_IGN);
  if (::unshare(CLONE_NEWNS) != 0) die("a mount namespace");
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) die("private mounts");
  return Replay(options).run();
}
