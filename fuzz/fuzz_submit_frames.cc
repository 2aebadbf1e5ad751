// The frames of run/submit: any octets from a client, or from a server. Held to:
//   - what is heard does not depend on where the pieces split, and is told in order: hello,
//   content,
//     commit, each commit after a whole envelope frame; a fault is one printable line and stays;
//   - all content and envelope that is told was in the input, and nothing is taken beyond the
//   commit;
//   - a hello and an answer that can be read are written the same again;
//   - a message made of the input, put into frames, comes out as it went in;
//   - the cost is in proportion to the octets.

#include <algorithm>
#include <string>

#include "fuzz/property.h"
#include "queue/frames.h"

namespace {

using namespace porpoise;
using namespace porpoise::fuzz;
using namespace porpoise::queue;
using What = FrameReader::What;

struct Heard {
  bool hello = false, commit = false, fault = false;
  std::size_t taken = 0;
  std::string content, envelope, text;
  Hello said;
};

Heard hear(std::string_view octets, bool in_pieces) {
  FrameReader reader;
  Heard heard;
  while (heard.taken < octets.size() && !heard.commit && !heard.fault) {
    const std::string_view rest = octets.substr(heard.taken);
    const std::size_t size = in_pieces ? 1 + static_cast<unsigned char>(rest[0]) % 5 : rest.size();
    const FrameReader::Step step = reader.next(rest.substr(0, size));
    heard.taken += step.taken;
    require(step.what == What::fault || step.taken > 0);
    if (step.what == What::hello) {
      require(!heard.hello && heard.content.empty());
      heard.hello = true;
      heard.said = reader.hello();
    }
    if (step.what == What::content) {
      require(heard.hello && !step.content.empty());
      heard.content += step.content;
    }
    heard.commit = step.what == What::commit;
    heard.fault = step.what == What::fault;
  }
  if (heard.commit) {
    require(heard.hello && reader.envelope_octets() > 0);
    heard.envelope = reader.take_envelope();
  }
  if (heard.fault) {
    heard.text = reader.fault().text;
    require(is_line(heard.text) &&
            fate_of(static_cast<int>(reader.fault().code)) == Fate::temporary);
    require(reader.next("H\3\0\0").what == What::fault);
  }
  return heard;
}

bool same(const Hello& a, const Hello& b) {
  return encode(a).value() == encode(b).value() && a.received_note == b.received_note &&
         a.received.has_value() == b.received.has_value();
}

void check_answer(std::string_view octets) {
  const std::optional<Answer> answer = decode_answer(octets);
  if (!answer) return;
  require(answer->code >= 0 && answer->code < 256);
  const std::string written = encode(*answer);
  const std::optional<Answer> again = decode_answer(written);
  require(again && encode(*again) == written);
}

std::string framed(std::string_view content, std::string_view envelope, std::size_t piece) {
  std::string all = encode(Hello{}).value();
  for (; !content.empty(); content.remove_prefix(std::min(piece, content.size()))) {
    const std::string_view part = content.substr(0, piece);
    all += frame_head(Frame::content, part.size());
    all += part;
  }
  all += frame_head(Frame::envelope, envelope.size());
  all += envelope;
  return all + frame_head(Frame::commit, 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view octets = view_of(data, size);
  const Heard whole = [&] {
    const Cost cost(octets.size());
    return hear(octets, false);
  }();
  const Heard pieces = hear(octets, true);
  require(whole.hello == pieces.hello && whole.commit == pieces.commit &&
          whole.fault == pieces.fault && whole.taken == pieces.taken);
  require(whole.content == pieces.content && whole.envelope == pieces.envelope &&
          whole.text == pieces.text);
  require(whole.content.size() + whole.envelope.size() <= whole.taken);
  if (whole.hello) {
    const auto written = encode(whole.said);
    require(!written ||
            same(*decode_hello(std::string_view(*written).substr(kFrameHead)), whole.said));
  }
  check_answer(octets);

  if (octets.size() < 3) return 0;
  const std::size_t piece = 1 + static_cast<unsigned char>(octets[0]);
  const std::size_t middle = 1 + static_cast<unsigned char>(octets[1]) % (octets.size() - 2);
  const std::string made =
      framed(octets.substr(0, middle), octets.substr(middle).substr(0, kMaxFrame), piece);
  const Heard again = hear(made + "behind", true);
  require(again.commit && again.taken == made.size());
  require(again.content == octets.substr(0, middle) &&
          again.envelope == octets.substr(middle).substr(0, kMaxFrame));
  return 0;
}
