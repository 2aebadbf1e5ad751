#include "addr/run.h"

#include <algorithm>
#include <array>
#include <poll.h>

#include "addr/lines.h"
#include "posix/file.h"
#include "posix/writer.h"

namespace porpoise::addr {
namespace {

constexpr std::string_view kInput = "standard input";
constexpr std::size_t kPiece = 65536;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

// Whether a read would wait. What poll(2) cannot tell does not wait.
bool pauses(int fd) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, 0) == 0;
}

std::string too_long() {
  return mail::fault_json({kMaxLine, fmt::format("longer than {} octets", kMaxLine)});
}

std::string answer_field(std::string_view body, const Options& options) {
  std::string line(body);
  std::erase(line, '\n');
  return line.size() > kMaxLine ? too_long() : answer(line, options);
}

Result<> run_lines(int in, int out, const Options& options) {
  posix::Writer writer(out, "standard output");
  Lines lines([&](std::string_view line, bool whole) {
    writer.put(whole ? answer(line, options) : too_long());
    writer.put("\n");
  });
  std::array<char, kPiece> room;
  for (;;) {
    if (pauses(in)) {
      if (Result<> flushed = writer.flush(); !flushed) return flushed;
    }
    Result<std::size_t> count = posix::read_some(in, room, kInput);
    if (!count) return failed(count);
    if (*count == 0) break;
    lines.feed({room.data(), *count});
    if (!writer.good()) break;
  }
  lines.finish();
  return writer.flush();
}

Result<> run_message(int in, int out, const Options& options) {
  mail::HeaderReader reader;
  std::array<char, kPiece> room;
  for (;;) {
    Result<std::size_t> count = posix::read_some(in, room, kInput);
    if (!count) return failed(count);
    if (*count == 0) break;
    // Whoever writes the message shall be able to write all of it.
    if (!reader.done()) (void)reader.feed({room.data(), *count});
  }
  const Result<mail::Header> header = std::move(reader).finish();
  return posix::write_all(
      out, header ? answers(*header, options) : mail::fault_json({0, header.error().text}) + "\n",
      "standard output");
}

}  // namespace

std::string answer(std::string_view body, const Options& options) {
  const auto list =
      options.strict ? mail::parse_addresses_strictly(body) : mail::parse_addresses(body);
  if (!list) return mail::fault_json(list.error());
  const auto json =
      mail::address_json(body, *list, options.raw ? mail::JsonForm::base64 : mail::JsonForm::text);
  return json ? *json : mail::fault_json(json.error());
}

std::string answers(const mail::Header& header, const Options& options) {
  std::string lines;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const mail::FieldView field = header.field(i);
    const auto asked = [&field](std::string_view name) { return same_name(name, field.name); };
    if (std::ranges::any_of(options.fields, asked)) {
      lines.append(answer_field(field.body, options)).append("\n");
    }
  }
  return lines;
}

Result<> run(int in, int out, const Options& options) {
  return options.fields.empty() ? run_lines(in, out, options) : run_message(in, out, options);
}

}  // namespace porpoise::addr
