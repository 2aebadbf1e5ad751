// Many runs one after another, each asked for on standard input: what the lab uses.
//
// A request is lines of a word, a blank and a value, and an empty line. Values that a run needs
// stay until they are given anew; the last line before the empty one says what to do.
//
//   set-back PATTERN          the world becomes a copy of that folder
//   run ACT                   runs, as Plan and Outcome (tracer.h) say
//   world FOLDER              the world
//   cwd, stdin, stdout, stderr, list FILE
//   arg TEXT, env NAME=VALUE  one each; "args" and "envs" begin anew
//   at, error, wall-us, wall-by-us, boot-by-us, seed, limit, fsize
//
// The answer is lines of the same kind and an empty line: "trouble TEXT", or code, struck, hung,
// lost and points.
//
// Nothing outlives us: a run is traced by a process of its own, whose end kills its tree, and its
// end is ours; orphans become our children, and the next run begins when there are none.

#pragma once

namespace porpoise::fault {

int serve();

}  // namespace porpoise::fault
