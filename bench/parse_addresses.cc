// Address lists, beside GMime's parser.
//
//   parse_addresses [ROUNDS]
//
// The corpus is made up like the To and Cc of a busy mailbox: bare addresses, names with and
// without quotes, comments, folds, a group now and then, lists of 1 to 40. Prints one line of
// figures.

#include <gmime/gmime.h>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "libmail/address.h"

namespace {

using namespace porpoise;

const char* const kForms[] = {
    "joe@example.test",
    "Mary Smith <mary.smith@mail.example.test>",
    "\"Doe, John (Sales)\" <john.doe@example.test>",
    "<announce-help@lists.example.test>",
    "=?utf-8?q?J=C3=B6rg_M=C3=BCller?= <joerg@example.test>",
    "postmaster@[192.0.2.1]",
    "jdoe@one.example.test (John Doe)",
    "John Q. Public <jqp@public.example.test>",
    "Undisclosed: a@b.test, c@d.test;",
    "Linux Kernel Mailing List <linux-kernel@vger.example.test>",
};

// Lists of different lengths, the same in each run.
std::vector<std::string> lists() {
  constexpr unsigned kLists = 2000;
  constexpr unsigned kLongest = 40;
  std::vector<std::string> all;
  unsigned random = 1;
  const auto below = [&random](unsigned limit) {
    random = random * 1664525u + 1013904223u;
    return (random >> 16) % limit;
  };
  for (unsigned i = 0; i < kLists; ++i) {
    std::string list;
    const unsigned length = below(4) > 0 ? 1 + below(3) : 1 + below(kLongest);
    for (unsigned k = 0; k < length; ++k) {
      if (k > 0) list += k % 2 == 0 ? ",\n " : ", ";
      list += kForms[below(std::size(kForms))];
    }
    all.push_back(std::move(list));
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 30;
  const std::vector<std::string> corpus = lists();
  std::size_t ours = 0;
  std::size_t theirs = 0;
  g_mime_init();
  const auto best = bench::best_of(
      rounds,
      [&] {
        ours = 0;
        for (const std::string& body : corpus) {
          const auto list = mail::parse_addresses(body);
          if (list) ours += list->mailboxes.size();
        }
      },
      [&] {
        theirs = 0;
        for (const std::string& body : corpus) {
          InternetAddressList* list = internet_address_list_parse(nullptr, body.c_str());
          theirs += static_cast<std::size_t>(internet_address_list_length(list));
          g_object_unref(list);
        }
      });
  bench::print("address lists", best, "GMime", static_cast<double>(ours), "mailbox");
  if (theirs == 0 || theirs > ours) {  // theirs counts a group as one
    std::fprintf(stderr, "parse_addresses: %zu mailboxes here, %zu there\n", ours, theirs);
    return 1;
  }
  return 0;
}
