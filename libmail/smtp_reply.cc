#include "libmail/smtp_reply.h"

#include <algorithm>
#include <cassert>
#include <fmt/format.h>
#include <utility>

#include "libmail/steps.h"
#include "libmail/utf8.h"

namespace porpoise::mail {
namespace {

constexpr std::size_t kDigits = 3;

// The code that a line begins with; -1 where there is none.
int code_of(std::string_view line) {
  if (line.size() < kDigits) return -1;
  int code = 0;
  for (const char c : line.substr(0, kDigits)) {
    if (c < '0' || c > '9') return -1;
    code = code * 10 + (c - '0');
  }
  return code;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 32 || c == 127;
}

bool continues_utf8(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

std::string printable(std::string_view text, bool utf8) {
  std::string line(text);
  const bool high_stays = utf8 && is_utf8(text);
  for (char& c : line) {
    count_steps();
    const bool high = static_cast<unsigned char>(c) >= 128;
    if (is_control(c) || (high && !high_stays)) c = '?';
  }
  return line;
}

// How much of `text` goes into a line that has room for `room` octets.
std::size_t fitting(std::string_view text, std::size_t room) {
  if (text.size() <= room) return text.size();
  const std::size_t blank = text.rfind(' ', room - 1);
  if (blank != std::string_view::npos && blank >= room / 2) return blank + 1;
  std::size_t end = room;
  while (end > room - 4 && continues_utf8(text[end])) --end;
  return end;
}

}  // namespace

std::size_t SmtpReplyReader::feed(std::string_view in) {
  std::size_t taken = 0;
  while (taken < in.size() && !complete_ && fault_ == Fault::none) {
    taken += line_.feed(in.substr(taken));
    if (!line_.complete()) break;
    if (line_.too_long()) {
      fail(Fault::too_long);
    } else if (line_.has_bare()) {
      fail(Fault::bare_line_end);
    } else {
      take_line(line_.text());
      line_.clear();
    }
  }
  return taken;
}

void SmtpReplyReader::take_line(std::string_view line) {
  const int code = code_of(line);
  const char after = line.size() > kDigits ? line[kDigits] : ' ';
  if (code < 0 || (after != ' ' && after != '-')) return fail(Fault::bad_line);
  if (lines_ > 0 && code != reply_.code) return fail(Fault::codes_differ);
  if (lines_ == limits_.lines) return fail(Fault::too_many);
  reply_.code = code;
  std::string_view text = line.substr(std::min(kDigits + 1, line.size()));
  if (const auto status = leading_status(text)) {
    if (lines_ == 0) reply_.status = status->code;
    if (reply_.status == status->code) text = status->rest;
  }
  if (lines_ > 0 && reply_.text.size() < limits_.text_octets) reply_.text += '\n';
  for (const char c : text.substr(0, limits_.text_octets - reply_.text.size())) {
    count_steps();
    reply_.text += is_control(c) ? '?' : c;
  }
  ++lines_;
  complete_ = after == ' ';
}

std::string_view SmtpReplyReader::fault_text() const {
  switch (fault_) {
    case Fault::none:
      break;
    case Fault::bad_line:
      return "a line that is no reply";
    case Fault::codes_differ:
      return "a reply with different codes";
    case Fault::bare_line_end:
      return "a reply with a bare CR or LF";
    case Fault::too_long:
      return "a reply line that is too long";
    case Fault::too_many:
      return "a reply of too many lines";
  }
  return "";
}

SmtpReply SmtpReplyReader::take() {
  assert(complete_);
  complete_ = false;
  lines_ = 0;
  return std::exchange(reply_, {});
}

std::string print_reply(int code, std::optional<StatusCode> status, std::string_view text,
                        bool utf8) {
  assert(code >= 200 && code <= 599);
  assert(!status || (code / 100 == status->klass && code / 100 != 3));
  const std::string begin = status ? fmt::format("{} ", status->text()) : "";
  const std::size_t room = kMaxReplyLineOctets - begin.size() - 4 - 2;
  std::string reply;
  std::size_t last = 0;  // where the last line begins
  do {
    const std::size_t lf = std::min(text.find('\n'), text.size());
    const std::string whole = printable(text.substr(0, lf), utf8);
    text.remove_prefix(std::min(lf + 1, text.size()));
    std::string_view rest = whole;
    do {
      const std::size_t end = fitting(rest, room);
      last = reply.size();
      reply += fmt::format("{}-{}{}\r\n", code, begin, rest.substr(0, end));
      rest.remove_prefix(end);
    } while (!rest.empty());
  } while (!text.empty());
  reply[last + kDigits] = ' ';
  return reply;
}

}  // namespace porpoise::mail
