// Dot-stuffing: any octets, as what comes over the wire and as what is stored. Held to:
//   - the text ends where a search for CRLF "." CRLF finds it, and nowhere else;
//   - the first bare CR or LF is the one that a search finds;
//   - neither reader nor writer depends on where the pieces split; both count alike;
//   - what is written for SMTP has no CR or LF but in CRLF and no end but its own, and is read back
//     as the same lines; what is written for POP3 differs only in bare CRs;
//   - the cost is in proportion to the octets.

#include <algorithm>
#include <string>

#include "fuzz/property.h"
#include "libmail/dot_stuffing.h"
#include "libmail/wire_text.h"

namespace {

using namespace porpoise::mail;
using namespace porpoise::fuzz;

// The size of the next piece.
std::size_t piece_of(std::string_view octets, bool in_pieces) {
  return in_pieces ? 1 + static_cast<unsigned char>(octets[0]) % 40 : octets.size();
}

struct Read {
  std::string stored;
  std::size_t taken = 0;
  std::uint64_t octets = 0;
  std::optional<DotReader::Bare> bare;
  bool done = false;
};

Read read(std::string_view wire, bool in_pieces) {
  const Cost cost(wire.size());
  DotReader reader;
  Read result;
  while (result.taken < wire.size() && !reader.done()) {
    const std::string_view rest = wire.substr(result.taken);
    const std::string_view piece = rest.substr(0, piece_of(rest, in_pieces));
    const std::size_t before = result.stored.size();
    const std::size_t n = reader.feed(piece, result.stored);
    require(n == piece.size() || reader.done());
    require(result.stored.size() <= before + piece.size() + 1);
    result.taken += n;
  }
  result.octets = reader.octets();
  result.bare = reader.first_bare();
  result.done = reader.done();
  return result;
}

// The same by searching.
Read searched(std::string_view wire) {
  const std::string whole = "\r\n" + std::string(wire);
  const std::size_t end = whole.find("\r\n.\r\n");
  Read result;
  result.done = end != std::string::npos;
  result.taken = result.done ? end + 3 : wire.size();
  for (std::size_t i = 2; i < result.taken + 2; ++i) {
    const bool bare_lf = whole[i] == '\n' && (i == 2 || whole[i - 1] != '\r');
    // What follows a CR at the very end is not known yet.
    const bool bare_cr = whole[i] == '\r' && i + 1 < whole.size() && whole[i + 1] != '\n';
    if (!bare_lf && !bare_cr) continue;
    result.bare = DotReader::Bare{whole[i], i - 2};
    break;
  }
  return result;
}

void check_read(std::string_view wire) {
  const Read whole = read(wire, false), pieces = read(wire, true), naive = searched(wire);
  require(whole.stored == pieces.stored && whole.octets == pieces.octets);
  for (const Read& each : {whole, pieces}) {
    require(each.done == naive.done && each.taken == naive.taken);
    require(each.bare.has_value() == naive.bare.has_value());
    if (each.bare)
      require(each.bare->at == naive.bare->at && each.bare->octet == naive.bare->octet);
  }
  // Without anything bare, the stored form has LF at the end of each line and CR nowhere.
  if (!whole.bare) require(whole.stored.find('\r') == std::string::npos);
  const auto lines = static_cast<std::uint64_t>(std::ranges::count(whole.stored, '\n'));
  require(whole.octets <= whole.stored.size() + lines);
  if (!whole.bare) require(whole.octets == whole.stored.size() + lines);
}

std::string write(std::string_view stored, BareCr bare_cr, bool in_pieces) {
  const Cost cost(stored.size());
  WireText writer(bare_cr);
  std::string wire;
  while (!stored.empty()) {
    const std::size_t size = std::min(piece_of(stored, in_pieces), stored.size());
    writer.encode(stored.substr(0, size), wire);
    stored.remove_prefix(size);
  }
  writer.finish(&wire);
  return wire;
}

std::uint64_t count(std::string_view stored, BareCr bare_cr) {
  WireText writer(bare_cr);
  while (!stored.empty()) {
    const std::size_t size = std::min(piece_of(stored, true), stored.size());
    writer.count(stored.substr(0, size));
    stored.remove_prefix(size);
  }
  writer.finish();
  return writer.octets();
}

// The lines of a text, whatever ends them, in stored form.
std::string lines_of(std::string_view text) {
  std::string lines;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && i > 0 && text[i - 1] == '\r') continue;
    lines += text[i] == '\r' ? '\n' : text[i];
  }
  if (!lines.empty() && lines.back() != '\n') lines += '\n';
  return lines;
}

void check_written(std::string_view stored) {
  const std::string wire = write(stored, BareCr::to_crlf, false);
  require(write(stored, BareCr::to_crlf, true) == wire);
  for (std::size_t i = 0; i < wire.size(); ++i) {
    if (wire[i] == '\r') require(i + 1 < wire.size() && wire[i + 1] == '\n');
    if (wire[i] == '\n') require(i > 0 && wire[i - 1] == '\r');
  }
  const std::string sent = wire + std::string(kEndOfText);
  const Read back = read(sent, false);
  require(back.done && back.taken == sent.size() && !back.bare);
  require(back.stored == lines_of(stored));
  require(back.octets == count(stored, BareCr::to_crlf));

  const std::string kept = write(stored, BareCr::kept, false);
  require(write(stored, BareCr::kept, true) == kept);
  const Read client = read(kept + std::string(kEndOfText), false);
  require(client.done && client.taken == kept.size() + kEndOfText.size());
  require(client.octets == count(stored, BareCr::kept));
  require(lines_of(client.stored) == lines_of(stored) || stored.find('\r') != std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view octets = view_of(data, size);
  check_read(octets);
  check_written(octets);
  return 0;
}
