"""The harness: the real programs, run as an ordinary user, each test in a fresh personal instance.

Fixtures
  lab        where the programs are and who runs them; lab.run("maildirmake", path)
  home       a fresh folder of that user's, with room for anything
  instance   a fresh personal instance: owner "owner", local names alice, bob and carl (each with a
             home and a Maildir), domains here.test, second.test and
             mx.here.test; nothing runs in it
  running    the same with `porpoise run` started and ready

As root the programs are copied to a folder that everyone can read, and everything runs as a
throw-away uid, one a pytest-xdist worker: the product is for ordinary users. The programs come
from $PORPOISE_BUILD (default build/bin).

A system instance, as real root, is the fixture `system`: system.py.
"""

import contextlib
import copy
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from maildir_age import age

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("PORPOISE_BUILD", TOP / "build" / "bin"))
FIRST_UID = 61900  # within what systemd keeps for users that exist for a moment only
PATIENCE = 20.0  # seconds: how long wait_for() waits; never a claim about speed

sys.path.insert(0, str(TOP / "testlab"))

# A shell's background job has SIGINT ignored, and so would every program under test.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_for(condition, what="the condition", patience=PATIENCE):
    """Polls until condition() is true and returns what it gave; fails after `patience` seconds."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"waited {patience:.0f} s for {what}")
        time.sleep(0.01)


class Lab:
    """Where the programs are and who runs them."""

    def __init__(self, base, worker):
        self.base = base
        self.root = os.geteuid() == 0
        self.uid = FIRST_UID + worker if self.root else os.geteuid()
        self.gid = self.uid if self.root else os.getegid()
        (base / "tmp").mkdir()
        (base / "tmp").chmod(0o1777)
        self.bin = base / "bin"
        self.bin.mkdir(mode=0o755)
        for program in BUILD.iterdir():
            if program.is_file() and os.access(program, os.X_OK):
                shutil.copy2(program, self.bin / program.name)
                (self.bin / program.name).chmod(0o755)
        for name in ("mailq", "newaliases"):
            (self.bin / name).symlink_to("sendmail")

    def as_root(self):
        """The same programs, run by root."""
        made = copy.copy(self)
        made.uid = made.gid = 0
        return made

    def own(self, path):
        """Gives path to the user everything runs as; returns it."""
        if self.root:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        return path

    def folder(self, path, mode=0o755):
        path.mkdir(mode=mode)
        path.chmod(mode)
        return self.own(path)

    def write(self, path, text, mode=0o644):
        """A file of the user's."""
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return self.own(path)

    def environment(self, **more):
        """The least a login gives; everything else is a test's own wish. None removes."""
        env = {
            "PATH": f"{self.bin}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.base / "tmp"),
        }
        env.update(more)
        return {k: str(v) for k, v in env.items() if v is not None}

    def driver(self, name, called=None):
        """A program of testlab/drivers, where everybody may start it; `called`: by another name."""
        place = self.bin.parent / "drivers"
        if not (place / name).exists():
            place.mkdir(exist_ok=True)
            place.chmod(0o755)
            # By way of another name: there may be several of us.
            shutil.copy2(BUILD.parent / "lab" / name, place / f"{name}.{os.getpid()}")
            (place / f"{name}.{os.getpid()}").rename(place / name)
        if called and not (place / called).exists():
            with contextlib.suppress(FileExistsError):
                (place / called).symlink_to(name)
        return place / (called or name)

    def program(self, name):
        name = str(name)
        return name if "/" in name else str(self.bin / name)

    def _how(self, args, env, options):
        if self.root and not options.pop("as_root", False):
            options.update(user=self.uid, group=self.gid, extra_groups=[])
        options.setdefault("cwd", self.base)
        return [self.program(args[0]), *map(str, args[1:])], dict(options, env=env)

    def run(self, *args, input=b"", env=None, timeout=60, **options):
        """Runs a program of ours (or any path) to its end; stdout and stderr as bytes."""
        if isinstance(input, str):
            input = input.encode()
        command, options = self._how(args, env or self.environment(), options)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        if "stdin" not in options:
            options["input"] = input
        return subprocess.run(command, timeout=timeout, **options)

    def popen(self, *args, env=None, **options):
        command, options = self._how(args, env or self.environment(), options)
        return subprocess.Popen(command, **options)


