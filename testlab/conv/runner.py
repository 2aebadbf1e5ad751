"""Runs a conversation against a target and tells what became of it."""

import dataclasses
import time

from . import steps
from .pop3 import Pop3Checks
from .text import shown
from .wire import Closed, TooLate

SURPLUS_SECONDS = 0.1  # how long a file's last reply may be followed by something
HOLD_SECONDS = 1.0     # how long "absent" and "count = 0" must hold
POLL_SECONDS = 0.02


class Failure(Exception):
    """A step that did not hold."""


class Skipped(Exception):
    """Said by a target: it cannot do what the file needs."""


@dataclasses.dataclass
class Result:
    verdict: str = "passed"  # passed, tolerated, failed, skipped
    reason: str = ""
    transcript: list = dataclasses.field(default_factory=list)
    observed: list = dataclasses.field(default_factory=list)  # (requirement id, verdict)

    def text(self):
        return "\n".join([f"{self.verdict}: {self.reason}", *self.transcript])


def run(conversation, target, transport):
    """The Result of one file. The target is fresh, and is closed by who made it."""
    result = Result()
    if target.name in conversation.skips:
        return Result("skipped", conversation.skips[target.name])
    for word, wanted in conversation.needs:
        if (word in target.capabilities()) != wanted:
            return Result("skipped", f"needs {'' if wanted else '!'}{word}")
    runner = Runner(conversation, target, transport, result)
    try:
        target.setup(conversation.setup)
        runner.run()
    except Skipped as skipped:
        result.verdict, result.reason = "skipped", str(skipped)
    except Failure as failure:
        result.verdict, result.reason = "failed", str(failure)
    finally:
        runner.close()
    rows = set(conversation.covers)
    result.observed += [(row, result.verdict) for row in sorted(rows)]
    return result


class Connection:
    def __init__(self, wire):
        self.wire = wire
        self.checks = Pop3Checks()
        self.over = False  # closed, or seen to have ended


