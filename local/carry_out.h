// A local delivery from its beginning to its exit code: the order of work of reference section
// 7.1, with the notes that keep a retry from repeating a line.

#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "libmail/result.h"
#include "local/environment.h"
#include "maildir/deliver.h"

namespace porpoise::local {

struct Settings {
  bool only_show = false;  ///< -n: say what would be done, read no message
  bool explain = false;    ///< and of which dot-file and line it is
  int message = 0;         ///< a regular file, from its beginning
  std::chrono::seconds program_limit{3600};
  std::chrono::milliseconds lock_patience{30'000};
  std::optional<std::string> instance;  ///< an absolute path: where forwards are queued
  std::string earlier;                  ///< the last progress note of the attempt before, or ""
  int note_fd = -1;                     ///< where progress notes are written, or -1
  std::int64_t wall_us = 0;
  std::string program_folder;
  maildir::World maildir_world;
};

/// Goes to the home folder and carries out the dot-file. What there is to say goes to descriptors
/// 1 and 2, which are the delivery's report. Gives the exit code 0, 100 or 111; an error is a text
/// that still has to be said, and its fate the exit code.
Result<int> carry_out(const Delivery& delivery, const Settings& settings);

}  // namespace porpoise::local
