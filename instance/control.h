// Control files: config as data, one value or one list a file (reference sections 0.3 and 12).

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libmail/result.h"

namespace porpoise {

inline constexpr std::size_t kMaxControlOctets = 16 << 20;  ///< of one control file

/// Reads files of one folder. A missing file (ENOENT) is "not set"; any other failure is a
/// temporary error that names the file. Nothing is cached: a corrected file counts at once.
///
/// What a text means is libmail/control_file.h's to say; its errors are temporary here, too.
class Control {
 public:
  /// `folder` is lent (the instance's descriptor); files are under `prefix` ("control/").
  explicit Control(int folder, std::string prefix = "control/")
      : folder_(folder), prefix_(std::move(prefix)) {}

  Result<std::optional<std::string>> text(const std::string& name) const;  ///< whole file
  Result<std::optional<std::string>> line(const std::string& name) const;  ///< first line
  Result<std::string> line_or(const std::string& name, std::string otherwise) const;
  Result<std::string> line_or_me(
      const std::string& name) const;  ///< else control/me, else "localhost"
  Result<std::int64_t> number_or(const std::string& name, std::int64_t otherwise) const;

  /// Entries of a list file: '#' lines and empty lines skipped, blanks around entries stripped.
  /// `set` tells a missing file from an empty one.
  struct List {
    bool set = false;
    std::vector<std::string> entries;
    std::vector<std::size_t> lines{};  ///< of each entry, from 1
  };
  Result<List> list(const std::string& name) const;

 private:
  int folder_;
  std::string prefix_;
};

/// ASCII lower case; other octets unchanged.
std::string ascii_lower(std::string_view text);
bool ascii_equal(std::string_view a, std::string_view b);  ///< without regard to ASCII case

}  // namespace porpoise
