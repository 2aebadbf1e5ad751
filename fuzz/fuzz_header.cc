// Headers: any octets. Held to:
//   - HeaderReader says the same however its input is split, and FieldSplitter agrees with it;
//   - so does TraceScan, whose hops are the fields of these names;
//   - no octet is lost: fields, line ends and body are the message;
//   - unfold(fold(x)) is x, no line has more than 998 octets, and 78 are enough where words are
//   short;
//   - any UTF-8 text comes back from the field that print_unstructured() makes;
//   - what is read out of a Received field lies in it;
//   - all of it costs steps in proportion to the text.

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/property.h"
#include "libmail/encoded_word.h"
#include "libmail/field_splitter.h"
#include "libmail/fold.h"
#include "libmail/header.h"
#include "libmail/received.h"
#include "libmail/reply.h"
#include "libmail/trace.h"
#include "libmail/utf8.h"

namespace {

using namespace porpoise;
using namespace porpoise::mail;
using namespace porpoise::fuzz;

struct Read {
  Header header;
  std::string rest;  // what the reader left
};

// Pieces of `piece` octets; 0: all at once.
Read read(std::string_view text, std::size_t piece) {
  const Cost cost(text.size());
  HeaderReader reader;
  std::string_view rest = text;
  while (!reader.done() && !rest.empty()) {
    rest.remove_prefix(reader.feed(piece == 0 ? rest : rest.substr(0, piece)));
  }
  auto header = std::move(reader).finish();
  require(header.has_value());  // the limits are beyond what a fuzzer tries
  return {std::move(*header), std::string(rest)};
}

void check_same(const Read& a, const Read& b) {
  require(a.header.size() == b.header.size() && a.rest == b.rest);
  require(a.header.end() == b.header.end() && a.header.crlf() == b.header.crlf());
  require(a.header.body_begin() == b.header.body_begin());
  for (std::size_t i = 0; i < a.header.size(); ++i) {
    const FieldView x = a.header.field(i);
    const FieldView y = b.header.field(i);
    require(x.text == y.text && x.name == y.name && x.body == y.body && x.known == y.known);
  }
}

// As the reader stores it: lines end in LF, the last one too.
std::string with_lf(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    out += text[i];
  }
  // A CR before an end of input that gets its LF is taken for half of a line end.
  if (!out.ends_with('\n')) {
    if (out.ends_with('\r')) out.pop_back();
    out += '\n';
  }
  return out;
}

void check_splitter(std::string_view text, const Read& read) {
  FieldSplitter splitter(text);
  std::size_t count = 0;
  std::size_t size = 0;
  {
    const Cost cost(text.size());
    for (FieldSlice field; splitter.next(field); ++count) {
      require(count < read.header.size());
      const FieldView other = read.header.field(count);
      require(field.name == other.name && field.known() == other.known);
      const bool mbox = other.body.starts_with(" From ") && field.body.starts_with("From ");
      require((mbox ? " " : "") + with_lf(field.body) == other.body);
      size += field.text.size();
    }
  }
  require(count == read.header.size() && splitter.end() == read.header.end());
  require(size == splitter.header_size());
  const std::string body = std::string(read.header.body_begin()) + read.rest;
  require(splitter.body() == body);
  const std::size_t between = text.size() - size - body.size();
  require(between == 0 || text.substr(size, between) == "\n" ||
          text.substr(size, between) == "\r\n");
  require((between > 0) == (splitter.end() == Header::End::empty_line));
}

void check_trace(std::string_view text, const Read& read, std::size_t piece) {
  const Cost cost(2 * text.size());
  TraceScan whole("Delivered-To: a\n");
  whole.feed(text);
  TraceScan parts("Delivered-To: a\n");
  for (std::string_view rest = text; !rest.empty();
       rest.remove_prefix(std::min(piece, rest.size()))) {
    parts.feed(rest.substr(0, piece));
  }
  require(whole.received() == parts.received() && whole.delivered() == parts.delivered());
  require(whole.looping() == parts.looping() && whole.done() == parts.done());
  if (read.header.end() == Header::End::not_a_field) return;
  std::size_t received = 0;
  std::size_t delivered = 0;
  for (std::size_t i = 0; i < read.header.size(); ++i) {
    received += read.header.field(i).known == FieldName::received ? 1 : 0;
    delivered += read.header.field(i).known == FieldName::delivered_to ? 1 : 0;
  }
  require(whole.received() == received && whole.delivered() == delivered);
  require(whole.hops() == received + delivered && (!whole.looping() || delivered > 0));
  require(whole.done() == (read.header.end() == Header::End::empty_line));
}

std::size_t longest(std::string_view text, std::string_view ends) {
  std::size_t longest = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find_first_of(ends, at), text.size());
    longest = std::max(longest, end - at);
    at = end + 1;
  }
  return longest;
}

void check_fold(std::string_view any, FoldMode mode, std::size_t column) {
  std::string text(any);
  std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
  const std::string folded = [&] {
    const Cost cost(text.size());
    return fold(text, mode, column);
  }();
  const std::size_t first = std::min(folded.find('\n'), folded.size());
  require(column + first <= kLongestLine);
  require(longest(folded, "\n") <= kLongestLine);
  if (longest(text, " \t") <= 900) require(unfold(folded) == text);
  if (mode == FoldMode::unstructured && longest(text, " \t") < 60 &&
      text.find("  ") == std::string::npos && text.find('\t') == std::string::npos) {
    require(longest(std::string_view(folded).substr(first), "\n") <= 78);
  }
}

void check_text(std::string_view text) {
  if (!is_utf8(text)) return;
  const std::string field = print_unstructured("X-Text", text);
  require(longest(field, "\n") <= kLongestLine);
  const Read back = read(field, 0);
  require(back.header.size() == 1 && back.header.end() == Header::End::input);
  require(decode_words(field_value(back.header.field(0).body)) == text);
}

void check_inside(std::string_view part, std::string_view body) {
  if (part.empty()) return;
  require(part.data() >= body.data() && part.data() + part.size() <= body.data() + body.size());
}

void check_received(std::string_view body) {
  const Cost cost(body.size(), 20);
  const Received r = parse_received(body);
  for (const std::string_view part : {r.from, r.by, r.via, r.with, r.id, r.recipient}) {
    check_inside(part, body);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text = view_of(data, size);
  const std::size_t piece = text.empty() ? 1 : 1 + static_cast<unsigned char>(text.back()) % 16;
  const Read whole = read(text, 0);
  check_same(whole, read(text, 1));
  check_same(whole, read(text, piece));
  check_splitter(text, whole);
  check_trace(text, whole, piece);
  (void)reply_field(whole.header);
  for (std::size_t i = 0; i < whole.header.size(); ++i) {
    const FieldView field = whole.header.field(i);
    if (field.known == FieldName::received) check_received(field.body);
  }
  check_fold(text, FoldMode::unstructured, piece);
  check_fold(text, FoldMode::structured, piece);
  check_text(text);
  return 0;
}
