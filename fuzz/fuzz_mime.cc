// The parts of a message: any octets. Held to:
//   - every part lies in the message, its body after its header, and in the part that holds it;
//   - parts come in order, none deeper than the limit, and only what holds parts has any;
//   - all of it costs steps in proportion to the text and the depth;
//   - parts put between delimiters are found again.

#include <string>
#include <vector>

#include "fuzz/property.h"
#include "libmail/mime.h"

namespace {

using namespace porpoise::mail;
using namespace porpoise::fuzz;

bool is_in(std::string_view inner, std::string_view outer) {
  return inner.empty() || (inner.data() >= outer.data() &&
                           inner.data() + inner.size() <= outer.data() + outer.size());
}

void check_walk(std::string_view message) {
  const Cost cost(message.size(), 20 + 8 * kMaxMimeDepth);
  std::vector<MimePart> above;
  const char* last = message.data();
  MimeWalker walker(message);
  for (MimePart part; walker.next(part);) {
    require(part.depth <= kMaxMimeDepth && part.depth <= above.size());
    require(is_in(part.header, message) && is_in(part.body, message));
    require(part.header.empty() || part.body.empty() ||
            part.header.data() + part.header.size() <= part.body.data());
    above.resize(part.depth);
    if (!above.empty()) {
      require(above.back().kind != MimePart::Kind::leaf);
      require(is_in(part.header, above.back().body) && is_in(part.body, above.back().body));
    }
    if (!part.header.empty()) {
      require(part.header.data() >= last);
      last = part.header.data();
    }
    require(!part.too_deep || (part.kind == MimePart::Kind::leaf && part.depth == kMaxMimeDepth));
    above.push_back(part);
  }
  require(!walker.next(above.front()));
}

// The text as two parts of a multipart, between delimiters that it does not hold.
void check_found(std::string_view text) {
  const std::string boundary = "fuzz-b0undary";
  if (text.find(boundary) != std::string_view::npos) return;
  for (const std::string_view eol : {"\n", "\r\n"}) {
    if (eol == "\n" && text.ends_with('\r')) continue;  // half of a line end, then
    const std::string line = std::string(eol) + "--" + boundary;
    std::string message = "Content-Type: multipart/mixed; boundary=" + boundary;
    message.append(eol).append(line).append(eol).append(eol).append(text);
    message.append(line).append(eol).append(eol).append(text);
    message.append(line).append("--").append(eol).append(text);
    std::size_t found = 0;
    MimeWalker walker(message);
    for (MimePart part; walker.next(part);) {
      if (part.depth == 0) require(part.kind == MimePart::Kind::multipart);
      if (part.depth != 1) continue;
      require(part.header.empty());
      require(part.body == text);
      ++found;
    }
    require(found == 2);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  check_walk(view_of(data, size));
  check_found(view_of(data, size));
  return 0;
}
