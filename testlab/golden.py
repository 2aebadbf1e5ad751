"""Golden cases of inject: rfc-corpus/inject/*.golden. What a case is stands in the README there."""

import pathlib
import re
import shlex
from dataclasses import dataclass, field

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "rfc-corpus" / "inject"
KEYS = ("row", "differs", "requires", "args", "env", "control", "file")
PARTS = ("in", "out", "to", "error")

# What "..." at the beginning of -- out stands for.
USUAL = """Return-Path: <joe@mx.example.org>
Date: DATE
Message-ID: <ID@mx.example.org>
From: Joe Doe <joe@mx.example.org>
"""


class BadCase(Exception):
    pass


def unescape(text):
    """Octets of a line as the file writes them."""
    letters = {"r": b"\r", "t": b"\t", "0": b"\0", "n": b"\n", "\\": b"\\"}
    out, at = b"", 0
    for m in re.finditer(r"\\(?:(x)([0-9a-f]{2})|([rtn0\\]))", text):
        if "\\" in text[at:m.start()]:
            raise BadCase(f"unknown escape in {text!r}")
        out += text[at:m.start()].encode()
        out += bytes([int(m[2], 16)]) if m[1] else letters[m[3]]
        at = m.end()
    if "\\" in text[at:]:
        raise BadCase(f"unknown escape in {text!r}")
    return out + text[at:].encode()


def escape(octets):
    """The inverse of unescape(), for one line without its LF."""
    out = ""
    for c in octets.decode(errors="surrogateescape"):
        n = ord(c)
        if 0xdc80 <= n <= 0xdcff:
            out += f"\\x{n - 0xdc00:02x}"
        elif c in "\r\t\0\\":
            out += {"\r": "\\r", "\t": "\\t", "\0": "\\0", "\\": "\\\\"}[c]
        elif n < 32 or n == 127:
            out += f"\\x{n:02x}"
        else:
            out += c
    return out[:-1] + "\\x20" if out.endswith(" ") else out


@dataclass
class Case:
    path: pathlib.Path
    name: str
    line: int
    keys: list = field(default_factory=list)  # (key, text)
    parts: dict = field(default_factory=dict)  # name: lines as written

    @property
    def id(self):
        return f"{self.path.stem}:{self.name}"

    def all(self, key):
        return [text for k, text in self.keys if k == key]

    def words(self, key):
        return [word for text in self.all(key) for word in text.split()]

    @property
    def args(self):
        return [unescape(word) for text in self.all("args") for word in shlex.split(text)]

    def pairs(self, key):
        """NAME=VALUE lines; a NAME alone has None."""
        found = {}
        for text in self.all(key):
            name, equals, value = text.partition("=")
            found[name] = unescape(value) if equals else None
        return found

    def text(self, part):
        """Octets of -- in or -- out."""
        out = b""
        for line in self.parts.get(part, []):
            last = (len(line) - len(line.rstrip("\\"))) % 2 == 1
            out += unescape(line[:-1] if last else line) + (b"" if last else b"\n")
        if part == "out" and out.startswith(b"...\n"):
            out = USUAL.encode() + out[4:]
        return out

    def record(self, out, to, error):
        """Puts what a run gave in place of what was expected."""
        self.parts = {"in": self.parts.get("in", [])}
        if error is not None:
            self.parts["error"] = [error]
            return
        if out.startswith(USUAL.encode()):
            out = b"...\n" + out[len(USUAL):]
        lines = out.split(b"\n")
        assert lines.pop() == b"", "the output ends in LF"
        self.parts["out"] = [escape(line) for line in lines]
        self.parts["to"] = to

    def write(self):
        lines = [f"== {self.name}", *(f"{key}: {text}" for key, text in self.keys)]
        for part in PARTS:
            if part in self.parts:
                lines += [f"-- {part}", *self.parts[part]]
        return "\n".join(lines) + "\n"


def load(path):
    """(what stands before the first case, the cases)"""
    head, cases, case, part = [], [], None, None
    for number, line in enumerate(path.read_text().removesuffix("\n").split("\n"), 1):
        where = f"{path.name}:{number}"
        if line.startswith("== "):
            case, part = Case(path, line[3:].strip(), number), None
            cases.append(case)
        elif case is None:
            head.append(line)
        elif line.startswith("-- ") and line[3:] in PARTS:
            part = line[3:]
            if part in case.parts:
                raise BadCase(f"{where}: a second -- {part}")
            case.parts[part] = []
        elif part is None:
            key, colon, text = line.partition(": ")
            if not colon or key not in KEYS:
                raise BadCase(f"{where}: want one of {', '.join(KEYS)}: {line!r}")
            case.keys.append((key, text))
        elif line or part in ("in", "out"):
            case.parts[part].append(line)
    for case in cases:
        if set(case.parts) not in ({"in"}, {"in", "out", "to"}, {"in", "error"}):
            raise BadCase(f"{path.name}:{case.line}: parts {sorted(case.parts)}")
    names = [case.name for case in cases]
    for name in names:
        if names.count(name) > 1:
            raise BadCase(f"{path.name}: two cases \"{name}\"")
    return "\n".join(head), cases


def all_cases():
    return [case for path in sorted(FOLDER.glob("*.golden")) for case in load(path)[1]]


def save(path, head, cases):
    path.write_text(head + ("\n" if head else "") + "\n".join(case.write() for case in cases))


def rows():
    """The rows of the reference that have to be covered: {number: what}."""
    found = {}
    for line in (FOLDER / "rows.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            number, _, what = line.partition(" ")
            found[number] = what.strip()
    return found
