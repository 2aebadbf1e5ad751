// The cases of rfc-corpus/*/*.case (the format: rfc-corpus/README.md) for unit tests. Each parser
// has a NOUN_corpus_test.cc that says, once for each of its kinds, how to run it:
//
//   CORPUS_KIND(AddressListStrict, "address-list strict") {
//     ... return what it prints, or tl::make_unexpected("3 no \">\" closes this");
//   }
//
// `input` is the case's. A kind of case that nobody runs fails the test EveryKindIsRun.

#pragma once

#include <cstddef>
#include <filesystem>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace porpoise::corpus {

/// What a parser says: the lines it prints, joined by LF, or "OCTET TEXT" of its error.
using Verdict = tl::expected<std::string, std::string>;

struct Case {
  std::string place;  ///< FILE:LINE of its first line
  std::string title;
  std::vector<std::string> requirements;  ///< ids of rfc-corpus/requirements.tsv
  std::string kind;                       ///< the parser and its mode
  std::string input;
  Verdict verdict;  ///< what it must say
};

/// The cases of one file's text, or "FILE:LINE: what is wrong".
tl::expected<std::vector<Case>, std::string> read_cases(std::string_view file,
                                                        std::string_view text);

/// All cases of the corpus, read once; what cannot be read fails the test EveryCaseIsReadable.
struct Corpus {
  std::vector<Case> cases;
  std::vector<std::string> faults;
};
const Corpus& corpus();

/// rfc-corpus/ of the source tree.
std::filesystem::path corpus_folder();

/// A whole file, "" where it cannot be read.
std::string file_text(const std::filesystem::path& path);

/// `text` on one line of printable ASCII: \r \n \t \\ \" and \xNN for the others. No quotes around.
std::string escaped(std::string_view text);

/// The kinds that a test runs.
std::set<std::string>& run_kinds();

/// Runs every case of `kind`; there must be one.
void run_cases(std::string_view kind, Verdict (*run)(std::string_view input));

}  // namespace porpoise::corpus

#define CORPUS_KIND(name, kind)                                          \
  static ::porpoise::corpus::Verdict run_##name(std::string_view input); \
  [[maybe_unused]] static const bool registered_##name =                 \
      ::porpoise::corpus::run_kinds().insert(kind).second;               \
  TEST(Corpus, name) {                                                   \
    ::porpoise::corpus::run_cases(kind, run_##name);                     \
  }                                                                      \
  static ::porpoise::corpus::Verdict run_##name([[maybe_unused]] std::string_view input)
