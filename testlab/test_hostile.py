"""A hostile user of a system instance: eve tries to read, change, delete, list, forge, fill, stall and
crash her way through it. Each try is a row with what she got; doc/hostile-users.md is the table, and a
test holds it to what is here.

While she tries, mail of alice's waits in the queue, and after each group alice still gets mail."""

import os
import pathlib
import re

import pytest

from conftest import TOP, wait_for
from system import running_system, system  # noqa: F401 (fixtures)

DENIED = "Permission denied"
NOT_PERMITTED = "Operation not permitted"

I = "/var/lib/porpoise"


class Try:
    """One row. `script` is run by eve's shell, with $ID, $SEND, $SPAWN, $QUEUE, $RUN (process ids) and
    $LOCAL (alice's delivery) set; `says` is in what it prints, `code` how it ends (None: not 0)."""

    def __init__(self, what, script, got, says="", code=None, never=("only alice's",)):
        self.what, self.script, self.got, self.says, self.code, self.never = what, script, got, says, code, never


FOLDERS = [
    Try("list the queue", f"ls {I}/queue", "refused: the folder is its owner's", DENIED),
    Try("list the messages in it", f"ls {I}/queue/incoming {I}/queue/deferred/*", "refused", DENIED),
    Try("read a message whose id she knows", f"cat {I}/queue/incoming/$ID {I}/queue/deferred/*/$ID", "refused", DENIED),
    Try("write to it", f"echo x >>{I}/queue/incoming/$ID", "refused", DENIED),
    Try("remove it", f"rm -f {I}/queue/incoming/$ID", "refused", DENIED),
    Try("link it into her home", f"ln {I}/queue/incoming/$ID ~/mine", "refused", DENIED),
    Try("put a message of her own there", f"echo x >{I}/queue/incoming/00000000000000000000", "refused", DENIED),
    Try("wake send, or fill its trigger", f"echo x >{I}/queue/trigger", "refused", DENIED),
    Try("write to users/assign", f"echo '=eve:root:0:0:/root:::' >>{I}/users/assign", "refused", DENIED),
    Try("replace it", f"mv -f ~/assign {I}/users/assign", "refused", DENIED),
    Try("write to a control file", f"echo '|id' >>{I}/control/defaultdelivery", "refused", DENIED),
    Try("make one", f"echo 'pipe /home/eve/run' >{I}/control/remote2", "refused", DENIED),
    Try("replace control, users or the queue", f"mv {I}/control {I}/control2; mv {I}/users {I}/u2; mv {I}/queue {I}/q2", "refused", DENIED),
    Try("make something in the instance", f"mkdir {I}/mine", "refused", DENIED),
    Try("remove the sockets", f"rm -f {I}/run/submit {I}/run/control", "refused", DENIED),
    Try("put a socket of her own in their place", f"ln -sf /home/eve/socket {I}/run/submit", "refused"),
    Try("make something in run/", f": >{I}/run/mine", "refused", DENIED),
    Try("read or hold spawn's lock", f"exec 3<{I}/run/spawner.lock", "refused", DENIED),
    Try("see to whom something is delivered", f"ls {I}/run/deliveries", "refused", DENIED),
    Try("add a dot-file to alias/", f"echo '|id' >{I}/alias/.qmail-default", "refused", DENIED),
    Try("change one there", f"echo '|id' >>{I}/alias/.qmail-postmaster", "refused", DENIED),
    Try("read one there", f"cat {I}/alias/.qmail-postmaster", "may: aliases are public", "&alice", 0),
    Try("read alice's mailbox", "ls /home/alice; cat /home/alice/Maildir/new/*", "refused", DENIED),
    Try("find a set-id program to use", f"find {I} /mnt/bin -perm /6000 2>/dev/null | wc -l", "there is none", "0\n", 0),
]

