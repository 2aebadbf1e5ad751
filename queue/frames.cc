#include "queue/frames.h"

#include <algorithm>

#include "libmail/number.h"
#include "libmail/steps.h"

namespace porpoise::queue {
namespace {

constexpr std::string_view kVersion = "1";

// A NUL in the text, which would end the field, is shown as the Received line shows it.
void add_field(std::string& payload, char letter, std::string_view text) {
  payload += letter;
  for (const char c : text) payload += c == '\0' ? '?' : c;
  payload += '\0';
}

// Takes the first field off `payload`. False: it has no end.
bool take_field(std::string_view& payload, char& letter, std::string_view& text) {
  mail::count_steps();
  const std::size_t end = payload.find('\0');
  if (end == std::string_view::npos || end == 0) return false;
  letter = payload[0];
  text = payload.substr(1, end - 1);
  payload.remove_prefix(end + 1);
  return true;
}

std::size_t length_in(std::string_view head) {
  const auto octet = [&](std::size_t at) {
    return static_cast<std::size_t>(static_cast<unsigned char>(head[at]));
  };
  return octet(1) | octet(2) << 8 | octet(3) << 16;
}

ReceivedClauses& clauses_of(Hello& hello) {
  if (!hello.received) hello.received.emplace();
  return *hello.received;
}

// Fields with other letters are a later version's, and skipped.
bool set_field(Hello& hello, char letter, std::string_view text) {
  switch (letter) {
    case 'V':
      return text == kVersion;
    case 'N':
      hello.received_note = text;
      break;
    case 'f':
      clauses_of(hello).from = text;
      break;
    case 'b':
      clauses_of(hello).by = text;
      break;
    case 'w':
      clauses_of(hello).with = text;
      break;
    case 'r':
      clauses_of(hello).recipient = text;
      break;
    default:
      break;
  }
  return true;
}

bool set_field(Answer& answer, char letter, std::string_view text) {
  switch (letter) {
    case 'C':
      return parse_number(text, answer.code) && answer.code >= 0 && answer.code < 256;
    case 'S':
      return parse_number(text, answer.sys) && answer.sys >= 0;
    case 'I':
      answer.id = text;
      break;
    case 'T':
      answer.text = text;
      break;
    case 'B':
      answer.try_again = true;
      break;
    default:
      break;
  }
  return true;
}

template <class T>
std::optional<T> decode_fields(std::string_view payload, char first) {
  T decoded;
  if (!payload.starts_with(first)) return std::nullopt;
  while (!payload.empty()) {
    char letter = 0;
    std::string_view text;
    if (!take_field(payload, letter, text) || !set_field(decoded, letter, text)) {
      return std::nullopt;
    }
  }
  return decoded;
}

}  // namespace

std::string frame_head(Frame kind, std::size_t octets) {
  std::string head(1, static_cast<char>(kind));
  for (int shift = 0; shift < 24; shift += 8) head += static_cast<char>(octets >> shift & 0xff);
  return head;
}

Result<std::string> encode(const Hello& hello) {
  std::string payload;
  add_field(payload, 'V', kVersion);
  if (!hello.received_note.empty()) add_field(payload, 'N', hello.received_note);
  if (hello.received) {
    add_field(payload, 'f', hello.received->from);
    add_field(payload, 'b', hello.received->by);
    add_field(payload, 'w', hello.received->with);
    add_field(payload, 'r', hello.received->recipient);
  }
  if (payload.size() > kMaxFrame) {
    return permanent("what the Received line is to say is longer than {} octets", kMaxFrame);
  }
  return frame_head(Frame::hello, payload.size()) + payload;
}

std::optional<Hello> decode_hello(std::string_view payload) {
  return decode_fields<Hello>(payload, 'V');
}

std::string encode(const Answer& answer) {
  std::string payload;
  add_field(payload, 'C', fmt::format("{}", answer.code));
  if (!answer.id.empty()) add_field(payload, 'I', answer.id);
  if (!answer.text.empty()) {
    add_field(payload, 'T', std::string_view(answer.text).substr(0, Answer::kMaxText));
  }
  if (answer.sys != 0) add_field(payload, 'S', fmt::format("{}", answer.sys));
  if (answer.try_again) add_field(payload, 'B', "");
  return frame_head(Frame::answer, payload.size()) + payload;
}

std::optional<Answer> decode_answer(std::string_view frame) {
  if (frame.size() < kFrameHead || frame[0] != static_cast<char>(Frame::answer) ||
      length_in(frame) != frame.size() - kFrameHead) {
    return std::nullopt;
  }
  return decode_fields<Answer>(frame.substr(kFrameHead), 'C');
}

FrameReader::What FrameReader::fail(Code code, std::string text) {
  stage_ = Stage::broken;
  fault_ = {code, std::move(text)};
  return What::fault;
}

// Completes the head of a frame. False: it is not whole yet.
bool FrameReader::take_head(std::string_view& in) {
  const std::size_t n = std::min(kFrameHead - head_.size(), in.size());
  head_ += in.substr(0, n);
  in.remove_prefix(n);
  if (head_.size() < kFrameHead) return false;
  kind_ = static_cast<Frame>(head_[0]);
  left_ = length_in(head_);
  head_.clear();
  return true;
}

// Whether the frame that begins may come here, and be this long.
bool FrameReader::begins_well() {
  bool placed = false;
  switch (kind_) {
    case Frame::hello:
      placed = stage_ == Stage::hello;
      break;
    case Frame::content:
      placed = stage_ == Stage::content;
      break;
    case Frame::envelope:
      placed = stage_ == Stage::content || stage_ == Stage::envelope;
      if (placed) stage_ = Stage::envelope;
      break;
    case Frame::commit:
      placed = stage_ == Stage::envelope;
      break;
    case Frame::answer:
      break;
  }
  const auto letter = static_cast<unsigned char>(kind_);
  if (!placed) {
    fail(Code::bug, fmt::format("no submission: frame {} out of place", letter));
  } else if (left_ > kMaxFrame || (left_ == 0) != (kind_ == Frame::commit)) {
    fail(Code::bug, fmt::format("no submission: frame {} of {} octets", letter, left_));
  } else if (kind_ == Frame::envelope && left_ > kMaxEnvelope - envelope_.size()) {
    fail(Code::memory, fmt::format("envelope larger than {} octets", kMaxEnvelope));
  }
  return stage_ != Stage::broken;
}

FrameReader::What FrameReader::end_hello() {
  std::optional<Hello> hello = decode_hello(payload_);
  payload_ = {};
  if (!hello) return fail(Code::bug, "no submission: a hello of another kind");
  hello_ = std::move(*hello);
  stage_ = Stage::content;
  return What::hello;
}

FrameReader::Step FrameReader::take_payload(std::string_view in) {
  Step step;
  const std::string_view piece = in.substr(0, left_);
  step.taken = piece.size();
  left_ -= piece.size();
  if (kind_ == Frame::content) {
    step.what = What::content;
    step.content = piece;
  } else if (kind_ == Frame::envelope) {
    envelope_ += piece;
  } else if (kind_ == Frame::hello) {
    payload_ += piece;
    if (left_ == 0) step.what = end_hello();
  }
  return step;
}

FrameReader::Step FrameReader::next(std::string_view in) {
  const std::size_t given = in.size();
  while (stage_ != Stage::broken && !in.empty()) {
    mail::count_steps();
    if (left_ == 0) {
      if (!take_head(in) || !begins_well()) continue;
      if (kind_ != Frame::commit) continue;
      stage_ = Stage::committed;
      return {What::commit, given - in.size()};
    }
    Step step = take_payload(in);
    in.remove_prefix(step.taken);
    step.taken = given - in.size();
    if (step.what != What::more) return step;
  }
  return {stage_ == Stage::broken ? What::fault : What::more, given - in.size()};
}

}  // namespace porpoise::queue
