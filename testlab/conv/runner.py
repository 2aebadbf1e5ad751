"""Runs a conversation against a target and tells what became of it."""

import dataclasses
import time

from . import states, steps
from .dialects import TLS_AT_ONCE, dialect_of, is_among
from .states import Unobserved
from .text import shown
from .wire import Closed, TlsFailed, TooLate

SURPLUS_SECONDS = 0.1  # how long a file's last reply may be followed by something
HOLD_SECONDS = 1.0     # how long "absent" and "count = 0" must hold
POLL_SECONDS = 0.02
VERDICTS = ("passed", "tolerated", "known", "skipped", "failed")


class Failure(Exception):
    """A step that did not hold."""


class Skipped(Exception):
    """Said by a target: it cannot do what the file needs."""


class Ended(Exception):
    """A known failure after which the file cannot go on."""


@dataclasses.dataclass
class Result:
    """`verdict`: one of VERDICTS; known: what failed is listed, and all that is listed did fail."""

    verdict: str = "passed"
    reason: str = ""
    transcript: list = dataclasses.field(default_factory=list)
    observed: list = dataclasses.field(default_factory=list)  # (requirement id, verdict)
    known: list = dataclasses.field(default_factory=list)     # what failed as listed
    checks: int = 0                                           # steps that were judged

    def text(self):
        return "\n".join([f"{self.verdict}: {self.reason}", *self.transcript])


def run(conversation, target, transport, known=None):
    """The Result of one file. The target is fresh, and is closed by who made it. `known` is what is
    listed for this file (known.Listed)."""
    listed = dict(known.lines) if known else {}
    result = Result()
    reason = reason_to_skip(conversation, target, transport)
    if reason is None:
        runner = Runner(conversation, target, transport, result, listed)
        try:
            target.setup(conversation.setup)
            runner.run()
        except Skipped as skipped:
            reason = str(skipped)
        except Failure as failure:
            result.verdict, result.reason = "failed", str(failure)
        finally:
            runner.close()
    if reason is not None:
        result.verdict, result.reason = "skipped", reason
    hold_against(result, known, listed)
    result.observed += [(row, verdict_of_row(result, row)) for row in sorted(set(conversation.covers))]
    return result


def reason_to_skip(conversation, target, transport):
    if target.name in conversation.skips:
        return conversation.skips[target.name]
    for word, wanted in conversation.needs:
        if (word in target.capabilities(transport)) != wanted:
            return f"needs {'' if wanted else '!'}{word}"
    return None


def hold_against(result, known, listed):
    """The list of known failures is checked both ways."""
    if known and known.skipped and result.verdict != "skipped":
        result.verdict, result.reason = "failed", "is listed as skipped, but was run"
    elif listed and result.verdict not in ("failed", "skipped"):
        places = ", ".join(str(line) for line in sorted(listed))
        result.verdict = "failed"
        result.reason = f"line {places} is listed as a known failure, but did not fail"
    elif result.known and result.verdict in ("passed", "tolerated"):
        result.verdict, result.reason = "known", "; ".join(result.known)


def verdict_of_row(result, row):
    """A row that the whole file stands for: where a step of another row failed, nothing is known."""
    if result.verdict not in ("failed", "known"):
        return result.verdict
    failed = [r for r, verdict in result.observed if verdict == "failed"]
    return "failed" if not failed or row in failed else "unobserved"


class Connection:
    def __init__(self, wire, checks):
        self.wire = wire
        self.checks = checks
        self.over = False  # closed, or seen to have ended


