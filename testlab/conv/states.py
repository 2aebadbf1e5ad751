"""What a state step asks (= PROBE TEST), answered from what a target shows."""

import dataclasses
import pathlib

from .text import shown


class Unobserved(Exception):
    """A target that has no such probe: the step is not judged."""


@dataclasses.dataclass(frozen=True)
class Item:
    """A message somewhere: a file or octets, with its envelope where one is known."""

    file: object = None
    content: bytes = b""
    sender: bytes = b""
    recipients: tuple = ()
    params: tuple = ()

    @property
    def octets(self):
        return pathlib.Path(self.file).read_bytes() if self.file else self.content

    def part(self, name, field=""):
        """The octets of a part; None for a header field that is not there."""
        simple = {"sender": self.sender, "rcpt": b"\n".join(self.recipients),
                  "params": b"\n".join(self.params)}
        if name in simple:
            return simple[name]
        if name == "envelope":
            return b"\n".join((b"MAIL FROM:<%s>" % self.sender, *(b"RCPT TO:<%s>" % r for r in self.recipients)))
        return part_of(self.octets, name, field)


def part_of(message, part, field):
    """A part of a stored message; None for a header field it has not."""
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


def must_hold(step):
    """Whether that it is so once does not do."""
    return step.test == "absent" or (step.test == "count" and step.operand == ("=", 0))


def fault_of(step, target, connections, variables, fixture):
    """None where the state is as wanted, else what is wrong."""
    if step.probe in ("mbox", "log", "conn"):
        return text_fault(step, text_of(step, target, connections), variables, fixture)
    asked = {"queue": target.queue, "sink": target.sink, "bounce": target.bounces,
             "maildir": lambda: target.messages(step.user)}
    items = asked[step.probe]()
    if step.test == "count":
        return count_fault(step, len(items), "messages")
    there = len(items) > (step.index or 0)
    if step.test == "absent":
        if step.part == "header" and there:
            return f"field {step.field} is there" if items[step.index or 0].part("header", step.field) else None
        return f"message {step.index or 0} is there" if there else None
    if not there:
        return f"no message {step.index}: there are {len(items)}"
    octets = items[step.index].part(step.part, step.field)
    if octets is None:
        return f"no field {step.field}"
    return octets_fault(step, octets, variables, fixture)


def text_of(step, target, connections):
    """The octets of what is one text; None where it is not there."""
    if step.probe == "mbox":
        return target.mbox(step.user)
    if step.probe == "log":
        return target.log_text()
    wire = connections[step.user].wire
    while not wire.ended and wire.wait(0):
        pass
    return None if wire.ended else b"open"


def text_fault(step, octets, variables, fixture):
    if step.test == "count":
        counted = {"mbox": lambda: sum(l.startswith(b"From ") for l in (octets or b"").split(b"\n")),
                   "log": lambda: (octets or b"").count(b"\n"), "conn": lambda: int(octets is not None)}
        what = {"mbox": "messages", "log": "lines", "conn": "open connections"}
        return count_fault(step, counted[step.probe](), what[step.probe])
    if step.test == "absent":
        if octets:
            return f"it is there: {shown(octets)}"
        return None
    if octets is None:
        return "the server has closed it" if step.probe == "conn" else "it is not there"
    return octets_fault(step, octets, variables, fixture)


def count_fault(step, number, what):
    sign, wanted = step.operand
    holds = {"=": number == wanted, "<": number < wanted, ">": number > wanted,
             "<=": number <= wanted, ">=": number >= wanted}[sign]
    return None if holds else f"{number} {what}, want {sign} {wanted}"


def octets_fault(step, octets, variables, fixture):
    if step.test == "match":
        return step.operand.fault(octets, variables)
    wanted = fixture(step.operand) if step.test == "is-octets" else step.operand.render(variables)
    return None if octets == wanted else f"{shown(octets)} is not {shown(wanted)}"
