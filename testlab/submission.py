"""The serving side of a system instance by itself, and clients that say whatever a test wants.

Frames are written here from porpoise-submit(5) alone: nothing of the product's code is used."""

import contextlib
import os
import signal
import socket

from conftest import wait_for
import queue_file

# Binds run/submit as root and becomes the queue's owner, as `porpoise run` does. "alone": in a user
# namespace in which nobody but that owner has a name. "held": keeps the socket, and starts another
# where one ends, as `porpoise run` does, too.
LAUNCH = r"""
import os, socket, sys
folder, uid, how, *command = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
os.chdir(folder)
listening = socket.socket(socket.AF_UNIX)
try:
    os.unlink("run/submit")
except FileNotFoundError:
    pass
listening.bind("run/submit")
os.chmod("run/submit", 0o666)
listening.listen(4096)
os.chdir("/")
while how == "held" and os.fork():
    os.wait()
if how == "alone":
    ready, done = os.pipe(), os.pipe()
    parent = os.getpid()
    if os.fork() == 0:
        os.read(ready[0], 1)
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{parent}/{name}", "w") as file:
                file.write(f"{uid} {uid} 1")
        os.write(done[1], b"x")
        os._exit(0)
    import ctypes
    assert ctypes.CDLL(None).unshare(0x10000000) == 0
    os.write(ready[1], b"x")
    os.read(done[0], 1)
    os.wait()
else:
    os.setgroups([uid])
os.setresgid(uid, uid, uid)
os.setresuid(uid, uid, uid)
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.execvp(command[0], command)
"""


class Door:
    """`queue --serve` of a System (system.py), and what it has queued."""

    def __init__(self, system):
        self.system = system
        self.process = None
        self.log_path = system.folder / "door.log"

    def start(self, *before, how="", **environment):
        """`before`: a command that the program is an argument of."""
        uid = self.system.uid("porpoise")
        with open(self.log_path, "ab") as log:
            self.process = self.system.popen(
                "/usr/bin/python3", "-c", LAUNCH, self.system.path, uid, how or "-", *before, f"{self.system.bin}/queue",
                "--instance", self.system.path, "--serve", "3", user="root", stdin=-3, stdout=log, stderr=log,
                env=self.system.environment("porpoise", **environment))
        wait_for(lambda: self.processes(), "queue --serve to begin; log:\n" + self.log())
        return self

    def processes(self):
        return self.system.processes("queue")

    @property
    def pid(self):
        """As it is known out here."""
        children = [self.process.pid]
        while children:
            pid = children.pop()
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/exe").endswith("/queue"):
                    return pid
                with open(f"/proc/{pid}/task/{pid}/children") as file:
                    children += [int(child) for child in file.read().split()]
        raise AssertionError("queue --serve does not run:\n" + self.log())

    def send_signal(self, number):
        os.kill(self.pid, number)

    def stop(self, number=signal.SIGTERM):
        self.send_signal(number)
        return self.process.wait(30)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def queued(self):
        """The messages in incoming/, oldest first; every one must be whole."""
        incoming = self.system.instance / "queue/incoming"
        return [queue_file.read(file.read_bytes()) for file in sorted(incoming.iterdir())]

    def leftovers(self):
        return [file.name for file in (self.system.instance / "queue/tmp").iterdir()]

    def client(self, user="alice", say=b""):
        made = Client(self.system, user)
        if say:
            made.say(say)
        return made


def frame(letter, payload=b""):
    return letter.encode() + len(payload).to_bytes(3, "little") + payload


HELLO = frame("H", b"V1\0")
COMMIT = frame("Q")


def envelope(sender="alice@here.test", *recipients):
    return f"F{sender}\0".encode() + b"".join(f"T{r}\0".encode() for r in recipients) + b"\0"


def message(content=b"Subject: x\n\nhi\n", sender="alice@here.test", recipients=("bob@here.test",), hello=HELLO):
    return hello + frame("C", content) + frame("E", envelope(sender, *recipients)) + COMMIT


class Client:
    """A connection to run/submit by a user; the kernel tells the other side who it was when it connected."""

    def __init__(self, system, user):
        run = os.open(system.instance / "run", os.O_RDONLY)
        here = os.open(".", os.O_RDONLY)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        os.fchdir(run)
        os.seteuid(system.uid(user))
        try:
            self.socket.connect("submit")
        finally:
            os.seteuid(0)
            os.fchdir(here)
            os.close(run)
            os.close(here)

    def say(self, octets):
        self.socket.sendall(octets)
        return self

    def answer(self):
        """(code, fields) of the answer; None where the other side has gone without one."""
        got = b""
        try:
            while chunk := self.socket.recv(65536):
                got += chunk
        except ConnectionResetError:
            pass
        if not got:
            return None
        assert got[:1] == b"A" and len(got) == 4 + int.from_bytes(got[1:4], "little"), got
        fields = {f[:1].decode(): f[1:].decode() for f in got[4:].split(b"\0")[:-1]}
        return int(fields["C"]), fields

    def close(self):
        self.socket.close()
