"""testlab/lab fault [options]

Strikes each step of a workload at each of its system calls, then starts everything again and
judges what is there by testlab/invariants.py.

  --workload W   only this one (again for more); see testlab/workloads.py
  --mode M       only this one (again for more):
                   kill      the tree, or the calling process alone, before and after the call
                   error     the call fails, with each errno that it may have
                   short     the call transfers half
                   full      the call finds a full disk, and so does every later one
                   clock     from a reading of the clock on it has jumped, by years or to 1970, 2100 or 2150, or the
                             machine has slept for days; after that nobody asks for a retry
                   blocks    a disk on which ever more pages are left, from none on
                   inodes    the same with inodes
                   readonly  a disk that has become read-only
                   fsize     a limit on the size of files (RLIMIT_FSIZE)
  --named        with temporary names (PORPOISE_NAMED_FILES=1)
  --points N     at most so many runs of each workload, a sample (default 150)
  --seed S       another sample (default 1)
  --full         all of them
  --only NAME    one strike again, named as a finding names it; with one --workload
  --controls [C] only the planted bugs, or one: PLANT/WORKLOAD/MODE
  --json FILE    the figures, also there
  --jobs N       at once (default: one a processor); with --full they share each workload

Exit code 0: nothing found, every planted bug caught, and something was struck."""

import argparse
import collections
import functools
import json
import operator
import os
import sys
import time
import zlib

from crash.place import Place
from fault import controls, disk, points
from fault.runs import Recording
from fault.supervisor import end_with_parent
from workloads import WORKLOADS, that_run_here

MODES = (*points.MODES, "clock", *disk.MODES)
SHOWN = 20  # findings


def parser():
    p = argparse.ArgumentParser(prog="testlab/lab fault", usage=__doc__, add_help=False)
    p.add_argument("--workload", action="append", choices=sorted(WORKLOADS))
    p.add_argument("--mode", action="append", choices=MODES)
    p.add_argument("--named", action="store_true")
    p.add_argument("--points", type=int, default=150)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--full", action="store_true")
    p.add_argument("--only")
    p.add_argument("--controls", nargs="?", const="", metavar="PLANT/WORKLOAD/MODE")
    p.add_argument("--json")
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--help", action="store_true")
    return p


def fast_folder():
    """A file system in memory, if there is one that we may use: syncs cost nothing there, and what
    a sync does is the power-loss layers' to judge."""
    if folder := os.environ.get("PORPOISE_FAULT_FOLDER"):
        return folder
    shm = "/dev/shm"
    if os.access(shm, os.W_OK) and os.statvfs(shm).f_bavail * os.statvfs(shm).f_frsize > 256 << 20:
        return shm
    return None


class Share(collections.namedtuple("Share", "number of")):
    """What one of several jobs has of a workload's strikes. Each records the workload for itself, and where processes
    take other turns it finds others; so they are dealt by their names."""

    def dealt(self, strikes):
        return [strike for strike in strikes if zlib.crc32(strike.name.encode()) % self.of == self.number]

    def has(self, step):
        return step.number % self.of == self.number


# -- one workload, in a process of its own

def record(kind, options, workload, place):
    return kind(WORKLOADS[workload](), place.lab, place.base / "run", named_files="1" if options.named else "0")


def by_tracer(options, workload, modes, share, place):
    recording = record(Recording, options, workload, place)
    try:
        everything = share.dealt([strike for mode in modes for strike in recording.strikes(mode)])
        begun = time.monotonic()
        for strike in points.sample(everything, None if options.full else options.points, options.seed):
            recording.strike(strike)
        return figures(recording, modes, len(everything), time.monotonic() - begun)
    finally:
        recording.close()


