// Taking the dots off a message after DATA and finding its end, beside copying it.
//
//   unstuff [ROUNDS]
//
// 64 MB of ordinary mail in wire form: text of 40 to 78 octets a line, paragraphs, quoted lines, an
// attachment in base64 as every other message has one, a dot at the start of a line now and then.
// It is read in pieces of 64 KB, as a session does, into room that is used again. Prints a line of
// figures beside a memcpy of the whole, which is the target, and a second one beside a memcpy in
// the same pieces, most of which never leaves the cache.

#include <cstring>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "libmail/dot_stuffing.h"

namespace {

using namespace porpoise;

constexpr std::size_t kOctets = 64u << 20;
constexpr std::size_t kPiece = 64u << 10;

// The same in each run.
std::string ordinary_mail() {
  unsigned random = 1;
  const auto below = [&random](unsigned limit) {
    random = random * 1664525u + 1013904223u;
    return (random >> 16) % limit;
  };
  const auto words = [&](std::string& line, std::size_t octets) {
    while (line.size() < octets) {
      line += static_cast<char>(below(6) == 0 ? ' ' : 'a' + below(26));
    }
  };
  std::string mail;
  mail.reserve(kOctets + 1024);
  for (unsigned lines = 0; mail.size() < kOctets; ++lines) {
    std::string line;
    if (lines % 800 >= 400) {  // base64
      while (line.size() < 76) line += static_cast<char>('A' + below(26) + (below(2) ? 32 : 0));
    } else if (below(8) == 0) {
      // an empty line
    } else {
      if (below(10) == 0) line = "> ";
      if (below(200) == 0) line = "..";
      words(line, 40 + below(39));
    }
    mail += line + "\r\n";
  }
  return mail + ".\r\n";
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 20;
  const std::string mail = ordinary_mail();
  std::string stored;
  std::vector<char> piece(kPiece), whole(mail.size());
  std::uint64_t octets = 0;
  bool done = false;
  const auto unstuff = [&] {
    mail::DotReader reader;
    for (std::string_view rest = mail; !rest.empty() && !reader.done();) {
      stored.clear();
      rest.remove_prefix(reader.feed(rest.substr(0, kPiece), stored));
      bench::keep(stored[0]);
    }
    octets = reader.octets();
    done = reader.done();
  };
  const auto copy_pieces = [&] {
    for (std::string_view rest = mail; !rest.empty();) {
      const std::size_t n = std::min(rest.size(), kPiece);
      std::memcpy(piece.data(), rest.data(), n);
      bench::keep(piece[0]);
      rest.remove_prefix(n);
    }
  };
  const auto copy_whole = [&] {
    std::memcpy(whole.data(), mail.data(), mail.size());
    bench::keep(whole[0]);
  };
  const auto megabytes = static_cast<double>(mail.size()) / 1e6;
  bench::print("dot-unstuffing", bench::best_of(rounds, unstuff, copy_whole), "memcpy", megabytes,
               "MB");
  bench::print("dot-unstuffing", bench::best_of(rounds, unstuff, copy_pieces), "memcpy in pieces",
               megabytes, "MB");
  if (!done || octets == 0) {
    std::fprintf(stderr, "unstuff: the end was not found\n");
    return 1;
  }
  return 0;
}
