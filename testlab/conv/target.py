"""Servers that conversations run against: what all have in common, and our own."""

import os
import pathlib
import shlex
import socket
import subprocess
import time

import queue_file
from maildir_age import age

from . import setups
from .dialects import TLS_AT_ONCE, dialect_of
from .doors import Door
from .loader import CORPUS
from .runner import Skipped
from .states import Item, Unobserved
from .wire import Wire


class Target:
    """A server. What it cannot do raises Skipped, what it does not show Unobserved."""

    name = ""
    variables = {"host": "mx.here.test", "domain": "here.test", "client": "client.test"}
    profile = frozenset()  # capabilities that it does not tell itself
    ways = ("tcp",)        # how it can be reached

    def __init__(self):
        self.known = {}  # transport to capabilities

    def connect(self, transport):
        raise NotImplementedError

    def signal(self, number, wire):
        raise Skipped("no signals can be sent to this server")

    def restart(self):
        raise Skipped("this server cannot be started again")

    def close(self):
        """Ends it; gives what went wrong unseen, like a crash."""
        return []

    # -- what it can do

    def capabilities(self, transport):
        """CAPA tags or EHLO keywords, as it tells them at once, and what the profile adds."""
        if transport not in self.known:
            wire = self.connect(transport)
            try:
                end = time.monotonic() + 10
                if transport in TLS_AT_ONCE:
                    wire.start_tls(end)
                ask = ask_capa if dialect_of(transport).has_blocks else ask_ehlo
                self.known[transport] = ask(wire, transport, end) | self.profile
            finally:
                wire.close()
        return self.known[transport]

    # -- the world around it

    def setup(self, name):
        if name not in setups.SETUPS:
            raise Skipped(f"no setup {name}")
        setups.SETUPS[name](self)

    def set_idle(self, seconds):
        raise Skipped("no time limit can be set")

    def limit(self, name, value):
        raise Skipped(f"no limit {name} can be set")

    def hold(self):
        raise Skipped("mail cannot be kept in the queue")

    def open_relay(self):
        raise Skipped("it cannot be made a relay")

    def alias(self, name, text):
        raise Skipped("no alias can be made")

    def dot_file(self, user, extension, text):
        raise Skipped("no dot-file can be made")

    def password(self, user, hashed):
        raise Skipped("no password can be set")

    def maildir(self, user):
        """The path of a user's Maildir."""
        raise Unobserved("no Maildirs")

    def put(self, user, name, octets):
        """A message in a Maildir, by the name NEW-OR-CUR/FILE."""
        file = self.maildir(user) / name
        file.write_bytes(octets)
        own_as(file, self.maildir(user))
        return file

    @staticmethod
    def fixture(name):
        return (CORPUS / "messages" / name).read_bytes()

    def run(self, command, arguments, fixture):
        if command == "deliver":
            user, message = arguments
            self.deliver(user, fixture(message))
        else:
            getattr(self, f"run_{command}")(*arguments)

    def deliver(self, user, octets):
        name = f"{int(time.time())}.M{time.time_ns() // 1000 % 1_000_000}P{os.getpid()}.mx.here.test"
        self.put(user, f"new/{name}", octets)

    def run_remove(self, user, number):
        self.messages(user)[int(number)].file.unlink()

    def run_flag(self, user, number, flags):
        file = self.messages(user)[int(number)].file
        file.rename(self.maildir(user) / "cur" / f"{file.name.partition(':')[0]}:2,{flags}")

    def run_seal(self, user, mode=0o500):
        for part in ("new", "cur"):
            (self.maildir(user) / part).chmod(mode)

    def run_unseal(self, user):
        self.run_seal(user, 0o700)

    # -- what it shows

    def messages(self, user):
        """Those in a Maildir by the age that the names of their files tell, wherever they are."""
        maildir = self.maildir(user)
        files = [f for part in ("new", "cur") if (maildir / part).is_dir() for f in (maildir / part).iterdir()]
        return [Item(file=file) for file in sorted(files, key=age)]

    def mbox(self, user):
        raise Unobserved("no mbox")

    def queue(self):
        raise Unobserved("no queue")

    def sink(self):
        raise Unobserved("no sink")

    def bounces(self):
        """Every message from <> that went out."""
        return [item for item in self.sink() if not item.sender]

    def log_text(self):
        raise Unobserved("no log")


