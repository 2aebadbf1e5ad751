"""local: into a Maildir or an mbox."""

import fcntl
import os
import re
import stat
import subprocess

import pytest

from local_box import DTLINE, MESSAGE, RPLINE, box, out  # noqa: F401: box is a fixture


# -- Maildir


def test_a_maildir_gets_the_two_lines_and_the_message(box):
    box.maildir()
    assert box.deliver().returncode == 0
    [file] = box.in_maildir()
    assert file.read_bytes() == RPLINE + DTLINE + MESSAGE
    size = len(RPLINE + DTLINE + MESSAGE)
    assert file.name.endswith(f",S={size},W={size + 6}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_both_births_deliver_the_same(box):
    box.maildir()
    for named in ("0", "1"):
        assert box.deliver(env={"PORPOISE_NAMED_FILES": named}).returncode == 0
    first, second = box.in_maildir()
    assert first.read_bytes() == second.read_bytes() == RPLINE + DTLINE + MESSAGE
    assert list((box.home / "Maildir" / "tmp").iterdir()) == []


def test_a_missing_maildir_waits_and_is_not_made(box):
    assert out(box.deliver()) == (
        "", "delivering to ./Maildir/: opening ./Maildir/: No such file or directory (#4.2.1)\n",
        111)
    assert list(box.home.iterdir()) == []


def test_a_maildir_that_cannot_be_written_waits(box):
    box.maildir()
    (box.home / "Maildir" / "new").chmod(0o500)
    done = box.deliver()
    assert done.returncode == 111 and b"Permission denied (#4.2.1)" in done.stderr
    assert list((box.home / "Maildir" / "tmp").iterdir()) == []


@pytest.mark.parametrize("named", ["0", "1"])
def test_a_disk_that_is_full_waits(box, named):
    box.maildir()
    done = box.deliver(message=MESSAGE + b"x" * 5000, before=["/usr/bin/prlimit", "--fsize=3000"],
                       env={"PORPOISE_NAMED_FILES": named})
    assert done.returncode == 111 and b"File too large (#4.2.1)" in done.stderr
    assert box.in_maildir() == [] and list((box.home / "Maildir" / "tmp").iterdir()) == []


# -- mbox


def mbox_text(head=MESSAGE, sender="bob@x.test"):
    return re.compile(
        rb"From " + re.escape(sender.encode()) + rb" [A-Z][a-z]{2} [A-Z][a-z]{2} \d\d "
        rb"\d\d:\d\d:\d\d \d{4}\n" + re.escape(RPLINE + DTLINE + head) + rb"\n")


def test_an_mbox_gets_from_line_message_and_empty_line(box):
    box.dot(".qmail", "./Mailbox\n")
    assert out(box.deliver()) == ("did 1+0+0\n", "", 0)
    assert mbox_text().fullmatch((box.home / "Mailbox").read_bytes())
    assert stat.S_IMODE((box.home / "Mailbox").stat().st_mode) == 0o600


def test_from_lines_are_quoted_and_a_partial_line_is_ended(box):
    box.dot(".qmail", "./Mailbox\n")
    box.deliver(message=b"From a\n\n>From b\nFrom c")
    assert mbox_text(b">From a\n\n>>From b\n>From c\n").fullmatch(
        (box.home / "Mailbox").read_bytes())


def test_an_unended_mailbox_is_repaired(box):
    box.dot(".qmail", "./Mailbox\n")
    for rest, added in ((b"From x\n\nhalf a l", b"\n\n"), (b"From x\n\nbody\n", b"\n"),
                        (b"From x\n\nbody\n\n", b""), (b"\n", b""), (b"x", b"\n\n")):
        box.lab.write(box.home / "Mailbox", rest)
        assert box.deliver().returncode == 0
        text = (box.home / "Mailbox").read_bytes()
        assert text.startswith(rest + added + b"From bob")
        assert mbox_text().fullmatch(text[len(rest + added):])


@pytest.mark.parametrize("before", [b"", b"From x\n\nbody\n\n", b"From x\n\nhalf"])
def test_a_failed_append_is_rolled_back(box, before):
    box.dot(".qmail", "./Mailbox\n")
    box.lab.write(box.home / "Mailbox", before)
    done = box.deliver(message=MESSAGE + b"x" * 200_000,
                       before=["/usr/bin/prlimit", "--fsize=150000"])
    assert out(done) == ("", "writing ./Mailbox: File too large (#4.3.0)\n", 111)
    assert (box.home / "Mailbox").read_bytes() == before


@pytest.mark.parametrize("take", [fcntl.flock, fcntl.lockf], ids=["flock", "fcntl"])
def test_a_locked_mailbox_waits(box, take):
    box.dot(".qmail", "./Mailbox\n")
    box.lab.write(box.home / "Mailbox", b"")
    with open(box.home / "Mailbox", "r+b") as held:
        take(held, fcntl.LOCK_EX)
        done = box.deliver(options=["--lock-seconds", "1"])
        assert out(done) == ("", "./Mailbox stayed locked for 1 seconds (#4.3.0)\n", 111)
    assert (box.home / "Mailbox").read_bytes() == b""
    assert box.deliver(options=["--lock-seconds", "1"]).returncode == 0


def test_a_lock_that_is_given_back_is_taken(box):
    box.dot(".qmail", "./Mailbox\n")
    box.lab.write(box.home / "Mailbox", b"")
    with open(box.home / "Mailbox", "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with open(box.top / "m", "w+b") as message:
            message.write(MESSAGE)
            message.flush()
            running = box.lab.popen("local", "joe", box.home, "joe", "", "", "here.test",
                                    "bob@x.test", "d", stdin=message,
                                    env=box.lab.environment(), stdout=subprocess.PIPE)
            fcntl.flock(held, fcntl.LOCK_UN)
            assert running.communicate(timeout=60)[0] == b"did 1+0+0\n"


def test_both_locks_are_held_while_writing(box):
    """Readers of either custom are kept out: seen by strace."""
    box.dot(".qmail", "./Mailbox\n")
    trace = box.lab.own(box.top) / "trace"
    box.deliver(before=["/usr/bin/strace", "-o", trace, "-e", "trace=flock,fcntl,write,fsync"])
    calls = [line for line in trace.read_text().splitlines()
             if re.search(r"LOCK_EX|OFD_SETLK|From bob|fsync", line)]
    assert [re.search(r"LOCK_EX|OFD_SETLK|From bob|fsync", line)[0] for line in calls] == [
        "LOCK_EX", "OFD_SETLK", "From bob", "fsync", "fsync"]


@pytest.mark.parametrize("path,reason", [
    ("/dev/null", "/dev/null is not a regular file (#4.2.1)"),
    ("./no/Mailbox", "opening ./no/Mailbox: No such file or directory (#4.2.1)"),
    ("./fifo", "./fifo is not a regular file (#4.2.1)"),
    ("./closed", "opening ./closed: Permission denied (#4.2.1)")])
def test_what_is_no_mailbox_waits(box, path, reason):
    os.mkfifo(box.home / "fifo", 0o666)
    os.chmod(box.home / "fifo", 0o666)
    box.lab.write(box.home / "closed", b"", 0)
    box.dot(".qmail", path + "\n")
    assert out(box.deliver()) == ("", reason + "\n", 111)
