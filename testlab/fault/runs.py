"""A workload under the tracer: recorded once step by step, then each step struck and judged.

Before each step the world is kept as a pattern, so that a run is: set the world back, make one
step with one strike, look (crashed), recover, look again (recovered). Clock and chance are the
tracer's, so runs that leave the same tree behind recover alike and are judged once."""

import collections
import dataclasses
import pathlib
import re
import shutil
import subprocess
import time

from conftest import BUILD
from fault import answers, points
from fault.supervisor import KILLED, Supervisor
from invariants import Checker, Ledger, Violation, owned_wrongly, read_tree
from workloads import MEANT, World, acknowledged, lab_for

TOOL = BUILD.parent / "lab" / "fault"
STEP_US = 10_000_000  # between steps, and before the recovery
TRIES = 3  # at a point: where threads take other turns, a call may not be made again
DAY_AND_MORE_US = 25 * 3600 * 1_000_000
PID = re.compile(r"P\d+Q")  # in the names of a Maildir: all of them that differs between like runs

Finding = collections.namedtuple("Finding", "workload strike rule fact")


@dataclasses.dataclass
class Step:
    """One step of a workload, as it was when nothing disturbed it."""

    number: int
    command: list
    input: pathlib.Path
    env: dict
    gate: bool
    pattern: pathlib.Path
    ledger: Ledger  # of what was known before it
    events: dict  # what World.step was told: handed-in, acknowledged, removing
    listed: list = dataclasses.field(default_factory=list)  # calls and readings of the clock

    @property
    def points(self):
        return [point for point in self.listed if point.kind != "clock"]

    @property
    def program(self):
        return pathlib.Path(self.command[0]).name

    def meant(self, code):
        """What the exit code says, as those of the other programs do."""
        return MEANT.get((self.program, *self.command[1:2]), {}).get(code, code)

    def promised(self, outcome):
        """The subjects that a run which ended so has acknowledged."""
        return acknowledged(outcome.code, outcome.stdout, self.events["handed-in"], self.events["acknowledged"])

    def known_after(self, promised):
        ledger = copy_of(self.ledger)
        for event in ("handed-in", "removing"):
            ledger.events += [(-1, event, s) for s in self.events[event]]
        ledger.events += [(-1, "acknowledged", s) for s in promised]
        return ledger


def copy_of(ledger):
    copy = Ledger()
    copy.messages, copy.events, copy.leftovers = dict(ledger.messages), list(ledger.events), dict(ledger.leftovers)
    copy.hurt = dict(ledger.hurt)
    return copy


class RecordedWorld(World):
    """Makes a Step of each step. Then the programs of a recovery run in it, unobserved."""

    def __init__(self, lab, base):
        super().__init__(lab, lab.folder(base / "world"), base / "gate")
        self.base = base
        for name in ("patterns", "inputs", "scratch"):
            lab.folder(base / name)
        user = {"user": lab.uid, "group": lab.gid, "extra_groups": []} if lab.root else {}
        tool = base / "fault"
        shutil.copy2(TOOL, tool)
        tool.chmod(0o755)
        self.supervisor = Supervisor(tool, base / "scratch", user)
        self.steps = []
        self.recorded = False
        self.now_us = int(time.time()) * 1_000_000
        self.jumped_us = None  # where a jump has left the wall clock in a recovery
        self._inputs = {}

    def close(self):
        self.supervisor.close()

    def note(self, event, subject):
        self.ledger.note(event, subject)

    def step(self, *command, input=b"", hands_in=(), acknowledges=None, removes=(), settles=()):
        # What a step settles holds only where it was left alone.
        self._events = {
            "handed-in": hands_in,
            "acknowledged": acknowledges,  # None: all of them, by exit code 0
            "removing": removes,
        }
        self._before = copy_of(self.ledger)
        return super().step(*command, input=input, hands_in=hands_in, acknowledges=acknowledges, removes=removes, settles=settles)

    def execute(self, command, input, env):
        number = len(self.steps) + 1
        pattern = self.base / "patterns" / str(number)
        self.supervisor.set_back(self.folder, pattern)
        step = Step(number, self._full(command), self._file(input), env, self.gate.exists(), pattern, self._before, self._events)
        outcome = self.run(step, "list")
        step.listed = points.parse(self.supervisor.listing())
        self.steps.append(step)
        return self._completed(command, outcome)

    def quietly(self, *command, input=b""):
        if not self.recorded:
            return super().quietly(*command, input=input)
        outcome = self.supervisor.run(
            "none", self._full(command), input=self._file(input), env=self.environment(), cwd=self.folder,
            wall_us=self.now_us + (len(self.steps) + 1) * STEP_US + (self.jumped_us or 0))
        done = self._completed(command, outcome)
        assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
        return done

    def start_again(self, attempt):
        """After a jump nobody asks for a retry: what waits is tried again within a day, as the clock tells it."""
        if self.jumped_us is None:
            return super().start_again(attempt)
        self.jumped_us += attempt * DAY_AND_MORE_US
        self.quietly("send", "--once")

    def _full(self, command):
        return [self.lab.program(command[0]), *map(str, command[1:])]

    def _file(self, octets):
        if octets not in self._inputs:
            self._inputs[octets] = self.lab.write(self.base / "inputs" / str(len(self._inputs)), octets)
        return self._inputs[octets]

    def _completed(self, command, outcome):
        assert not outcome.hung, f"{command} did not end in time: {outcome.stderr!r}"
        return subprocess.CompletedProcess(command, outcome.code, outcome.stdout, outcome.stderr)

    def set_back(self, step):
        self.supervisor.set_back(step.pattern, self.folder)
        self.open_gate() if step.gate else self.close_gate()

    def wall_us(self, step):
        return self.now_us + step.number * STEP_US

    def run(self, step, act, at="", error=0, **more):
        return self.supervisor.run(
            act, step.command, input=step.input, env=step.env, cwd=self.folder, at=at, error=error,
            wall_us=self.wall_us(step), **more)


