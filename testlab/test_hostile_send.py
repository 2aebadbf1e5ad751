"""A send that has been taken over: what speaks to spawn as the queue's owner, and lies.

It runs as that account in the instance's namespaces, so it can open what the account can open. After
each case no file of a user's has changed but for mail that was delivered, nothing secret is in that
mail, nothing has run as root, and spawn still serves."""

import json
import os

import pytest

from root_spawn import RootSpawn
from system import system  # noqa: F401 (a fixture)

LIAR = r"""
import array, json, mmap, os, socket, sys, threading
s = socket.socket(fileno=int(sys.argv[1]))
s.settimeout(30)
seen = []
def start(slot, recipient, sender=b"x@y.test", progress=b"", letter=b"S"):
    text = [f if isinstance(f, bytes) else str(f).encode() for f in (slot, sender, recipient, progress)]
    return letter + b"\0".join(text) + b"\0"
def send(octets, fds=()):
    s.sendmsg([octets], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
def copy(text=b"S: x\n\nhi\n"):
    fd = os.memfd_create("content", 0)
    os.write(fd, text)
    return fd
def hear():
    octets = s.recv(20000)
    seen.append(octets)
    return octets[:1].decode(), octets[1:-1].decode(errors="replace").split("\0")
def report(slot):
    while True:
        letter, fields = hear()
        if letter == "R" and fields[0] == str(slot):
            return fields[1], fields[2]
def deliver(recipient, fds=None, slot=1, **more):
    send(start(slot, recipient, **more), [copy()] if fds is None else fds)
    return report(slot)
"""


