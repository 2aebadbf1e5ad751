"""The steps a conversation is made of. Each has its place and the requirements it stands for."""

import dataclasses


@dataclasses.dataclass
class Step:
    place: object  # text.Place
    covers: tuple = ()


@dataclasses.dataclass
class Send(Step):
    """C: C! C* C{ - texts that leave in one write; `line_end` is added to each."""

    texts: list = dataclasses.field(default_factory=list)  # of (Text, counter or None)
    line_end: bytes = b"\r\n"


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


@dataclasses.dataclass
class Block(Step):
    """S[ - multi-line data up to the lone dot; a line is a Matcher, or None for "..."."""

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
    user: str = ""
    index: object = None  # int or None
    part: str = "raw"
    field: str = ""
    test: str = ""  # "count", "is", "is-octets", "match", "absent"
    operand: object = None  # (operator, number), Text, fixture name, Matcher


@dataclasses.dataclass
class Conversation:
    """A file. `head` has every key as it was written, lists split."""

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
