// predate(1): runs a program with a Date in local time before the message it reads.

#include <time.h>
#include <unistd.h>

#include "libmail/date.h"
#include "libmail/header.h"
#include "posix/clock.h"
#include "posix/fed_program.h"
#include "posix/file.h"
#include "posix/options.h"
#include "posix/program.h"

using namespace porpoise;

namespace {

constexpr const char* kUsage = "usage: predate program [argument ...]";

// Minutes east of UTC here and now, rounded: a zone of a header has no seconds.
int zone_minutes(std::int64_t seconds) {
  const time_t now = seconds;
  struct tm local = {};
  ::tzset();
  if (::localtime_r(&now, &local) == nullptr) return 0;
  const long half = local.tm_gmtoff < 0 ? -30 : 30;
  return static_cast<int>((local.tm_gmtoff + half) / 60);
}

std::string date_field() {
  const std::int64_t now = posix::wall_us() / 1'000'000;
  return fmt::format("Date: {}\n", mail::print_date(now, zone_minutes(now)));
}

bool has_date(const mail::Header& header) {
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header.field(i).known == mail::FieldName::date) return true;
  }
  return false;
}

// What was read of standard input to know the header, with a Date before it where it has none. A
// header beyond its limits passes as it is.
Result<std::string> dated_opening() {
  mail::HeaderReader reader;
  std::string text;
  char room[65536];
  while (!reader.done()) {
    Result<std::size_t> n = posix::read_some(STDIN_FILENO, room, "standard input");
    if (!n) return temporary("{}", n.error().text);
    if (*n == 0) break;
    text.append(room, *n);
    reader.feed({room, *n});
  }
  const Result<mail::Header> header = std::move(reader).finish();
  return header && !has_date(*header) ? date_field() + text : text;
}

Result<int> run(int argc, char** argv) {
  posix::Options options(kUsage);
  auto command = options.read(argc, argv);
  if (!command) return failed(command);
  if (!*command) return 0;
  if ((*command)->empty()) return options.wrong();
  Result<std::string> opening = dated_opening();
  if (!opening) return failed(opening);
  Result<int> code = posix::run_fed(**command, *opening);
  if (!code) return temporary("{}", code.error().text);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("predate", [&] { return run(argc, argv); });
}