class Runner:
    def __init__(self, conversation, target, transport, result, listed):
        self.conversation = conversation
        self.target = target
        self.transport = transport
        self.result = result
        self.listed = listed  # line to known.Failure; what failed is taken out
        self.connections = {}
        self.name = None
        self.variables = {k: v.encode() for k, v in target.variables.items()}
        self.kept = {}        # fixtures of @ read
        self.last_text = b""
        self.last_block = []
        self.bounds = {}      # within, notbefore: (seconds, since)
        self.ifs = []         # whether each open @ if is in a part that is run
        self.pace = None

    # -- all of it

    def run(self):
        last = None
        try:
            for step in self.conversation.steps:
                if self.is_condition(step) or not all(self.ifs):
                    continue
                self.one(step)
                last = step
        except Ended:
            return
        if not (isinstance(last, steps.Silence) and last.kind == "eof?"):
            self.nothing_left()

    def one(self, step):
        verdict = "failed"
        try:
            verdict = self.judged(step)
        except Failure as failure:
            if step.place.line not in self.listed:
                raise Failure(f"{step.place}: {failure}") from None
            entry = self.listed.pop(step.place.line)
            self.result.known.append(f"line {step.place.line}: {entry.reason}")
            self.result.transcript.append(f"# known failure: {failure}")
            if entry.ends:
                raise Ended() from None
            if isinstance(step, steps.Silence):
                self.connection.over = True  # what was said instead is known too
        except Unobserved as unobserved:
            verdict = "unobserved"
            self.result.transcript.append(f"# line {step.place.line} is not judged: {unobserved}")
        finally:
            self.result.observed += [(row, verdict) for row in step.covers]

    def judged(self, step):
        act = {steps.Send: self.send, steps.Reply: self.reply, steps.Silence: self.silence,
               steps.Octets: self.octets, steps.Block: self.block, steps.Control: self.control,
               steps.State: self.state}[type(step)]
        try:
            verdict = act(step) or "passed"
        except Closed:
            raise Failure("the server closed the connection") from None
        except TooLate:
            raise Failure("nothing came in time") from None
        if not isinstance(step, (steps.Send, steps.Control)):
            self.result.checks += 1
        return verdict

    def is_condition(self, step):
        if not isinstance(step, steps.Control):
            return False
        if step.word in ("if", "ifnot"):
            has = step.arguments[0] in self.target.capabilities(self.transport)
            self.ifs.append(has == (step.word == "if"))
        elif step.word == "else":
            self.ifs[-1] = not self.ifs[-1]
        elif step.word == "end":
            self.ifs.pop()
        else:
            return False
        return True

    def nothing_left(self):
        end = time.monotonic() + SURPLUS_SECONDS
        for name, connection in self.connections.items():
            if connection.over:
                continue
            while not connection.wire.ended and time.monotonic() < end:
                connection.wire.wait(end - time.monotonic())
            if connection.wire.room:
                raise Failure(f"at the end: connection {name} said more: {shown(connection.wire.room)}")

    def close(self):
        for connection in self.connections.values():
            connection.wire.close()

    @property
    def connection(self):
        if self.connections[self.name].wire.closed:
            raise Failure(f"connection {self.name} was closed before")
        return self.connections[self.name]

    def note(self, who, octets):
        prefix = f"{self.name} " if len(self.connections) > 1 else ""
        self.result.transcript.append(f"{prefix}{who} {shown(octets)}")

    def take_faults(self, faults):
        for rows, text in faults:
            self.result.observed += [(row, "failed") for row in rows]
            raise Failure(f"{text} ({' '.join(rows)})" if rows else text)

    def fixture(self, name):
        return self.kept[name] if name in self.kept else self.target.fixture(name)

    # -- time

    def deadline(self):
        within = self.bounds.get("within")
        if within:
            return within[1] + within[0]
        return time.monotonic() + self.conversation.timeout

    def in_time(self):
        """Called when a bound step is done: too early is a failure, too late was one already."""
        bounds, self.bounds = self.bounds, {}
        if "notbefore" in bounds:
            seconds, since = bounds["notbefore"]
            if time.monotonic() - since < seconds:
                raise Failure(f"came before {seconds:g} s were over")

    # -- steps

    def send(self, step):
        connection = self.connection
        octets = b"".join(part.octets(self.variables, self.fixture) for part in step.parts)
        self.note("C:", octets)
        connection.checks.sent(octets)
        connection.wire.pace = self.pace
        connection.wire.send(octets, self.conversation.timeout)

    def reply(self, step):
        connection = self.connection
        lines = connection.checks.read(connection.wire, self.deadline())
        self.note("S:", b"".join(lines))
        code, text, faults = connection.checks.reply(lines)
        self.last_text = text
        self.in_time()
        self.take_faults(faults)
        hit = is_among(code, step.codes)
        if not hit and not is_among(code, step.tolerated):
            raise Failure(f"want {'|'.join(step.codes)}, got {shown(b''.join(lines))}")
        if hit and step.matcher:
            self.take_matcher(step.matcher, text)
        if not hit and self.result.verdict == "passed":
            self.result.verdict = "tolerated"
        return "passed" if hit else "tolerated"

    def take_matcher(self, matcher, octets):
        fault = matcher.fault(octets, self.variables)
        if fault:
            raise Failure(fault)

    def octets(self, step):
        wanted = step.text.render(self.variables)
        got = self.connection.wire.exactly(len(wanted), self.deadline())
        self.note("S!", got)
        self.in_time()
        if got != wanted:
            raise Failure(f"{shown(got)} is not {shown(wanted)}")

    def silence(self, step):
        wire = self.connection.wire
        end = time.monotonic() + step.seconds
        while not wire.ended and time.monotonic() < end:
            if wire.room and step.kind != "eof?":
                break
            wire.wait(end - time.monotonic())
        if wire.room and step.kind != "eof?":
            raise Failure(f"want {'nothing' if step.kind == 'none' else 'the end'}, got {shown(wire.room)}")
        if wire.ended and step.kind == "none":
            raise Failure("the server closed the connection")
        if not wire.ended and step.kind == "eof":
            raise Failure(f"not closed after {step.seconds:g} s")
        self.in_time()
        self.connection.over = self.connection.over or wire.ended

    def block(self, step):
        lines = self.connection.wire.lines_to_dot(self.deadline())
        self.note("S[", b"".join(lines))
        self.in_time()
        self.last_block, faults = self.connection.checks.block(lines)
        self.take_faults(faults)
        fault = self.match_lines(step.lines, self.last_block)
        if fault is not None:
            raise Failure(fault)

    def match_lines(self, wanted, data):
        """None where the lines are as wanted. A "..." takes as few as let the next one hold."""
        if not wanted:
            return None if not data else f"surplus line {shown(data[0])}"
        if isinstance(wanted[0], steps.AnyLines):
            return self.match_any(wanted[0], wanted[1:], data)
        if not data:
            return "the lines end too early"
        return wanted[0].fault(data[0], self.variables) or self.match_lines(wanted[1:], data[1:])

    def match_any(self, any_lines, rest, data):
        # What follows the last "..." is counted from the end.
        last = not any(isinstance(line, steps.AnyLines) for line in rest)
        starts = [len(data) - len(rest)] if last else range(len(data) + 1)
        fault = "the lines end too early"
        for at in starts:
            if at < 0:
                break
            fault = self.fault_of_each(any_lines, data[:at])
            if fault is not None:
                break
            fault = self.match_lines(rest, data[at:])
            if fault is None:
                return None
        return fault

    def fault_of_each(self, any_lines, data):
        if any_lines.each is None:
            return None
        return next((f for line in data if (f := any_lines.each.fault(line, self.variables))), None)

    # -- @

    def control(self, step):
        getattr(self, f"do_{step.word}")(*step.arguments)
        if step.word not in ("use", "let"):
            self.result.transcript.append(" ".join(["@", step.word, *map(str, step.arguments)]))

    def do_connect(self, name):
        wire = self.target.connect(self.transport)
        self.name = name
        self.connections[name] = Connection(wire, dialect_of(self.transport).checks())
        if self.transport in TLS_AT_ONCE:
            self.handshake()

    def do_use(self, name):
        self.name = name

    def do_close(self):
        self.connection.over = True
        self.connection.wire.close()

    def do_reset(self):
        self.connection.over = True
        self.connection.wire.reset()

    def do_halfclose(self):
        self.connection.wire.halfclose()

    def do_tls(self, wanted):
        try:
            self.handshake()
        except Failure:
            if wanted == "fail":
                return
            raise
        if wanted == "fail":
            raise Failure("the TLS handshake succeeded")
        self.connection.checks.forget()

    def handshake(self):
        try:
            self.connection.wire.start_tls(time.monotonic() + self.conversation.timeout)
        except TlsFailed as failed:
            raise Failure(f"no TLS: {failed}") from None

    def do_wait(self, seconds):
        time.sleep(seconds)

    def do_within(self, seconds):
        self.bounds["within"] = (seconds, time.monotonic())

    def do_notbefore(self, seconds):
        self.bounds["notbefore"] = (seconds, time.monotonic())

    def do_slow(self, count, seconds):
        self.pace = (count, seconds)

    def do_fast(self):
        self.pace = None

    def do_signal(self, number):
        self.target.signal(number, self.connection.wire)

    def do_restart(self):
        self.target.restart()

    def do_read(self, name):
        self.kept[name] = b"".join(line + b"\n" for line in self.last_block)

    def do_run(self, command, *arguments):
        self.target.run(command, arguments, self.fixture)

    def do_let(self, name, regex):
        found = regex.compiled(self.variables).search(self.last_text)
        if not found:
            raise Failure(f"{shown(self.last_text)} does not match {regex.source}")
        self.variables[name] = found[1] or b""

    # -- =

    def state(self, step):
        end = self.deadline()
        holding = None
        while True:
            fault = states.fault_of(step, self.target, self.connections, self.variables, self.fixture)
            now = time.monotonic()
            if fault is None and not states.must_hold(step):
                break
            if fault is None:
                holding = holding or now
                if now - holding >= HOLD_SECONDS:
                    break
            else:
                holding = None
                if now >= end:
                    raise Failure(fault)
            time.sleep(POLL_SECONDS)
        self.in_time()
