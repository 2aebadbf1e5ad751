"""queue: the fd 0/fd 1 protocol and its exit codes (reference 4.1 to 4.3)."""

import os
import re
import signal
import subprocess

import pytest

from conftest import wait_for

ENVELOPE = b"Fcarol@here.test\0Talice@here.test\0\0"
MESSAGE = b"Subject: hi\n\nhello\n"


@pytest.fixture(params=["unnamed", "named"])
def queue(request, instance):
    """Runs queue with a message and an envelope; both births of a file. Nothing is sent."""

    def run(message=MESSAGE, envelope=ENVELOPE, **more):
        env = instance.environment(
            PORPOISE_NO_SEND=1, PORPOISE_NAMED_FILES=int(request.param == "named"), **more
        )
        with open(instance.lab.base / "envelope", "wb") as file:
            file.write(envelope)
        with open(instance.lab.base / "envelope", "rb") as file:
            return instance.run("queue", input=message, stdout=file, env=env)

    run.instance = instance
    run.env = instance.environment(
        PORPOISE_NO_SEND=1, PORPOISE_NAMED_FILES=int(request.param == "named")
    )
    return run


def left(instance):
    """What is in the queue's folders."""
    top = instance.path / "queue"
    return {
        str(f.relative_to(top)): f.read_bytes()
        for f in top.rglob("*")
        if f.is_file() and f.name != "lock"
    }


def content(instance, id):
    done = instance.run("qread", "--content", id)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_message_is_kept_exactly_behind_one_received_line(queue):
    for message in (MESSAGE, b"", b"\0\xff\r\n", b"no newline", b"From x\n" * 100_000):
        done = queue(message)
        assert (done.returncode, done.stderr) == (0, b"")
    ids = queue.instance.queued()
    assert len(ids) == 5
    for id, message in zip(ids, (MESSAGE, b"", b"\0\xff\r\n", b"no newline", b"From x\n" * 100_000)):
        got = content(queue.instance, id)
        first, rest = got.split(b"\n", 1)
        assert re.fullmatch(
            rb"Received: \(porpoise %s invoked by uid %d\); "
            rb"[1-3]?\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000" % (id.encode(), queue.instance.lab.uid),
            first,
        )
        assert rest == message


def test_the_file_is_the_owners_alone_and_nothing_else_is_left(queue):
    assert queue().returncode == 0
    (path, octets), = left(queue.instance).items()
    assert re.fullmatch(r"incoming/[0-9a-hjkmnp-tv-z]{20}", path)
    assert (queue.instance.path / "queue" / path).stat().st_mode & 0o7777 == 0o600
    assert octets[:20] == b"PORPOISE-QUEUE 1 id=" and octets[79:80] == b"\n"
    assert octets.endswith(b"\0" + ENVELOPE)


@pytest.mark.parametrize(
    "envelope",
    [b"F\0\0", b"F\0T\0\0", b"F#@[]\0Ta\0\0", b"Fa@b\0Tc@d\0\0rubbish after the end", b"Fa\0PRET=HDRS\0Tb\0RNOTIFY=NEVER\0\0"],
    ids=["no recipient", "empty recipient", "double bounce", "octets after the end", "parameters"],
)
def test_envelopes_that_are_accepted(queue, envelope):
    assert queue(envelope=envelope).returncode == 0
    (octets,) = left(queue.instance).values()
    assert octets.endswith(b"\0" + envelope[: envelope.index(b"\0\0") + 2])


@pytest.mark.parametrize(
    "envelope, code, text",
    [
        (b"", 54, b"reading the envelope: it ends before its final NUL"),
        (b"Fa@b\0Tc@d\0", 54, b"reading the envelope: it ends before its final NUL"),
        (b"Fa@b\0Tc@d", 54, b"reading the envelope: it ends before its final NUL"),
        (b"\0", 91, b"envelope record 1: no sender before letter octet 0"),
        (b"Ta\0\0", 91, b"envelope record 1: no sender before letter 'T'"),
        (b"Fa\0Xb\0\0", 91, b"envelope record 2: unknown letter 'X'"),
        (b"Fa\0Tb\0Fc\0\0", 91, b"envelope record 3: misplaced letter 'F'"),
        (b"F" + b"x" * 1003 + b"\0\0", 11, b"envelope record 1: address too long"),
        (b"Fa\0T" + b"x" * 1003 + b"\0\0", 11, b"envelope record 2: address too long"),
    ],
)
def test_envelopes_that_are_refused_leave_nothing(queue, envelope, code, text):
    done = queue(envelope=envelope)
    assert (done.returncode, done.stderr) == (code, b"queue: " + text + b"\n")
    assert left(queue.instance) == {}


