"""Bugs on purpose, planted between our POP3 programs and the client: each is caught by a conversation, or the
conversations prove nothing. The programs are the real ones; what they say is rewritten on its way."""

import dataclasses
import re
import socket
import threading

from .target import Porpoise


@dataclasses.dataclass(frozen=True)
class Control:
    """`bug` gets what the server says, line by line, and gives it back changed. `said`: what must be in
    the reason for which one of `files` fails."""

    bug: object
    files: tuple
    said: str


def once(pattern, change):
    """Changes the first line that matches."""
    def make():
        done = []

        def bug(line):
            if done or not re.match(pattern, line):
                return line
            done.append(True)
            return change(line)
        return bug
    return make


def one_more(line):
    return re.sub(rb"^(\+OK \d+ |\d+ )(\d+)", lambda m: m[1] + b"%d" % (int(m[2]) + 1), line)


def bare(line):
    return line.removesuffix(b"\r\n") + b"\n"


CONTROLS = {
    "reply-with-bare-lf": Control(once(rb"\+OK 2 \d+", bare), ("c1939-s10", "a-pop-04"), "does not end in CRLF"),
    "data-with-bare-lf": Control(once(rb"Subject: ", bare), ("c1939-s10", "a-pop-05"), "bare LF"),
    # only of the message that the files retrieve without comparing its size themselves
    "octet-count-off-by-one": Control(once(rb"1 \d{3,}\r\n", one_more), ("a-pop-09",), "and LIST told"),
    "stat-count-off-by-one": Control(once(rb"\+OK 2 320\r\n", one_more), ("c1939-s10",), "does not match"),
    "dot-not-doubled": Control(once(rb"\.\.", lambda line: line[1:]), ("a-pop-09",), "single dot"),
    "reply-twice": Control(once(rb"\+OK nothing is marked", lambda line: line * 2), ("c1939-03",), "does not match"),
    "one-message-too-few": Control(once(rb"2 200\r\n", lambda line: b""), ("c1939-s10",), "end too early"),
}


class Planted(Porpoise):
    """Our programs with a bug."""

    def __init__(self, instance, over, control):
        super().__init__(instance, over)
        self.make_bug = control.bug

    def start(self, connected):
        outer = socket.socket(fileno=connected.detach())
        inner, theirs = socket.socketpair()
        with theirs:
            program = super().start(theirs)
        threading.Thread(target=forward, args=(outer, inner), daemon=True).start()
        threading.Thread(target=rewrite, args=(inner, outer, self.make_bug()), daemon=True).start()
        return program


def forward(source, target):
    """What the client says, as it is."""
    try:
        while octets := source.recv(1 << 16):
            target.sendall(octets)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of them is gone, and the other will see it


def rewrite(source, target, bug):
    """What the server says, a line at a time."""
    try:
        with source.makefile("rb") as lines:
            for line in lines:
                target.sendall(bug(line))
        target.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    finally:
        target.close()
