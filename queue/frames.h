// What a program and the serving side of queue say to each other over run/submit, as octets
// (porpoise-submit(5) documents them). Pure.
//
// A frame is a letter, the octets of its payload as three octets (little-endian), the payload:
//
//   client    H hello, then any C content, then any E envelope, then Q: queue it
//   server    A answer, once; it may come before the client has said all
//
// No frame names a file, carries a descriptor or asks for anything but this one message.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "queue/submit.h"

namespace porpoise::queue {

inline constexpr std::size_t kFrameHead = 4;
inline constexpr std::size_t kMaxFrame = 65536;  ///< octets of a payload

enum class Frame : char {
  hello = 'H',
  content = 'C',
  envelope = 'E',
  commit = 'Q',
  answer = 'A',
};

/// The head of a frame whose payload has `octets`, at most kMaxFrame.
std::string frame_head(Frame kind, std::size_t octets);

/// How a client begins: only what a Received line may say. Who it is, the kernel tells.
struct Hello {
  std::string received_note{};
  std::optional<ReceivedClauses> received{};
};
/// The whole frame. What does not fit is a permanent error.
Result<std::string> encode(const Hello& hello);
std::optional<Hello> decode_hello(std::string_view payload);

/// How it ends.
struct Answer {
  int code = 0;            ///< of the queue protocol
  std::string id{};        ///< where the code is 0
  std::string text{};      ///< where it is not
  int sys = 0;             ///< Error::sys
  bool try_again = false;  ///< too much is going on: the same may do in a moment

  static constexpr std::size_t kMaxText = 8192;  ///< what is longer is cut
};
std::string encode(const Answer& answer);  ///< the whole frame
/// Nothing where these octets are not one answer, whole and with nothing behind it.
std::optional<Answer> decode_answer(std::string_view frame);

/// What an envelope that comes in frames may hold; what is in it is looked at when it is whole.
inline constexpr std::size_t kMaxEnvelope = mail::EnvelopeLimits{}.total_octets;

/// The serving side's ear: takes what a client says, in pieces of any size. Of content it keeps
/// nothing, of an envelope its octets.
class FrameReader {
 public:
  enum class What {
    more,     ///< all was taken, nothing to do
    hello,    ///< hello() is there
    content,  ///< some content
    commit,   ///< all is there, and the client wants it queued
    fault,    ///< no client of ours, or one beyond its limits: fault() says why. It stays so
  };
  struct Step {
    What what = What::more;
    std::size_t taken = 0;          ///< octets from the front of what was given
    std::string_view content = {};  ///< of those, the content
  };
  struct Fault {
    Code code{};
    std::string text;
  };

  /// Requires that commit was not told yet.
  Step next(std::string_view in);

  const Hello& hello() const { return hello_; }
  const Fault& fault() const { return fault_; }
  std::size_t envelope_octets() const { return envelope_.size(); }
  /// Requires that commit was told.
  std::string take_envelope() { return std::move(envelope_); }

 private:
  enum class Stage { hello, content, envelope, committed, broken };

  bool take_head(std::string_view& in);
  bool begins_well();
  Step take_payload(std::string_view in);
  What end_hello();
  What fail(Code code, std::string text);

  Stage stage_ = Stage::hello;
  std::string head_;      // of the frame that is coming, while it is not whole
  Frame kind_{};          // of the frame that has come in part
  std::size_t left_ = 0;  // octets of it that are to come
  std::string payload_;   // of the hello
  Hello hello_;
  std::string envelope_;
  Fault fault_;
};

}  // namespace porpoise::queue