PARTS = ("SEND", "SPAWN", "QUEUE", "RUN", "LOCAL")
PROCESSES = [
    Try("end a part, or a delivery of alice's", "e=1; for p in $ALL; do kill -TERM $p && e=0; kill -KILL $p && e=0; done; exit $e",
        "refused", "not permitted"),
    Try("stop one", "e=1; for p in $ALL; do kill -STOP $p && e=0; done; exit $e", "refused", "not permitted"),
    Try("make send rescan, for ever", "kill -HUP $SEND; kill -ALRM $SEND", "refused", "not permitted"),
    Try("debug one", "strace -p $SEND; strace -p $SPAWN; strace -p $LOCAL", "refused", "not permitted"),
    Try("read its memory", "for p in $ALL; do cat /proc/$p/mem /proc/$p/maps; done", "refused", DENIED),
    Try("read its environment", "for p in $ALL; do cat /proc/$p/environ; done", "refused", DENIED),
    Try("see or open its descriptors", "for p in $ALL; do ls /proc/$p/fd; cat /proc/$p/fd/0; done", "refused", DENIED),
    Try("go through its working folder or root", "for p in $ALL; do ls /proc/$p/cwd/ /proc/$p/root/; done", "refused", DENIED),
    Try("lower its limits", "e=1; for p in $ALL; do prlimit --pid $p --nofile=3 && e=0; done; exit $e", "refused", "not permitted"),
    Try("make it slow", "e=1; for p in $ALL; do renice 19 -p $p && e=0; done; exit $e", "refused", "not permitted"),
    Try("have it killed when memory is short", "for p in $ALL; do echo 1000 >/proc/$p/oom_score_adj; done", "refused", DENIED),
    Try("see its command line", "tr '\\0' ' ' </proc/$LOCAL/cmdline",
        "may, as with every program: who gets mail from whom at the moment; mount /proc with hidepid where that matters", "local -- alice", 0),
]

PROGRAMS = [
    Try("run spawn herself", "spawn 3<>/dev/null", "refused", "descriptor 3 is not the socket of send", 100),
    Try("run send herself", "send", "refused", "run this as that user", 100),
    Try("run the instance", "porpoise run", "refused", "run this as root", 100),
    Try("deliver to alice by local", "/mnt/bin/local alice /home/alice alice '' '' here.test eve@here.test ./Maildir/ <~/assign", "refused",
        "entering home /home/alice: Permission denied", 111),
    Try("read the queue by qread", "qread", "refused", "", None),
    Try("read a message by qread", "qread --content $ID", "refused", "", None),
    Try("set alice's password", "echo x | porpoise passwd alice", "refused", "", None),
    Try("hear whether alice has a dot-file", "porpoise try alice-list@here.test", "refused: cannot tell", "cannot tell", 111),
    Try("an instance of her own, where the system's programs would find it", "PORPOISE=/home/eve/own porpoise status",
        "it is hers alone: nobody else's program looks there", "", None),
]


def parts(system):
    found = {}
    for name, program in (("SEND", "send"), ("SPAWN", "spawn"), ("QUEUE", "queue"), ("RUN", "porpoise"), ("LOCAL", "local")):
        pids = [p["pid"] for p in system.processes(program) if p["uids"][0] != 50003]
        assert pids, f"no {program} runs; log:\n{system.log()}"
        found[name] = min(pids)
    found["ALL"] = " ".join(str(p) for p in found.values())
    return {k: str(v) for k, v in found.items()}


@pytest.fixture
def busy(running_system):
    """With mail of alice's in the queue, and a delivery of hers that runs."""
    system = running_system
    system.write("home/alice/secret", "only alice's\n", "alice", 0o600)
    system.write("home/eve/assign", "=eve:root:0:0:/root:::\n.\n", "eve")
    system.dot_file("alice", "wait", "|exit 111\n")
    system.dot_file("alice", "slow", "|: >began; exec tail -f /dev/null\n")
    system.submit("Subject: x\n\nonly alice's\n", "alice-wait@here.test")
    system.submit("Subject: x\n\nonly alice's\n", "alice-slow@here.test")
    wait_for(lambda: (system.home_of("alice") / "began").exists(), "alice's program")
    return system


