// blkrec MOUNTPOINT BASE LOG SECONDS: shows the disk image BASE as MOUNTPOINT/disk.img, for a loop
// device, and records every write and flush that it gets; what is written to MOUNTPOINT/mark goes
// into the same log. The image itself is not changed. At unmount, or at SIGTERM, LOG is written.
//
// One thread answers everything, so that the log has one order. It must never wait for the file
// system that lives on its own disk: nothing here allocates, opens or writes a file while it
// serves. After SECONDS, or when its parent ends, it dies; the kernel then fails what waits for it
// with EIO, and everything can be taken down.

#define FUSE_USE_VERSION 312
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <signal.h>
#include <span>
#include <string_view>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testlab/crash/block_log.h"

namespace {

using porpoise::crash::BlockOp;
using porpoise::crash::BlockRecord;

constexpr std::size_t kLogRoom = 192u << 20;
constexpr std::size_t kMaxWrite = 1u << 20;
constexpr double kForever = 100000;
constexpr fuse_ino_t kDisk = 2;
constexpr fuse_ino_t kMark = 3;

std::span<char> image;
std::span<char> log_room;
std::size_t log_end = 0;

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "blkrec: %s: %s\n", what, std::strerror(errno));
  std::_Exit(111);
}

// head.octets is data's length.
void record(BlockRecord head, std::string_view data = {}) {
  head.octets = static_cast<std::uint32_t>(data.size());
  if (log_end + sizeof head + data.size() > log_room.size()) {
    errno = ENOSPC;
    die("the log is full");
  }
  std::memcpy(&log_room[log_end], &head, sizeof head);
  log_end += sizeof head;
  if (!data.empty()) std::memcpy(&log_room[log_end], data.data(), data.size());
  log_end += data.size();
}

struct stat attributes(fuse_ino_t inode) {
  struct stat st{};
  st.st_ino = inode;
  st.st_nlink = inode == FUSE_ROOT_ID ? 2 : 1;
  st.st_mode = inode == FUSE_ROOT_ID ? S_IFDIR | 0700 : S_IFREG | 0600;
  if (inode == kDisk) st.st_size = static_cast<off_t>(image.size());
  return st;
}

void look_up(fuse_req_t request, fuse_ino_t parent, const char* name) {
  const std::string_view wanted(name);
  fuse_entry_param entry{};
  if (parent == FUSE_ROOT_ID && wanted == "disk.img") entry.ino = kDisk;
  if (parent == FUSE_ROOT_ID && wanted == "mark") entry.ino = kMark;
  if (entry.ino == 0) {
    fuse_reply_err(request, ENOENT);
    return;
  }
  entry.attr = attributes(entry.ino);
  entry.attr_timeout = entry.entry_timeout = kForever;
  fuse_reply_entry(request, &entry);
}

void get_attributes(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
  const struct stat st = attributes(inode);
  fuse_reply_attr(request, &st, kForever);
}

void set_attributes(fuse_req_t request, fuse_ino_t inode, struct stat*, int, fuse_file_info* file) {
  get_attributes(request, inode, file);
}

void open_file(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
  file->direct_io = 1;  // no page cache under the loop device
  file->noflush = 1;
  fuse_reply_open(request, file);
}

bool within(off_t offset, std::size_t octets) {
  const auto from = static_cast<std::size_t>(offset);
  return offset >= 0 && from <= image.size() && octets <= image.size() - from;
}

void read_file(fuse_req_t request, fuse_ino_t inode, std::size_t octets, off_t offset,
               fuse_file_info*) {
  if (inode != kDisk || !within(offset, 0)) {
    fuse_reply_buf(request, nullptr, 0);
    return;
  }
  const auto from = static_cast<std::size_t>(offset);
  fuse_reply_buf(request, &image[from], std::min(octets, image.size() - from));
}

void write_file(fuse_req_t request, fuse_ino_t inode, const char* data, std::size_t octets,
                off_t offset, fuse_file_info*) {
  if (inode == kMark) {
    record({.op = BlockOp::mark}, {data, octets});
  } else if (within(offset, octets)) {
    const auto at = static_cast<std::uint64_t>(offset);
    std::memcpy(&image[at], data, octets);
    record({.op = BlockOp::write, .offset = at}, {data, octets});
  } else {
    fuse_reply_err(request, ENOSPC);
    return;
  }
  fuse_reply_write(request, octets);
}

void sync_file(fuse_req_t request, fuse_ino_t inode, int, fuse_file_info*) {
  if (inode == kDisk) record({.op = BlockOp::flush});
  fuse_reply_err(request, 0);
}

void allocate(fuse_req_t request, fuse_ino_t inode, int, off_t offset, off_t octets,
              fuse_file_info*) {
  if (inode != kDisk || octets < 0 || !within(offset, static_cast<std::size_t>(octets))) {
    fuse_reply_err(request, EINVAL);
    return;
  }
  const auto at = static_cast<std::uint64_t>(offset);
  const auto length = static_cast<std::uint64_t>(octets);
  std::memset(&image[at], 0, length);
  record({.op = BlockOp::zero, .offset = at, .zero_octets = length});
  fuse_reply_err(request, 0);
}

void begin(void*, fuse_conn_info* connection) {
  connection->max_write = kMaxWrite;
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_WRITEBACK_CACHE);
}

fuse_lowlevel_ops operations() {
  fuse_lowlevel_ops ops{};
  ops.init = begin;
  ops.lookup = look_up;
  ops.getattr = get_attributes;
  ops.setattr = set_attributes;
  ops.open = open_file;
  ops.read = read_file;
  ops.write = write_file;
  ops.fsync = sync_file;
  ops.fallocate = allocate;
  return ops;
}

std::span<char> memory(std::size_t octets, int flags, int fd) {
  void* at = ::mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | flags, fd, 0);
  if (at == MAP_FAILED) die("mmap");
  return {static_cast<char*>(at), octets};
}

// Everything that serving touches is in memory before it begins; of a sparse image only what is
// there, since faulting in its holes would cost seconds.
void load_image(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  struct stat st{};
  if (fd < 0 || ::fstat(fd, &st) != 0) die(path);
  image = memory(static_cast<std::size_t>(st.st_size), 0, fd);
  log_room = memory(kLogRoom, MAP_ANONYMOUS, -1);
  for (std::size_t at = 0; at < log_room.size(); at += 4096) log_room[at] = 0;
}

void save_log(const char* path) {
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) die(path);
  for (std::size_t at = 0; at < log_end;) {
    const ssize_t n = ::write(fd, &log_room[at], log_end - at);
    if (n < 0) die(path);
    at += static_cast<std::size_t>(n);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  if (arguments.size() != 5) {
    std::fputs("usage: blkrec MOUNTPOINT BASE LOG SECONDS\n", stderr);
    return 100;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  load_image(arguments[2]);
  char name[] = "blkrec";
  char* words[] = {name, nullptr};
  fuse_args args = FUSE_ARGS_INIT(1, words);
  const fuse_lowlevel_ops ops = operations();
  fuse_session* session = fuse_session_new(&args, &ops, sizeof ops, nullptr);
  if (session == nullptr || fuse_set_signal_handlers(session) != 0) return 111;
  if (fuse_session_mount(session, arguments[1]) != 0) return 111;
  ::alarm(static_cast<unsigned>(std::atoi(arguments[4])));  // the default action: it dies
  fuse_session_loop(session);
  fuse_session_unmount(session);
  fuse_session_destroy(session);
  fuse_opt_free_args(&args);
  save_log(arguments[3]);
  return 0;
}