def test_an_address_of_1002_octets_is_accepted(queue):
    assert queue(envelope=b"F" + b"x" * 1002 + b"\0T" + b"y" * 1002 + b"\0\0").returncode == 0


def test_a_huge_list_is_accepted(queue):
    recipients = b"".join(b"Tsomebody-%d@here.test\0" % i for i in range(100_000))
    assert queue(envelope=b"Fa@b\0" + recipients + b"\0").returncode == 0
    (id,) = queue.instance.queued()
    listed = queue.instance.run("qread").stdout.splitlines()
    assert len(listed) == 100_001
    assert listed[-1] == b"\tlocal\tsomebody-99999@here.test"


def start(queue, **options):
    """A queue that waits for its message."""
    read, write = os.pipe()
    process = queue.instance.popen(
        "queue", stdin=subprocess.PIPE, stdout=read, stderr=subprocess.PIPE, env=queue.env, **options
    )
    os.close(read)
    return process, write


def is_waiting(process):
    """Whether it waits for input, in ppoll."""
    def asleep():
        with open(f"/proc/{process.pid}/status") as status:
            state = [line for line in status if line.startswith("State:")][0]
        with open(f"/proc/{process.pid}/wchan") as wchan:
            return "S (sleeping)" in state and "poll" in wchan.read()
    wait_for(asleep, "queue to wait for input")


def test_told_to_end_it_leaves_nothing(queue):
    process, envelope = start(queue)
    process.stdin.write(b"x" * 200_000)
    process.stdin.flush()
    is_waiting(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 71
    os.close(envelope)
    assert process.stderr.read() == b"queue: told to end by a signal\n"
    assert left(queue.instance) == {}


def test_signals_of_a_terminal_do_not_end_it(queue):
    process, envelope = start(queue)
    is_waiting(process)
    for s in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXCPU):
        process.send_signal(s)
    process.stdin.write(MESSAGE)
    process.stdin.close()
    os.write(envelope, ENVELOPE)
    os.close(envelope)
    assert process.wait(20) == 0
    assert len(queue.instance.queued()) == 1


def test_a_killed_one_leaves_nothing_in_the_queue(queue):
    process, envelope = start(queue)
    process.stdin.write(b"x" * 200_000)
    process.stdin.flush()
    is_waiting(process)
    process.kill()
    process.wait()
    os.close(envelope)
    assert queue.instance.queued() == []
    named = queue.env["PORPOISE_NAMED_FILES"] == "1"
    assert len(left(queue.instance)) == int(named), "a name in tmp/ is swept later"


def test_its_reader_ending_early_does_not_matter(queue):
    """The message is read to its end before the envelope: a writer of both in order never waits."""
    process, envelope = start(queue)
    os.write(envelope, ENVELOPE)
    os.close(envelope)
    process.stdin.write(MESSAGE * 10_000)
    process.stdin.close()
    assert process.wait(20) == 0


def test_closed_descriptors_are_read_errors(queue):
    command = f"exec {queue.instance.lab.program('queue')}"
    for redirection, code in (("</dev/null 1<&-", 54), ("<&- 1<&-", 54)):
        done = queue.instance.run("/bin/sh", "-c", f"{command} {redirection}", env=queue.env)
        assert done.returncode == code, done.stderr
    assert left(queue.instance) == {}


def test_a_file_size_limit_is_a_write_error(queue):
    done = queue.instance.run(
        "/bin/sh", "-c",
        f"ulimit -f 8; exec {queue.instance.lab.program('queue')} 1</dev/null",
        input=b"x" * 1_000_000, env=queue.env,
    )
    assert done.returncode == 53
    assert left(queue.instance) == {}


def test_wrong_use_is_100(instance):
    for arguments in (["--nonsense"], ["operand"], ["--instance"]):
        done = instance.run("queue", *arguments)
        assert done.returncode == 100
        assert done.stderr.startswith(b"queue: ") and done.stderr.count(b"\n") == 1
    help = instance.run("queue", "--help")
    assert (help.returncode, help.stderr) == (0, b"")
    assert help.stdout.startswith(b"usage: queue ")


