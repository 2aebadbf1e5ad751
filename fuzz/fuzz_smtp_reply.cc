// SMTP replies: any octets. Held to:
//   - what is read does not depend on where the pieces split; text is bounded and has no control
//     octet but the LF between its lines;
//   - what is printed has lines of at most 512 octets, each with the code and the status, no
//     control octet, and is read as one reply of that code; short lines come back as they were;
//   - the cost is in proportion to the octets.

#include <algorithm>
#include <fmt/format.h>
#include <string>

#include "fuzz/property.h"
#include "libmail/smtp_reply.h"

namespace {

using namespace porpoise::mail;
using namespace porpoise::fuzz;

constexpr SmtpReplyLimits kLimits{.line_octets = 100, .lines = 5, .text_octets = 150};

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= ' ' && c < 127) || c == '\n'; });
}

std::string replies_in(std::string_view octets, bool in_pieces) {
  SmtpReplyReader reader(kLimits);
  std::string all;
  while (!octets.empty() && reader.fault() == SmtpReplyReader::Fault::none) {
    const std::size_t size =
        in_pieces ? 1 + static_cast<unsigned char>(octets[0]) % 5 : octets.size();
    octets.remove_prefix(reader.feed(octets.substr(0, size)));
    if (!reader.complete()) continue;
    const SmtpReply reply = reader.take();
    require(reply.code >= 0 && reply.code <= 999);
    require(reply.text.size() <= kLimits.text_octets);
    for (const char c : reply.text) {
      require(static_cast<unsigned char>(c) >= 32 || c == '\n');
      require(c != 127);
    }
    if (reply.status) require(StatusCode::parse(reply.status->text()) == reply.status);
    all +=
        fmt::format("{} {} {};", reply.code, reply.status ? reply.status->text() : "", reply.text);
  }
  return all + fmt::format("{} {}", reader.fault_text(), reader.empty());
}

void check_print(int code, std::optional<StatusCode> status, std::string_view text, bool utf8) {
  const std::string print = [&] {
    const Cost cost(text.size(), 20);
    return print_reply(code, status, text, utf8);
  }();
  const std::string begin = status ? status->text() + " " : "";
  std::size_t lines = 0;
  for (std::size_t at = 0; at < print.size(); ++lines) {
    const std::size_t end = print.find("\r\n", at);
    require(end != std::string::npos && end + 2 - at <= kMaxReplyLineOctets);
    const std::string_view line = std::string_view(print).substr(at, end - at);
    require(
        line.starts_with(fmt::format("{}{}{}", code, end + 2 == print.size() ? ' ' : '-', begin)));
    require(utf8 || is_plain(line));
    require(std::ranges::none_of(
        line, [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }));
    at = end + 2;
  }
  SmtpReplyReader reader({.line_octets = 512, .lines = lines, .text_octets = 2 * print.size()});
  require(reader.feed(print) == print.size() && reader.complete());
  const SmtpReply again = reader.take();
  require(again.code == code);
  if (!status) return;  // the text may begin with what looks like one
  require(again.status == status);
  std::string_view wanted = text;
  if (wanted.ends_with('\n')) wanted.remove_suffix(1);
  const bool short_lines = [&] {
    std::size_t length = 0;
    for (const char c : wanted) {
      length = c == '\n' ? 0 : length + 1;
      if (length > 450) return false;
    }
    return true;
  }();
  if (short_lines && is_plain(wanted)) require(again.text == wanted);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view octets = view_of(data, size);
  const std::string whole = [&] {
    const Cost cost(octets.size());
    return replies_in(octets, false);
  }();
  require(replies_in(octets, true) == whole);

  if (octets.empty()) return 0;
  const int code = 200 + static_cast<unsigned char>(octets[0]) * 399 / 255;
  const auto klass = static_cast<std::uint16_t>(code / 100);
  const StatusCode status{klass, static_cast<unsigned char>(octets[0]), 999};
  const bool utf8 = octets.size() % 2 == 0;
  check_print(code, std::nullopt, octets.substr(1), utf8);
  if (klass != 3) check_print(code, status, octets.substr(1), utf8);
  return 0;
}
