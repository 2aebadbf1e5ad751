#include "libmail/dot_stuffing.h"

#include <bit>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

#if defined(__SSE2__)
constexpr std::ptrdiff_t kBlock = 16;
constexpr std::ptrdiff_t kWindow = 96;  // more than a line of ordinary mail

// Copies a block; a bit for each CR and LF in it.
inline std::uint64_t copy_block(const char* at, char* out) {
  const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), block);
  const __m128i cr = _mm_cmpeq_epi8(block, _mm_set1_epi8('\r'));
  const __m128i lf = _mm_cmpeq_epi8(block, _mm_set1_epi8('\n'));
  return static_cast<std::uint64_t>(_mm_movemask_epi8(_mm_or_si128(cr, lf)));
}

// Copies a window; how many octets there are before its first CR or LF. A whole line in one step,
// without a branch that depends on its length: a wrong guess would cost more than the copy.
inline std::ptrdiff_t copy_window(const char* at, char* out) {
  constexpr std::uint64_t kLast = std::uint64_t{1} << 63;
  const std::uint64_t low = copy_block(at, out) | copy_block(at + kBlock, out + kBlock) << 16 |
                            copy_block(at + 2 * kBlock, out + 2 * kBlock) << 32 |
                            copy_block(at + 3 * kBlock, out + 3 * kBlock) << 48;
  const std::uint64_t high = copy_block(at + 4 * kBlock, out + 4 * kBlock) |
                             copy_block(at + 5 * kBlock, out + 5 * kBlock) << 16 |
                             std::uint64_t{1} << 32;            // at the end of the window
  const std::ptrdiff_t in_low = std::countr_zero(low | kLast);  // 63 where there is none
  const std::ptrdiff_t in_high = 1 + std::countr_zero(high);
  return in_low + (in_high & -static_cast<std::ptrdiff_t>(low == 0));
}
#endif

struct Places {
  const char* at;
  char* out;
};

// Copies octets up to the first CR or LF; where it stopped. Writes beyond what it copies, but never
// more than there are before `end`.
inline Places copy_line(const char* at, const char* end, char* out) {
#if defined(__SSE2__)
  while (end - at >= kWindow) {
    count_steps();
    const std::ptrdiff_t count = copy_window(at, out);
    at += count;
    out += count;
    if (count < kWindow) return {at, out};
  }
#endif
  while (at < end && *at != '\r' && *at != '\n') {
    count_steps();
    *out++ = *at++;
  }
  return {at, out};
}

}  // namespace

void DotReader::bare(char octet, std::uint64_t at) {
  if (!bare_) bare_ = Bare{octet, at};
}

// Goes through lines that need no thought: until a line begins with a dot, or something bare or the
// end of the piece is met. Begins within a line.
char* DotReader::text(const char*& from, const char* end, const char* wire, char* out) {
  const char* at = from;
  std::uint64_t line_ends = 0;
  for (;;) {
    const Places stop = copy_line(at, end, out);
    at = stop.at;
    out = stop.out;
    if (at == end) {
      state_ = State::text;
      break;
    }
    if (*at == '\n') {
      bare('\n', wire_ + static_cast<std::uint64_t>(at - wire));
      *out++ = *at++;
      continue;
    }
    ++at;
    if (at == end || *at != '\n') {
      state_ = State::cr;
      break;
    }
    ++at;
    *out++ = '\n';
    ++line_ends;
    if (at == end || *at == '.') {
      state_ = State::begin;
      break;
    }
  }
  octets_ += line_ends;  // their CRs: what is given out is counted by feed()
  from = at;
  return out;
}

std::size_t DotReader::feed(std::string_view in, std::string& out) {
  const char* const wire = in.data();
  const char* const end = wire + in.size();
  const char* at = wire;
  const std::size_t before = out.size();
  out.resize(before + in.size() + 1);
  char* const begin = out.data() + before;
  char* to = begin;
  while (at < end && state_ != State::done) {
    count_steps();
    switch (state_) {
      case State::begin:
        if (*at == '.') {
          ++at;
          state_ = State::dot;
          break;
        }
        [[fallthrough]];
      case State::text:
        to = text(at, end, wire, to);
        break;
      case State::dot:
        if (*at == '\r') {
          ++at;
          state_ = State::dot_cr;
        } else {
          state_ = State::text;  // the dot was put in by the writer
        }
        break;
      case State::cr:
      case State::dot_cr:
        if (*at == '\n') {
          ++at;
          if (state_ == State::dot_cr) {
            state_ = State::done;
          } else {
            *to++ = '\n';
            ++octets_;
            state_ = State::begin;
          }
        } else {
          bare('\r', wire_ + static_cast<std::uint64_t>(at - wire) - 1);
          *to++ = '\r';
          state_ = State::text;
        }
        break;
      case State::done:
        break;
    }
  }
  const auto given = static_cast<std::size_t>(to - begin);
  octets_ += given;
  out.resize(before + given);
  const auto taken = static_cast<std::size_t>(at - wire);
  wire_ += taken;
  return taken;
}

}  // namespace porpoise::mail
