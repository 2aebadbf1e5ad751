"""Submission to a system instance through run/submit: by whom it works, and what it refuses."""

import array
import contextlib
import os
import re
import signal
import socket
import stat
import subprocess
import time

import pytest

from conftest import wait_for
from submission import COMMIT, HELLO, Door, envelope, frame, message
from test_trace import STRACE, Trace

TEXT = "Subject: hi\n\nhello\n"
LARGE = b"Subject: large\n\n" + b"x" * 71 * 50_000


@pytest.fixture
def door(system):
    return Door(system)


@pytest.fixture
def served(door):
    return door.start()


def one(door):
    found = door.queued()
    assert len(found) == 1, found
    assert door.leftovers() == []
    return found[0]


def through_queue(system, content=TEXT, octets=None, user="alice", **options):
    """The program queue by itself, its envelope on descriptor 1."""
    system.write("tmp/envelope", octets if octets is not None else envelope("alice@here.test", "bob@here.test"))
    command = ["/bin/sh", "-c", f"exec {system.bin}/queue 1< /tmp/envelope"]
    return system.run(*command, user=user, input=content, **options)


# -- everything that submits

def test_sendmail_streams_to_the_socket_itself(system, served):
    done = system.run("sendmail", "-i", "bob", user="alice", input=TEXT)
    assert (done.returncode, done.stderr) == (0, b"")
    got = one(served)
    assert (got.uid, got.sender, got.recipients) == (50001, "alice@mx.here.test", ["bob@mx.here.test"])
    assert re.match(rb"Received: \(porpoise %s invoked by uid 50001\); " % got.id.encode(), got.content)
    assert got.content.endswith(b"\n\nhello\n")


def test_no_other_program_is_started(system, served):
    trace = "/tmp/trace"
    done = system.run(STRACE, "-f", "-o", trace, "-e", "trace=execve,fork,vfork,clone,clone3", f"{system.bin}/sendmail", "bob",
                      user="alice", input=TEXT)
    assert done.returncode == 0, done.stderr
    calls = Trace((system.root / "tmp/trace").read_text()).calls
    assert [c[1] for c in calls if c[1] != "exited"] == ["execve"]
    assert one(served).uid == 50001


@pytest.mark.parametrize("by", ["inject", "queue", "mailsubj", "forward", "bs"])
def test_what_submits_goes_through_it(system, served, by):
    env = system.environment("alice")
    if by == "inject":
        done = system.run("inject", "bob", user="alice", input=TEXT)
    elif by == "queue":
        done = through_queue(system)
    elif by == "mailsubj":
        done = system.run("mailsubj", "hi", "bob", user="alice", input="hello\n")
    elif by == "forward":
        env.update(SENDER="alice@here.test", NEWSENDER="alice@here.test", DTLINE="Delivered-To: x\n")
        system.write("tmp/message", TEXT)
        with open(system.root / "tmp/message", "rb") as file:
            done = system.run("forward", "bob@here.test", user="alice", env=env, stdin=file)
    else:
        session = "EHLO x\r\nMAIL FROM:<alice@here.test>\r\nRCPT TO:<postmaster@here.test>\r\nDATA\r\n" + TEXT.replace("\n", "\r\n")
        done = system.run("sendmail", "-bs", user="alice", input=session + ".\r\nQUIT\r\n")
        assert re.search(rb"\r\n250 [^\r]*\r\n221", done.stdout), done.stdout
    assert done.returncode == 0, done.stderr + done.stdout
    got = one(served)
    assert got.uid == 50001 and got.recipients[0].startswith("postmaster@" if by == "bs" else "bob@")
    assert got.content.endswith(b"hello\n")
    if by == "bs":  # what a session says of itself is no more than what its uid says
        assert b" (handed in by uid 50001) with ESMTP id " + got.id.encode() in got.content


def test_a_large_message_and_a_hundred_thousand_recipients(system, served):
    addresses = [f"bob-{n:06}@here.test" for n in range(100_000)]
    done = through_queue(system, LARGE, envelope("alice@here.test", *addresses))
    assert (done.returncode, done.stderr) == (0, b"")
    got = one(served)
    assert got.recipients == addresses and got.content.endswith(LARGE)