def tried(system, rows):
    """Each row; what came otherwise than it says."""
    env = system.environment("eve", ID=system.queued()[0], **parts(system))
    wrong = []
    for row in rows:
        done = system.shell(row.script, user="eve", env=env, timeout=60)
        told = (done.stdout + done.stderr).decode(errors="replace")
        code_is_right = done.returncode == row.code if row.code is not None else done.returncode != 0
        if not code_is_right or row.says not in told or any(n in told for n in row.never):
            wrong.append(f"{row.what}: code {done.returncode}, {told[-400:]!r}")
    return wrong


def snapshot(system):
    found = {}
    for top in ("var/lib/porpoise", "etc/porpoise", "home/alice"):
        for folder, folders, names in os.walk(system.root / top):
            for name in [*folders, *names]:
                path = os.path.join(folder, name)
                st = os.lstat(path)
                if not any(part in path for part in ("/Maildir/", "/queue/", "/run/deliveries", "/run/spawner.lock")):
                    found[path] = (st.st_ino, st.st_mode, st.st_uid, st.st_size if name in names else 0)
    return found


@pytest.mark.parametrize("rows", ["FOLDERS", "PROCESSES", "PROGRAMS"])
def test_each_try_gets_what_the_table_says(busy, rows):
    before, queued = snapshot(busy), busy.queued()
    assert tried(busy, globals()[rows]) == []
    assert snapshot(busy) == before
    assert set(queued) <= set(busy.queued())
    busy.submit("Subject: still\n\nthere\n", "alice@here.test", user="bob")
    assert b"Subject: still" in busy.message("alice")


# -- in her own mailbox: local runs as her, whatever she makes of it


MAILBOX = [
    Try("deliver into alice's Maildir, by name", "echo /home/alice/Maildir/ >.qmail", "her message waits", "Z"),
    Try("the same, by a symbolic link", "ln -s /home/alice/Maildir box; echo ./box/ >.qmail", "her message waits", "Z"),
    Try("append to alice's file", "echo /home/alice/secret >.qmail", "her message waits", "Z"),
    Try("append to the password file, by a link", "ln -s /etc/passwd box; echo ./box >.qmail", "her message waits", "Z"),
    Try("have alice's file read as her dot-file", "ln -s /home/alice/secret .qmail", "her message waits", "Z"),
    Try("a dot-file that is a FIFO", "mkfifo .qmail", "it counts as none", "K"),
    Try("a mailbox that is a FIFO", "mkfifo box; echo ./box >.qmail", "her message waits", "Z"),
    Try("a dot-file of a hundred gigabytes", "truncate -s 100G .qmail", "her message waits", "Z"),
    Try("a dot-file that everyone may write to", "echo '|id' >.qmail; chmod 666 .qmail", "her message waits", "Z"),
    Try("a home that is anothers, by a link", "ln -s /home/alice .hers; echo ./.hers/Maildir/ >.qmail", "her message waits", "Z"),
    Try("a program that reads what spawn left open",
        "echo '|cat /proc/$PPID/fd/3 /proc/$PPID/fd/4 /proc/$PPID/fd/5 </dev/null; ls -l /proc/$PPID/fd/ | wc -l; exit 100' >.qmail",
        "nothing is there but her own report", "D"),
    Try("a program that kills all it may", "echo '|kill -KILL -1' >.qmail", "her delivery dies with the rest that is hers", "Z"),
    Try("a program that reports without end", "echo '|yes' >.qmail; (sleep 2; pkill -u eve yes) >/dev/null 2>&1 &",
        "the report is cut; it ends with its program", "Z"),
    Try("a program that leaves one behind with the report open", "echo '|sleep 300 & exit 0' >.qmail", "the delivery is done", "K"),
    Try("a program that stops its own delivery", "echo '|kill -STOP $PPID' >.qmail", "only her delivery waits, and ends with its time", None),
    Try("root's rights in a dot-file program", "echo '|cat /root/x || exit 100' >.qmail", "refused", "D"),
]


