"""Reads a conversation file into steps. Everything that can be wrong with a file is found here, and
told with line and column; so is what of the format cannot be run yet."""

import functools
import pathlib
import re

from . import steps
from .control_lines import ControlLines
from .dialects import DIALECTS, dialect_of
from .said_lines import SaidLines
from .state_lines import StateLines
from .text import ConvError, Place

CORPUS = pathlib.Path(__file__).resolve().parent.parent.parent / "rfc-corpus"

KEYS = ("id", "title", "covers", "transport", "role", "needs", "setup", "target-skip", "timeout", "tags")
BUILT_IN = ("host", "domain", "client")
# Capabilities in small letters are a target's own; EHLO keywords and CAPA tags are in capitals.
PROFILE_WORDS = ("tls", "auth", "relay", "state", "expn")

_ANNOTATION = re.compile(r" {2,}##((?: +\S+)+)$")
_DURATION = re.compile(r"([0-9]+)(ms|s)$")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*$")


@functools.cache
def requirement_ids():
    lines = (CORPUS / "requirements.tsv").read_text().splitlines()
    return frozenset(line.split("\t")[0] for line in lines[1:])


def load(path):
    """The conversation in a file; ConvError where it is not one."""
    path = pathlib.Path(path)
    return Loader(str(path), path.read_bytes()).conversation(path)


def loads(source, name="test.conv"):
    return Loader(name, source.encode() if isinstance(source, str) else source).conversation(
        pathlib.Path(name))


def corpus():
    """Every conversation file there is."""
    return sorted(CORPUS.glob("**/*.conv"))