class Runner:
    def __init__(self, conversation, target, transport, result):
        self.conversation = conversation
        self.target = target
        self.transport = transport
        self.result = result
        self.connections = {}
        self.name = None
        self.variables = {k: v.encode() for k, v in target.variables.items()}
        self.last_text = b""
        self.bounds = {}      # within, notbefore: (seconds, since)
        self.ifs = []         # whether each open @ if is in a part that is run
        self.pace = None

    # -- all of it

    def run(self):
        last = None
        for step in self.conversation.steps:
            if self.is_condition(step) or not all(self.ifs):
                continue
            self.one(step)
            last = step
        if not (isinstance(last, steps.Silence) and last.kind == "eof?"):
            self.nothing_left()

    def one(self, step):
        act = {steps.Send: self.send, steps.Reply: self.reply, steps.Silence: self.silence,
               steps.Octets: self.octets, steps.Block: self.block, steps.Control: self.control,
               steps.State: self.state}[type(step)]
        verdict = "failed"
        try:
            verdict = act(step) or "passed"
        except Failure as failure:
            raise Failure(f"{step.place}: {failure}") from None
        except Closed:
            raise Failure(f"{step.place}: the server closed the connection") from None
        except TooLate:
            raise Failure(f"{step.place}: nothing came in time") from None
        finally:
            self.result.observed += [(row, verdict) for row in step.covers]

    def is_condition(self, step):
        if not isinstance(step, steps.Control):
            return False
        if step.word in ("if", "ifnot"):
            self.ifs.append((step.arguments[0] in self.target.capabilities()) == (step.word == "if"))
        elif step.word == "else":
            self.ifs[-1] = not self.ifs[-1]
        elif step.word == "end":
            self.ifs.pop()
        else:
            return False
        return True

    def nothing_left(self):
        for name, connection in self.connections.items():
            if connection.over:
                continue
            end = time.monotonic() + SURPLUS_SECONDS
            while not connection.wire.ended and time.monotonic() < end:
                connection.wire.wait(end - time.monotonic())
            if connection.wire.room:
                raise Failure(f"at the end: connection {name} said more: {shown(connection.wire.room)}")

    def close(self):
        for connection in self.connections.values():
            connection.wire.close()

    @property
    def connection(self):
        return self.connections[self.name]

    def note(self, who, octets):
        prefix = f"{self.name} " if len(self.connections) > 1 else ""
        self.result.transcript.append(f"{prefix}{who} {shown(octets)}")

    def take_faults(self, faults):
        for rows, text in faults:
            self.result.observed += [(row, "failed") for row in rows]
            raise Failure(f"{text} ({' '.join(rows)})" if rows else text)

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
        parts = [text.render(self.variables, counter) + step.line_end for text, counter in step.texts]
        octets = b"".join(parts)
        self.note("C:", octets)
        self.connection.checks.sent(octets)
        self.connection.wire.pace = self.pace
        self.connection.wire.send(octets, self.conversation.timeout)

    def reply(self, step):
        line = self.connection.wire.line(self.deadline())
        self.note("S:", line)
        self.in_time()
        status, text, faults = self.connection.checks.reply(line)
        self.take_faults(faults)
        self.last_text = text
        hit = self.is_among(status, step.codes)
        if not hit and not self.is_among(status, step.tolerated):
            raise Failure(f"want {'|'.join(step.codes)}, got {shown(line)}")
        if hit and step.matcher:
            self.take_matcher(step.matcher, text)
        if not hit and self.result.verdict == "passed":
            self.result.verdict = "tolerated"
        return "passed" if hit else "tolerated"

    @staticmethod
    def is_among(status, codes):
        return status in codes or "any" in codes

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
        self.connection.over = self.connection.over or wire.ended

    def block(self, step):
        lines = self.connection.wire.lines_to_dot(self.deadline())
        self.note("S[", b"".join(lines))
        self.in_time()
        data, faults = self.connection.checks.block(lines)
        self.take_faults(faults)
        at = self.match_lines(step.lines, data)
        if at is not None:
            raise Failure(at)

    def match_lines(self, wanted, data):
        """None where the lines are as wanted. A "..." takes as few as let the next one hold."""
        if not wanted:
            return None if not data else f"surplus line {shown(data[0])}"
        if wanted[0] is None:
            rest = wanted[1:]
            if not rest:
                return None
            fault = "the lines end too early"
            # What follows the last "..." is counted from the end.
            starts = range(len(data) + 1) if None in rest else [len(data) - len(rest)]
            for at in starts:
                if at >= 0:
                    fault = self.match_lines(rest, data[at:])
                    if fault is None:
                        return None
            return fault
        if not data:
            return "the lines end too early"
        return wanted[0].fault(data[0], self.variables) or self.match_lines(wanted[1:], data[1:])

    # -- @

    def control(self, step):
        word, values = step.word, step.arguments
        if word == "connect":
            self.name = values[0]
            self.connections[self.name] = Connection(self.target.connect(self.transport))
        elif word == "use":
            self.name = values[0]
        elif word in ("close", "reset", "halfclose"):
            getattr(self.connection.wire, word)()
            self.connection.over = self.connection.over or word != "halfclose"
        elif word == "wait":
            time.sleep(values[0])
        elif word in ("within", "notbefore"):
            self.bounds[word] = (values[0], time.monotonic())
        elif word in ("slow", "fast"):
            self.pace = values or None
        elif word == "run":
            self.target.run(values[0], values[1:])
        elif word == "let":
            found = values[1].compiled(self.variables).search(self.last_text)
            if not found:
                raise Failure(f"{shown(self.last_text)} does not match {values[1].source}")
            self.variables[values[0]] = found[1]
        if word not in ("within", "notbefore"):
            return
        self.result.transcript.append(f"@ {word} {values[0]:g} s")

    # -- =

    def state(self, step):
        end = self.deadline()
        holding = None
        while True:
            fault = self.state_fault(step)
            now = time.monotonic()
            if fault is None and not self.must_hold(step):
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

    @staticmethod
    def must_hold(step):
        return step.test == "absent" or (step.test == "count" and step.operand == ("=", 0))

    def state_fault(self, step):
        messages = self.target.messages(step.user)
        if step.test == "count":
            sign, wanted = step.operand
            holds = {"=": len(messages) == wanted, "<": len(messages) < wanted,
                     ">": len(messages) > wanted, "<=": len(messages) <= wanted,
                     ">=": len(messages) >= wanted}[sign]
            return None if holds else f"{len(messages)} messages, want {sign} {wanted}"
        there = len(messages) > (step.index or 0)
        if step.test == "absent":
            return f"message {step.index or 0} is there" if there else None
        if not there:
            return f"no message {step.index}: there are {len(messages)}"
        octets = part_of(messages[step.index].read_bytes(), step.part, step.field)
        if octets is None:
            return f"no field {step.field}"
        if step.test == "match":
            return step.operand.fault(octets, self.variables)
        wanted = (self.target.fixture(step.operand) if step.test == "is-octets"
                  else step.operand.render(self.variables))
        return None if octets == wanted else f"{shown(octets)} is not {shown(wanted)}"


def part_of(message, part, field):
    """A part of a stored message; None for a field it has not."""
    header, blank, body = message.partition(b"\n\n")
    if blank:
        header += b"\n"
    if part == "raw":
        return message
    if part == "size":
        return b"%d" % len(message)
    if part == "headers":
        return header
    if part == "body":
        return body
    unfolded = header.replace(b"\n ", b" ").replace(b"\n\t", b" ")
    for line in unfolded.split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon and name.lower() == field.lower().encode():
            return value.strip()
    return None
