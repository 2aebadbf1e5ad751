"""The steps a conversation is made of. Each has its place and the requirements it stands for."""

import dataclasses


@dataclasses.dataclass
class Step:
    place: object  # text.Place
    covers: tuple = ()


@dataclasses.dataclass(frozen=True)
class Line:
    """C: C! C* - a text and what ends it; `counter` is the {i} of a C* line."""

    text: object
    end: bytes = b"\r\n"
    counter: object = None

    def octets(self, variables, fixture):
        return self.text.render(variables, self.counter) + self.end


@dataclasses.dataclass(frozen=True)
class Fixture:
    """C< - the octets of a message; `stuffed`: with CRLF line ends, and dots doubled at their start."""

    name: str
    stuffed: bool = False

    def octets(self, variables, fixture):
        octets = fixture(self.name)
        if not self.stuffed:
            return octets
        lines = octets.split(b"\n")
        return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)


@dataclasses.dataclass
class Send(Step):
    """C: C! C* C< C{ - Lines and Fixtures that leave in one write."""

    parts: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Reply(Step):
    """S: - one whole reply."""

    codes: tuple = ()
    tolerated: tuple = ()
    matcher: object = None


@dataclasses.dataclass
class Silence(Step):
    """S- - what the server does not say: "none", "eof" (and says nothing before), "eof?"."""

    kind: str = "none"
    seconds: float = 0.0


@dataclasses.dataclass
class Octets(Step):
    """S! - exactly these octets."""

    text: object = None


@dataclasses.dataclass(frozen=True)
class AnyLines:
    """"..." - any number of lines, each of which must pass `each` where there is one."""

    each: object = None


@dataclasses.dataclass
class Block(Step):
    """S[ - multi-line data up to the lone dot; a line is a Matcher or AnyLines."""

    lines: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Control(Step):
    """@ word arguments"""

    word: str = ""
    arguments: tuple = ()


@dataclasses.dataclass
class State(Step):
    """= probe test"""

    probe: str = ""
    user: str = ""        # of maildir and mbox; the connection of conn
    index: object = None  # int or None
    part: str = "raw"     # or the field of a queued message
    field: str = ""       # the name of a header field
    test: str = ""        # "count", "is", "is-octets", "match", "absent"
    operand: object = None  # (operator, number), Text, fixture name, Matcher


@dataclasses.dataclass
class Conversation:
    """A file, its head with lists split."""

    path: object
    id: str
    title: str
    covers: tuple
    transports: tuple
    needs: tuple  # of (word, wanted)
    setup: str
    skips: dict  # target name to reason
    timeout: float
    tags: tuple
    steps: list
