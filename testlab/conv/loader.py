"""Reads a conversation file into steps. Everything that can be wrong with a file is found here, and
told with line and column; so is everything of the format that cannot be run yet."""

import functools
import pathlib
import re

from . import steps
from .text import ConvError, Place, parse_matcher, parse_regex, parse_text

CORPUS = pathlib.Path(__file__).resolve().parent.parent.parent / "rfc-corpus"

KEYS = ("id", "title", "covers", "transport", "role", "needs", "setup", "target-skip", "timeout", "tags")
TRANSPORTS = ("pop3",)
LATER_TRANSPORTS = ("smtp", "smtps", "submission", "submissions", "lmtp", "pop3s", "stdio-smtp")
LATER_STEPS = ("C<", "C[")
LATER_WORDS = ("tls", "signal", "restart", "read")
LATER_PROBES = ("queue", "mbox", "sink", "bounce", "log", "conn")
PARTS = ("headers", "body", "raw", "size")
BUILT_IN = ("host", "domain", "client")

# What "@ run" can ask of a target, with the number of arguments.
COMMANDS = {
    "deliver": 2,  # USER MESSAGE: a new message, as a delivery would put it there
    "remove": 2,   # USER N: message N (from 0, by file name) is removed by another program
    "flag": 3,     # USER N FLAGS: message N moves to cur/ with these flags
    "seal": 1,     # USER: nothing can be added to or removed from the Maildir
    "unseal": 1,
}

_ANNOTATION = re.compile(r" {2,}##((?: +\S+)+)$")
_DURATION = re.compile(r"([0-9]+)(ms|s)$")
_CODE = re.compile(r"\+OK$|-ERR$|any$")


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


