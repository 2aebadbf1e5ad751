// A folder for the targets whose subject is a file.

#pragma once

#include <cstdlib>
#include <stdlib.h>
#include <unistd.h>

#include "posix/test_folder.h"

namespace porpoise::fuzz {

/// The one of this process, gone at its end; where syncs cost nothing, if there is such a place.
inline posix::TestFolder& scratch() {
  static posix::TestFolder* made = [] {
    if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 0);
    return new posix::TestFolder;
  }();
  static const int at_exit = std::atexit([] { delete made; });
  (void)at_exit;
  return *made;
}

}  // namespace porpoise::fuzz