def test_what_is_no_instance_is_61_and_named(instance, home):
    done = instance.run("queue", "--instance", home / "nowhere")
    assert done.returncode == 61
    assert str(home / "nowhere").encode() in done.stderr
    (instance.path / "queue" / "incoming").rmdir()
    done = instance.run("queue")
    assert (done.returncode, done.stderr) == (
        62, f"queue: opening {instance.path}/queue/incoming: No such file or directory\n".encode()
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_somebody_elses_instance_is_61(instance):
    done = instance.run("queue", as_root=True)
    assert done.returncode == 61
    assert b"run this as that user" in done.stderr


def test_an_instance_path_of_300_octets_works(instance, lab, home):
    deep = home / ("a" * 100) / ("b" * 100)
    lab.folder(home / ("a" * 100)), lab.folder(deep)
    long = deep / ("c" * 100)
    instance.path.rename(long)
    with open(home / "envelope", "wb") as file:
        file.write(ENVELOPE)
    with open(home / "envelope", "rb") as file:
        env = lab.environment(PORPOISE_NO_SEND=1)
        done = lab.run("queue", "--instance", long, input=MESSAGE, stdout=file, env=env)
    assert done.returncode == 0, done.stderr
    assert len(list((long / "queue" / "incoming").iterdir())) == 1
    long.rename(instance.path)


# -- codes that speak of the instance and the disk


def test_a_disk_that_is_nearly_full_takes_nothing(queue):
    """53, sendmail 75, SMTP 452; what a corrected file says counts at once."""
    instance = queue.instance
    instance.control("minfree", "100%\n")
    done = queue()
    assert done.returncode == 53
    assert b" octets left, and control/minfree wants " in done.stderr
    done = instance.run("sendmail", "-i", "alice@here.test", input=MESSAGE, env=queue.env)
    assert done.returncode == 75 and b"control/minfree" in done.stderr
    script = b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n"
    said = instance.run("sendmail", "-bs", input=script, env=queue.env).stdout
    assert b"\n452 4.3.1 " in said and b"control/minfree" not in said
    assert left(instance) == {}
    instance.control("minfree", "0 0\n")
    assert queue().returncode == 0


@pytest.mark.parametrize("name, text", [("minfree", "plenty\n"), ("minfree", "1 2 3\n"), ("queueextra", "x" * 1003 + "\n"),
                                        ("queueextra", "log\n" * 11)])
def test_a_control_file_that_makes_no_sense_is_55_and_named(queue, name, text):
    queue.instance.control(name, text)
    done = queue()
    assert done.returncode == 55
    assert done.stderr.startswith(b"queue: control/" + name.encode() + b": ") and done.stderr.count(b"\n") == 1
    assert left(queue.instance) == {}


def test_a_copy_of_all_mail_is_delivered_once(queue):
    instance = queue.instance
    instance.control("queueextra", "bob@here.test\n")
    instance.dot_file("bob", "", "./Maildir/\n&carl@here.test\n")  # forwarded, and not copied again
    assert queue().returncode == 0
    env = instance.environment(PORPOISE_NO_SEND=1)
    for _ in range(4):
        assert instance.run("send", "--once", "--instance", instance.path, env=env).returncode == 0
    assert [len(instance.messages(name)) for name in ("alice", "bob", "carl")] == [1, 1, 1]
    assert instance.queued() == []


def test_without_memory_it_is_51(queue):
    recipients = b"".join(b"Tsomebody-%d@here.test\0" % i for i in range(200_000))
    envelope = queue.instance.lab.write(queue.instance.lab.base / "large", b"Fa@b\0" + recipients + b"\0")
    done = queue.instance.run(
        "/bin/sh", "-c", f"ulimit -v 15000; exec {queue.instance.lab.program('queue')} 1< {envelope}",
        input=MESSAGE, env=queue.env)
    assert (done.returncode, done.stderr) == (51, b"queue: out of memory\n")
    assert left(queue.instance) == {}


def test_an_envelope_beyond_its_limits_is_51(queue):
    done = queue(envelope=b"Fa@b\0" + b"T\0" * 1_000_001 + b"\0")
    assert done.returncode == 51
    assert left(queue.instance) == {}


def test_a_folder_that_is_missing_is_62(queue):
    (queue.instance.path / "queue" / "tmp").rmdir()
    done = queue()
    assert done.returncode == 62 and b"queue/tmp" in done.stderr


def test_a_folder_that_cannot_be_written_to_is_63_or_66(queue):
    for name, code in (("tmp", 63), ("incoming", 66)):
        folder = queue.instance.path / "queue" / name
        folder.chmod(0o500)
        done = queue()
        folder.chmod(0o700)
        assert done.returncode == code, (name, done.stderr)
        assert left(queue.instance) == {}


def test_a_program_in_its_place_that_cannot_be_started_is_a_temporary_failure(queue):
    for program in ("/nowhere/at/all", str(queue.instance.path)):
        env = {**queue.env, "QMAILQUEUE": program}
        done = queue.instance.run("sendmail", "-i", "alice@here.test", input=MESSAGE, env=env)
        assert done.returncode in (71, 75) and program.encode() in done.stderr, done.stderr
