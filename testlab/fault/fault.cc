// fault: runs a program and its whole process tree, and makes one of the tree's system calls the
// last one, or a failing one. For tests: what must hold, holds wherever we die.
//
//   fault list - PROGRAM ...           lists the points on standard error, one a line
//   fault before AT PROGRAM ...        the whole tree is killed before the call
//   fault after AT PROGRAM ...         the whole tree is killed after the call has been done
//   fault one-before AT PROGRAM ...    only the process that makes the call is killed
//   fault one-after AT PROGRAM ...
//   fault shorten AT PROGRAM ...       the call transfers half of what was asked
//   fault ERRNO AT PROGRAM ...         the call fails with this errno (a number), and is not done
//   fault ERRNO+ AT PROGRAM ...        and so does every later one that needs room on a disk
//   fault serve                        runs as asked on standard input (serve.h)
//
// AT is N, the N-th point of the tree, or NODE:CALL:K from the list, which means the same
// call however the processes take turns. What a failed sync covered is lost when the run has ended
// (losses.h).
//
// Exit code: the program's own (128 + signal where one killed it); 200 when the tree was killed
// by us; 201 when AT was not reached; 202 for trouble of fault itself, also when something still
// ran after 30 s.
//
// By ptrace with a seccomp filter, so that only the calls of interest stop, static programs too;
// PTRACE_O_EXITKILL ends the tree when fault ends, whatever the reason. No privilege needed.

#include <charconv>
#include <cstdio>
#include <string_view>

#include "serve.h"
#include "tracer.h"

namespace {

using porpoise::fault::Act;
using porpoise::fault::Outcome;
using porpoise::fault::Plan;

constexpr std::pair<std::string_view, Act> kActs[] = {
    {"list", Act::list},           {"before", Act::before},
    {"after", Act::after},         {"one-before", Act::one_before},
    {"one-after", Act::one_after}, {"shorten", Act::shorten},
};

bool set_act(Plan& plan, std::string_view text) {
  for (const auto& [name, act] : kActs) {
    if (name == text) {
      plan.act = act;
      return true;
    }
  }
  plan.act = text.ends_with('+') ? Act::error_from : Act::error;
  std::from_chars(text.data(), text.data() + text.size(), plan.error);
  return plan.error > 0;
}

int code_of(const Plan& plan, const Outcome& outcome) {
  if (outcome.hung) return porpoise::fault::kTrouble;
  if (plan.act != Act::list && !outcome.struck) return 201;
  return outcome.code < 0 ? 128 - outcome.code : outcome.code;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "serve") return porpoise::fault::serve();
  Plan plan;
  if (argc < 4 || !set_act(plan, argv[1])) {
    fputs(
        "usage: fault list|before|after|one-before|one-after|shorten|ERRNO[+] AT PROGRAM ...\n"
        "       fault serve\n",
        stderr);
    return porpoise::fault::kTrouble;
  }
  plan.at = argv[2];
  plan.arguments.assign(argv + 3, argv + argc);
  const Outcome outcome = porpoise::fault::trace(plan);
  fputs(outcome.list.c_str(), stderr);
  return code_of(plan, outcome);
}
