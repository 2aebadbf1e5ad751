#include "queue/frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace std::string_literals;

namespace porpoise::queue {
namespace {

using What = FrameReader::What;

std::string frame(Frame kind, std::string_view payload) {
  return frame_head(kind, payload.size()) + std::string(payload);
}

const std::string kHello = encode(Hello{}).value();
const std::string kEnvelope = "Fa@here.test\0Tb@here.test\0\0"s;
const std::string kWhole = kHello + frame(Frame::content, "Subject: x\n\n") +
                           frame(Frame::content, "hi\n") + frame(Frame::envelope, kEnvelope) +
                           frame(Frame::commit, "");

// All that comes of `octets`, given in pieces: "hello", "content:...", "commit", "fault CODE text".
std::vector<std::string> heard(std::string_view octets, std::size_t piece = SIZE_MAX) {
  FrameReader reader;
  std::vector<std::string> all;
  std::string content;
  while (!octets.empty()) {
    const FrameReader::Step step = reader.next(octets.substr(0, piece));
    octets.remove_prefix(step.taken);
    if (step.what == What::content) content += step.content;
    if (step.what == What::hello) all.emplace_back("hello");
    if (step.what == What::commit || step.what == What::fault) {
      if (!content.empty()) all.push_back("content:" + content);
    }
    if (step.what == What::commit) all.push_back("commit:" + reader.take_envelope());
    if (step.what == What::fault) {
      all.push_back(
          fmt::format("{} {}", static_cast<int>(reader.fault().code), reader.fault().text));
    }
    if (step.what == What::commit || step.what == What::fault) return all;
  }
  return all;
}

TEST(Frames, AHeadIsALetterAndThreeOctets) {
  EXPECT_EQ(frame_head(Frame::content, 0x010203), "C\x03\x02\x01");
  EXPECT_EQ(kHello, "H\x03\0\0V1\0"s);
}

TEST(Frames, AMessageInPiecesOfAnySizeIsTheSame) {
  const std::vector<std::string> want = {"hello", "content:Subject: x\n\nhi\n",
                                         "commit:" + kEnvelope};
  for (std::size_t piece = 1; piece <= kWhole.size(); ++piece) {
    EXPECT_EQ(heard(kWhole, piece), want) << piece;
  }
}

TEST(Frames, AnyPartOfItIsNoCommit) {
  for (std::size_t cut = 0; cut < kWhole.size(); ++cut) {
    const auto all = heard(std::string_view(kWhole).substr(0, cut));
    EXPECT_TRUE(all.empty() || all == std::vector<std::string>{"hello"}) << cut;
  }
}

TEST(Frames, NothingBehindTheCommitIsTaken) {
  FrameReader reader;
  std::string_view rest = kHello;
  rest.remove_prefix(reader.next(rest).taken);
  const std::string tail = frame(Frame::envelope, kEnvelope) + frame(Frame::commit, "") + kHello;
  const FrameReader::Step step = reader.next(tail);
  EXPECT_EQ(step.what, What::commit);
  EXPECT_EQ(tail.substr(step.taken), kHello);
}

TEST(Frames, EachMistakeIsToldAndStays) {
  const std::string envelope = frame(Frame::envelope, kEnvelope);
  const std::string content = frame(Frame::content, "x");
  const struct {
    std::string octets, text;
  } cases[] = {
      {"GET / HTTP/1.1", "81 no submission: frame 71 out of place"},
      {"\0\0\0\0"s, "81 no submission: frame 0 out of place"},
      {content, "81 no submission: frame 67 out of place"},
      {envelope, "81 no submission: frame 69 out of place"},
      {frame(Frame::commit, ""), "81 no submission: frame 81 out of place"},
      {frame(Frame::answer, "C0\0"s), "81 no submission: frame 65 out of place"},
      {kHello + kHello, "81 no submission: frame 72 out of place"},
      {kHello + frame(Frame::commit, ""), "81 no submission: frame 81 out of place"},
      {kHello + content + frame(Frame::commit, ""), "81 no submission: frame 81 out of place"},
      {kHello + envelope + content, "81 no submission: frame 67 out of place"},
      {kHello + "C\xff\xff\xff", "81 no submission: frame 67 of 16777215 octets"},
      {kHello + "C\x01\0\x01"s, "81 no submission: frame 67 of 65537 octets"},
      {kHello + "C\0\0\0"s, "81 no submission: frame 67 of 0 octets"},
      {kHello + "E\0\0\0"s, "81 no submission: frame 69 of 0 octets"},
      {"H\0\0\0"s, "81 no submission: frame 72 of 0 octets"},
      {"H\0\0\x02"s, "81 no submission: frame 72 of 131072 octets"},
      {kHello + envelope + "Q\x01\0\0x"s, "81 no submission: frame 81 of 1 octets"},
      {frame(Frame::hello, "V2\0"s), "81 no submission: a hello of another kind"},
      {frame(Frame::hello, "V1"), "81 no submission: a hello of another kind"},
      {frame(Frame::hello, "N\0V1\0"s), "81 no submission: a hello of another kind"},
      {frame(Frame::hello, "V1\0\0"s), "81 no submission: a hello of another kind"},
  };
  for (const auto& c : cases) {
    for (const std::size_t piece : {std::size_t{1}, SIZE_MAX}) {
      const auto all = heard(c.octets + "more", piece);
      ASSERT_FALSE(all.empty()) << c.text;
      EXPECT_EQ(all.back(), c.text);
    }
  }
  FrameReader reader;
  EXPECT_EQ(reader.next("XXXX").what, What::fault);
  EXPECT_EQ(reader.next(kWhole).what, What::fault);
  EXPECT_EQ(reader.next(kWhole).taken, 0u);
}

TEST(Frames, AnEnvelopeHasAnEnd) {
  FrameReader reader;
  (void)reader.next(kHello);
  const std::string piece = frame(Frame::envelope, std::string(kMaxFrame, 'x'));
  for (std::size_t sent = 0; sent < kMaxEnvelope; sent += kMaxFrame) {
    ASSERT_EQ(reader.next(piece).what, What::more);
  }
  EXPECT_EQ(reader.envelope_octets(), kMaxEnvelope);
  EXPECT_EQ(reader.next(piece).what, What::fault);
  EXPECT_EQ(reader.fault().code, Code::memory);
  EXPECT_EQ(reader.fault().text, "envelope larger than 67108864 octets");
}

TEST(Frames, AHelloTellsWhatTheReceivedLineSays) {
  const auto again = [](const Hello& hello) {
    return decode_hello(std::string_view(*encode(hello)).substr(kFrameHead));
  };
  EXPECT_EQ(again({.received_note = "for bounce"})->received_note, "for bounce");
  EXPECT_FALSE(again({})->received);
  const auto with =
      again({.received = ReceivedClauses{.from = "f", .by = "b", .with = "w", .recipient = "<r>"}});
  EXPECT_EQ(with->received->from, "f");
  EXPECT_EQ(with->received->by, "b");
  EXPECT_EQ(with->received->with, "w");
  EXPECT_EQ(with->received->recipient, "<r>");
  EXPECT_EQ(again({.received_note = "a\0b"s})->received_note, "a?b");
  EXPECT_TRUE(decode_hello("V1\0xlater\0"s));
  EXPECT_EQ(encode(Hello{.received_note = std::string(kMaxFrame, 'x')}).error().text,
            "what the Received line is to say is longer than 65536 octets");
}

TEST(Frames, AnAnswerComesBackWhole) {
  const Answer sent{.code = 53, .text = "no room", .sys = 28, .try_again = true};
  const Answer got = decode_answer(encode(sent)).value();
  EXPECT_EQ(got.code, 53);
  EXPECT_EQ(got.text, "no room");
  EXPECT_EQ(got.sys, 28);
  EXPECT_TRUE(got.try_again);
  const Answer queued = decode_answer(encode(Answer{.id = "01abc"})).value();
  EXPECT_EQ(queued.code, 0);
  EXPECT_EQ(queued.id, "01abc");
  EXPECT_FALSE(queued.try_again);
  EXPECT_EQ(decode_answer(encode(Answer{.code = 1, .text = std::string(9000, 'x')}))->text.size(),
            Answer::kMaxText);
}

TEST(Frames, WhatIsNoWholeAnswerIsNone) {
  const std::string whole = encode(Answer{.code = 53, .text = "no room"});
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_FALSE(decode_answer(whole.substr(0, cut))) << cut;
  }
  EXPECT_FALSE(decode_answer(whole + "x"));
  for (const std::string& payload :
       {"C\0"s, "Cx\0"s, "C-1\0"s, "C256\0"s, "Tx\0"s, "C0\0S\0"s, "C99999999999\0"s, "C0"s}) {
    EXPECT_FALSE(decode_answer(frame(Frame::answer, payload))) << payload;
  }
  EXPECT_FALSE(decode_answer(frame(Frame::hello, "C0\0"s)));
}

}  // namespace
}  // namespace porpoise::queue
