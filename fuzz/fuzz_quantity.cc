// Numbers, times and sizes: any octets. Held to: what is read keeps its limit and is printed as
// text that is read as the same; digits are read as what they say; an error is one printable line.

#include <string>

#include "fuzz/property.h"
#include "libmail/quantity.h"

namespace {

using namespace porpoise::mail;
using namespace porpoise::fuzz;
using std::chrono::seconds;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text = view_of(data, size);
  const Cost cost(text.size(), 20);
  if (const auto number = parse_digits(text)) {
    std::string_view digits = text;
    while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
    require(std::to_string(*number) == digits);
    require(parse_time(text, seconds::max()).has_value() == (*number <= INT64_MAX));
    require(parse_size(text) == *number);
    if (*number > 0) require(!parse_digits(text, *number - 1));
  }
  for (const seconds most : {seconds(0), seconds(86400), seconds::max()}) {
    const auto time = parse_time(text, most);
    if (time) {
      require(*time >= seconds(0) && *time <= most);
      require(parse_time(print_time(*time)) == *time);
    } else {
      require(is_line(time.error().text) && time.error().text.size() < 200);
    }
  }
  for (const std::uint64_t most : {std::uint64_t{0}, std::uint64_t{1} << 20, UINT64_MAX}) {
    const auto octets = parse_size(text, most);
    if (octets) {
      require(*octets <= most);
      require(parse_size(print_size(*octets)) == *octets);
    } else {
      require(is_line(octets.error().text) && octets.error().text.size() < 200);
    }
  }
  return 0;
}
