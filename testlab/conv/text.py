"""Texts of a conversation: octets with escapes, repeats and variables; and matchers on them."""

import dataclasses
import re


class ConvError(Exception):
    """A fault in a conversation file, with its place (line and column count from 1)."""

    def __init__(self, place, message):
        super().__init__(f"{place}: {message}")
        self.place = place
        self.message = message


@dataclasses.dataclass(frozen=True)
class Place:
    file: str
    line: int
    column: int = 1

    def right(self, columns):
        return dataclasses.replace(self, column=self.column + columns)

    def __str__(self):
        return f"{self.file}:{self.line}:{self.column}"


SIMPLE = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", "s": b" "}
MAX_REPEATED = 64 << 20  # octets that one repeat may make


@dataclasses.dataclass(frozen=True)
class Text:
    """Pieces that are octets, names of variables, or the counter of a C* step."""

    pieces: tuple

    def render(self, variables, counter=None):
        return b"".join(self._octets(p, variables, counter) for p in self.pieces)

    @staticmethod
    def _octets(piece, variables, counter):
        if isinstance(piece, bytes):
            return piece
        kind, value = piece
        if kind == "var":
            return variables[value]
        return b"%0*d" % (value, counter)


_VAR = re.compile(r"\$\{([A-Za-z][A-Za-z0-9_]*)\}")
_REPEAT = re.compile(r"<<([0-9]+)\*(.*?)>>")
_COUNTER = re.compile(r"\{i(?::0([0-9]))?\}")
_HEX = re.compile(r"\\x([0-9A-Fa-f]{2})|\\u\{([0-9A-Fa-f]{1,6})\}")


def parse_text(source, place, known, counted=False, repeats=True):
    """`source` as a Text. `known` are the variables set before; `counted` allows {i}."""
    if source.endswith((" ", "\t")):
        raise ConvError(place.right(len(source) - 1), r"blank at the end of a line: write \s or \t")
    pieces, at = [], 0

    def fault(message):
        return ConvError(place.right(at), message)

    while at < len(source):
        if source[at] == "\\":
            found = _HEX.match(source, at)
            if found:
                octets = _escaped(found, fault)
                end = found.end()
            elif source[at + 1 : at + 2] in SIMPLE and source[at + 1 : at + 2]:
                octets, end = SIMPLE[source[at + 1]], at + 2
            else:
                raise fault(f"unknown escape {source[at:at + 2]}")
            pieces.append(octets)
        elif source.startswith("${", at):
            found = _VAR.match(source, at)
            if not found:
                raise fault("want ${name}")
            if found[1] not in known:
                raise fault(f"variable {found[1]} is not set before")
            pieces.append(("var", found[1]))
            end = found.end()
        elif repeats and re.match(r"<<[0-9]+\*", source[at:]):
            found = _REPEAT.match(source, at)
            if not found:
                raise fault("repeat without its >>")
            inner = parse_text(found[2], place.right(found.start(2)), known, repeats=False)
            times = int(found[1])
            if any(not isinstance(p, bytes) for p in inner.pieces):
                raise fault("a repeat holds no variables")
            octets = b"".join(inner.pieces)
            if times * len(octets) > MAX_REPEATED:
                raise fault(f"repeat of more than {MAX_REPEATED} octets")
            pieces.append(octets * times)
            end = found.end()
        elif counted and (found := _COUNTER.match(source, at)):
            pieces.append(("counter", int(found[1] or 0)))
            end = found.end()
        else:
            pieces.append(source[at].encode())
            end = at + 1
        at = end
    return Text(_joined(pieces))


def _escaped(found, fault):
    if found[1]:
        return bytes([int(found[1], 16)])
    number = int(found[2], 16)
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise fault(f"no such character: U+{found[2]}")
    return chr(number).encode()


def _joined(pieces):
    joined = []
    for piece in pieces:
        if isinstance(piece, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)


@dataclasses.dataclass(frozen=True)
class Regex:
    """A regular expression (Python re, on octets); variables in it are quoted."""

    source: str

    def compiled(self, variables):
        pattern, at = b"", 0
        for found in _VAR.finditer(self.source):
            pattern += self.source[at : found.start()].encode() + re.escape(variables[found[1]])
            at = found.end()
        return re.compile(pattern + self.source[at:].encode(), re.MULTILINE)


def parse_regex(source, place, known, groups=0):
    for found in _VAR.finditer(source):
        if found[1] not in known:
            raise ConvError(place.right(found.start()), f"variable {found[1]} is not set before")
    regex = Regex(source)
    try:
        compiled = regex.compiled({name: b"x" for name in known})
    except re.error as error:
        raise ConvError(place.right(error.pos or 0), f"regular expression: {error.msg}") from None
    if compiled.groups < groups:
        raise ConvError(place, "want a regular expression with a group")
    return regex


@dataclasses.dataclass(frozen=True)
class Matcher:
    """What is asked of a text: `~` search, `=` whole, `has` and `lacks` a part."""

    kind: str
    operand: object  # Regex for ~, Text otherwise

    def fault(self, octets, variables):
        """None where it holds, else what is wrong."""
        if self.kind == "~":
            if self.operand.compiled(variables).search(octets):
                return None
            return f"{shown(octets)} does not match {self.operand.source}"
        wanted = self.operand.render(variables)
        holds = {"=": octets == wanted, "has": wanted in octets, "lacks": wanted not in octets}
        if holds[self.kind]:
            return None
        return {
            "=": f"{shown(octets)} is not {shown(wanted)}",
            "has": f"{shown(octets)} has no {shown(wanted)}",
            "lacks": f"{shown(octets)} has {shown(wanted)}",
        }[self.kind]


def parse_matcher(source, place, known):
    kind, blank, rest = source.partition(" ")
    if kind not in ("~", "=", "has", "lacks"):
        raise ConvError(place, f'want a matcher (~ = has lacks), not "{source}"')
    if not blank and kind != "=":
        raise ConvError(place.right(len(kind)), f"{kind} wants something to look for")
    after = place.right(len(kind) + 1)
    if kind == "~":
        return Matcher(kind, parse_regex(rest, after, known))
    return Matcher(kind, parse_text(rest, after, known))


def shown(octets, most=200):
    """Octets for a person, as they are written in a conversation."""
    text = "".join(_shown(o) for o in octets[:most])
    return f'"{text}"' + (f" and {len(octets) - most} octets more" if len(octets) > most else "")


def _shown(octet):
    names = {13: r"\r", 10: r"\n", 9: r"\t", 0: r"\0", 92: r"\\"}
    if octet in names:
        return names[octet]
    return chr(octet) if 32 <= octet < 127 else f"\\x{octet:02x}"