class Loader(SaidLines, ControlLines, StateLines):
    def __init__(self, name, octets):
        self.name = name
        self.at = 0  # index of the next line
        try:
            text = octets.decode()
        except UnicodeDecodeError as error:
            line = octets.count(b"\n", 0, error.start) + 1
            column = error.start - (octets.rfind(b"\n", 0, error.start) + 1) + 1
            raise ConvError(Place(name, line, column), "not UTF-8") from None
        self.lines = text.removesuffix("\n").split("\n")
        for number, line in enumerate(self.lines, start=1):
            if "\r" in line:
                raise ConvError(Place(name, number, line.index("\r") + 1), "a CR: lines end in LF")
        self.known = set(BUILT_IN)  # variables
        self.names = set()          # of connections
        self.kept = set()           # fixtures that @ read makes
        self.open_ifs = []          # (place, "if" or "else")
        self.bound = None           # the place of an @ within or @ notbefore that binds nothing yet
        self.answered = False       # whether a reply came before
        self.had_block = False
        self.dialect = None

    def conversation(self, path):
        head = self.head()
        body = []
        while self.at < len(self.lines):
            step = self.step()
            if step is not None:
                body.append(step)
        if self.open_ifs:
            raise ConvError(self.open_ifs[-1][0], "@ if without its @ end")
        if self.bound:
            raise ConvError(self.bound, "no S: or state step follows for this time")
        if not body:
            raise ConvError(Place(self.name, len(self.lines)), "no step")
        return steps.Conversation(path=path, steps=body, **head)

    # -- the head

    def head(self):
        values, places = {}, {}
        while self.at < len(self.lines) and self.lines[self.at]:
            place, line = Place(self.name, self.at + 1), self.lines[self.at]
            self.at += 1
            key, colon, value = line.partition(":")
            if not colon or not re.match(r"[a-z-]+$", key):
                raise ConvError(place, f'want "key: value", not "{line}"')
            if key not in KEYS:
                raise ConvError(place, f"unknown key {key}")
            if not value.startswith(" ") or not value.strip():
                raise ConvError(place.right(len(key) + 1), f"{key}: want a space and a value")
            if key in values and key != "target-skip":
                raise ConvError(place, f"{key} is given twice")
            if value != value.rstrip():
                raise ConvError(place.right(len(line.rstrip())), "blank at the end of a line")
            values.setdefault(key, []).append(value[1:])
            places.setdefault(key, []).append(place.right(len(key) + 2))
        for key in ("id", "title", "transport"):
            if key not in values:
                raise ConvError(Place(self.name, 1), f"the head has no {key}")
        one = {key: value[0] for key, value in values.items()}
        return self.checked_head(one, values, {key: place[0] for key, place in places.items()}, places)

    def checked_head(self, one, values, place, places):
        stem = pathlib.Path(self.name).stem
        if one["id"] != stem:
            raise ConvError(place["id"], f'id {one["id"]} in a file named {stem}')
        self.check_role(one.get("role", "server"), place.get("role"))
        transports = tuple(self.checked_words(one, place, "transport", self.check_transport))
        covers = tuple(self.checked_words(one, place, "covers", self.check_requirement))
        needs = self.checked_words(one, place, "needs", self.check_need)
        setup = one.get("setup", "empty")
        if not _NAME.match(setup):
            raise ConvError(place["setup"], f'want the name of a setup, not "{setup}"')
        timeout = self.duration(one.get("timeout", "5s"), place.get("timeout"))
        if timeout == 0:
            raise ConvError(place["timeout"], "a timeout of nothing")
        return dict(id=one["id"], title=one["title"], covers=covers, transports=transports,
                    needs=tuple((w.removeprefix("!"), not w.startswith("!")) for w in needs),
                    setup=setup, skips=self.skips(values, places), timeout=timeout,
                    tags=tuple(one.get("tags", "").split()))

    @staticmethod
    def check_role(role, place):
        if role == "client":
            raise ConvError(place, "role client: not supported yet")
        if role != "server":
            raise ConvError(place, f"unknown role {role}")

    @staticmethod
    def checked_words(one, place, key, check):
        words = []
        for found in re.finditer(r"\S+", one.get(key, "")):
            check(found[0], place[key].right(found.start()))
            if found[0] in words:
                raise ConvError(place[key].right(found.start()), f"{found[0]} is given twice")
            words.append(found[0])
        return words

    def check_transport(self, word, place):
        if word not in DIALECTS:
            raise ConvError(place, f"unknown transport {word}")
        dialect = dialect_of(word)
        if self.dialect not in (None, dialect):
            raise ConvError(place, f"{word} speaks {dialect.name}, and what is before it {self.dialect.name}")
        self.dialect = dialect

    @staticmethod
    def check_requirement(word, place):
        if word not in requirement_ids():
            raise ConvError(place, f"unknown requirement {word}")

    @staticmethod
    def check_capability(word, place):
        if word not in PROFILE_WORDS and not re.match(r"[A-Z0-9][A-Z0-9-]*$", word):
            raise ConvError(place, f'want a capability like TOP, or one of {" ".join(PROFILE_WORDS)},'
                                   f' not "{word}"')

    def check_need(self, word, place):
        self.check_capability(word.removeprefix("!"), place.right(word.startswith("!")))

    @staticmethod
    def skips(values, places):
        skips = {}
        for value, place in zip(values.get("target-skip", []), places.get("target-skip", [])):
            target, _, reason = value.partition(" ")
            if not reason:
                raise ConvError(place, "want a target and a reason")
            if target in skips:
                raise ConvError(place, f"{target} is skipped already")
            skips[target] = reason
        return skips

    @staticmethod
    def duration(text, place):
        found = _DURATION.match(text)
        if not found:
            raise ConvError(place, f'want a time like 500ms or 2s, not "{text}"')
        return int(found[1]) / (1000 if found[2] == "ms" else 1)

    # -- the steps

    def step(self):
        place, line = Place(self.name, self.at + 1), self.lines[self.at]
        self.at += 1
        if not line or line.startswith("#"):
            return None
        line, covers = self.without_annotation(line, place)
        if line.endswith((" ", "\t")):
            raise ConvError(place.right(len(line) - 1), r"blank at the end of a line: write \s or \t")
        kind = "@" if line[:1] == "@" else "=" if line[:1] == "=" else line[:2]
        readers = {"C:": self.client, "C!": self.client_octets, "C*": self.client_counted,
                   "C<": self.client_fixture, "C{": self.client_group, "C[": self.client_block,
                   "S:": self.reply, "S-": self.silence, "S!": self.server_octets, "S[": self.block,
                   "@": self.control, "=": self.state}
        if kind not in readers:
            raise ConvError(place, f'unknown step "{line[:2]}"')
        rest, after = line[len(kind):], place.right(len(kind))
        if kind == "C<" and rest.startswith("stuff"):
            kind, rest, after = "C<stuff", rest.removeprefix("stuff"), after.right(5)
            readers[kind] = self.client_stuffed
        if rest and not rest.startswith(" "):
            raise ConvError(after, f"want a space after {kind}")
        step = readers[kind](rest[1:], after.right(1), place)
        if line[:2] in ("S:", "S!", "S[", "S-") or kind == "=":
            self.bound = None
        step.covers += covers
        return step

    def without_annotation(self, line, place):
        found = _ANNOTATION.search(line)
        if not found:
            if re.search(r" {2,}##", line):
                raise ConvError(place.right(line.index("##")), "## wants requirement ids after it")
            return line, ()
        for word in re.finditer(r"\S+", found[1]):
            self.check_requirement(word[0], place.right(found.start(1) + word.start()))
        return line[: found.start()], tuple(found[1].split())

    def need_connection(self, place):
        if not self.names:
            raise ConvError(place, "no connection yet: @ connect comes first")

    def check_fixture(self, name, place):
        if name not in self.kept and not self.is_message(name):
            raise ConvError(place, f'no message "{name}" in rfc-corpus/messages')

    @staticmethod
    def is_message(name):
        return re.match(r"[A-Za-z0-9._-]+$", name) and (CORPUS / "messages" / name).is_file()
