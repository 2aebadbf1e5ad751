"""Power loss from traced system calls: a workload runs once under strace, every tree that a crash
could have left is judged, and for a sample of them the real programs are started again.

No root and no file system of its own are needed. What it cannot see: io_uring and memory mapped
for writing (it refuses both), and what a real file system does beyond the two models."""

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import time

import invariants
import workloads
from crash import crash_states, trace_log

STRACE = "/usr/bin/strace"


class TraceWorld(workloads.World):
    """Runs each step under strace; one log a step, `events` in between."""

    def __init__(self, lab, folder, gate, logs):
        super().__init__(lab, folder, gate)
        self.logs = logs
        self.parts = []  # ["event", event, subject] or ["log", name]
        # (calls, number): in every other step, from the first, strace lets the number-th of these
        # calls of each process fail with EIO.
        self.fail = None

    def note(self, event, subject):
        self.parts.append(["event", event, subject])

    def execute(self, command, input, env):
        name = f"{len(self.parts):03}-{pathlib.Path(command[0]).name}"
        self.parts.append(["log", name])
        strace = [STRACE, "-f", "-y", "-xx", "-v", "-s", "4000000", "--seccomp-bpf", "-o", self.logs / name,
                  "-e", "trace=" + trace_log.CALLS, "-e", "signal=none"]
        if self.fail and len(self.codes) % 2 == 0:
            strace += ["-e", f"inject={self.fail[0]}:error=EIO:when={self.fail[1]}"]
        command = [self.lab.program(command[0]), *command[1:]]
        return self.lab.run(*strace, "--", *command, input=input, env=env, cwd=self.folder)


@dataclasses.dataclass
class Recording:
    """A run, understood: what happened to which file, and when what was promised."""

    workload: workloads.Workload
    world: TraceWorld
    log: trace_log.TraceLog
    folder: pathlib.Path
    syncs_failed: bool = False

    def keep(self, folder):
        """Copies the logs for a person to read; the states can be had again by the seed."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.world.logs, folder)
        saved = {"root": str(self.folder), "parts": self.world.parts, "ledger": self.world.ledger.as_json()}
        (folder / "recording.json").write_text(json.dumps(saved, indent=1))


def record(workload, lab, folder, named_files="0", fail=None):
    """Runs the workload in `folder`, which is empty, and reads its traces."""
    lab = workloads.lab_for(workload, lab)
    world_folder = lab.folder(folder / "world")
    world = TraceWorld(lab, world_folder, folder / "gate", lab.folder(folder / "logs"))
    world.named_files = named_files
    workload.set_up(world)
    log = trace_log.TraceLog(world_folder).load_base()
    world.fail = fail
    workload.run(world)
    world.fail = None
    events = []
    for part in world.parts:
        if part[0] == "log":
            before = len(log.ops)
            with open(world.logs / part[1], encoding="ascii", errors="replace") as lines:
                log.feed(lines, str(world_folder))
            ended = [at for at, _ in log.marks if at >= before][-1]
        elif part[1] in ("acknowledged", "settled"):
            events.append((ended, part[1], part[2]))  # at the exit of the step's first process
        else:
            events.append((len(log.ops), part[1], part[2]))
    world.ledger.events += events
    log.same_as(invariants.read_tree(world_folder))
    return Recording(workload, world, log, world_folder, fail is not None)


def give_back(lab, path, inode):
    """The path belongs to whom it belonged."""
    if lab.root:
        os.chown(path, inode.owner, inode.owner)


def materialize(folder, lab, states, state):
    """Makes `folder` hold the state's files and folders, as the lab's user's."""
    shutil.rmtree(folder)
    for inode, prefix in sorted(state.folders.items(), key=lambda item: item[1]):
        path = folder / prefix
        path.mkdir()
        path.chmod(inode.mode)
        give_back(lab, path, inode)
    made = {}
    for name, inode in state.files.items():
        path = folder / name
        if inode in made:  # one file under two names
            os.link(made[inode], path)
            continue
        made[inode] = path
        if inode.kind == "p":
            os.mkfifo(path)
        else:
            path.write_bytes(state.octets(inode, states.octets))
        path.chmod(inode.mode)
        give_back(lab, path, inode)
        if inode.mtime is not None:
            os.utime(path, (inode.mtime, inode.mtime))


def finished(recording):
    """Violations of what the undisturbed run has left."""
    world = recording.world
    checker = invariants.Checker(world.ledger, world.layout)
    found = checker.finished(invariants.read_tree(recording.folder, world.layout), len(recording.log.ops))
    return found + invariants.owned_wrongly(recording.folder, world.layout)


class Run:
    """What one recording's states said."""

    def __init__(self):
        self.operations = self.points = self.states = self.recoveries = 0
        self.seconds = self.recovery_seconds = 0.0
        self.findings = []  # (state, rule, fact, [what was left out])

    def add(self, other):
        for name in ("operations", "points", "states", "recoveries", "seconds", "recovery_seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.findings += other.findings


def check(recording, model, seed, per_point, recoveries=0, only=None, most_findings=20, budget=None):
    """Judges up to `per_point` states at each point under `model`; the real programs are started
    on about `recoveries` of them, spread evenly. `only`: "POINT.NUMBER". `budget`: states in all."""
    run = Run()
    world, log = recording.world, recording.log
    checker = invariants.Checker(world.ledger, world.layout, recording.syncs_failed)
    states = crash_states.States(log, model, seed, world.layout.areas())
    points = len(log.ops) + 1
    run.operations = len(log.ops)
    if budget is not None:
        per_point = max(2, min(per_point, budget // points))
    every = max(1, points // recoveries) if recoveries else 0
    wanted = [int(n) for n in only.split(".")] if only else None
    for point, open_ in states.points():
        if wanted and point != wanted[0]:
            continue
        run.points += 1
        begun = time.process_time()  # others may be using the machine
        chosen = None
        for state in states.at(point, open_, per_point if not wanted else wanted[1] + 1):
            if wanted and state.number != wanted[1]:
                continue
            violations, summary = checker.crashed(state.tree, point)
            run.states += 1
            if violations and len(run.findings) < most_findings:
                run.findings += _findings(states, state, violations)
            chosen = chosen or (state, summary)
            if every and state.number == (point // every) % per_point:
                chosen = (state, summary)
        run.seconds += time.process_time() - begun
        if chosen and (wanted and recoveries or every and point % every == every // 2):
            _recover(recording, checker, states, *chosen, run)
    return run


def _findings(states, state, violations):
    name = f"{state.point}.{state.number}"
    return [(name, v.rule, v.fact, states.describe(state)) for v in violations]


def _recover(recording, checker, states, state, summary, run):
    begun = time.perf_counter()
    world = recording.world
    materialize(recording.folder, world.lab, states, state)
    try:
        recording.workload.recover(world)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        violations = [invariants.Violation("I6", f"after the restart: {str(error)[:500]}")]
    else:
        tree = invariants.read_tree(recording.folder, world.layout)
        violations, _ = checker.recovered(tree, summary, state.point)
    run.findings += _findings(states, state, violations)
    run.recoveries += 1
    run.recovery_seconds += time.perf_counter() - begun
