"""Our POP3 programs as a target: popup, checkpassword and pop3d in a personal instance, reached over
TCP or over a socket pair."""

import pathlib
import signal
import socket
import subprocess
import threading
import time

from . import setups
from .loader import CORPUS
from .runner import Skipped
from .wire import Wire


class Porpoise:
    """`instance` is the harness's: a folder, homes with Maildirs, and run() and popen()."""

    name = "porpoise"
    variables = {"host": "mx.here.test", "domain": "here.test", "client": "client.test"}
    PROFILE = {"state"}  # what no CAPA tells: state probes work

    def __init__(self, instance, over="tcp"):
        self.instance = instance
        self.over = over
        self.idle = None  # seconds, where a setup wants another than the default
        self.children = []
        self.listener = None
        self.known = None
        self.log = open(instance.folder / "pop3.log", "ab")
        self.password("alice", setups.SECRET)
        for name in ("bob", "carl"):
            self.password(name, setups.SECRET)

    # -- connections

    def connect(self, transport):
        if transport != "pop3":
            raise Skipped(f"no transport {transport}")
        if self.over == "stdio":
            ours, theirs = socket.socketpair()
            self.serve(theirs)
            return Wire(ours)
        if self.listener is None:
            self.listen()
        return Wire(socket.create_connection(self.listener.getsockname()))

    def listen(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connected, _ = self.listener.accept()
            except OSError:
                return  # closed
            self.serve(connected)

    def serve(self, connected):
        idle = ["--idle", str(self.idle)] if self.idle else []
        checkpassword = ["checkpassword", "pop3d", *idle, "Maildir"]
        self.children.append(self.instance.popen(
            "popup", *idle, self.variables["host"], *checkpassword,
            stdin=connected, stdout=connected, stderr=self.log))
        connected.close()

    def capabilities(self):
        """CAPA tags, as the server tells them before login, and what the profile adds."""
        if self.known is None:
            wire = self.connect("pop3")
            end = time.monotonic() + 10
            wire.line(end)
            wire.send(b"CAPA\r\nQUIT\r\n", 10)
            ok = wire.line(end).startswith(b"+OK")
            lines = wire.lines_to_dot(end)[:-1] if ok else []
            wire.close()
            self.known = {line.split()[0].decode() for line in lines} | self.PROFILE
        return self.known

    def close(self):
        """Ends what still runs; tells about programs that were killed by a signal of their own."""
        if self.listener is not None:
            # Closing alone does not wake an accept() that waits.
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        crashed = []
        for child in self.children:
            try:
                child.wait(2)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                continue
            if child.returncode < 0:
                crashed.append(f"popup: killed by {signal.Signals(-child.returncode).name}")
        self.log.close()
        text = (self.instance.folder / "pop3.log").read_text(errors="replace")
        crashed += [line for line in text.splitlines() if "killed by signal" in line]
        return crashed

    # -- the world around it

    def setup(self, name):
        if name not in setups.SETUPS:
            raise Skipped(f"no setup {name}")
        setups.SETUPS[name](self)

    def maildir(self, user):
        return pathlib.Path(self.instance.home_of(user)) / "Maildir"

    def put(self, user, name, octets):
        """A message in a Maildir, by the name NEW-OR-CUR/FILE."""
        return self.instance.lab.write(self.maildir(user) / name, octets, 0o600)

    def password(self, user, hashed):
        passwd = pathlib.Path(self.instance.path) / "users" / "passwd"
        lines = passwd.read_text().splitlines() if passwd.exists() else []
        lines = [line for line in lines if not line.startswith(f"{user}:")] + [f"{user}:{hashed}"]
        self.instance.lab.write(passwd, "\n".join(lines) + "\n", 0o600)

    def fixture(self, name):
        return (CORPUS / "messages" / name).read_bytes()

    def messages(self, user):
        """The files of a Maildir by their names, wherever they are."""
        return sorted((f for part in ("new", "cur") for f in (self.maildir(user) / part).iterdir()),
                      key=lambda f: f.name)

    def run(self, command, arguments):
        getattr(self, f"run_{command}")(*arguments)

    def run_deliver(self, user, message):
        done = self.instance.run("maildir", self.maildir(user), input=self.fixture(message))
        assert done.returncode == 0, done.stderr.decode()

    def run_remove(self, user, number):
        self.messages(user)[int(number)].unlink()

    def run_flag(self, user, number, flags):
        message = self.messages(user)[int(number)]
        message.rename(self.maildir(user) / "cur" / f"{message.name.partition(':')[0]}:2,{flags}")

    def run_seal(self, user, mode=0o500):
        for part in ("new", "cur"):
            (self.maildir(user) / part).chmod(mode)

    def run_unseal(self, user):
        self.run_seal(user, 0o700)