@pytest.mark.parametrize("octets, code, text", [
    (b"Fa\0Tb\0", 54, b"queue: reading the envelope: it ends before its final NUL\n"),
    (b"Xa\0\0", 91, b"queue: envelope record 1: unknown letter 'X'\n"),
    (b"Fa\0T" + b"x" * 1003 + b"\0\0", 11, b"queue: envelope record 2: address too long\n"),
])
def test_a_bad_envelope_has_the_code_it_has_directly(system, served, octets, code, text):
    for user in ("alice", "porpoise"):
        done = through_queue(system, octets=octets, user=user)
        assert (done.returncode, done.stderr) == (code, text), user
    assert served.queued() == [] and served.leftovers() == []


def test_a_bad_envelope_in_frames_has_the_code_it_has_directly(served):
    for octets, code, text in ((b"Fa\0Tb\0", "54", "reading the envelope: it ends before its final NUL"),
                               (b"Fa\0Xb\0\0", "91", "envelope record 2: unknown letter 'X'"),
                               (b"F" + b"x" * 1003 + b"\0\0", "11", "envelope record 1: address too long")):
        said = served.client(say=HELLO + frame("C", b"x\n") + frame("E", octets) + COMMIT).answer()
        assert said[1] == {"C": code, "T": text}
    assert served.queued() == [] and served.leftovers() == []


# -- by whom, and from where

def test_under_no_new_privs(system, served):
    done = system.run("sendmail", "bob", user="alice", input=TEXT, no_new_privs=True)
    assert done.returncode == 0, done.stderr
    assert one(served).uid == 50001


def test_from_a_user_namespace(system, served):
    done = system.run("/usr/bin/unshare", "--user", "--map-root-user", f"{system.bin}/sendmail", "-f", "alice@here.test", "bob@here.test",
                      user="alice", input=TEXT)
    assert done.returncode == 0, done.stderr
    assert one(served).uid == 50001, "root in there is alice out here"


def test_the_overflow_uid_may_submit(system, door):
    door.start(how="alone")
    done = system.run("sendmail", "bob", user="alice", input=TEXT)
    assert done.returncode == 0, done.stderr + door.log().encode()
    overflow = int(open("/proc/sys/kernel/overflowuid").read())
    assert one(door).uid == overflow