def test_each_mailbox_of_hers_gets_what_the_table_says(system):
    from root_spawn import RootSpawn
    system.write("home/alice/secret", "only alice's\n", "alice", 0o600)
    before = snapshot(system)
    spawn = RootSpawn(system)
    wrong = []
    try:
        for slot, row in enumerate(MAILBOX):
            script = f"cd && rm -rf .qmail box .hers; {row.script}"
            done = system.shell(script, user="eve")
            assert done.returncode == 0, (row.what, done)
            spawn.send(slot, "eve@here.test")
            spawn.send(1000 + slot, "alice@here.test")
            letters = {}
            wanted = {1000 + slot} | ({slot} if row.says is not None else set())
            while not wanted <= letters.keys():
                kind, of, *rest = spawn.receive()
                if kind == "R":
                    letters[of] = rest
            if letters[1000 + slot][0] != "K":
                wrong.append(f"{row.what}: alice got {letters[1000 + slot]}")
            if row.says is not None and letters[slot][0] != row.says:
                wrong.append(f"{row.what}: {letters[slot]}")
            if any(n in str(letters) for n in row.never):
                wrong.append(f"{row.what}: has read it")
        assert wrong == []
        assert snapshot(system) == before
        assert len(system.messages("alice")) == len(MAILBOX)
        system.run("/bin/sh", "-c", "kill -KILL -1", user="eve")
        told, code = spawn.end()
        assert code == 0, told
    finally:
        spawn.close()


# -- the sockets


SOCKET = r"""
import os, random, socket, struct, sys, time
def connect(name):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect("/var/lib/porpoise/run/" + name)
    return s
"""


def eve_says(system, code, timeout=120):
    return system.run("/usr/bin/python3", "-c", SOCKET + code, user="eve", timeout=timeout)


SOCKETS = [
    Try("say that she is somebody else", "", "the message says uid 50003: the kernel does, not she"),
    Try("random octets, 200 connections of them, to run/submit and run/control", "", "each is closed, or waits for more"),
    Try("300 connections to each that say nothing", "", "beyond her number they are closed; others are served"),
    Try("send descriptors with what she says", "", "they are closed unseen"),
    Try("end in the middle of a submission, 200 times", "", "nothing of it is queued"),
    Try("retry, hold or cancel alice's message", "", "refused"),
    Try("submit more than her share", "", "later, with exit code 75; nobody else's share is touched (test_submit.py)"),
    Try("take all deliveries with mail to a slow program of hers, 60 times", "", "others are delivered meanwhile: a user has four at once"),
    Try("the same with 60 addresses of hers", "", "the same: eve-1 and eve-2 are both eve's"),
    Try("hold the lock of porpoise run, so that it cannot start again", "", "it starts: what she can lock is not what it waits for"),
    Try("hold the lock of a delivery of her own, and spawn is killed", "", "only her own mail waits (test_system_spawn.py)"),
    Try("stop her own delivery in the middle", "", "it ends with its time; nobody waits for it (test_system_spawn.py)"),
]


def alive(system, count):
    system.submit(f"Subject: {count}\n\nthere\n", "alice@here.test", user="bob")
    return system.message("alice", count)


def test_the_sender_is_who_the_kernel_says(running_system):
    done = running_system.run("sendmail", "-f", "alice@here.test", "bob@here.test", user="eve", input=b"Subject: x\n\nx\n")
    assert done.returncode == 0, done
    assert re.search(rb"\(.*invoked by uid 50003\)", running_system.message("bob"))


def test_random_octets_harm_nobody(running_system):
    done = eve_says(running_system, r"""
random.seed(11)
for i in range(200):
    for name in ("submit", "control"):
        s = connect(name)
        try:
            s.sendall(bytes(random.randrange(256) for _ in range(random.randrange(1, 4000))))
            if i % 2:
                s.shutdown(socket.SHUT_WR)
                s.settimeout(0.05)
                s.recv(1000)
        except OSError:
            pass
        s.close()
""")
    assert done.returncode == 0, done.stderr.decode()
    alive(running_system, 1)
    assert running_system.run("porpoise", "status").returncode == 0


