// raw: the least a durable delivery can cost on this disk, to hold Porpoise's figures against.
//
//   raw COUNT WRITERS FOLDER FILE      COUNT messages by WRITERS processes into FOLDER
//
// For each message: FILE's octets into tmp/, fsync, link into new/, fsync new/, unlink. Prints
// "COUNT messages, SECONDS s, RATE messages/s".

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

[[noreturn]] void die(const char* what) {
  perror(what);
  _exit(111);
}

void deliver(int tmp, int fresh, const std::string& name, const std::string& text) {
  const int fd = openat(tmp, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) die("creating");
  if (write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) die("writing");
  if (fsync(fd) != 0) die("syncing");
  close(fd);
  if (linkat(tmp, name.c_str(), fresh, name.c_str(), 0) != 0) die("linking");
  if (fsync(fresh) != 0) die("syncing the folder");
  if (unlinkat(tmp, name.c_str(), 0) != 0) die("unlinking");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: raw COUNT WRITERS FOLDER FILE\n");
    return 100;
  }
  const int count = atoi(argv[1]);
  const int writers = atoi(argv[2]);
  const std::string folder = argv[3];
  std::ifstream file(argv[4], std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  mkdir((folder + "/tmp").c_str(), 0700);
  mkdir((folder + "/new").c_str(), 0700);
  const int tmp = open((folder + "/tmp").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int fresh = open((folder + "/new").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (count < 1 || writers < 1 || text.empty() || tmp < 0 || fresh < 0) die("raw: setting up");

  const auto begun = std::chrono::steady_clock::now();
  for (int w = 0; w < writers; ++w) {
    if (fork() != 0) continue;
    for (int i = w; i < count; i += writers) deliver(tmp, fresh, std::to_string(i), text);
    _exit(0);
  }
  for (int status; wait(&status) > 0;) {
    if (status != 0) return 111;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  printf("%d messages, %.3f s, %.1f messages/s\n", count, took.count(), count / took.count());
}