class Recording:
    """One workload, recorded, and what striking it has shown."""

    def __init__(self, workload, lab, base, named_files="0"):
        self.workload = workload
        lab = lab_for(workload, lab)
        self.world = RecordedWorld(lab, lab.folder(base))
        self.world.named_files = named_files
        self.findings = []
        self.runs = 0
        self.unreached = 0
        self.ends = collections.Counter()  # (program, exit code) of the struck ones
        self._judged = {}
        try:
            self._record()
        except BaseException:
            self.close()
            raise

    def close(self):
        self.world.close()

    def _record(self):
        world = self.world
        self.workload.set_up(world)
        self.workload.run(world)
        world.recorded = True
        self.steps = world.steps
        assert self.steps and all(step.points for step in self.steps), "a step without a single call"
        assert all(code == 0 for _, code, _ in world.codes), world.codes
        tree = read_tree(world.folder, world.layout)
        checker = Checker(world.ledger, world.layout)
        left = checker.finished(tree, 0) + owned_wrongly(world.folder, world.layout)
        assert not left, left
        self.notices = set(checker.summary(tree).notices)

    @property
    def judged(self):
        return len(self._judged)

    def strikes(self, mode):
        return [strike for step in self.steps for strike in points.strikes(step.number, step.listed, mode)]

    def strike(self, strike):
        """One run: by the tracer. What is wrong after it is kept in `findings`."""
        step = self.steps[strike.step - 1]
        by_us = strike.jumps_by(self.world.wall_us(step))
        for _ in range(TRIES):
            self.world.set_back(step)
            outcome = self.world.run(step, strike.act, strike.at, strike.error, by_us=by_us)
            if outcome.struck:
                break
        self.unreached += not outcome.struck
        self.judge(strike, outcome)

    def judge(self, strike, outcome):
        step = self.steps[strike.step - 1]
        self.runs += 1
        self.ends[step.program, outcome.code] += 1
        found = answers.check(step.program, outcome, strike)
        promised = step.promised(outcome)
        tree = read_tree(self.world.folder, self.world.layout)
        same = frozenset((PID.sub("P*Q", path), octets) for path, octets in tree.items())
        restarted = step.program == "system-run" and strike.what.startswith("one")
        jumped_us = None
        if strike.what in points.JUMPS:
            jumped_us = strike.jumps_by(self.world.wall_us(step))[0] if strike.lasts else 0
        key = (step.number, tuple(promised), same, restarted, jumped_us)
        if key not in self._judged:
            self._judged[key] = self.look(step, tree, promised, restarted, jumped_us)
        found += self._judged[key]
        self.findings += [Finding(self.workload.name, strike, *violation) for violation in found]

    def look(self, step, tree, promised, restarted, jumped_us):
        ledger = step.known_after(promised)
        if jumped_us is not None:
            ledger.leftovers = {}  # what is old, the clock says
        self.world.jumped_us = jumped_us
        checker = Checker(ledger, self.world.layout, restarted=restarted)
        found, before = checker.crashed(tree, 0)
        found += owned_wrongly(self.world.folder, self.world.layout)
        try:
            self.workload.recover(self.world)
        except AssertionError as failed:
            return found + [Violation("I6", f"the recovery failed: {failed}"[:1000])]
        after, last = checker.recovered(read_tree(self.world.folder, self.world.layout), before, 0)
        after += owned_wrongly(self.world.folder, self.world.layout)
        for subject, recipient in set(last.notices) - self.notices:
            after.append(Violation("I7", f"a fault of the machine has returned {subject} to its sender, for {recipient}"))
        return found + after