class Liar:
    def __init__(self, system, *options):
        self.system = system
        self.spawn = RootSpawn(system, *options)
        system.write("home/alice/secret", "only alice's\n", "alice", 0o600)
        system.write("root/secret", "only root's\n", "root", 0o600)
        who = system.write("mnt/who", "", mode=0o666)
        self.who = who
        for name in ("alice", "bob", "eve"):
            system.dot_file(name, "", "|echo $(id -u) >>/mnt/who\n./Maildir/\n")
        system.dot_file("alias", "default", "|echo $(id -u) >>/mnt/who\n")
        self.before = self.files()

    def files(self):
        found = {}
        for top in ("home", "root", "etc", "var/lib/porpoise/alias", "var/lib/porpoise/users"):
            for folder, _, names in os.walk(self.system.root / top):
                for name in names:
                    path = os.path.join(folder, name)
                    if "/Maildir/" not in path:
                        st = os.lstat(path)
                        found[path] = (st.st_ino, st.st_size, st.st_mtime_ns, st.st_mode, st.st_uid)
        return found

    def says(self, code):
        """Runs `code` as the liar; what it leaves in `got`."""
        fd = self.spawn.ours.fileno()
        done = self.system.run(
            "/usr/bin/python3", "-c", LIAR + "\ngot = None\n" + code + "\nprint(json.dumps(got))\n", str(fd), user="porpoise",
            pass_fds=(fd,), timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    def check(self):
        # It still serves, and everything is as it was.
        assert self.says("got = deliver('alice@here.test', slot=4000)") == ["K", "did 1+0+1\n"]
        assert self.files() == self.before
        uids = set(self.who.read_text().split())
        assert uids <= {"50001", "50002", "50003", "50103"}, uids
        for name in ("alice", "bob", "eve"):
            for file in self.system.messages(name):
                assert b"only" not in file.read_bytes(), file
                assert file.stat().st_uid == self.system.uid(name)
        told, code = self.spawn.end()
        assert code == 0
        return told


@pytest.fixture
def liar(system):
    made = []

    def start(*options):
        made.append(Liar(system, *options))
        return made[-1]

    yield start
    for one in made:
        one.spawn.close()


ADDRESSES = [
    "", "@", "@here.test", "alice", "root", "root@", "root@here.test", "ROOT@here.test", "0@here.test", "+0@here.test",
    "50001@here.test", "#50001@here.test", "../alice@here.test", "../../etc/passwd@here.test", "/etc/passwd@here.test",
    "alice/../eve@here.test", "alice-../../secret@here.test", "alice-../secret@here.test", "alice-/etc/passwd@here.test",
    "./Maildir/@here.test", "|id@here.test", "alice;id@here.test", "$(id)@here.test", "`id`@here.test", "-n@here.test",
    "--@here.test", "--instance=/tmp@here.test", "alice\nroot@here.test", "alice@here.test\nroot@here.test", "alice\t@here.test",
    "a:b:0:0::/root:/bin/sh@here.test", "porpoise@here.test", "porpoise-net@here.test", "nobody@here.test", "daemon@here.test",
    "alice@/etc/passwd", "alice@../..", "alice@" + "x" * 8000, "a" * 12000 + "@here.test", "-" * 5000 + "@here.test",
    "a-" * 4000 + "@here.test", "\xff\xfe@here.test", "\x7f\x01\x02@here.test", "..@here.test", ".@here.test", "%s%n%p@here.test",
]


def test_addresses(liar):
    one = liar()
    got = one.says("got = [deliver(a.encode('latin-1'), slot=i) for i, a in enumerate(%r)]" % ADDRESSES)
    for address, (letter, text) in zip(ADDRESSES, got):
        assert letter in "KZD", (address, text)
    # Nobody is reached by a name that is not theirs.
    for name in ("bob", "eve"):
        assert not one.system.messages(name)
    one.check()


def test_senders_and_progress(liar):
    one = liar()
    got = one.says(r"""
odd = [b"", b"#@[]", b"../../etc", b"-f", b"a\nb: c", b"\xff" * 3000, b"x" * 16000, b"$(id)", b"@" * 1000]
got = [deliver(b"eve@here.test", slot=i, sender=o)[0] for i, o in enumerate(odd)]
got += [deliver(b"eve@here.test", slot=i, progress=o)[0] for i, o in enumerate(odd)]
""")
    assert set(got) == {"K"}, got  # cut to what fits: nobody's harm but the message's
    one.check()


DESCRIPTORS = {
    "none": ("[]", "the message did not come with its delivery (#4.3.0)"),
    "a folder": ("[os.open('/', os.O_RDONLY)]", "the message is no file of the queue's owner (#4.3.0)"),
    "a FIFO": ("[os.pipe()[0]]", "the message is no file of the queue's owner (#4.3.0)"),
    "a socket": ("[socket.socketpair()[0].detach()]", "the message is no file of the queue's owner (#4.3.0)"),
    "a device": ("[os.open('/dev/zero', os.O_RDONLY)]", "the message is no file of the queue's owner (#4.3.0)"),
    "an event": ("[os.eventfd(0)]", "the message is no file of the queue's owner (#4.3.0)"),
    "the name of alice's file": ("[os.open('/home/open/secret', os.O_PATH)]", "the message came as something that cannot be read (#4.3.0)"),
    "the name of her home": ("[os.open('/home/open', os.O_PATH)]", "the message came as something that cannot be read (#4.3.0)"),
    "a file to write to": ("[os.open('/home/open/drop', os.O_WRONLY)]", "the message came as something that cannot be read (#4.3.0)"),
    "root's file": ("[os.open('/etc/passwd', os.O_RDONLY)]", "the message is no file of the queue's owner (#4.3.0)"),
    "a file of its own": ("[os.open('/proc/self/environ', os.O_RDONLY)]", None),
    "another's in /proc": ("[os.open('/proc/1/status', os.O_RDONLY)]", "the message is no file of the queue's owner (#4.3.0)"),
    "a memory file that can be changed": ("[copy()]", None),
}


@pytest.mark.parametrize("what", DESCRIPTORS)
def test_descriptors(liar, what):
    code, text = DESCRIPTORS[what]
    one = liar()
    # A home that others may look into, with a file of alice's in it that only she can read.
    at = one.system.make_folder("home/open", "alice", 0o755)
    one.system.write("home/open/secret", "only alice's\n", "alice", 0o600)
    one.system.write("home/open/drop", "only alice's\n", "alice", 0o622)
    one.before = one.files()
    letter, said = one.says(f"got = deliver('alice@here.test', fds={code})")
    if text is None:
        assert letter in "KZ"
    else:
        assert (letter, said.rstrip("\n")) == ("Z", text)
    assert at.exists()
    one.check()


def test_descriptors_for_other_hosts(liar):
    one = liar()
    one.system.control("remote", "pipe /bin/cat\n")
    one.before = one.files()
    got = one.says("got = [deliver('x@far.test', letter=b'E', fds=f) for f in "
                   "([], [os.open('/', os.O_RDONLY)], [os.open('/etc/passwd', os.O_PATH)], [os.open('/etc/passwd', os.O_RDONLY)])]")
    assert [g[0] for g in got] == ["Z"] * 4 and not any("root:" in g[1] for g in got)
    one.check()


def test_several_descriptors_leave_none_open(liar):
    one = liar()
    [pid] = [p["pid"] for p in one.system.processes("spawn")]
    folder = one.system.root / f"proc/{pid}/fd"
    assert one.says("got = deliver('alice@here.test')")[0] == "K"
    before = sorted(f.name for f in folder.iterdir())
    got = one.says(r"""
for i in range(300):
    send(start(i, b"alice@here.test"), [copy()] * (2 + i % 9))
got = deliver('alice@here.test', slot=999)
""")
    assert got[0] == "K"
    assert sorted(f.name for f in folder.iterdir()) == before
    assert "more than one descriptor" in one.check()


def test_slots(liar):
    """Reused, huge, none: each delivery has its own report, and a slot in use keeps the first."""
    one = liar()
    one.system.dot_file("bob", "", "|sleep 2\n")
    one.before = one.files()
    got = one.says(r"""
send(start(7, b"bob@here.test"), [copy()])
for i in range(50):
    send(start(7, b"eve@here.test"), [copy()])
for slot in (b"", b"-1", b"4294967296", b"99999999999999999999", b"x", b"1 ", b"0x1"):
    send(start(slot, b"eve@here.test"), [copy()])
got = [report(7), deliver(b"alice@here.test", slot=4294967295)]
""")
    assert got == [["K", "did 0+0+1\n"], ["K", "did 1+0+1\n"]]
    assert not one.system.messages("eve")
    told = one.check()
    assert told.count("\n") <= 40  # nor does it fill the log


def test_messages_that_make_no_sense(liar):
    one = liar()
    got = one.says(r"""
import random
random.seed(7)
junk = [bytes(random.randrange(256) for _ in range(random.randrange(1, 200))) for _ in range(300)]
junk += [b"S", b"E", b"P1\0x\0", b"R1\0K\0x\0y\0", b"S\0\0\0\0\0", b"S1\0a\0b\0c", b"S1\0a\0b\0", b"X" * 16384, b"S" + b"\0" * 16000]
for octets in junk:
    send(octets)
    send(octets, [copy()])
got = deliver("alice@here.test", slot=9)
""")
    assert got[0] == "K"
    one.check()


def test_a_message_without_end_is_cut_off(liar):
    one = liar()
    got = one.says("s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)\n"
                   "send(start(1, b'x' * 60000 + b'@here.test'), [copy()])\ngot = deliver('alice@here.test', slot=9)")
    assert got[0] == "K"
    one.check()


def test_elsewhere_for_what_is_here_and_here_for_what_is_not(liar):
    one = liar()
    one.system.write("home/out", "#!/bin/sh\nid -u >>/mnt/out; echo \"$@\"\n", mode=0o755)
    one.system.control("remote", "pipe /home/out\n")
    one.system.write("mnt/out", "", mode=0o666)
    one.before = one.files()
    got = one.says(r"""
got = [deliver(a, letter=b"E", slot=i) for i, a in enumerate([b"alice@here.test", b"-oX@far.test", b"x", b"x@", b"a\nb@far.test",
                                                              b"$(id)@far.test", b"--@far.test"])]
got += [deliver(b"joe@far.test")]
""")
    assert got[0] == ["K", "-f x@y.test -- alice@here.test"]
    assert got[1] == ["K", "-f x@y.test -- -oX@far.test"]
    assert [g[0] for g in got[2:5]] == ["D", "D", "D"]
    assert set((one.system.root / "mnt/out").read_text().split()) == {"50102"}
    one.check()


def test_content_that_changes_while_it_is_read(liar):
    one = liar()
    got = one.says(r"""
fd = os.memfd_create("content", 0)
size = 8 << 20
os.ftruncate(fd, size)
ends = threading.Event()
def change():
    i = 0
    while not ends.is_set():
        i += 1
        os.ftruncate(fd, size if i % 2 else 4096)
        os.pwrite(fd, b"From x\n" * 2000, (i * 4096) % size)
threading.Thread(target=change, daemon=True).start()
for i in range(12):
    send(start(i, (b"alice@here.test", b"bob@here.test", b"eve@here.test")[i % 3]), [fd])
got = []
while len(got) < 12:
    letter, fields = hear()
    if letter == "R":
        got.append(fields[1])
ends.set()
""")
    assert set(got) <= {"K", "Z"}, got
    one.check()


def test_a_flood_of_deliveries(liar):
    """More than may run: they are told to come later, and nobody hangs."""
    one = liar()
    got = one.says(r"""
done = []
def listen():
    while len(done) < 3000:
        letter, fields = hear()
        if letter == "R":
            done.append(fields[1])
t = threading.Thread(target=listen)
t.start()
fd = copy()
for i in range(3000):
    send(start(i, b"@here.test" if i % 3 else b"nobody-%d@here.test" % i), [fd])
t.join()
got = sorted(set(done))
""")
    assert set(got) <= {"K", "Z", "D"}
    one.check()


def test_a_flood_that_nobody_listens_to(liar):
    """send takes no reports: spawn takes no more commands, and goes on when it does."""
    one = liar()
    got = one.says(r"""
s.setblocking(False)
fd, sent = copy(), 0
try:
    for sent in range(100000):
        send(start(sent, b"@here.test"), [fd])
except BlockingIOError:
    pass
s.settimeout(30)
for i in range(sent):
    hear()
got = [sent > 0, deliver(b"alice@here.test", slot=1)[0]]
""")
    assert got == [True, "K"]
    one.check()


def test_its_end_of_the_socket_closed_in_the_middle(liar, system):
    one = liar()
    one.says("[send(start(i, b'eve@here.test'), [copy()]) for i in range(20)]")
    told, code = one.spawn.end()
    assert (told, code) == ("", 0)
    assert len(system.messages("eve")) == 20


def test_the_account_of_send_can_do_nothing_to_spawn_itself(liar):
    """Signals, debugging, memory, descriptors, limits: as the queue's owner and as the network's."""
    one = liar()
    [pid] = [p["pid"] for p in one.system.processes("spawn")]
    for user in ("porpoise", "porpoise-net", "eve"):
        for script in (f"kill -STOP {pid}", f"kill -KILL {pid}", f"cat /proc/{pid}/mem", f"ls /proc/{pid}/fd", f"cat /proc/{pid}/environ",
                       f"prlimit --pid {pid} --nofile=3", f"renice 19 -p {pid}", f"strace -p {pid}",
                       "ls /var/lib/porpoise/run/deliveries", ": >/var/lib/porpoise/run/deliveries/x",
                       ": >/var/lib/porpoise/run/spawner.lock", "cat /var/lib/porpoise/run/spawner.lock"):
            done = one.system.shell(script, user=user, timeout=20)
            assert done.returncode != 0 and done.stdout == b"", (user, script, done)
    one.check()
