"""A system instance as real root, in namespaces of its own: nothing of it is seen, or left, outside.

    def test_x(system):
        system.start()
        done = system.run("sendmail", "bob", user="alice", input=b"Subject: hi\\n\\nhi\\n")
        assert system.message("bob").endswith(b"hi\\n")

Fixtures
  system          a fresh one; nothing runs in it
  running_system  the same with `porpoise run` started and ready

A process is the first of a pid namespace, and with it ends everything in there; it ends itself when
pytest does, however that comes. In its mount namespace are, instead of the machine's:

  /etc        a copy, with the users below; /etc/porpoise is the instance's control/
  /home       0700 folders of alice, bob and eve, each with a Maildir
  /var/lib    empty but for /var/lib/porpoise, the instance
  /root, /tmp empty
  /mnt/bin    the programs

All of it is memory. Tests reach its files as system.root / "home/bob", which a symbolic link with
an absolute target leads out of: control files are in system.controls.

User names are "root", those of USERS, "porpoise", "porpoise-net", "porpoise-alias", or any number,
which then is the gid, too, and has no entry anywhere.
"""

import ctypes
import os
import pathlib
import signal
import subprocess

import pytest

from conftest import PATIENCE, wait_for
from maildir_age import age

USERS = {"alice": 50001, "bob": 50002, "eve": 50003}
ACCOUNTS = {"porpoise": 50101, "porpoise-net": 50102, "porpoise-alias": 50103}
FRIENDS = 50010  # a group that alice and bob are in
INSTANCE = "/var/lib/porpoise"
CLONE_NEWPID = 0x20000000

_libc = ctypes.CDLL(None, use_errno=True)

# The first process of the namespaces. $1: the programs.
SETUP = r"""
set -e
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/bin /mnt/etc
mount --bind "$1" /mnt/bin
cp -a /etc/. /mnt/etc/
mount --bind /mnt/etc /etc
for at in "/home 755" "/root 700" "/var/lib 755" "/tmp 1777"; do
  set -- $at
  mount -t tmpfs -o mode=$2 tmpfs $1
done
echo ready
# Children that lost their parent come to us: bash collects them.
exec <&- >/dev/null 2>&1
while :; do sleep 3600 & wait; done
"""


def _passwd():
    lines = ["root:x:0:0:root:/root:/bin/sh", "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin"]
    lines += [f"{name}:x:{uid}:{uid}::/home/{name}:/bin/sh" for name, uid in USERS.items()]
    return lines + [f"{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin" for name, uid in ACCOUNTS.items()]


def _group():
    lines = ["root:x:0:", "mail:x:8:", "nogroup:x:65534:", f"friends:x:{FRIENDS}:alice,bob"]
    return lines + [f"{name}:x:{gid}:" for name, gid in {**USERS, **ACCOUNTS}.items()]


