// For tests: a folder that goes away with the test.

#pragma once

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdlib.h>
#include <string>

#include "posix/file.h"

namespace porpoise::posix {

class TestFolder {
 public:
  TestFolder() {
    std::string room = (std::filesystem::temp_directory_path() / "porpoise-XXXXXX").string();
    path_ = ::mkdtemp(room.data());
    fd_ = open_folder(kHere, path_).value();
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  int fd() const { return fd_.get(); }

  UniqueFd make_folder(const std::string& name) const {
    std::filesystem::create_directories(path(name));
    return open_folder(kHere, path(name)).value();
  }
  std::string text(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(path(name), std::ios::binary).rdbuf();
    return text.str();
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary | std::ios::trunc) << text;
  }
  /// What is in folder `name`, or in this one.
  std::set<std::string> names(const std::string& name = ".") const {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path(name))) {
      found.insert(entry.path().filename());
    }
    return found;
  }

 private:
  std::string path_;
  UniqueFd fd_;
};

}  // namespace porpoise::posix
