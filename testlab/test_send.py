"""send: schedules what is queued. The real programs; send is started by these tests, not by
`porpoise run`, so that it can be killed, stopped and given other parts."""

import os
import re
import signal
import socket
import subprocess

import pytest

import queue_file
from conftest import processes_about, wait_for

ID = re.compile(r"[01][0-9a-hjkmnp-tv-z]{19}")


class Send:
    """A running send, its log and its queue."""

    def __init__(self, instance, *options, **popen):
        self.instance = instance
        self.log_path = instance.folder / "send.log"
        with open(self.log_path, "ab") as log:
            self.process = instance.popen("send", "--instance", instance.path, *options,
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log, **popen)

    def log(self):
        return self.log_path.read_text()

    def said(self, pattern, count=1):
        """Waits until that many lines of the log match; gives the last match."""
        found = wait_for(lambda: (m := list(re.finditer(pattern, self.log()))) and len(m) >= count and m,
                         f"{count} of {pattern} in\n{self.log()}")
        return found[count - 1]

    def ready(self):
        wait_for(lambda: self.ask("ping").startswith("+OK send"), "send")
        return self

    def ask(self, line):
        """What it answers on run/control, or "" where nobody is there."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            try:
                folder = os.open(self.instance.path / "run", os.O_RDONLY)
                try:
                    client.connect(f"/proc/self/fd/{folder}/control")
                finally:
                    os.close(folder)
            except OSError:
                return ""
            client.sendall(line.encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n") or (line == "status" and not answer.endswith(b".\n")):
                piece = client.recv(4096)
                if not piece:
                    break
                answer += piece
            return answer.decode()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(30)


@pytest.fixture
def alone(instance):
    """An instance in which nothing starts a send but the test."""
    submit = instance.submit
    env = instance.environment

    def environment(**more):
        return env(**{"PORPOISE_NO_SEND": "1", **more})

    instance.environment = environment
    instance.submit = submit
    return instance


@pytest.fixture
def sending(alone):
    return Send(alone).ready()


def queued_file(instance, identifier):
    queue = instance.path / "queue"
    for path in (queue / "incoming" / identifier, queue / "deferred" / identifier[-2:] / identifier):
        if path.exists():
            return path
    return None


def read(instance, identifier):
    return queue_file.read(queued_file(instance, identifier).read_bytes())


def only(instance):
    """The one message in the queue."""
    ids = wait_for(instance.queued, "a message in the queue")
    assert len(ids) == 1
    return ids[0]


def once(instance, *options, code=0, **more):
    done = instance.run("send", "--once", "--instance", instance.path, *options, **more)
    assert done.returncode == code, done.stdout.decode() + done.stderr.decode()
    return done


def wait_deferred(instance, identifier):
    wait_for(lambda: (instance.path / "queue/deferred" / identifier[-2:] / identifier).exists(),
             "the message in deferred/")


# -- the command line


def test_help_says_the_usage(lab):
    done = lab.run("send", "--help")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"usage: send [--instance DIR] [--once]")


@pytest.mark.parametrize("options", [["--frobnicate"], ["-x"], ["operand"], ["--instance"], ["--once=x"],
                                     ["--spawner-fd", "2"], ["--spawner-fd", "x"], ["--retry=x"],
                                     ["--retry", "01"]])
def test_a_wrong_line_is_one_line_and_100(alone, options):
    done = alone.run("send", *options)
    assert done.returncode == 100
    assert done.stderr.startswith(b"send: ") and done.stderr.count(b"\n") == 1


def test_a_folder_that_is_no_instance_is_named(lab, home):
    done = lab.run("send", "--instance", home)
    assert done.returncode == 100
    assert str(home).encode() in done.stderr and done.stderr.count(b"\n") == 1


def test_only_the_owner_runs_it(alone):
    if not alone.lab.root:
        pytest.skip("needs a second uid")
    done = alone.run("send", "--instance", alone.path, as_root=True)
    assert done.returncode == 100
    assert b"belongs to owner" in done.stderr


def test_a_second_one_is_told_so(sending):
    instance = sending.instance
    done = instance.run("send", "--instance", instance.path)
    assert done.returncode == 111
    assert done.stderr.decode() == f"send: instance {instance.path}: another send is running\n"
    assert once(instance).stdout == b""
    assert sending.ask("ping").startswith("+OK")


@pytest.mark.parametrize("file", ["concurrencylocal", "queuelifetime"])
def test_a_number_that_is_none_is_named(alone, file):
    alone.control(file, "many\n")
    done = alone.run("send", "--once", "--instance", alone.path)
    assert done.returncode == 111
    assert f"control/{file}".encode() in done.stderr


def test_without_a_spawner_it_does_not_start(alone, home):
    folder = alone.lab.folder(home / "parts")
    done = alone.run("send", "--once", "--instance", alone.path,
                     env=alone.environment(PORPOISE_BIN=folder))
    assert done.returncode in (100, 111)
    assert f"starting {folder}/spawn".encode() in done.stderr


def test_an_instance_with_a_path_of_300_octets(lab, home):
    path = home
    while len(str(path)) < 300:
        path = lab.folder(path / ("x" * 60))
    mailbox = lab.folder(home / "h")
    made = lab.run("porpoise", "init", path / "i", "--name", "ann", "--home", mailbox, "--host", "h.test")
    assert made.returncode == 0, made.stderr
    env = lab.environment(PORPOISE=path / "i", PORPOISE_NO_SEND="1")
    assert lab.run("sendmail", "ann@h.test", input="Subject: x\n\n", env=env).returncode == 0
    assert lab.run("send", "--once", env=env).returncode == 0
    assert len(list((mailbox / "Maildir" / "new").iterdir())) == 1


# -- the story of a message


def test_a_delivery_leaves_its_story_and_no_message(alone):
    alone.submit("Subject: hi\n\nhello\n", "alice@here.test")
    identifier = only(alone)
    lines = once(alone).stdout.decode().splitlines()
    stamp = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")
    assert all(stamp.match(line) for line in lines)
    size = r"\d+"
    story = [
        r"status: local 0/10 remote 0/20",
        rf"new msg {identifier}",
        rf"info msg {identifier}: bytes {size} from <carol@here\.test> qp {identifier} uid \d+ recipients=1",
        rf"starting delivery 1: msg {identifier} to local alice@here\.test attempt=1",
        r"status: local 1/10 remote 0/20",
        rf"delivery 1: success: did_1\+0\+0/ id={identifier} ms=\d+",
        r"status: local 0/10 remote 0/20",
        rf"end msg {identifier} ms=\d+",
        r"status: exiting",
    ]
    assert len(lines) == len(story), lines
    for line, want in zip(lines, story):
        assert re.fullmatch(want, stamp.sub("", line)), line
    assert b"hello" in alone.message("alice")
    assert alone.queued() == []


def test_new_mail_is_heard_of_through_the_trigger(sending):
    for n in range(5):
        sending.instance.submit(f"Subject: {n}\n\n", "alice@here.test")
    sending.instance.message("alice", 5)
    sending.instance.settle()


def test_a_full_trigger_loses_nothing(sending):
    instance = sending.instance
    sending.process.send_signal(signal.SIGSTOP)
    trigger = os.open(instance.path / "queue" / "trigger", os.O_WRONLY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(trigger, b"x" * 31 + b"\n")
    os.close(trigger)
    instance.submit("Subject: unheard\n\n", "alice@here.test")
    sending.process.send_signal(signal.SIGCONT)
    assert b"unheard" in instance.message("alice")


def test_large_content_is_delivered_whole(alone):
    body = b"".join(b"line %d\n" % n for n in range(60000))
    alone.submit(b"Subject: large\n\n" + body, "alice@here.test", "bob@here.test")
    once(alone)
    assert alone.message("alice").endswith(body)
    assert alone.message("bob").endswith(body)


def test_a_list_of_many_recipients_is_delivered_once_each(alone):
    alone.control("concurrencylocal", "4\n")
    alone.submit("Subject: list\n\n", *[f"alice-{n}@here.test" for n in range(60)])
    alone.dot_file("alice", "default", "./Maildir/\n")
    once(alone)
    found = {re.search(rb"Delivered-To: (\S+)", m.read_bytes())[1] for m in alone.messages("alice")}
    assert len(alone.messages("alice")) == len(found) == 60


# -- waiting and trying again


def test_a_deferral_is_in_the_log_of_the_message_and_in_qread(sending):
    instance = sending.instance
    instance.dot_file("alice", "", "|echo the press is broken; exit 111\n")
    instance.submit("Subject: wait\n\n", "alice@here.test")
    identifier = only(instance)
    wait_deferred(instance, identifier)
    octets = queued_file(instance, identifier).read_bytes()
    assert b"the press is broken" in octets
    assert queue_file.read(octets).status == [queue_file.WAITING]
    listed = instance.run("qread")
    assert b"the press is broken" in listed.stdout, listed.stdout
    sending.said(r"delivery 1: deferral: the_press_is_broken/")


def test_retry_delivers_what_waits(sending):
    instance = sending.instance
    for name in ("alice", "bob"):  # a success makes what waits for the same recipient due
        instance.dot_file(name, "", "|exit 111\n")
        instance.submit("Subject: wait\n\n", f"{name}@here.test")
    first, second = sorted(set(wait_for(lambda: len(ids := instance.queued()) > 1 and ids, "two messages")))
    for identifier in (first, second):
        wait_deferred(instance, identifier)
    for name in ("alice", "bob"):
        instance.dot_file(name, "", "./Maildir/\n")
    assert sending.ask(f"retry {first}") == "+OK 1 messages due\n"
    instance.message("alice", 1)
    wait_for(lambda: instance.queued() == [second], "the first to be gone")
    assert sending.ask("retry") == "+OK 1 messages due\n"
    instance.message("bob", 1)
    instance.settle()


def test_alarm_makes_all_due_and_hup_rereads_the_tables(sending):
    instance = sending.instance
    instance.dot_file("alice", "", "|exit 111\n")
    instance.submit("Subject: wait\n\n", "alice@here.test")
    wait_deferred(instance, only(instance))
    instance.dot_file("alice", "", "./Maildir/\n")
    sending.process.send_signal(signal.SIGALRM)
    instance.message("alice", 1)
    instance.control("locals", "mx.here.test\nhere.test\nnew.test\n")
    sending.process.send_signal(signal.SIGHUP)
    instance.submit("Subject: new\n\n", "alice@new.test")
    instance.message("alice", 2)


def test_a_table_that_cannot_be_reread_keeps_the_old_one(sending):
    instance = sending.instance
    (instance.path / "control" / "locals").unlink()
    instance.lab.folder(instance.path / "control" / "locals")
    sending.process.send_signal(signal.SIGHUP)
    sending.said("alert: unable to reread the routing tables, the old ones stay: .*control/locals")
    env = instance.environment()
    with open(instance.folder / "envelope", "wb") as envelope:
        envelope.write(b"Fcarol@here.test\0Talice@here.test\0\0")
    os.chmod(instance.folder / "envelope", 0o644)
    done = instance.run("/bin/sh", "-c", f"exec queue 1< {instance.folder}/envelope", env=env,
                        input="Subject: x\n\n")
    assert done.returncode == 0, done.stderr
    instance.message("alice", 1)


def test_once_leaves_what_is_not_due_and_retry_takes_it(alone):
    alone.dot_file("alice", "", "|exit 111\n")
    alone.submit("Subject: wait\n\n", "alice@here.test")
    once(alone)
    identifier = only(alone)
    alone.dot_file("alice", "", "./Maildir/\n")
    assert b"starting" not in once(alone).stdout
    other = "0" + identifier[1:-1] + ("0" if identifier[-1] != "0" else "1")
    done = once(alone, "--retry", other, code=100)
    assert done.stderr.decode() == f"send: no such message: {other}\n"
    assert alone.messages("alice") == []
    once(alone, f"--retry={identifier}")
    alone.message("alice", 1)
    alone.dot_file("alice", "", "|exit 111\n")
    alone.submit("Subject: wait\n\n", "alice@here.test")
    once(alone)
    alone.dot_file("alice", "", "./Maildir/\n")
    once(alone, "--retry")
    alone.message("alice", 2)
    assert alone.queued() == []


def test_lines_that_were_done_are_not_repeated_by_the_retry(alone):
    alone.dot_file("alice", "", f"./Maildir/\n|test -e {alone.folder}/fixed || exit 111\n")
    alone.submit("Subject: two lines\n\n", "alice@here.test")
    once(alone)
    assert len(alone.messages("alice")) == 1
    alone.lab.write(alone.folder / "fixed", "")
    once(alone, "--retry")
    assert alone.queued() == []
    assert len(alone.messages("alice")) == 1


def test_only_the_recipients_that_failed_are_tried_again(alone):
    alone.dot_file("bob", "", "|exit 111\n")
    alone.submit("Subject: three\n\n", "alice@here.test", "bob@here.test", "carl@here.test")
    once(alone)
    assert read(alone, only(alone)).status == [queue_file.DELIVERED, queue_file.WAITING, queue_file.DELIVERED]
    alone.dot_file("bob", "", "./Maildir/\n")
    once(alone, "--retry")
    for name in ("alice", "bob", "carl"):
        assert len(alone.messages(name)) == 1
    assert alone.queued() == []


# R1123-5.3.1.1-s54-retry-config
def test_at_the_end_of_its_life_a_message_is_tried_once_more_and_returned(alone):
    alone.control("queuelifetime", "0\n")
    alone.dot_file("alice", "", "|echo out of paper; exit 111\n")
    alone.submit("Subject: old\n\n", "alice@here.test", sender="bob@here.test")
    wait_for(lambda: once(alone) and alone.messages("bob"), "the notice")
    text = alone.message("bob").decode()
    assert ("\n<alice@here.test>:\nout of paper\n.qmail line 1: exit code 111 (#4.3.0)\n"
            "not tried again: the message has been in the queue too long (#4.4.7)\n\n") in text
    assert "Status: 4.4.7" in text


# -- endings


def test_term_waits_for_what_runs_and_records_it(sending):
    instance = sending.instance
    gate = instance.folder / "gate"
    instance.dot_file("alice", "", f"|touch {instance.home_of('alice')}/begun; while ! test -e {gate}; do sleep 0.02; done\n")
    instance.submit("Subject: slow\n\n", "alice@here.test", "bob@here.test")
    wait_for((instance.home_of("alice") / "begun").exists, "the slow delivery")
    sending.process.send_signal(signal.SIGTERM)
    instance.message("bob", 1)
    assert sending.process.poll() is None
    instance.lab.write(gate, "")
    assert sending.process.wait(30) == 0
    assert sending.log().endswith("status: exiting\n")
    assert instance.queued() == []


def test_a_killed_send_repeats_nothing_that_was_recorded(alone):
    gate = alone.folder / "gate"
    alone.dot_file("carl", "", f"|while ! test -e {gate}; do sleep 0.02; done\n./Maildir/\n")
    first = Send(alone).ready()
    alone.submit("Subject: three\n\n", "alice@here.test", "bob@here.test", "carl@here.test")
    identifier = only(alone)
    wait_for(lambda: read(alone, identifier).status[:2] == [queue_file.DELIVERED] * 2, "the records")
    first.kill()
    second = Send(alone).ready()
    alone.lab.write(gate, "")  # the old spawn finishes what it has begun; then the new one begins
    alone.settle()
    assert len(alone.messages("alice")) == 1
    assert len(alone.messages("bob")) == 1
    assert 1 <= len(alone.messages("carl")) <= 2
    assert second.stop() == 0


def test_a_spawner_that_dies_is_started_again(alone):
    gate = alone.folder / "gate"
    alone.dot_file("alice", "", f"|while ! test -e {gate}; do sleep 0.02; done\n./Maildir/\n")
    send = Send(alone).ready()
    alone.submit("Subject: x\n\n", "alice@here.test")
    identifier = only(alone)
    send.said("starting delivery 1")

    def spawns():  # a child of it has its name until it is `local`
        return [p for p in processes_about(str(alone.path)) if _name(p) == "spawn"]
    wait_for(lambda: len(spawns()) == 1, "the delivery to be local's")
    os.kill(spawns()[0], signal.SIGKILL)
    send.said("alert: lost the spawner")
    wait_deferred(alone, identifier)
    assert b"the spawner ended while this delivery ran" in queued_file(alone, identifier).read_bytes()
    alone.lab.write(gate, "")
    send.ask("retry")
    alone.settle()
    assert send.stop() == 0


def _name(pid):
    try:
        return open(f"/proc/{pid}/comm").read().strip()
    except OSError:
        return ""


def test_a_given_spawner_that_is_lost_ends_send_with_111(alone):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    send = Send(alone, "--spawner-fd", str(theirs.fileno()), pass_fds=(theirs.fileno(),)).ready()
    theirs.close()
    alone.submit("Subject: x\n\n", "alice@here.test")
    ours.settimeout(20)
    message, fds, _, _ = socket.recv_fds(ours, 20000, 1)
    assert message == b"S0\0carol@here.test\0alice@here.test\0\0"
    with open(fds[0], "rb") as content:
        assert content.read().endswith(b"Subject: x\n\n")
    ours.close()
    assert send.process.wait(20) == 111
    assert "alert: lost the spawner" in send.log()
    wait_deferred(alone, only(alone))


def test_nonsense_from_the_spawner_is_the_end_of_it(alone):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    send = Send(alone, "--spawner-fd", str(theirs.fileno()), pass_fds=(theirs.fileno(),)).ready()
    theirs.close()
    ours.send(b"R7\0K\0all is well\0\0")  # a slot that is not in use
    send.said("warning: a report about slot 7, which is not in use")
    ours.send(b"hello")
    assert send.process.wait(20) == 111


# -- trouble with one message


def inject_fault(instance, what, *options):
    """send --once with a call of its threads made to fail."""
    log = instance.folder / "strace"
    return instance.run("/usr/bin/strace", "-f", "-qq", "-e", "signal=none", "-o", log, "-e", f"trace={what.split(':')[0]}",
                        "-e", f"inject={what}", instance.lab.program("send"), "--once", "--instance", instance.path,
                        *options)


def test_what_cannot_be_synced_is_written_anew_with_an_alert(alone):
    alone.dot_file("bob", "", "|exit 111\n")
    alone.submit("Subject: hi\n\nhello\n", "bob@here.test")
    identifier = only(alone)
    before = read(alone, identifier)
    done = inject_fault(alone, "fsync:error=EIO:when=1")
    assert done.returncode == 0, done.stderr
    alert = f"alert: syncing message {identifier}: Input/output error; message {identifier} is written anew, generation 1"
    assert alert in done.stdout.decode()
    after = read(alone, identifier)
    assert (after.generation, before.generation) == (1, 0)
    assert after.content == before.content
    assert after.records == 2
    alone.dot_file("bob", "", "./Maildir/\n")
    once(alone, "--retry")
    assert alone.queued() == [] and b"hello" in alone.message("bob")


def test_a_message_for_several_waits_where_there_is_no_room_for_its_log(alone):
    alone.submit("Subject: two\n\nhello\n", "alice@here.test", "bob@here.test")
    two = only(alone)
    alone.submit("Subject: one\n\nhello\n", "carl@here.test")
    done = inject_fault(alone, "fallocate:error=ENOSPC")
    assert f"reserving room for the log of message {two}: No space left on device" in done.stdout.decode()
    assert b"one" in alone.message("carl")
    assert alone.queued() == [two] and alone.messages("alice") == []
    once(alone, "--retry")
    assert alone.queued() == [] and alone.messages("alice") and alone.messages("bob")


def test_a_damaged_message_is_set_aside_and_the_others_go_on(alone):
    alone.submit("Subject: rotten\n\n", "alice@here.test")
    rotten = only(alone)
    path = queued_file(alone, rotten)
    octets = bytearray(path.read_bytes())
    octets[100] ^= 1  # in the content
    path.write_bytes(octets)
    alone.submit("Subject: torn\n\n", "alice@here.test")
    torn = next(i for i in alone.queued() if i != rotten)
    os.truncate(queued_file(alone, torn), 60)
    alone.submit("Subject: good\n\n", "alice@here.test")
    log = once(alone).stdout.decode()
    assert b"good" in alone.message("alice")
    assert alone.queued() == []
    assert {f.name for f in (alone.path / "queue/damaged").iterdir()} == {rotten, torn}
    for identifier in (rotten, torn):
        assert f"alert: msg {identifier} is in queue/damaged" in log


def test_a_stray_file_is_named_and_left_alone(alone):
    stray = alone.lab.write(alone.path / "queue" / "incoming" / "README", "x")
    alone.submit("Subject: good\n\n", "alice@here.test")
    assert b"alert: queue/incoming/README is no message" in once(alone).stdout
    assert stray.exists()
    alone.message("alice", 1)


# -- run/control


def test_control_answers(sending):
    assert re.fullmatch(r"\+OK send \d+\n", sending.ask("ping"))
    assert sending.ask("frobnicate") == "-ERR unknown command\n"
    assert sending.ask("retry 0123") == "-ERR no such message: 0123\n"
    assert sending.ask("retry 00000000000000000000") == "-ERR no such message: 00000000000000000000\n"
    wait_for(lambda: "reading=no" in sending.ask("status"), "the end of reading")
    assert sending.ask("status") == (
        f"+OK\npid={sending.process.pid}\nwaiting=0\nopen=0\nrunning=0\nlimit=10\nremote_running=0\nremote_limit=20\nreading=no\nnext=never\n.\n")


def test_a_client_that_says_nothing_delays_nobody(sending):
    clients = []
    folder = os.open(sending.instance.path / "run", os.O_RDONLY)
    for _ in range(30):
        client = socket.socket(socket.AF_UNIX)
        client.connect(f"/proc/self/fd/{folder}/control")
        client.sendall(b"stat")
        clients.append(client)
    os.close(folder)
    sending.instance.submit("Subject: x\n\n", "alice@here.test")
    sending.instance.message("alice", 1)
    assert sending.ask("ping").startswith("+OK")
    for client in clients:
        client.close()


# -- without a daemon


def test_submissions_start_what_delivers_them_and_none_is_forgotten(instance):
    """send --once ends while others submit: whoever comes too late to be heard is found."""
    running = [instance.popen("sendmail", "-i", "--", "alice@here.test", stdin=subprocess.PIPE)
               for _ in range(40)]
    for n, process in enumerate(running):
        process.communicate(f"Subject: {n}\n\n".encode())
        assert process.returncode == 0
    instance.message("alice", 40)
    instance.settle()
