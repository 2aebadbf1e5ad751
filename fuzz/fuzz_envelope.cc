// The envelope of the queue protocol: any octets. Held to:
//   - what is read does not depend on where the pieces split, keeps its limits, and is encoded as
//     the same octets again; nothing behind its end is taken;
//   - a fault is one printable line;
//   - VERP rewrites a sender only where its mark says so, and never loses the recipient;
//   - the cost is in proportion to the octets.

#include <string>

#include "fuzz/property.h"
#include "libmail/envelope.h"

namespace {

using namespace porpoise::mail;
using namespace porpoise::fuzz;

constexpr EnvelopeLimits kLimits{
    .address_octets = 50, .parameter_octets = 40, .total_octets = 1000, .records = 20};

struct Read {
  std::size_t taken = 0;
  bool done = false;
  EnvelopeDecoder::Fault fault{};
  std::string text;
  Envelope envelope;
};

Read read(std::string_view octets, bool in_pieces) {
  EnvelopeDecoder decoder(kLimits);
  Read result;
  while (result.taken < octets.size()) {
    const std::string_view rest = octets.substr(result.taken);
    const std::size_t size = in_pieces ? 1 + static_cast<unsigned char>(rest[0]) % 5 : rest.size();
    const std::string_view piece = rest.substr(0, size);
    const std::size_t n = decoder.feed(piece);
    result.taken += n;
    if (n < piece.size() || decoder.done()) break;
  }
  result.done = decoder.done();
  result.fault = decoder.fault();
  result.text = decoder.fault_text();
  if (result.done) result.envelope = std::move(decoder).finish();
  return result;
}

void check_verp(const std::string& sender, const std::string& recipient) {
  const std::string expanded = verp_sender(sender, recipient);
  if (!sender.ends_with("-@[]")) require(expanded == sender);
  if (expanded == sender) return;
  std::string inside = recipient;
  inside[inside.rfind('@')] = '=';
  require(expanded.find(inside) != std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view octets = view_of(data, size);
  const Read whole = [&] {
    const Cost cost(octets.size());
    return read(octets, false);
  }();
  const Read pieces = read(octets, true);
  require(whole.done == pieces.done && whole.fault == pieces.fault && whole.text == pieces.text);
  require((whole.fault == EnvelopeDecoder::Fault::none) == whole.text.empty());
  if (!whole.text.empty()) require(is_line(whole.text) && !whole.done);
  if (!whole.done) return 0;

  require(whole.taken == pieces.taken);
  require(whole.envelope.recipients.size() < kLimits.records);
  const auto again = encode(whole.envelope);
  require(again && *again == octets.substr(0, whole.taken));
  require(read(*again, true).taken == whole.taken);
  const auto bare = encode(whole.envelope, false);
  require(bare && bare->size() <= again->size());
  for (const Recipient& recipient : whole.envelope.recipients) {
    require(recipient.address.size() <= kLimits.address_octets);
    check_verp(whole.envelope.sender, recipient.address);
  }
  return 0;
}
