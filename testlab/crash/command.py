"""testlab/lab crash trace|block [options]

Power loss: every state that a crash could leave is judged by testlab/invariants.py.

  trace   from traced system calls, by two models of a file system; no root needed
  block   from the recorded writes and flushes of a disk, on real file systems; root

  --workload W   only this one (again for more); see testlab/workloads.py
  --seed S       another sample (default 1)
  --states N     at most about so many states of each recording
  --full         everything: all prefixes, a large sample, all variants
  --only STATE   one state again, named as a finding names it, with what was left out of it
  --filesystem F ext4 (default), xfs or btrfs; block only
  --controls     only the planted bugs
  --keep DIR     keep the recordings there
  --recording DIR  take this kept one instead of a new one; with --only, block only
  --jobs N       at once (default: one a processor)

Exit code 0: nothing found, every planted bug caught, and something was checked."""

import argparse
import os
import sys


def parser():
    p = argparse.ArgumentParser(prog="testlab/lab crash", usage=__doc__, add_help=False)
    p.add_argument("layer", nargs="?", choices=("trace", "block"))
    p.add_argument("--workload", action="append")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--states", type=int)
    p.add_argument("--full", action="store_true")
    p.add_argument("--only")
    p.add_argument("--filesystem", default="ext4", choices=("ext4", "xfs", "btrfs"))
    p.add_argument("--controls", action="store_true")
    p.add_argument("--keep")
    p.add_argument("--recording")
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--help", action="store_true")
    return p


def main(arguments):
    options = parser().parse_args(arguments)
    if options.help or options.layer is None:
        print(__doc__, file=sys.stdout if options.help else sys.stderr)
        return 0 if options.help else 100
    if options.layer == "trace":
        from crash import trace_layer as layer
    else:
        from crash import block_layer as layer
    return layer.main(options)