def test_with_a_root_that_is_read_only(system, served):
    script = ("mount --bind / /; mount -o remount,bind,ro /; for m in /home /tmp /var/lib; do mount -o remount,bind,ro $m; done; "
              f"! touch /var/lib/porpoise/x 2>/dev/null || exit 9; exec setpriv --reuid 50001 --regid 50001 --clear-groups {system.bin}/sendmail bob")
    done = system.run("/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, input=TEXT)
    assert done.returncode == 0, done.stderr
    assert one(served).uid == 50001


@pytest.mark.parametrize("proc", [True, False])
def test_as_any_uid_in_a_root_with_little_in_it(system, served, proc):
    """As in a container: libraries, the programs and the instance; no password file."""
    script = """set -e
    mkdir -p /tmp/c; mount -t tmpfs tmpfs /tmp/c; cd /tmp/c
    mkdir -p usr mnt/bin mail proc; ln -s usr/lib usr/lib64 usr/bin .
    mount --rbind /usr usr; mount --bind /mnt/bin mnt/bin; mount --bind /var/lib/porpoise mail
    rm -f /tmp/c/etc; mkdir -p var/lib etc; mount --bind /var/lib/porpoise mail
    mkdir -p etc/porpoise; mount --bind /etc/porpoise etc/porpoise
    """ + ("mount -t proc proc proc\n" if proc else "") + f"""
    exec chroot --userspec=12345:12345 --groups= . /mnt/bin/sendmail -f me@here.test bob@here.test"""
    done = system.run("/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, input=TEXT,
                      env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PORPOISE": "/mail"})
    assert done.returncode == 0, done.stderr
    assert one(served).uid == 12345


def test_as_root_and_as_the_queues_owner(system, served):
    for user, uid in (("root", 0), ("porpoise", 50101)):
        done = system.run("sendmail", "bob", user=user, input=TEXT)
        assert done.returncode == 0, done.stderr
        got = one(served)
        assert got.uid == uid
        (system.instance / "queue/incoming" / got.id).unlink()


# -- nobody listens

def test_with_nobody_listening_others_wait_a_while_and_are_told_later(system, door):
    done = through_queue(system)
    assert done.returncode == 56
    assert done.stderr == b"queue: connecting to socket submit: No such file or directory\n"
    done = system.run("sendmail", "bob", user="alice", input=TEXT)
    assert done.returncode == 75, done.stderr
    assert door.queued() == []


def test_whoever_waits_is_served_when_somebody_comes(system, door):
    waiting = system.popen("sendmail", "bob", user="alice", stdin=subprocess.PIPE)
    waiting.stdin.write(TEXT.encode())
    waiting.stdin.close()
    time.sleep(0.5)
    door.start()
    assert waiting.wait(30) == 0
    assert one(door).uid == 50001


def test_with_nobody_listening_root_writes_as_the_queues_owner(system, door):
    trace = "/tmp/trace"
    done = system.run(STRACE, "-f", "-y", "-o", trace, "-e", "trace=openat,setresuid,setgroups,fsync,linkat", f"{system.bin}/sendmail",
                      "bob", input=TEXT)
    assert done.returncode == 0, done.stderr
    got = one(door)
    assert got.uid == 0 and b"invoked by uid 0)" in got.content
    file = system.instance / "queue/incoming" / got.id
    assert (file.stat().st_uid, stat.S_IMODE(file.stat().st_mode)) == (50101, 0o600)
    calls = Trace((system.root / "tmp/trace").read_text())
    became = calls.index("setresuid", "50101")
    assert calls.index("setgroups", "50101") < became
    assert became < calls.index("openat", "tmp") < calls.index("linkat", "queue/incoming")
    assert system.run("sendmail", "bob", input=LARGE).returncode == 0
    assert len(door.queued()) == 2


def test_root_killed_in_the_middle_leaves_nothing(system, door):
    writer = system.popen("queue", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    writer.stdin.write(LARGE)
    writer.stdin.flush()
    writer.kill()
    writer.wait()
    wait_for(lambda: not system.processes("queue"), "its child to end")
    assert door.queued() == [] and door.leftovers() == []


# -- the serving side ends in the middle

FRAMES = [HELLO, frame("C", b"Subject: x\n\n"), frame("C", b"x" * 65536), frame("C", b"end\n"), frame("E", envelope("a@b", "bob@here.test"))]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ended_at_each_frame_nothing_is_queued(door, number):
    for count in range(len(FRAMES) + 1):
        for half in (False, True):
            door.start()
            said = b"".join(FRAMES[:count])
            client = door.client(say=said[:-1] if half else said) if said else door.client()
            other = door.client(say=message())
            assert other.answer()[0] == 0  # by now it has read what the first one said
            assert door.stop(number) == (0 if number == signal.SIGTERM else -9)
            answer = client.answer()
            if number == signal.SIGTERM:
                assert answer == (71, {"C": "71", "T": "queue is being stopped", "B": ""})
            else:
                assert answer is None
            client.close()
            assert len(door.queued()) == 1 and door.leftovers() == []
            for file in (door.system.instance / "queue/incoming").iterdir():
                file.unlink()


def test_lost_while_it_streams_a_client_says_later(system, served):
    writer = system.popen("/bin/sh", "-c", "exec queue 1< /dev/zero", user="alice", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    writer.stdin.write(LARGE)
    writer.stdin.flush()
    served.stop(signal.SIGKILL)
    try:
        writer.stdin.write(LARGE)
        writer.stdin.close()
    except BrokenPipeError:
        pass
    assert writer.wait(30) == 56
    assert writer.stderr.read() == b"queue: handing over the message: the other side has gone\n"
    assert served.queued() == [] and served.leftovers() == []


def test_lost_behind_the_commit_a_client_says_that_it_does_not_know(system, served):
    served.send_signal(signal.SIGSTOP)
    system.write("tmp/envelope", envelope("a@b", "bob@here.test"))
    writer = system.popen("/bin/sh", "-c", "exec queue 1< /tmp/envelope", user="alice", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    writer.stdin.write(TEXT.encode())
    writer.stdin.close()
    wait_for(lambda: [p for p in system.processes("queue") if p["uids"][0] == 50001], "the client")
    time.sleep(1)  # it has sent all by then, or this test proves less
    served.stop(signal.SIGKILL)
    code = writer.wait(30)
    assert (code, writer.stderr.read()) in (
        (74, b"queue: the message was handed over, and no answer came: it may be queued\n"),
        (56, b"queue: connecting to socket submit: Connection refused\n"))
    assert served.queued() == [] and served.leftovers() == []


def in_poll(process):
    with open(f"/proc/{process.pid}/wchan") as wchan, open(f"/proc/{process.pid}/comm") as name:
        return "poll" in wchan.read() and name.read().strip() in ("queue", "sendmail")


def client_of_a_stalled(system, served, script, content, **options):
    """One that waits for a server that does nothing."""
    served.send_signal(signal.SIGSTOP)
    system.write("tmp/envelope", envelope("a@b", "bob@here.test"))
    system.write("tmp/content", content)
    client = system.popen("/bin/sh", "-c", script, user="alice", stderr=subprocess.PIPE, **options)
    wait_for(lambda: in_poll(client), "the client to wait")
    return client


@pytest.mark.parametrize("content, code, said", [
    (LARGE, 71, b"queue: told to end by a signal\n"),
    (b"x\n", 74, b"queue: the message was handed over, and no answer came: it may be queued\n")], ids=["streaming", "committed"])
def test_told_to_end_the_client_of_a_stalled_server_ends(system, served, content, code, said):
    client = client_of_a_stalled(system, served, "exec queue < /tmp/content 1< /tmp/envelope", content)
    client.send_signal(signal.SIGTERM)
    assert (client.wait(30), client.stderr.read()) == (code, said)
    served.stop(signal.SIGKILL)
    assert served.queued() == [] and served.leftovers() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_sendmail_ends_beside_a_stalled_server(system, served, number):
    client = client_of_a_stalled(system, served, "exec sendmail -i bob < /tmp/content", LARGE)
    client.send_signal(number)
    assert client.wait(30) == -number
    served.send_signal(signal.SIGCONT)
    assert served.client(say=message()).answer()[0] == 0
    assert one(served).sender == "alice@here.test"


def test_told_to_end_a_session_beside_a_stalled_server_says_so(system, served):
    text = b"EHLO x\r\nMAIL FROM:<a@here.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n" + b"x" * 70 * 10 + b"\r\n"
    content = text + (b"x" * 70 + b"\r\n") * 40_000 + b".\r\n"
    client = client_of_a_stalled(system, served, "exec sendmail -bs < /tmp/content", content, stdout=subprocess.PIPE)
    client.send_signal(signal.SIGTERM)
    out, _ = client.communicate(timeout=30)
    assert client.returncode == 75
    assert [line[:3] for line in out.split(b"\r\n")[-3:]] == [b"354", b"421", b""], out
    served.stop(signal.SIGKILL)
    assert served.queued() == [] and served.leftovers() == []


def test_a_message_that_is_still_held_is_sent_again_to_the_next_one(system, door):
    """What is stopped in an orderly way tells those whom it has not served to come again."""
    door.start(how="held")
    clients = []
    for _ in range(20):
        client = system.popen("sendmail", "bob", user="alice", stdin=subprocess.PIPE)
        client.stdin.write(TEXT.encode())
        client.stdin.close()
        clients.append(client)
    for _ in range(3):
        pid = door.pid
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}") and door.processes(), "another one")
    assert [client.wait(30) for client in clients] == [0] * 20
    assert len(door.queued()) == 20


def test_commits_under_way_are_finished_when_it_is_stopped(system, door):
    door.start(STRACE, "-f", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=300000")
    client = door.client(say=message())
    time.sleep(0.2)
    door.send_signal(signal.SIGTERM)
    assert client.answer()[0] == 0
    assert door.process.wait(30) == 0
    assert one(door).uid == 50001


# -- hostile clients

def test_a_client_that_says_nonsense_is_told_and_nobody_else_is_concerned(served):
    for octets in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 4, os.urandom(100_000), b"H\xff\xff\xff", HELLO + b"C\xff\xff\xff",
                   HELLO + HELLO, HELLO + COMMIT, frame("A", b"C0\0"), frame("H", b"V9\0")):
        client = served.client("eve")
        try:
            client.say(octets)
        except OSError:
            pass
        code, fields = client.answer()
        assert code == 81 and fields["T"].startswith("no submission: "), fields
        assert served.client(say=message()).answer()[0] == 0
    assert {m.uid for m in served.queued()} == {50001} and served.leftovers() == []


def test_stalled_clients_by_the_hundred_keep_nobody_waiting(system, served):
    half = message()[:-5]
    stalled = [served.client("eve", half[: 1 + n % len(half)]) for n in range(100)]
    assert served.client("eve").answer() == (71, {"C": "71", "T": "uid 50003 has 100 connections, and may have no more", "B": ""})
    for n in range(5):
        assert system.run("sendmail", "bob", user="alice", input=TEXT).returncode == 0
    assert len(served.queued()) == 5
    for client in stalled:
        client.close()
    wait_for(lambda: (served.client("eve", message()).answer() or [1])[0] == 0, "room for eve again")
    assert served.leftovers() == []


def test_clients_that_never_read_the_answer(served):
    deaf = [served.client("eve", message()) for _ in range(50)]
    for n in range(50):
        client = served.client("eve", message())
        client.close()
    assert served.client(say=message()).answer()[0] == 0
    wait_for(lambda: len(served.queued()) == 101, "all of them")
    assert all(client.answer()[0] == 0 for client in deaf)


def test_a_client_without_progress_is_told_so(system, door):
    system.control("timeoutsubmit", "1\n")
    door.start()
    client = door.client("eve", message()[:-1])
    assert client.answer() == (52, {"C": "52", "T": "reading: nothing came for 1 seconds"})
    assert door.queued() == [] and door.leftovers() == []


def test_no_descriptor_is_taken(served):
    read, write = os.pipe()
    client = served.client("eve", HELLO)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [write] * 100))]
    for piece in (frame("C", b"x\n"), frame("E", envelope("a@b", "bob")), COMMIT[:2]):
        client.socket.sendmsg([piece], rights)
    os.close(write)
    os.set_blocking(read, True)
    other = served.client(say=message())
    assert other.answer()[0] == 0
    assert os.read(read, 1) == b"", "somebody still has the other end"
    os.close(read)
    held = os.listdir(f"/proc/{served.pid}/fd")
    assert len(held) < 25, held
    assert client.say(COMMIT[2:]).answer()[0] == 0


def test_what_a_client_says_of_itself_is_not_believed(served):
    note = frame("H", b"V1\0Nfor bounce\0U0\0")
    session = frame("H", b"V1\0fbank.example (uid 0)\0bmx.here.test\0wESMTP\0r<x@y>\0")
    for hello in (note, session):
        assert served.client("eve", message(hello=hello)).answer()[0] == 0
    first, second = served.queued()
    assert first.uid == second.uid == 50003
    assert b" invoked by uid 50003); " in first.content and b"bounce" not in first.content
    assert b"  by mx.here.test (handed in by uid 50003) with ESMTP id " in second.content
    assert served.client("porpoise-net", message(hello=session)).answer()[0] == 0
    assert b"  by mx.here.test with ESMTP id " in served.queued()[2].content


# -- limits

def later(text):
    return 71, {"C": "71", "T": text, "B": ""}


def test_connections_of_one_uid(system, door):
    system.control("submitlimits", "50003 connections=2\n")
    door.start()
    held = [door.client("eve", HELLO) for _ in range(2)]
    assert door.client("eve").answer() == later("uid 50003 has 2 connections, and may have no more")
    assert door.client("alice", message()).answer()[0] == 0
    held.pop().close()
    wait_for(lambda: (door.client("eve", message()).answer() or [1])[0] == 0, "room again")


def test_messages_of_one_uid_in_the_queue_also_those_of_an_earlier_run(system, door):
    system.control("submitlimits", "* messages=3\n")
    door.start()
    for _ in range(3):
        assert door.client("eve", message()).answer()[0] == 0
    full = later("uid 50003 has 3 messages in the queue, and may have no more")
    assert door.client("eve", message()).answer() == full
    assert door.client("alice", message()).answer()[0] == 0
    done = system.run("sendmail", "bob", user="eve", input=TEXT)
    assert done.returncode == 75 and b"uid 50003 has 3 messages in the queue" in done.stderr
    door.stop()
    door.start()
    assert wait_for(lambda: counted(door, "eve"), "those of the earlier run to be counted") == full
    for file in list((system.instance / "queue/incoming").iterdir())[:3]:
        file.unlink()
    wait_for(lambda: door.client("eve", message()).answer()[0] == 0, "those that have left to be forgotten")


def counted(door, user):
    """What a client is told that says hello only; None where it may go on."""
    client = door.client(user, HELLO)
    client.socket.settimeout(0.2)
    try:
        return client.answer()
    except TimeoutError:
        return None
    finally:
        client.close()


def test_octets_of_one_uid_in_the_queue(system, door):
    system.control("submitlimits", "* octets=200000\n")
    door.start()
    text = "uid 50003 would have more than 200000 octets in the queue"
    large = HELLO + b"".join(frame("C", b"x" * 60_000) for _ in range(4))
    assert door.client("eve", message(b"x" * 50_000)).answer()[0] == 0
    client = door.client("eve")
    try:
        client.say(large)
    except OSError:
        pass
    assert client.answer() == later(text)
    assert door.client("eve", message(b"x" * 50_000)).answer()[0] == 0
    assert door.client("alice", message(b"x" * 60_000)).answer()[0] == 0
    assert len(door.queued()) == 3 and door.leftovers() == []


def test_a_rate(system, door):
    system.control("submitlimits", "* hourly=3\n0 hourly=1\n")
    door.start()
    assert [door.client("eve", message()).answer()[0] for _ in range(4)] == [0, 0, 0, 71]
    assert door.client("eve").say(HELLO).answer() == later("uid 50003 has handed in 3 messages within an hour, and may no more")
    assert [door.client("root", message()).answer()[0] for _ in range(2)] == [0, 71]


def test_the_limits_are_read_again_and_a_bad_file_changes_nothing(system, served):
    system.control("submitlimits", "* hourly=nonsense\n")
    served.send_signal(signal.SIGHUP)
    wait_for(lambda: "control/submitlimits line 1: want" in served.log(), "a word about it")
    assert served.client(say=message()).answer()[0] == 0
    system.control("submitlimits", "50001 messages=1\n")
    served.send_signal(signal.SIGHUP)
    wait_for(lambda: counted(served, "alice"), "the new limit")


def test_memory_of_one_uid_is_bounded(served):
    """Envelopes that are almost as large as they may be, and never end."""
    piece = frame("E", b"x" * 65536)
    clients, refused = [], None
    for _ in range(4):
        client = served.client("eve", HELLO)
        try:
            for _ in range(900):
                client.say(piece)
        except OSError:
            refused = client.answer()
        clients.append(client)
    assert refused == later("messages of uid 50003 take too much memory")
    assert served.client(say=message()).answer()[0] == 0
    status = open(f"/proc/{served.pid}/status").read()
    assert int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) < 300_000