def ask_capa(wire, transport, end):
    wire.line(end)
    wire.send(b"CAPA\r\nQUIT\r\n", 10)
    lines = wire.lines_to_dot(end)[:-1] if wire.line(end).startswith(b"+OK") else []
    return {line.split()[0].decode() for line in lines if line.split()}


def ask_ehlo(wire, transport, end):
    checks = dialect_of(transport).checks()
    checks.reply(checks.read(wire, end))
    wire.send((b"LHLO" if transport == "lmtp" else b"EHLO") + b" client.test\r\n", 10)
    code, text, _ = checks.reply(checks.read(wire, end))
    wire.send(b"QUIT\r\n", 10)
    return {line.split()[0].upper().decode() for line in text.split(b"\n")[1:] if line.split()} if code == "250" else set()


def own_as(file, folder):
    """The owner of the folder has the file too, where we may say so."""
    if os.geteuid() == 0:
        status = folder.stat()
        os.chown(file, status.st_uid, status.st_gid)


class Porpoise(Target):
    """Our POP3 programs (popup, checkpassword, pop3d) in a personal instance, which is the harness's: a
    folder, homes with Maildirs, and run() and popen()."""

    name = "porpoise"
    profile = frozenset({"state"})
    ways = ("tcp", "stdio")
    transports = ("pop3",)
    log_name = "pop3.log"

    def __init__(self, instance, over="tcp"):
        super().__init__()
        self.instance = instance
        self.idle = None  # seconds, where a setup wants another than the default
        self.door = Door(self.start, over)
        self.log_file = instance.folder / self.log_name
        self.log = open(self.log_file, "ab")
        for name in ("alice", "bob", "carl"):
            self.password(name, setups.SECRET)

    def connect(self, transport):
        if transport not in self.transports:
            raise Skipped(f"no transport {transport}")
        return self.door.connect()

    def start(self, connected):
        idle = ["--idle", str(self.idle)] if self.idle else []
        checkpassword = ["checkpassword", "pop3d", *idle, "Maildir"]
        return self.instance.popen("popup", *idle, self.variables["host"], *checkpassword, stdin=connected,
                                   stdout=connected, stderr=self.log, start_new_session=True)

    def signal(self, number, wire):
        self.door.signal(number, wire.process)

    def restart(self):
        self.door.restart()

    def close(self):
        crashed = self.door.close()
        self.log.close()
        if not self.door.signalled:
            crashed += [line for line in self.log_text().decode(errors="replace").splitlines()
                        if "killed by signal" in line]
        return crashed

    def set_idle(self, seconds):
        self.idle = seconds

    def maildir(self, user):
        return pathlib.Path(self.instance.home_of(user)) / "Maildir"

    def password(self, user, hashed):
        passwd = pathlib.Path(self.instance.path) / "users" / "passwd"
        lines = passwd.read_text().splitlines() if passwd.exists() else []
        lines = [line for line in lines if not line.startswith(f"{user}:")] + [f"{user}:{hashed}"]
        self.instance.lab.write(passwd, "\n".join(lines) + "\n", 0o600)

    def deliver(self, user, octets):
        done = self.instance.run("maildir", self.maildir(user), input=octets)
        assert done.returncode == 0, done.stderr.decode()

    def mbox(self, user):
        file = pathlib.Path(self.instance.home_of(user)) / "Mailbox"
        return file.read_bytes() if file.exists() else None

    def queue(self):
        folder = pathlib.Path(self.instance.path) / "queue"
        files = [*folder.glob("incoming/*"), *folder.glob("deferred/*/*")]
        return [queued(file) for file in sorted(files, key=age)]

    def bounces(self):
        """Notices that are delivered, or wait."""
        delivered = [item for name in self.instance.NAMES for item in self.messages(name)
                     if item.part("header", "Return-Path") == b"<>"]
        return delivered + [item for item in self.queue() if not item.sender]

    def log_text(self):
        return self.log_file.read_bytes()


