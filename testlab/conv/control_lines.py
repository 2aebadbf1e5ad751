"""The lines of a conversation file that begin with @."""

import re
import signal

from . import steps
from .text import ConvError, parse_regex

# What "@ run" can ask of a target, and its arguments.
COMMANDS = {
    "deliver": ("USER", "MESSAGE"),      # a new message, as a delivery would put it there
    "remove": ("USER", "N"),             # message N (from 0, by file name) is removed by another program
    "flag": ("USER", "N", "FLAGS"),      # message N moves to cur/ with these flags
    "seal": ("USER",),                   # nothing can be added to or removed from the Maildir
    "unseal": ("USER",),
}
_ARGUMENTS = {"USER": r"[A-Za-z0-9._+-]+$", "N": r"[0-9]+$", "FLAGS": r"[A-Z]+$", "MESSAGE": r"\S+$"}


class ControlLines:
    """A part of the Loader."""

    def control(self, rest, after, place):
        word, _, arguments = rest.partition(" ")
        readers = {"connect": self.connection, "use": self.connection, "close": self.alone,
                   "reset": self.alone, "halfclose": self.alone, "fast": self.alone,
                   "restart": self.alone, "tls": self.tls, "signal": self.signal, "read": self.read,
                   "wait": self.timed, "within": self.bind, "notbefore": self.bind,
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
        if word not in ("fast", "restart"):
            self.need_connection(place)
        return ()

    def tls(self, word, text, after, place):
        self.need_connection(place)
        if text not in ("", "ok", "fail"):
            raise ConvError(after, "@ tls wants ok or fail")
        return (text or "ok",)

    def signal(self, word, text, after, place):
        self.need_connection(place)
        number = getattr(signal, f"SIG{text}", None) if re.match(r"[A-Z0-9]+$", text) else None
        if not isinstance(number, signal.Signals):
            raise ConvError(after, f'want the name of a signal like TERM, not "{text}"')
        return (number,)

    def read(self, word, text, after, place):
        if not self.had_block:
            raise ConvError(place, "no S[ before this")
        if not re.match(r"[A-Za-z0-9._-]+$", text):
            raise ConvError(after, "want a name for the data")
        if self.is_message(text) or text in self.kept:
            raise ConvError(after, f"there is a message {text} already")
        self.kept.add(text)
        return (text,)

    def timed(self, word, text, after, place):
        return (self.duration(text, after),)

    def bind(self, word, text, after, place):
        seconds = self.duration(text, after)
        self.bound = self.bound or place
        return (seconds,)

    def slow(self, word, text, after, place):
        count, slash, time = text.partition("/")
        if not slash or not count.isdigit() or int(count) == 0:
            raise ConvError(after, "want COUNT/TIME, like 1/50ms")
        return (int(count), self.duration(time, after.right(len(count) + 1)))

    def command(self, word, text, after, place):
        found = [(m[0], after.right(m.start())) for m in re.finditer(r"\S+", text)]
        name = found[0][0] if found else ""
        if name not in COMMANDS:
            raise ConvError(after, f'unknown command "@ run {name}"')
        if len(found) != len(COMMANDS[name]) + 1:
            raise ConvError(after, f"@ run {name} wants {' '.join(COMMANDS[name])}")
        for kind, (argument, here) in zip(COMMANDS[name], found[1:]):
            if not re.match(_ARGUMENTS[kind], argument):
                raise ConvError(here, f'want {kind}, not "{argument}"')
            if kind == "MESSAGE":
                self.check_fixture(argument, here)
        return tuple(argument for argument, _ in found)

    def let(self, word, text, after, place):
        found = re.match(r"([A-Za-z][A-Za-z0-9_]*) = (.+)$", text)
        if not found:
            raise ConvError(after, 'want "name = regex"')
        if found[1] in ("host", "domain", "client"):
            raise ConvError(after, f"{found[1]} is set already")
        if not self.answered:
            raise ConvError(place, "no reply before this")
        regex = parse_regex(found[2], after.right(found.start(2)), self.known, groups=1)
        self.known.add(found[1])
        return (found[1], regex)

    def condition(self, word, text, after, place):
        if word in ("if", "ifnot"):
            if not text:
                raise ConvError(after, f"@ {word} wants a capability")
            self.check_capability(text, after)
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