def test_silent_connections_keep_nobody_waiting(running_system):
    import subprocess
    holder = running_system.popen(
        "/usr/bin/python3", "-c", SOCKET + r"""
held = []
for i in range(300):
    for name in ("submit", "control"):
        try:
            s = connect(name)
            s.send(b"\0")
            held.append(s)
        except OSError:
            pass
print("held", flush=True)
time.sleep(300)
""", user="eve", stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    alive(running_system, 1)
    assert running_system.run("porpoise", "status").returncode == 0
    holder.kill()


def test_descriptors_that_she_sends_are_closed(running_system):
    def count(program):
        [pid] = [p["pid"] for p in running_system.processes(program)][:1]
        return len(list((running_system.root / f"proc/{pid}/fd").iterdir()))

    alive(running_system, 1)
    before = {p: count(p) for p in ("queue", "send")}
    done = eve_says(running_system, r"""
import array
for i in range(100):
    for name in ("submit", "control"):
        s = connect(name)
        fds = array.array("i", [os.open("/dev/null", os.O_RDONLY)] * 20)
        try:
            s.sendmsg([b"xxxxxxxx"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        except OSError:
            pass
        for fd in set(fds):
            os.close(fd)
        s.close()
""")
    assert done.returncode == 0, done.stderr.decode()
    alive(running_system, 2)
    wait_for(lambda: all(count(p) <= before[p] + 2 for p in before), "closed descriptors")


def test_a_submission_that_dies_leaves_nothing(running_system):
    done = running_system.shell(
        "for i in $(seq 60); do (printf 'Subject: dies\\n\\n'; sleep 0.05; head -c 3000000 /dev/zero; sleep 9) | "
        "timeout -s KILL 0.$((i % 9 + 1)) sendmail bob@here.test & done; wait", user="eve", timeout=120)
    alive(running_system, 1)
    wait_for(lambda: not running_system.queued(), "an empty queue")
    assert not running_system.messages("bob"), done
    assert not [f for f in (running_system.instance / "queue/tmp").iterdir()]


def test_messages_of_others_are_not_hers_to_touch(busy):
    for message in busy.queued():
        for act in ("retry", "hold", "cancel"):
            done = busy.run("porpoise", act, message, user="eve")
            assert done.returncode != 0, (act, done)
    assert len(busy.queued()) == 2


@pytest.mark.parametrize("addresses", ["eve@here.test", "eve-$i@here.test"])
def test_mail_to_her_own_slow_program_keeps_nobody_waiting(running_system, addresses):
    for extension in ("", "default"):
        running_system.dot_file("eve", extension, "|exec tail -f /dev/null\n")
    running_system.shell(f"for i in $(seq 60); do echo hi | sendmail {addresses}; done", user="eve", timeout=120)
    wait_for(lambda: running_system.processes("tail"), "her program")
    alive(running_system, 1)


def test_a_lock_that_she_holds_stops_no_start(running_system):
    import subprocess
    holder = running_system.popen(
        "/usr/bin/python3", "-c", r"""
import fcntl, glob, os, struct, time
os.chdir("/var/lib/porpoise")
held = []
print("ready", flush=True)
input()
for name in glob.glob("*") + glob.glob("*/*") + glob.glob("control/*"):
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        continue
    held.append(fd)
    for lock in (lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB),
                 lambda: fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 0, 0))):  # F_OFD_SETLK
        try:
            lock()
        except OSError:
            pass
print("held", len(held), flush=True)
time.sleep(600)
""", user="eve", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"ready\n"
    running_system.stop()
    holder.stdin.write(b"\n")
    holder.stdin.flush()
    assert holder.stdout.readline().startswith(b"held ")
    running_system.start()
    alive(running_system, 1)
    holder.kill()


# -- the table


def table():
    lines = []
    for title, rows in (("The folders", FOLDERS), ("The processes", PROCESSES), ("The programs", PROGRAMS),
                        ("Her own mailbox", MAILBOX), ("The sockets", SOCKETS)):
        lines += [f"## {title}", "", "| eve tries to | what she gets |", "|---|---|"]
        lines += [f"| {row.what} | {row.got} |" for row in rows] + [""]
    return "\n".join(lines)


def test_the_table_in_the_documentation_is_this_one():
    text = (TOP / "doc/hostile-users.md").read_text()
    assert text[text.index("## The folders"):] == table()


if __name__ == "__main__":
    print(table(), end="")
