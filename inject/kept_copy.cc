#include "inject/kept_copy.h"

#include <cerrno>

#include "posix/clock.h"
#include "posix/file.h"

namespace porpoise::inject {

KeptCopy::KeptCopy(std::string path) : path_(std::move(path)) {
  const std::size_t slash = path_.rfind('/');
  folder_name_ = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
  name_ = slash == std::string::npos ? path_ : path_.substr(slash + 1);
  good_ = begin();
}

Result<> KeptCopy::begin() {
  if (name_.empty() || name_ == "." || name_ == "..") return permanent("\"{}\" is no file", path_);
  Result<posix::UniqueFd> folder = posix::open_folder(posix::kHere, folder_name_);
  if (!folder) return failed(folder);
  folder_ = std::move(*folder);
  auto file = posix::DurableFile::begin(
      folder_.get(), fmt::format(".{}.{:016x}", name_, posix::random_bits()), 0600);
  if (!file) return failed(file);
  file_ = std::move(*file);
  return {};
}

void KeptCopy::keep(std::string_view octets) {
  if (good_ && !octets.empty()) good_ = posix::write_all(file_->fd(), octets, path_);
}

Result<std::string> KeptCopy::save() {
  if (!good_) return failed(good_);
  for (int i = 0; i <= kMostCopies; ++i) {
    const std::string end = i == 0 ? "" : fmt::format(".{}", i);
    Result<> done = std::move(*file_).commit(folder_.get(), name_ + end, folder_name_);
    if (done) return path_ + end;
    if (done.error().sys != EEXIST) return failed(done);
  }
  return permanent("{}: there are too many of them", path_);
}

}  // namespace porpoise::inject