def processes_about(text):
    """Pids of processes that have `text` in their command line or environment, but ours."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            seen = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in seen:
            found.append(int(entry.name))
    return found


class Instance:
    """A personal instance and what a test asks of it."""

    NAMES = ("alice", "bob", "carl")

    def __init__(self, lab, folder):
        self.lab = lab
        self.folder = folder
        self.path = folder / "instance"
        self.home = lab.folder(folder / "home")
        self.runner = None
        self.log_path = folder / "log"
        made = self.run(
            "porpoise", "init", self.path, "--name", "owner", "--home", self.home,
            "--host", "mx.here.test",
        )
        assert made.returncode == 0, made.stderr.decode()
        self.control("locals", "mx.here.test\nhere.test\nsecond.test\nlocalhost\n")
        self.control("defaultdomain", "here.test\n")
        self.control("pop3port", "0\n")
        lines = []
        for name in self.NAMES:
            home = lab.folder(folder / name)
            for part in ("", "tmp", "new", "cur"):
                lab.folder(home / "Maildir" / part if part else home / "Maildir", 0o700)
            ids = f"{name}:{lab.uid}:{lab.gid}:{home}"
            lines += [f"={name}:{ids}:::", f"+{name}-:{ids}:-::"]
        lab.write(self.path / "users" / "assign", "\n".join(lines) + "\n.\n")

    # -- running programs in it

    def environment(self, **more):
        base = {"PORPOISE": self.path, "HOME": self.home, "USER": "owner", "LOGNAME": "owner"}
        return self.lab.environment(**{**base, **more})

    def run(self, *args, env=None, **options):
        options.setdefault("cwd", self.home)
        return self.lab.run(*args, env=env or self.environment(), **options)

    def popen(self, *args, env=None, **options):
        options.setdefault("cwd", self.home)
        return self.lab.popen(*args, env=env or self.environment(), **options)

    def start(self):
        """`porpoise run`, ready when this returns."""
        log = open(self.log_path, "ab")
        self.runner = self.popen("porpoise", "run", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        ready = self.run("porpoise", "status", "--wait", "--timeout", "20")
        assert ready.returncode == 0, ready.stderr.decode() + self.log()
        return self

    def stop(self, how=signal.SIGTERM):
        if self.runner is None:
            return None
        self.runner.send_signal(how)
        code = self.runner.wait(30)
        self.runner = None
        return code

    def close(self):
        """Ends whatever still runs in it."""
        if self.runner is not None:
            self.runner.kill()
            self.runner.wait()
        for _ in range(100):
            left = processes_about(str(self.folder))
            if not left:
                return
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.01)
        pytest.fail(f"cannot end processes {left}")

    # -- its files

    def control(self, name, text):
        return self.lab.write(self.path / "control" / name, text)

    def home_of(self, name):
        return self.home if name == "owner" else self.folder / name

    def dot_file(self, name, extension, text, mode=0o644):
        """~name/.qmail or ~name/.qmail-EXTENSION"""
        file = ".qmail" + (f"-{extension}" if extension else "")
        return self.lab.write(self.home_of(name) / file, text, mode)

    def messages(self, name, folders=("new", "cur")):
        """The files of a Maildir, the oldest first."""
        maildir = self.home_of(name) / "Maildir"
        return sorted((f for sub in folders for f in (maildir / sub).iterdir()), key=age)

    def message(self, name, count=1, patience=PATIENCE):
        """Waits until there are exactly `count` messages; gives the last one's octets."""
        found = wait_for(
            lambda: (lambda m: m if len(m) >= count else None)(self.messages(name)),
            f"message {count} of {name}; log:\n{self.log()}", patience,
        )
        assert len(found) == count, [f.name for f in found]
        return found[-1].read_bytes()

    def queued(self):
        """The ids that are in the queue now. A message that is just being moved has a name in two folders."""
        queue = self.path / "queue"
        return sorted({f.name for f in [*(queue / "incoming").iterdir(), *(queue / "deferred").glob("*/*")]})

    def settle(self, patience=PATIENCE):
        """Waits until the queue is empty."""
        wait_for(lambda: not self.queued(), f"an empty queue; log:\n{self.log()}", patience)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def pop3_port(self):
        return int((self.path / "run" / "pop3port").read_text())

    # -- mail into it

    def submit(self, text, *recipients, sender="carol@here.test"):
        """Through sendmail; the text as it is."""
        done = self.run("sendmail", "-i", "-f", sender, "--", *recipients, input=text)
        assert done.returncode == 0, done.stderr.decode()
        return done


def _base():
    base = pathlib.Path(tempfile.mkdtemp(prefix="porpoise-lab-", dir=os.environ.get("TMPDIR", "/tmp")))
    base.chmod(0o755)
    return base


@pytest.fixture(scope="session")
def lab():
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    number = int(worker.removeprefix("gw")) if worker.startswith("gw") else 0
    base = _base()
    yield Lab(base, number)
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def home(lab):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="home-", dir=lab.base))
    folder.chmod(0o755)
    lab.own(folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def instance(lab, home):
    made = Instance(lab, home)
    yield made
    made.close()


@pytest.fixture
def running(instance):
    return instance.start()


from system import bare_system, running_system, system  # noqa: E402,F401 (it needs what is above)
