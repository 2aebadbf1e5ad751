"""An instance of the tests' own for `porpoise`, and `porpoise run` in it with parts that are small scripts: they note
what they were given and end as they are told. They lie in a private folder of programs ($PORPOISE_BIN)."""

import contextlib
import os
import re
import signal
import socket
import subprocess

import pytest

from conftest import processes_about, wait_for

HOST = "mx.here.test"


def text(done):
    """Exit code, standard output and standard error of a finished program."""
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def made(lab, home, *more, path=None):
    """A fresh instance in `home`, with nothing of the harness's."""
    path = path or home / "i"
    (home / "h").exists() or lab.folder(home / "h")
    done = lab.run("porpoise", "init", path, "--name", "ann", "--home", home / "h", "--host", HOST, *more)
    assert done.returncode == 0, done.stderr.decode()
    return path


def scripts(lab, home, **programs):
    """A private folder of programs: shell scripts, by name."""
    folder = lab.folder(home / "bin")
    for name, body in programs.items():
        lab.write(folder / name, "#!/bin/sh\n" + body, 0o755)
    return folder


def conversation(port, octets=b""):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        if octets:
            connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(1000), b""))


def queue_one(lab, path):
    """A message in the queue that nobody attempts; its id."""
    before = set((path / "queue/incoming").iterdir())
    envelope = os.pipe()
    os.write(envelope[1], b"Fme@here.test\0Tann@here.test\0\0")
    os.close(envelope[1])
    done = lab.run(
        "queue", "--instance", path, input="Subject: hi\n\nhello\n", stdout=envelope[0],
        env=lab.environment(PORPOISE_NO_SEND="1"),
    )
    os.close(envelope[0])
    assert done.returncode == 0, done.stderr
    return (set((path / "queue/incoming").iterdir()) - before).pop().name



SEND = r"""#!/usr/bin/python3
import os, signal, socket, sys

def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())

def told(number, frame):
    tell("send got", signal.Signals(number).name)
    if number == signal.SIGTERM:
        sys.exit(0)

for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
    signal.signal(s, told)
fds = sorted(int(f) for f in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + f))
tell("send args", *sys.argv[1:], "fds", *fds, "instance", os.environ["PORPOISE"])
link = socket.socket(fileno=int(sys.argv[2]))
link.send(b"hello")
while True:
    signal.pause()
"""

SPAWN = r"""#!/usr/bin/python3
import os, signal, socket
link = socket.socket(fileno=3)
while True:
    octets = link.recv(100)
    os.write(1, b"spawn got " + (octets or b"the end") + b"\n")
    if not octets:
        break
"""

POPUP = r"""#!/usr/bin/python3
import os, socket, sys
line = socket.socket(fileno=os.dup(0))
nodelay = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
words = [*sys.argv[1:], "nodelay", nodelay, "instance", os.environ["PORPOISE"]]
os.write(1, (" ".join(map(str, words)) + "\r\n").encode())
if os.read(0, 100) == b"crash\r\n":
    os.kill(os.getpid(), 9)
os.write(2, b"popup saw the end\n")
"""

SLOW_SEND = SEND.replace("sys.exit(0)", "pass")


class Runner:
    """`porpoise run` in a fresh instance with parts of our own."""

    def __init__(self, lab, home, send=SEND, spawn=SPAWN, popup=POPUP, path=None, pop3port="0"):
        self.lab, self.home = lab, home
        self.path = path or made(lab, home)
        self.bin = lab.folder(home / "bin")
        for name, body in (("send", send), ("spawn", spawn), ("popup", popup)):
            if body is not None:
                lab.write(self.bin / name, body, 0o755)
        if pop3port is not None:
            lab.write(self.path / "control/pop3port", pop3port + "\n")
        self.log_path = home / "log"
        self.process = None

    def env(self):
        return self.lab.environment(PORPOISE_BIN=self.bin, PORPOISE=self.path)

    def start(self, *options):
        log = open(self.log_path, "ab")
        self.process = self.lab.popen(
            "porpoise", "run", *options, env=self.env(), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )
        log.close()
        return self

    def up(self, *options):
        """Started, and both parts have met."""
        self.start(*options)
        self.wait("spawn got hello")
        return self

    def log(self):
        """The log without the times."""
        text = self.log_path.read_text() if self.log_path.exists() else ""
        return re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (?=porpoise: )", "", text, flags=re.M)

    def wait(self, line, count=1):
        """Until the log has `line` (a pattern for a whole line) `count` times; the last match."""
        pattern = re.compile(f"^{line}$", re.M)

        def there():
            found = list(pattern.finditer(self.log()))
            return found[-1] if len(found) >= count else None

        return wait_for(there, f"{line!r} in the log:\n{self.log()}")

    def pid(self, part, count=1):
        return int(self.wait(rf"porpoise: started part={part} pid=(\d+)", count)[1])

    def port(self):
        return int(wait_for(lambda: (self.path / "run/pop3port").exists() and
                            (self.path / "run/pop3port").read_text(), "run/pop3port"))

    def tell(self, number):
        self.process.send_signal(number)
        return self

    def end(self, number=signal.SIGTERM):
        """Tells it to stop; its exit code."""
        self.tell(number)
        return self.process.wait(30)

    def nothing_left(self):
        wait_for(lambda: not processes_about(str(self.home)), "the end of every process")


@pytest.fixture
def runner(lab, home):
    made_here = []

    def make(**options):
        made_here.append(Runner(lab, home, **options))
        return made_here[-1]

    yield make
    for each in made_here:
        if each.process is not None and each.process.poll() is None:
            each.process.kill()
            each.process.wait()
    for pid in processes_about(str(home)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