class Loader:
    def __init__(self, name, octets):
        self.name = name
        self.at = 0  # index of the next line
        try:
            text = octets.decode()
        except UnicodeDecodeError as error:
            line = octets.count(b"\n", 0, error.start) + 1
            column = error.start - (octets.rfind(b"\n", 0, error.start) + 1) + 1
            raise ConvError(Place(name, line, column), "not UTF-8") from None
        if "\r" in text:
            line = text.count("\n", 0, text.index("\r")) + 1
            raise ConvError(Place(name, line), "a CR: lines end in LF")
        self.lines = text.removesuffix("\n").split("\n")
        self.known = set(BUILT_IN)
        self.names = set()  # of connections
        self.open_ifs = []

    def conversation(self, path):
        head = self.head()
        body = []
        while self.at < len(self.lines):
            step = self.step()
            if step is not None:
                body.append(step)
        if self.open_ifs:
            raise ConvError(self.open_ifs[-1][0], "@ if without its @ end")
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
            values.setdefault(key, []).append(value.strip())
            places[key] = place.right(len(key) + 2)
        for key in ("id", "title", "transport"):
            if key not in values:
                raise ConvError(Place(self.name, 1), f"the head has no {key}")
        one = {key: value[0] for key, value in values.items()}
        return self.checked_head(one, values, places)

    def checked_head(self, one, values, places):
        stem = pathlib.Path(self.name).stem
        if one["id"] != stem:
            raise ConvError(places["id"], f'id {one["id"]} in a file named {stem}')
        if one.get("role", "server") != "server":
            known = one["role"] == "client"
            raise ConvError(places["role"], "role client: not supported yet" if known else
                            f'unknown role {one["role"]}')
        for word in one["transport"].split():
            if word in LATER_TRANSPORTS:
                raise ConvError(places["transport"], f"transport {word}: not supported yet")
            if word not in TRANSPORTS:
                raise ConvError(places["transport"], f"unknown transport {word}")
        covers = tuple(one.get("covers", "").split())
        for word in covers:
            self.check_requirement(word, places["covers"])
        needs = tuple((w.removeprefix("!"), not w.startswith("!")) for w in one.get("needs", "").split())
        skips = dict(v.partition(" ")[::2] for v in values.get("target-skip", []))
        if "" in skips.values():
            raise ConvError(places["target-skip"], "want a target and a reason")
        timeout = self.duration(one.get("timeout", "5s"), places.get("timeout"))
        return dict(id=one["id"], title=one["title"], covers=covers,
                    transports=tuple(one["transport"].split()), needs=needs,
                    setup=one.get("setup", "empty"), skips=skips, timeout=timeout,
                    tags=tuple(one.get("tags", "").split()))

    @staticmethod
    def check_requirement(word, place):
        if word not in requirement_ids():
            raise ConvError(place, f"unknown requirement {word}")

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
        kind = "@" if line[0] == "@" else "=" if line[0] == "=" else line[:2]
        readers = {"C:": self.client, "C!": self.client_octets, "C*": self.client_counted,
                   "C{": self.client_group, "S:": self.reply, "S-": self.silence,
                   "S!": self.server_octets, "S[": self.block, "@": self.control, "=": self.state}
        if kind in LATER_STEPS:
            raise ConvError(place, f"step {kind}: not supported yet")
        if kind not in readers:
            raise ConvError(place, f'unknown step "{line[:2]}"')
        rest, after = line[len(kind):], place.right(len(kind))
        if rest and not rest.startswith(" "):
            raise ConvError(after, f"want a space after {kind}")
        step = readers[kind](rest[1:], after.right(1), place)
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

    def client(self, rest, after, place):
        self.need_connection(place)
        return steps.Send(place, texts=[(parse_text(rest, after, self.known), None)])

    def client_octets(self, rest, after, place):
        self.need_connection(place)
        if not rest:
            raise ConvError(after, "C! wants octets")
        return steps.Send(place, texts=[(parse_text(rest, after, self.known), None)], line_end=b"")

    def client_counted(self, rest, after, place):
        self.need_connection(place)
        found = re.match(r"([0-9]+):(?: (.*))?$", rest)
        if not found or int(found[1]) == 0:
            raise ConvError(after, 'want "COUNT: text"')
        text = parse_text(found[2] or "", after.right(len(found[1]) + 2), self.known, counted=True)
        return steps.Send(place, texts=[(text, i) for i in range(1, int(found[1]) + 1)])

    def client_group(self, rest, after, place):
        self.need_connection(place)
        if rest:
            raise ConvError(after, "C{ stands alone")
        group = steps.Send(place, line_end=b"")
        for line, here in self.until("C}", place):
            line, covers = self.without_annotation(line, here)
            kind = line[:2]
            if kind not in ("C:", "C!", "C*") or (line[2:] and line[2] != " "):
                raise ConvError(here, f'C{{ holds lines of C:, C! and C*, not "{line}"')
            reader = {"C:": self.client, "C!": self.client_octets, "C*": self.client_counted}[kind]
            step = reader(line[3:], here.right(3), here)
            end = parse_text(r"\r\n", here, ()) if step.line_end else None
            for text, counter in step.texts:
                group.texts += [(text, counter)] + ([(end, None)] if end else [])
            group.covers += covers
        group.covers += self.end_of_block("C}")
        if not group.texts:
            raise ConvError(place, "C{ holds nothing")
        return group

    def until(self, end, place):
        while self.at < len(self.lines):
            line, here = self.lines[self.at], Place(self.name, self.at + 1)
            if re.match(re.escape(end) + r"( {2,}##|$)", line):
                return
            self.at += 1
            yield line, here
        raise ConvError(place, f"no {end} ends this")

    def end_of_block(self, end):
        """The annotation of the line that ends a block, which is taken."""
        place = Place(self.name, self.at + 1)
        line, covers = self.without_annotation(self.lines[self.at], place)
        self.at += 1
        if line != end:
            raise ConvError(place, f"{end} stands alone")
        return covers

    def reply(self, rest, after, place):
        self.need_connection(place)
        found = re.match(r"(\S+)(?: \? (\S+))?(?: (.+))?$", rest)
        if not found:
            raise ConvError(after, "S: wants +OK, -ERR or any")
        codes = self.codes(found[1], after)
        tolerated = self.codes(found[2], after.right(found.start(2))) if found[2] else ()
        matcher = None
        if found[3]:
            matcher = parse_matcher(found[3], after.right(found.start(3)), self.known)
        return steps.Reply(place, codes=codes, tolerated=tolerated, matcher=matcher)

    @staticmethod
    def codes(text, place):
        words = tuple(text.split("|"))
        for word in words:
            if not _CODE.match(word):
                raise ConvError(place, f'want +OK, -ERR or any, not "{word}"')
        return words

    def silence(self, rest, after, place):
        self.need_connection(place)
        kind, _, time = rest.partition(" ")
        if kind not in ("none", "eof", "eof?"):
            raise ConvError(after, "S- wants none, eof or eof?")
        return steps.Silence(place, kind=kind, seconds=self.duration(time, after.right(len(kind) + 1)))

    def server_octets(self, rest, after, place):
        self.need_connection(place)
        if not rest:
            raise ConvError(after, "S! wants octets")
        return steps.Octets(place, text=parse_text(rest, after, self.known))

    def block(self, rest, after, place):
        self.need_connection(place)
        if rest:
            raise ConvError(after, "S[ stands alone")
        block = steps.Block(place)
        for line, here in self.until("S]", place):
            line, covers = self.without_annotation(line, here)
            block.lines.append(None if line == "..." else parse_matcher(line, here, self.known))
            block.covers += covers
        block.covers += self.end_of_block("S]")
        return block

    # -- @

    def control(self, rest, after, place):
        word, _, arguments = rest.partition(" ")
        if word in LATER_WORDS:
            raise ConvError(after, f"@ {word}: not supported yet")
        readers = {"connect": self.connection, "use": self.connection, "close": self.alone,
                   "reset": self.alone, "halfclose": self.alone, "fast": self.alone,
                   "wait": self.timed, "within": self.timed, "notbefore": self.timed,
                   "slow": self.slow, "run": self.command, "let": self.let,
                   "if": self.condition, "ifnot": self.condition, "else": self.condition,
                   "end": self.condition}
        if word not in readers:
            raise ConvError(after, f'unknown word "@ {word}"')
        values = readers[word](word, arguments, after.right(len(word) + 1), place)
        return steps.Control(place, word=word, arguments=values)

    def connection(self, word, text, after, place):
        name = text or ("A" if word == "connect" else "")
        if not re.match(r"[A-Za-z][A-Za-z0-9]*$", name):
            raise ConvError(after, "want the name of a connection")
        if word == "use" and name not in self.names:
            raise ConvError(after, f"no connection {name}")
        if word == "connect" and name in self.names:
            raise ConvError(after, f"there is a connection {name} already")
        self.names.add(name)
        return (name,)

    def alone(self, word, text, after, place):
        if text:
            raise ConvError(after, f"@ {word} stands alone")
        if word != "fast":
            self.need_connection(place)
        return ()

    def timed(self, word, text, after, place):
        return (self.duration(text, after),)

    def slow(self, word, text, after, place):
        count, slash, time = text.partition("/")
        if not slash or not count.isdigit() or int(count) == 0:
            raise ConvError(after, "want COUNT/TIME, like 1/50ms")
        return (int(count), self.duration(time, after.right(len(count) + 1)))

    def command(self, word, text, after, place):
        name, *arguments = text.split() or [""]
        if name not in COMMANDS:
            raise ConvError(after, f'unknown command "@ run {name}"')
        if len(arguments) != COMMANDS[name]:
            raise ConvError(after, f"@ run {name} wants {COMMANDS[name]} arguments")
        return (name, *arguments)

    def let(self, word, text, after, place):
        found = re.match(r"([A-Za-z][A-Za-z0-9_]*) = (.+)$", text)
        if not found:
            raise ConvError(after, 'want "name = regex"')
        if found[1] in BUILT_IN:
            raise ConvError(after, f"{found[1]} is set already")
        regex = parse_regex(found[2], after.right(found.start(2)), self.known, groups=1)
        self.known.add(found[1])
        return (found[1], regex)

    def condition(self, word, text, after, place):
        if word in ("if", "ifnot"):
            if not re.match(r"\S+$", text):
                raise ConvError(after, f"@ {word} wants a capability")
            self.open_ifs.append((place, "if"))
            return (text,)
        if text:
            raise ConvError(after, f"@ {word} stands alone")
        if not self.open_ifs or (word == "else" and self.open_ifs[-1][1] == "else"):
            raise ConvError(place, f"@ {word} without its @ if")
        opened, _ = self.open_ifs.pop()
        if word == "else":
            self.open_ifs.append((opened, "else"))
        return ()

    # -- = probe test

    def state(self, rest, after, place):
        word = rest.partition(" ")[0]
        if word.partition("[")[0] in LATER_PROBES:
            raise ConvError(after, f"probe {word}: not supported yet")
        found = re.match(r"maildir ([A-Za-z0-9._+-]+)(?:\[([0-9]+)\])?(?: (.*))?$", rest)
        if not found:
            raise ConvError(after, f'unknown probe "{rest}"')
        state = steps.State(place, probe="maildir", user=found[1],
                            index=int(found[2]) if found[2] else None)
        text, here = found[3] or "", after.right(max(found.start(3), 0))
        text, here = self.part(state, text, here)
        self.test(state, text, here)
        return state

    @staticmethod
    def part(state, text, here):
        word, _, rest = text.partition(" ")
        if word == "header":
            state.part = word
            state.field, _, rest2 = rest.partition(" ")
            return rest2, here.right(len(word) + len(state.field) + 2)
        if word in PARTS:
            state.part = word
            return rest, here.right(len(word) + 1)
        return text, here

    def test(self, state, text, here):
        word, _, rest = text.partition(" ")
        after = here.right(len(word) + 1)
        if word == "count":
            found = re.match(r"(=|<|>|<=|>=) ([0-9]+)$", rest)
            if not found:
                raise ConvError(after, "count wants = < > <= or >= and a number")
            if state.index is not None:
                raise ConvError(here, "count is of all messages, not of one")
            state.test, state.operand = word, (found[1], int(found[2]))
        elif word == "absent":
            if rest:
                raise ConvError(after, "absent stands alone")
            state.test = word
        elif state.index is None:
            raise ConvError(here, "want count or absent, or a message like alice[0]")
        elif word == "is":
            state.test, state.operand = word, parse_text(rest, after, self.known)
        elif word == "is-octets":
            if not (CORPUS / "messages" / rest).is_file():
                raise ConvError(after, f'no message "{rest}" in rfc-corpus/messages')
            state.test, state.operand = word, rest
        else:
            state.test, state.operand = "match", parse_matcher(text, here, self.known)
