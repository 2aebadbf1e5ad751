"""spawn as root, with a test in the place of send."""

import contextlib
import os
import socket
import subprocess

from conftest import PATIENCE

MESSAGE = b"S: x\n\nhi\n"
SEND = "porpoise"  # whom send runs as


@contextlib.contextmanager
def files_of(system, user=SEND):
    """What is made within belongs to `user`, as what send makes does."""
    os.setegid(system.uid(user))
    os.seteuid(system.uid(user))
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def content(system, octets=MESSAGE, user=SEND):
    """A descriptor as send gives it."""
    with files_of(system, user):
        fd = os.memfd_create("content")
    os.write(fd, octets)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def fields(letter, *texts):
    return letter + b"".join((t if isinstance(t, bytes) else str(t).encode()) + b"\0" for t in texts)


class RootSpawn:
    """A running spawn and its socket."""

    def __init__(self, system, *options, env=None, before=()):
        self.system = system
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.settimeout(PATIENCE)
        # bash, since the descriptor's number may have two digits
        self.process = system.popen(
            "/bin/bash", "-c", f'exec "$0" "$@" 3<&{theirs.fileno()}', *before, f"{system.bin}/spawn", "--instance",
            system.path, *options, pass_fds=(theirs.fileno(),), stderr=subprocess.PIPE, env=env)
        theirs.close()

    def send(self, slot, recipient, message=MESSAGE, sender="bob@x.test", progress="", letter=b"S"):
        fd = content(self.system, message)
        self.send_with(fields(letter, slot, sender, recipient, progress), [fd])
        os.close(fd)

    def send_with(self, octets, descriptors):
        socket.send_fds(self.ours, [octets], descriptors)

    def receive(self):
        """(letter, slot, *rest) of the next message; None at the end."""
        text = self.ours.recv(20000)
        if not text:
            return None
        assert text.endswith(b"\0")
        slot, *rest = text[1:-1].decode(errors="replace").split("\0")
        return (chr(text[0]), int(slot), *rest)

    def report(self, slot):
        """The report of `slot`: (letter, text)."""
        while True:
            kind, of, *rest = self.receive()
            if kind == "R":
                assert of == slot, (kind, of, rest)
                return tuple(rest[:2])

    def reports(self, count):
        """{slot: (letter, text)} of the next `count` reports."""
        found = {}
        while len(found) < count:
            kind, slot, *rest = self.receive()
            if kind == "R":
                assert slot not in found
                found[slot] = tuple(rest[:2])
        return found

    def deliver(self, recipient, slot=1, **more):
        self.send(slot, recipient, **more)
        return self.report(slot)

    def end(self):
        """Closes the socket; what it said, and its exit code."""
        self.ours.close()
        told = self.process.communicate(timeout=60)[1].decode()
        # what a test has preloaded is not there yet on the way into the namespaces
        return "".join(l for l in told.splitlines(True) if "ld.so: object" not in l), self.process.returncode

    def close(self):
        self.ours.close()
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


def add_user(system, name, uid, gid=None, home=None, make=True):
    """One more in the password file."""
    gid = uid if gid is None else gid
    home = home or f"/home/{name}"
    passwd = system.root / "etc/passwd"
    passwd.write_text(passwd.read_text() + f"{name}:x:{uid}:{gid}::{home}:/bin/sh\n")
    if make:
        at = system.root / home[1:]
        at.mkdir(mode=0o700)
        os.chown(at, uid, gid)
        for part in ("Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"):
            (at / part).mkdir(mode=0o700)
            os.chown(at / part, uid, gid)
    return name