class System:
    """A system instance and what a test asks of it."""

    USERS = USERS
    ACCOUNTS = ACCOUNTS
    path = INSTANCE  # as programs in there see it
    bin = "/mnt/bin"

    def __init__(self, lab, folder, made=True):
        """`made` False: the users, but neither the accounts nor the instance."""
        self.lab = lab
        self.folder = folder  # on the machine, for what is to outlive the namespaces
        self.log_path = folder / "log"
        self.runner = None
        self._started = []
        self._enter(lab.bin)
        self._make_users(made)
        if made:
            self._make_instance()

    # -- the namespaces

    def _enter(self, programs):
        # --pdeathsig ends unshare with us, --kill-child its child with unshare.
        self._holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "--pid", "--fork",
             "--kill-child", "--mount-proc", "/bin/bash", "-c", SETUP, "setup", str(programs)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        said = self._holder.stdout.readline()
        if said != b"ready\n":
            pytest.fail(f"no namespaces: {said + self._holder.stdout.read()}")
        unshare = pathlib.Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        self._first = int(unshare.read_text())
        self.root = pathlib.Path(f"/proc/{self._first}/root")
        self._pids = os.open(f"/proc/{self._first}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def _in_pids(self, start):
        """start() with what it starts in the pid namespace."""
        ours = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _libc.setns(self._pids, CLONE_NEWPID) != 0:
                raise OSError(ctypes.get_errno(), "entering the pid namespace")
            try:
                return start()
            finally:
                assert _libc.setns(ours, CLONE_NEWPID) == 0
        finally:
            os.close(ours)

    def close(self):
        """Ends all that runs in there; the rest vanishes with it."""
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()
        for process in self._started:
            process.wait()
        os.close(self._pids)

    # -- what is in there

    def _make_users(self, accounts):
        passwd = [l for l in _passwd() if accounts or l.split(":")[0] not in ACCOUNTS]
        group = [l for l in _group() if accounts or l.split(":")[0] not in ACCOUNTS]
        self.write("etc/passwd", "\n".join(passwd) + "\n")
        self.write("etc/group", "\n".join(group) + "\n")
        self.write("etc/shadow", "".join(f"{l.split(':')[0]}:*:20000:0:99999:7:::\n" for l in passwd), mode=0o640)
        self.write("etc/gshadow", "".join(f"{l.split(':')[0]}:!::\n" for l in group), mode=0o640)
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
        for name in USERS:
            self.make_folder(f"home/{name}", name, 0o700)
            for part in ("", "/tmp", "/new", "/cur"):
                self.make_folder(f"home/{name}/Maildir{part}", name, 0o700)

    def _make_instance(self):
        top = INSTANCE.lstrip("/")
        self.make_folder("etc/porpoise")
        self.make_folder(top)
        for name in ("users", "run"):
            self.make_folder(f"{top}/{name}")
        self.make_folder(f"{top}/alias", "porpoise-alias")
        (self.root / top / "control").symlink_to("/etc/porpoise")
        for name in ("", "/tmp", "/incoming", "/deferred", "/deleted", "/damaged"):
            self.make_folder(f"{top}/queue{name}", "porpoise", 0o700)
        os.mkfifo(self.root / top / "queue/trigger", 0o600)
        self.own(f"{top}/queue/trigger", "porpoise")
        for name in ("root", "postmaster", "mailer-daemon"):
            self.write(f"{top}/alias/.qmail-{name}", "&alice\n", "porpoise-alias")
        part = dict(zip(("queue", "network", "alias"), ACCOUNTS.items()))
        self.control("system", "".join(f"{p}:{name}:{uid}:{uid}\n" for p, (name, uid) in part.items()))
        self.control("locals", "mx.here.test\nhere.test\nsecond.test\nlocalhost\n")
        self.control("defaultdomain", "here.test\n")
        self.control("defaultdelivery", "./Maildir/\n")
        self.control("pop3port", "0\n")
        self.control("me", "mx.here.test\n")

    @staticmethod
    def uid(user):
        return user if isinstance(user, int) else {"root": 0, **USERS, **ACCOUNTS}[user]

    @property
    def instance(self):
        """The instance's folder, as tests reach it."""
        return self.root / INSTANCE.lstrip("/")

    @property
    def controls(self):
        return self.root / "etc/porpoise"

    def own(self, path, user="root"):
        uid = self.uid(user)
        os.chown(self.root / path, uid, uid, follow_symlinks=False)
        return self.root / path

    def make_folder(self, path, user="root", mode=0o755):
        (self.root / path).mkdir()
        (self.root / path).chmod(mode)
        return self.own(path, user)

    def write(self, path, text, user="root", mode=0o644):
        """A file: `path` has no slash in front."""
        at = self.root / path
        at.write_bytes(text.encode() if isinstance(text, str) else text)
        at.chmod(mode)
        return self.own(path, user)

    def control(self, name, text):
        return self.write(f"etc/porpoise/{name}", text)

    def home_of(self, name):
        return self.root / "home" / name

    def dot_file(self, name, extension, text, mode=0o644):
        """~name/.qmail or ~name/.qmail-EXTENSION; of "alias" one in alias/."""
        file = ".qmail" + (f"-{extension}" if extension else "")
        if name == "alias":
            return self.write(f"{INSTANCE[1:]}/alias/{file}", text, "porpoise-alias", mode)
        return self.write(f"home/{name}/{file}", text, name, mode)

    # -- running programs in there

    def environment(self, user="root", **more):
        """The least a login gives. None removes."""
        name = str(user)
        base = {
            "PATH": f"{self.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
            "HOME": self._home(user), "USER": name, "LOGNAME": name,
        }
        base.update(more)
        return {k: str(v) for k, v in base.items() if v is not None}

    @staticmethod
    def _home(user):
        return "/root" if user == "root" else f"/home/{user}" if user in USERS else "/"

    def command(self, args, user="root", cwd=None, no_new_privs=False):
        """What to start, from outside, for `args` to run in there as `user`."""
        uid = self.uid(user)
        program = str(args[0])
        become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups" if isinstance(user, int) else "--init-groups"]
        if no_new_privs:
            become.append("--no-new-privs")
        enter = ["nsenter", f"--mount=/proc/{self._first}/ns/mnt", f"--wdns={cwd or self._home(user)}"]
        inside = program if "/" in program or not (self.lab.bin / program).exists() else f"{self.bin}/{program}"
        return [*enter, *become, "--", inside, *map(str, args[1:])]

    def popen(self, *args, user="root", env=None, cwd=None, no_new_privs=False, **options):
        command = self.command(args, user, cwd, no_new_privs)
        env = env or self.environment(user)
        process = self._in_pids(lambda: subprocess.Popen(command, env=env, **options))
        self._started.append(process)
        return process

    def run(self, *args, user="root", input=b"", env=None, timeout=60, **options):
        """Runs a program of ours (or any path) to its end; stdout and stderr as bytes."""
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        if "stdin" not in options:
            options["stdin"] = subprocess.PIPE
            input = input.encode() if isinstance(input, str) else input
        else:
            input = None
        with self.popen(*args, user=user, env=env, **options) as process:
            try:
                out, err = process.communicate(input, timeout)
            except BaseException:
                process.kill()
                raise
        self._started.remove(process)
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def shell(self, script, user="root", **options):
        return self.run("/bin/sh", "-c", script, user=user, **options)

    def start(self, *options):
        """`porpoise run`, ready when this returns."""
        with open(self.log_path, "ab") as log:
            self.runner = self.popen("porpoise", "run", *options, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
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

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def processes(self, program):
        """Of each process in there that runs `program` ("send"): its number inside and its uid, gid and groups."""
        # In there /proc has the numbers that programs there know.
        found = []
        for entry in (self.root / "proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                status = dict(l.split(":\t", 1) for l in (entry / "status").read_text().splitlines() if ":\t" in l)
            except OSError:
                continue
            if status["Name"] == program and not status["State"].startswith("Z"):
                found.append({"pid": int(entry.name), "uids": [*map(int, status["Uid"].split())],
                              "gids": [*map(int, status["Gid"].split())],
                              "groups": [*map(int, status["Groups"].split())], "status": status})
        return found

    def descriptors(self, pid):
        """What the descriptors of a process in there lead to, by number."""
        found = {}
        for entry in (self.root / "proc" / str(pid) / "fd").iterdir():
            try:
                found[int(entry.name)] = os.readlink(entry)
            except FileNotFoundError:  # closed meanwhile
                pass
        return found

    # -- mail

    def submit(self, text, *recipients, user="alice", sender=None):
        """Through sendmail as `user`; the text as it is."""
        options = ["-f", sender] if sender is not None else []
        done = self.run("sendmail", "-i", *options, "--", *recipients, user=user, input=text)
        assert done.returncode == 0, done.stderr.decode() + self.log()
        return done

    def messages(self, name, folders=("new", "cur")):
        """The files of a Maildir, the oldest first."""
        maildir = (self.instance / "alias" if name == "alias" else self.home_of(name)) / "Maildir"
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
        """The ids that are in the queue now."""
        queue = self.instance / "queue"
        return sorted({f.name for f in [*(queue / "incoming").iterdir(), *(queue / "deferred").glob("*/*")]})

    def settle(self, patience=PATIENCE):
        """Waits until the queue is empty."""
        wait_for(lambda: not self.queued(), f"an empty queue; log:\n{self.log()}", patience)

    def pop3_port(self):
        return int((self.instance / "run/pop3port").read_text())


def _system(lab, home, made=True):
    if os.geteuid() != 0:
        pytest.skip("needs root: a system instance has several users")
    return System(lab, home, made)


@pytest.fixture
def system(lab, home):
    made = _system(lab, home)
    yield made
    made.close()


@pytest.fixture
def bare_system(lab, home):
    """The users alice, bob and eve, and no instance yet."""
    made = _system(lab, home, made=False)
    yield made
    made.close()


@pytest.fixture
def running_system(system):
    return system.start()
