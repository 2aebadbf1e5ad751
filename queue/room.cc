#include "queue/room.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>
#include <sys/statvfs.h>
#include <vector>

#include "instance/control.h"
#include "libmail/number.h"
#include "posix/error.h"
#include "posix/program.h"

namespace porpoise::queue {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  constexpr std::string_view kBlanks = " \t";
  for (std::size_t at = 0; (at = text.find_first_not_of(kBlanks, at)) != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

// "2.5%" without its sign.
std::optional<Least> percentage(std::string_view text) {
  const std::size_t dot = std::min(text.find('.'), text.size());
  const auto whole = number_in<std::uint64_t>(text.substr(0, dot));
  if (!whole || *whole > 100) return std::nullopt;
  std::string digits(text.substr(std::min(dot + 1, text.size())));
  if (dot < text.size() && (digits.empty() || digits.size() > 2)) return std::nullopt;
  digits.resize(2, '0');
  const auto rest = number_in<std::uint64_t>(digits);
  if (!rest || *whole * 100 + *rest > 10'000) return std::nullopt;
  return Least{.hundredths = *whole * 100 + *rest};
}

std::optional<Least> least(std::string_view word, bool with_units) {
  if (word.ends_with('%')) return percentage(word.substr(0, word.size() - 1));
  constexpr std::string_view kUnits = "KMGT";
  const std::size_t unit = word.empty() ? std::string_view::npos : kUnits.find(word.back());
  if (!with_units || unit == std::string_view::npos) {
    const auto count = number_in<std::uint64_t>(word);
    return count ? std::optional(Least{.count = *count}) : std::nullopt;
  }
  const auto count = number_in<std::uint64_t>(word.substr(0, word.size() - 1));
  const std::uint64_t factor = std::uint64_t{1} << (10 * (unit + 1));
  if (!count || *count > kMost / factor) return std::nullopt;
  return Least{.count = *count * factor};
}

tl::unexpected<Error> no_room(std::uint64_t left, std::uint64_t wanted, std::string_view of_what) {
  return tl::make_unexpected(
      Error{Fate::temporary,
            fmt::format("the disk has {} {} left, and control/minfree wants {} kept free", left,
                        of_what, wanted),
            ENOSPC});
}

}  // namespace

std::uint64_t Least::of(std::uint64_t whole) const {
  if (hundredths == 0) return count;
  return whole / 10'000 * hundredths + whole % 10'000 * hundredths / 10'000;
}

Result<MinFree> MinFree::parse(std::string_view text) {
  const std::vector<std::string_view> words = words_of(text);
  const auto octets = words.empty() ? std::nullopt : least(words[0], true);
  const auto inodes = words.size() < 2 ? std::optional(MinFree().inodes) : least(words[1], false);
  if (octets && inodes && words.size() <= 2) return MinFree{.octets = *octets, .inodes = *inodes};
  return temporary("\"{}\": want OCTETS [INODES], each a number or a percentage",
                   posix::printable(text));
}

Result<MinFree> MinFree::load(int instance) {
  Result<std::optional<std::string>> line = Control(instance).line("minfree");
  if (!line) return failed(line);
  if (!*line) return MinFree();
  Result<MinFree> parsed = parse(**line);
  if (!parsed) return temporary("control/minfree: {}", parsed.error().text);
  return parsed;
}

Result<> MinFree::check(int folder) const {
  struct statvfs fs;
  if (::fstatvfs(folder, &fs) != 0) return posix::system_error(errno, "looking at the disk");
  const std::uint64_t left = std::uint64_t{fs.f_bavail} * fs.f_frsize;
  const std::uint64_t wanted = octets.of(std::uint64_t{fs.f_blocks} * fs.f_frsize);
  if (left < wanted) return no_room(left, wanted, "octets");
  const std::uint64_t wanted_inodes = inodes.of(fs.f_files);
  if (fs.f_files > 0 && fs.f_favail < wanted_inodes) {
    return no_room(fs.f_favail, wanted_inodes, "inodes");
  }
  return {};
}

}  // namespace porpoise::queue