# -- what holds for every way in

def test_room_is_kept_and_a_copy_is_made(system, served):
    system.control("queueextra", "archive@here.test\n")
    assert served.client(say=message()).answer()[0] == 0
    assert one(served).recipients == ["bob@here.test", "archive@here.test"]
    system.control("minfree", "100%\n")
    code, fields = served.client(say=message()).answer()
    assert (code, fields["S"]) == (53, "28"), fields
    for command in (["sendmail", "bob"], ["inject", "-a", "bob"]):
        done = system.run(*command, user="alice", input=TEXT)
        assert done.returncode in (75, 74, 71, 111) and fields["T"].encode() in done.stderr, done
    one(served)


# -- barriers

def syncs(door, log, run):
    door.start(STRACE, "-f", "-y", "-o", log, "-e", "trace=fsync,fdatasync,sync_file_range,syncfs,sync,linkat,sendto",
               "-e", "inject=fsync:delay_enter=30000")
    run()
    door.stop()
    return Trace((door.system.root / log.lstrip("/")).read_text())


def test_alone_a_message_costs_two_barriers_and_is_acknowledged_after_them(system, door):
    trace = syncs(door, "/tmp/trace", lambda: system.run("sendmail", "bob", user="alice", input=TEXT))
    names = [c[1] for c in trace.calls if c[1] != "exited" and "submit" not in c[2]]
    assert [n for n in names if n != "sendto"] == ["fsync", "linkat", "fsync"]
    file = trace.index("fsync", "queue/tmp", result="0")
    link = trace.index("linkat", "queue/incoming", after=file, result="0")
    folder = trace.index("fsync", "queue/incoming>", after=link, result="0")
    trace.index("sendto", "A", after=folder)


