// Times of two ways to do the same, taken in turn in one run, so that a busy machine slows both.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace porpoise::bench {

/// Makes the compiler believe that `value` is used.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

template <class Work>
double seconds(Work&& work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

struct Pair {
  double ours = std::numeric_limits<double>::infinity();
  double theirs = std::numeric_limits<double>::infinity();
};

/// The best time of each in `rounds` rounds, after one that only warms up.
template <class Ours, class Theirs>
Pair best_of(int rounds, Ours&& ours, Theirs&& theirs) {
  Pair best;
  ours();
  theirs();
  for (int i = 0; i < rounds; ++i) {
    best.ours = std::min(best.ours, seconds(ours));
    best.theirs = std::min(best.theirs, seconds(theirs));
  }
  return best;
}

/// One line of figures: both in ns for each of `count` things, and the ratio that is the target.
inline void print(const char* what, const Pair& best, const char* theirs, double count,
                  const char* thing) {
  constexpr double kNanoseconds = 1e9;
  std::printf("%s: %.3g ns a %s, %s %.3g ns; ours : %s = %.2f, %s : ours = %.2f\n", what,
              best.ours * kNanoseconds / count, thing, theirs, best.theirs * kNanoseconds / count,
              theirs, best.ours / best.theirs, theirs, best.theirs / best.ours);
}

}  // namespace porpoise::bench