def by_disk(options, workload, modes, share, place):
    disk.own_mounts()
    recording = record(disk.DiskRecording, options, workload, place)
    try:
        everything = share.dealt([strike for mode in modes for strike in recording.strikes(mode)])
        begun = time.monotonic()
        for strike in points.sample(everything, None if options.full else options.points // 4, options.seed):
            recording.strike(strike)
        last = {step.program: step for step in recording.steps}  # of each program
        for mode in set(modes) & {"blocks", "inodes"}:
            for step in filter(share.has, recording.steps if options.full else last.values()):
                recording.stepped(step, mode, disk.EVERY_LEVEL if options.full else disk.SOME_LEVELS)
        return figures(recording, modes, recording.runs, time.monotonic() - begun)
    finally:
        recording.close()


def figures(recording, modes, strikes, seconds):
    return {
        "workload": recording.workload.name,
        "modes": modes,
        "steps": len(recording.steps),
        "points": sum(len(step.points) for step in recording.steps),
        "strikes": strikes,
        "runs": recording.runs,
        "unreached": recording.unreached,
        "judged": recording.judged,
        "ends": {f"{program} {code}": n for (program, code), n in sorted(recording.ends.items())},
        "seconds": seconds,
        "findings": [[str(f.strike), f.rule, f.fact] for f in recording.findings],
    }


def added(results):
    """The figures of all shares of a workload, as of one."""
    failed = [result for result in results if "failed" in result]
    if failed or len(results) == 1:
        return [*failed, *results][0]
    together = dict(results[0])
    for figure in ("strikes", "runs", "unreached", "judged", "seconds", "findings"):
        together[figure] = functools.reduce(operator.add, (result[figure] for result in results))
    together["ends"] = dict(sum((collections.Counter(result["ends"]) for result in results), collections.Counter()))
    return together


def one_strike(options, workload, place):
    step, what, at = options.only.split("/", 2)
    if what in disk.MODES:
        disk.own_mounts()
        recording = record(disk.DiskRecording, options, workload, place)
        strike = points.Strike(int(step), what, int(at), None)
    else:
        recording = record(Recording, options, workload, place)
        known = [s for mode in (*points.MODES, "clock") for s in recording.strikes(mode)]
        strike = next((s for s in known if s.name == options.only), None)
        assert strike, f"{workload} has no strike {options.only}"
    try:
        recording.strike(strike)
        return figures(recording, [what], 1, 0)
    finally:
        recording.close()


# -- several of them at once

def in_processes(jobs, tasks):
    """[what task() gives], each in a process of its own, `jobs` at once, in their order."""
    results = [None] * len(tasks)
    waiting = collections.deque(range(len(tasks)))
    free = set(range(jobs))
    running = {}
    while waiting or running:
        while waiting and free:
            slot = free.pop()
            number = waiting.popleft()
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(read)
                _end_with(write, slot, tasks[number])
            os.close(write)
            running[child] = (slot, number, os.fdopen(read, "rb"))
        # The first that is ready: its pipe is read to the end, so that no child waits for us.
        child, (slot, number, pipe) = _ready(running)
        with pipe:
            octets = pipe.read()
        os.waitpid(child, 0)
        del running[child]
        free.add(slot)
        results[number] = json.loads(octets) if octets else {"failed": "the process died"}
    return results


def _ready(running):
    import select
    pipes = {pipe: child for child, (_, _, pipe) in running.items()}
    first = select.select(list(pipes), [], [])[0][0]
    return pipes[first], running[pipes[first]]


def _end_with(write, slot, task):
    end_with_parent()
    try:
        with Place(slot, plant=task.plant, folder=fast_folder()) as place:
            result = task(place)
    except BaseException as failed:  # told, and then the process ends
        import traceback
        traceback.print_exc()
        result = {"failed": f"{type(failed).__name__}: {failed}"}
    with os.fdopen(write, "wb") as out:
        out.write(json.dumps(result).encode())
    os._exit(0)


class Task:
    def __init__(self, what, *arguments, plant=None):
        self.what, self.arguments, self.plant = what, arguments, plant

    def __call__(self, place):
        return self.what(*self.arguments, place)


def strike_all(options):
    """The figures of each workload and its modes. What is struck everywhere is shared by all jobs, so that they end
    together; to record it again is worth it for much only."""
    modes = options.mode or MODES
    parts = (by_tracer, [m for m in points.MODES if m in modes]), (by_tracer, [m for m in modes if m == "clock"]), (
        by_disk, [m for m in disk.MODES if m in modes])
    shares = [Share(number, options.jobs) for number in range(options.jobs)] if options.full else [Share(0, 1)]
    tasks = [Task(how, options, workload, chosen, share) for workload in options.workload or that_run_here()
             for how, chosen in parts if chosen for share in shares]
    results = in_processes(options.jobs, tasks)
    return [added(results[first:first + len(shares)]) for first in range(0, len(results), len(shares))]


# -- what is told

def show(result):
    if "failed" in result:
        print(f"FAILED: {result['failed']}")
        return
    rate = f"{result['runs'] / result['seconds']:.0f} a second of a job" if result["seconds"] else "once"
    print(f"{result['workload']:8} {' '.join(result['modes'])}: {result['steps']} steps, {result['points']} calls, {result['runs']} of {result['strikes']} "
          f"strikes ({rate}), {result['judged']} outcomes judged, {len(result['findings'])} violations")
    seen = collections.Counter()
    for strike, rule, fact in result["findings"]:
        seen[rule] += 1
        if seen[rule] <= SHOWN:
            print(f"  {rule} {strike}\n     {fact}\n     again: testlab/lab fault --workload {result['workload']} --only {strike.split()[0]}")


def main(arguments):
    options = parser().parse_args(arguments)
    if options.help:
        print(__doc__)
        return 0
    if options.only and len(options.workload or ()) != 1:
        print("lab fault: --only needs one --workload", file=sys.stderr)
        return 100
    begun = time.monotonic()
    results, caught = [], []
    if options.only:
        results = in_processes(1, [Task(one_strike, options, options.workload[0])])
    elif options.controls is None:
        results = strike_all(options)
    wanted = controls.wanted(options.controls or "")
    if options.controls is not None or not (options.only or options.workload):
        caught = in_processes(options.jobs, [Task(controls.run, c, plant=c.plant) for c in wanted])
    for result in results:
        show(result)
    for control, result in zip(wanted, caught):
        print(controls.describe(control, result))
    good = [r for r in results if "failed" not in r]
    runs = sum(r["runs"] for r in good)
    found = sum(len(r["findings"]) for r in good)
    seconds = time.monotonic() - begun
    missed = sum(not controls.is_caught(r) for r in caught)
    print(f"fault: {sum(r['points'] for r in good)} calls, {runs} runs in {seconds:.0f} s, {found} violations, "
          f"{len(caught) - missed} of {len(caught)} controls caught")
    if options.json:
        with open(options.json, "w") as out:
            json.dump({"results": results, "controls": caught}, out)
    wrong = found or missed or len(good) < len(results) or not (runs or caught)
    return 1 if wrong else 0