def test_submissions_of_the_moment_share_their_barriers(system, door):
    def sixteen():
        clients = [door.client(say=message()) for _ in range(16)]
        assert [client.answer()[0] for client in clients] == [0] * 16

    trace = syncs(door, "/tmp/trace", sixteen)
    files = [c for c in trace.calls if c[1] == "fsync" and "queue/tmp" in c[2]]
    folders = [c for c in trace.calls if c[1] == "fsync" and "queue/incoming>" in c[2]]
    assert len(files) == 16 and len(folders) <= 8, folders
    assert len(door.queued()) == 16


def test_a_barrier_that_fails_acknowledges_nothing(system, door):
    door.start(STRACE, "-f", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=2")
    assert door.client(say=message()).answer() == (53, {"C": "53", "T": "syncing folder queue/incoming: Input/output error", "S": "5"})
    assert door.queued() == [] and door.leftovers() == []
    assert door.client(say=message()).answer()[0] == 0


def test_it_runs_as_the_queues_owner_alone(system, served):
    refused = system.run("queue", "--serve", "3", user="alice")
    assert refused.returncode == 100 and b"belongs to porpoise (uid 50101): run this as that user" in refused.stderr
    assert system.run("queue", "--serve", "x", user="alice").returncode == 100
    refused = system.run("queue", "--serve", "0", user="porpoise", input=b"")
    assert (refused.returncode, refused.stderr) == (100, b"queue: descriptor 0 is no listening socket\n")
    [process] = served.processes()
    assert process["uids"] == process["gids"] == [50101] * 4 and process["groups"] == [50101]
    status = open(f"/proc/{served.pid}/status").read()
    assert re.search(r"NoNewPrivs:\s+1\n", status) and re.search(r"Seccomp:\s+2\n", status), status


# -- with everything running

def test_whoever_comes_while_the_serving_side_is_started_again_waits_for_it(running_system):
    system = running_system
    for number in range(3):
        before = system.processes("queue")[0]["pid"]
        assert system.run("/bin/kill", "-KILL", before).returncode == 0
        done = system.run("sendmail", "bob", user="alice", input=TEXT)
        assert done.returncode == 0, done.stderr + system.log().encode()
        wait_for(lambda: system.log().count(" new msg ") == number + 1, "send to hear of it")
        assert system.processes("queue")[0]["pid"] != before


def test_a_forward_of_a_dot_file_goes_through_it_as_the_recipient(running_system):
    running_system.dot_file("bob", "", "&eve@here.test\n")
    assert running_system.run("sendmail", "bob@here.test", user="alice", input=TEXT).returncode == 0
    got = running_system.message("eve")
    assert b"invoked by uid 50002); " in got and b"invoked by uid 50001); " in got


def test_what_was_acknowledged_is_queued_however_often_the_serving_side_is_killed(system, door):
    door.start(how="held")
    waiting, codes = [f"m{number:03}" for number in range(120)], {}
    running = {}
    kills = 0
    while waiting or running:
        while waiting and len(running) < 8:
            name = waiting.pop()
            running[name] = system.popen("sendmail", "bob", user="alice", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
            running[name].stdin.write(f"Subject: {name}\n\n".encode())
            running[name].stdin.close()
        for name, client in list(running.items()):
            if client.poll() is not None:
                codes[name] = client.returncode
                assert client.returncode in (0, 75), client.stderr.read()
                del running[name]
        if len(codes) // 10 > kills:
            kills += 1
            with contextlib.suppress(AssertionError, ProcessLookupError):  # it is just being started again
                os.kill(door.pid, signal.SIGKILL)
    queued = [re.search(rb"^Subject: (m\d+)$", m.content, re.MULTILINE)[1].decode() for m in door.queued()]
    assert kills >= 10
    assert {name for name, code in codes.items() if code == 0} <= set(queued)
    assert len(queued) == len(set(queued)), "nobody said anything twice"
    wait_for(lambda: door.client(say=message()).answer(), "it to serve again")
    assert door.leftovers() == []


def test_the_overflow_uid_owns_nothing(running_system):
    overflow = int(open("/proc/sys/kernel/overflowuid").read())
    running_system.dot_file("bob", "", "|exit 111\n")
    for user in (overflow, "alice"):
        assert running_system.run("sendmail", "-f", "x@here.test", "bob@here.test", user=user, input=TEXT).returncode == 0
        wait_for(lambda: running_system.log().count(" deferral:") == (1 if user == overflow else 2), "it to wait")
    strangers, alices = running_system.queued()
    refused = running_system.run("porpoise", "retry", strangers, user=overflow)
    assert refused.returncode != 0 and b"no such message" in refused.stderr, refused
    assert running_system.run("porpoise", "retry", alices, user="alice").returncode == 0