def queued(file):
    found = queue_file.read(file.read_bytes())
    params = [f"{name}={value}" for name, value in found.parameters.items()]
    for recipient, its in zip(found.recipients, found.recipient_parameters):
        params += [f"{recipient} {name}={value}" for name, value in its.items()]
    return Item(content=found.content, sender=found.sender.encode(),
                recipients=tuple(r.encode() for r in found.recipients), params=tuple(p.encode() for p in params))


class Outside(Target):
    """Any server, as the options of testlab/lab conv describe it. `where`: HOST:PORT, or stdio:COMMAND or
    tcp:COMMAND for a program that serves one connection on its standard input and output."""

    def __init__(self, where, transports, name="outside", has=(), maildir=None, mbox=None, log=None, sink=None,
                 queue=None, restart=None):
        super().__init__()
        self.name = name
        self.transports = transports
        self.profile = frozenset(has)
        self.paths = {"maildir": maildir, "mbox": mbox, "log": log, "sink": sink, "queue": queue}
        self.restart_command = restart
        kind, _, rest = where.partition(":")
        self.address, self.door = None, None
        if kind in ("stdio", "tcp") and not rest.isdigit():
            self.command = shlex.split(rest)
            self.door = Door(self.start, kind)
        else:
            host, _, port = where.rpartition(":")
            self.address = (host.strip("[]"), int(port))

    def start(self, connected):
        return subprocess.Popen(self.command, stdin=connected, stdout=connected, start_new_session=True)

    def connect(self, transport):
        if transport not in self.transports:
            raise Skipped(f"no transport {transport}")
        return self.door.connect() if self.door else Wire(socket.create_connection(self.address))

    def signal(self, number, wire):
        if wire.process is None:
            super().signal(number, wire)
        self.door.signal(number, wire.process)

    def restart(self):
        if self.restart_command:
            subprocess.run(shlex.split(self.restart_command), check=True, stdout=subprocess.DEVNULL)
        elif self.door:
            self.door.restart()
        else:
            super().restart()

    def close(self):
        return self.door.close() if self.door else []

    def path(self, kind, user=""):
        if not self.paths[kind]:
            raise Unobserved(f"no --{kind}")
        return pathlib.Path(self.paths[kind].replace("{user}", user))

    def setup(self, name):
        """Its Maildirs and folders are ours to empty: a file begins with nothing there."""
        for user in ("alice", "bob", "carl"):
            if self.paths["maildir"]:
                for item in self.messages(user):
                    item.file.unlink()
        for kind in ("sink", "queue"):
            for item in self.listed(kind) if self.paths[kind] else ():
                item.file.unlink()
        try:
            super().setup(name)
        except Unobserved as unobserved:
            raise Skipped(f"no setup {name}: {unobserved}") from None

    def maildir(self, user):
        return self.path("maildir", user)

    def mbox(self, user):
        file = self.path("mbox", user)
        return file.read_bytes() if file.exists() else None

    def log_text(self):
        return self.path("log").read_bytes()

    def sink(self):
        return self.listed("sink")

    def queue(self):
        return self.listed("queue")

    def listed(self, kind):
        return [enveloped(file) for file in sorted(self.path(kind).iterdir())]


def enveloped(file):
    """A message in a file that begins with its envelope: lines "MAIL FROM:<...> PARAMETERS" and "RCPT
    TO:<...>", then an empty line."""
    head, _, content = file.read_bytes().partition(b"\n\n")
    sender, params, recipients = b"", (), []
    for line in head.split(b"\n"):
        address, _, more = line.partition(b"<")[2].partition(b">")
        if line.startswith(b"MAIL"):
            sender, params = address, tuple(more.split())
        else:
            recipients.append(address)
    return EnvelopedItem(file=file, content=content, sender=sender, recipients=tuple(recipients), params=params)


class EnvelopedItem(Item):
    @property
    def octets(self):
        return self.content
