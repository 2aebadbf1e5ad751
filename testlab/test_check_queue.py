"""porpoise check-queue: what it finds, what it repairs, and what it leaves alone."""

import json
import os
import random
import signal

import pytest

import queue_file
from conftest import wait_for
from test_send import Send, alone, once, only, queued_file  # noqa: F401: alone is a fixture

MESSAGE = "Subject: hello\n\nHello.\n"


def check(instance, *options, code=0, **more):
    done = instance.run("porpoise", "check-queue", *options, **more)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout.decode()


@pytest.fixture
def waiting(alone):  # noqa: F811
    """One message that waits, one that is new."""
    alone.dot_file("bob", "", "|exit 111\n")
    alone.submit(MESSAGE, "bob@here.test")
    once(alone)
    alone.waits = only(alone)
    alone.submit(MESSAGE, "alice@here.test")
    alone.new, = (set(alone.queued()) - {alone.waits})
    return alone


def test_a_queue_as_it_should_be(waiting):
    text = check(waiting)
    assert text.startswith("2 messages, ") and text.endswith(" octets: all is well\n")
    assert check(waiting, "--repair") == text


def test_each_finding_is_a_line_and_the_code_says_what_is_left(waiting):
    (waiting.path / "queue" / "deleted").rmdir()
    with open(queued_file(waiting, waiting.waits), "ab") as file:
        file.write(b"\xf5PQ\ntorn")
    torn = f"queue/deferred/{waiting.waits[-2:]}/{waiting.waits}: a torn record of 8 octets at its end"
    before = check(waiting, code=4).splitlines()
    assert before[:2] == ["queue/deleted: there is no such folder", torn]
    assert before[2].endswith("2 found, 0 repaired")
    after = check(waiting, "--repair", code=1).splitlines()
    assert after[:2] == ["queue/deleted: there is no such folder: made", torn + ": cut off"]
    assert after[2].endswith("2 found, 2 repaired")
    check(waiting)


def test_as_json(waiting):
    (waiting.path / "queue" / "deleted").rmdir()
    finding, end = map(json.loads, check(waiting, "--json", code=4).splitlines())
    assert finding == {"path": "queue/deleted", "finding": "there is no such folder", "end": "left", "done": ""}
    assert (end["messages"], end["found"], end["repaired"], end["live"]) == (2, 1, 0, False)


def test_it_looks_beside_send_and_repairs_only_without(waiting):
    send = Send(waiting).ready()
    assert check(waiting).endswith(" octets: all is well (send is at work)\n")
    done = waiting.run("porpoise", "check-queue", "--repair")
    assert done.returncode == 111 and b"send is running and has the queue's lock" in done.stderr
    assert send.stop() == 0
    check(waiting, "--repair")


def test_damage_is_set_aside_or_mended_and_what_is_whole_is_delivered(waiting):
    path = queued_file(waiting, waiting.new)
    octets = bytearray(path.read_bytes())
    octets[5] ^= 1  # the header, which the envelope proves
    path.write_bytes(octets)
    lines = check(waiting, "--repair", code=1).splitlines()
    assert lines[0] == (f"queue/incoming/{waiting.new}: damaged at octet 0: bad header: written anew with 0 records of "
                        "its log; the old file is in queue/damaged")
    assert (waiting.path / "queue/damaged" / waiting.new).read_bytes() == bytes(octets)
    once(waiting)
    assert b"Hello." in waiting.message("alice")
    path = queued_file(waiting, waiting.waits)
    octets = bytearray(path.read_bytes())
    octets[90] ^= 1  # the content
    path.write_bytes(octets)
    check(waiting, "--repair", code=1)
    assert waiting.queued() == []
    assert (waiting.path / "queue/damaged" / waiting.waits).read_bytes() == bytes(octets)


def test_what_cannot_be_repaired_is_left_and_told(waiting):
    folder = waiting.path / "queue/incoming/folder"
    waiting.lab.folder(folder)
    waiting.lab.write(folder / "file", "mine")
    text = check(waiting, "--repair", code=4)
    assert text.startswith("queue/incoming/folder: a folder that does not belong here: not repaired: ")
    assert (folder / "file").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_a_copy_with_another_owner_is_told_clearly(waiting):
    path = queued_file(waiting, waiting.new)
    os.chown(path, 12345, 12345)
    text = check(waiting, code=4)
    assert text.startswith(f"queue/incoming/{waiting.new}: belongs to uid 12345, and this queue to uid "
                           f"{waiting.lab.uid}: a copy needs its owner (chown -R)\n")
    done = waiting.run("porpoise", "check-queue", as_root=True)
    assert done.returncode == 100 and b"run this as that user" in done.stderr


def test_a_queue_restored_from_a_copy_goes_on_where_it_was(waiting):
    """Other inode numbers, other times, another order in the folders."""
    queue = waiting.path / "queue"
    waiting.run("/bin/cp", "-r", queue, waiting.path / "copy")
    waiting.run("/bin/rm", "-r", queue)
    waiting.run("/bin/mv", waiting.path / "copy", queue)
    check(waiting)
    waiting.dot_file("bob", "", "./Maildir/\n")
    once(waiting, "--retry")
    assert waiting.queued() == []
    assert b"Hello." in waiting.message("alice") and b"Hello." in waiting.message("bob")


COPIES = {  # how the folder queue comes back from a backup, as copy
    "cp": "cp -r queue copy",
    "tar": "mkdir copy && tar -C queue -cf - . | (umask 0; tar -C copy --no-same-permissions -xf -)",
    "times": "cp -r queue copy && find copy -exec touch -h -d 1999-01-01 {} +",
    "times to come": "cp -r queue copy && find copy -exec touch -h -d 2037-01-01 {} +",
    "open to all": "cp -r queue copy && chmod -R a+rwX copy",
    "read-only": "cp -r queue copy && chmod -R a-w copy",
    "files only": "mkdir copy && cd queue && find . -type f | while read f; do mkdir -p ../copy/${f%/*} && cp $f ../copy/$f; done",
    "messages only": "mkdir copy && cp -r queue/incoming queue/deferred copy",
    "linked twice": "cp -al queue copy",
    "no special files": "cp -r queue copy && rm copy/trigger && : > copy/trigger",
    "an old schedule": "cp -r queue copy && printf x >> copy/schedule",
}


@pytest.mark.parametrize("how", COPIES)
def test_a_queue_that_comes_back_from_a_backup_goes_on(waiting, how):
    """However it was copied: with other inodes, times and modes, without what was empty. First send says what
    hinders it, if anything does, and loses nothing; then check-queue has it put right; then all is delivered."""
    waits = queued_file(waiting, waiting.waits).read_bytes()
    copied = waiting.run("/bin/sh", "-e", "-c", COPIES[how], cwd=waiting.path)
    assert copied.returncode == 0, copied.stderr
    waiting.run("/bin/sh", "-c", "mv queue gone && mv copy queue && chmod -R u+rwx gone && rm -r gone", cwd=waiting.path)
    done = waiting.run("send", "--once", "--instance", waiting.path)
    assert done.returncode in (0, 100, 111), done.stderr
    assert done.returncode == 0 or (done.stderr.startswith(b"send: ") and done.stderr.count(b"\n") == 1), done.stderr
    assert queued_file(waiting, waiting.waits).read_bytes().startswith(waits)
    repaired = waiting.run("porpoise", "check-queue", "--repair")
    assert repaired.returncode in (0, 1), (repaired.stdout, repaired.stderr)
    assert "all is well" in check(waiting)
    waiting.dot_file("bob", "", "./Maildir/\n")
    once(waiting, "--retry")
    assert waiting.queued() == []
    assert b"Hello." in waiting.message("alice") and b"Hello." in waiting.message("bob")


def test_an_instance_that_comes_back_under_another_path_goes_on(waiting):
    """Nothing in the queue knows where it is."""
    there = waiting.path.rename(waiting.folder / "elsewhere")
    waiting.dot_file("bob", "", "./Maildir/\n")
    done = waiting.run("send", "--once", "--retry", "--instance", there)
    assert done.returncode == 0, done.stderr
    there.rename(waiting.path)
    assert waiting.queued() == []
    assert b"Hello." in waiting.message("alice") and b"Hello." in waiting.message("bob")


def test_a_queue_whose_half_is_missing_is_made_whole(waiting):
    queue = waiting.path / "queue"
    (queue / "trigger").unlink()
    for name in ("tmp", "deleted", "damaged"):
        (queue / name).rmdir()
    done = waiting.run("porpoise", "check-queue")
    assert done.returncode == 111 and b"--repair makes it" in done.stderr
    check(waiting, "--repair", code=1)
    check(waiting)
    once(waiting)
    assert b"Hello." in waiting.message("alice")


def test_killed_while_it_repairs_it_loses_nothing_and_the_next_run_goes_on(waiting):
    rng = random.Random(7)
    for round in range(8):
        waiting.submit(MESSAGE, "alice@here.test")
        new = sorted(waiting.queued())[-1]
        path = queued_file(waiting, new)
        octets = bytearray(path.read_bytes())
        octets[rng.randrange(80)] ^= 0x41
        path.write_bytes(octets)
        process = waiting.popen("/usr/bin/strace", "-o", "/dev/null", "-e", "trace=linkat,fsync,renameat,unlinkat",
                                "-e", f"inject=linkat,fsync,renameat,unlinkat:signal=KILL:when={round + 1}",
                                waiting.lab.program("porpoise"), "check-queue", "--repair")
        process.communicate(timeout=60)
        assert process.returncode in (-signal.SIGKILL, 1, 128 + signal.SIGKILL)
        again = waiting.run("porpoise", "check-queue", "--repair")
        assert again.returncode in (0, 1), again.stdout
        check(waiting)
        assert queue_file.read(queued_file(waiting, new).read_bytes()).content.endswith(b"Hello.\n")


def test_wrong_use(waiting):
    for options in (["--nonsense"], ["operand"]):
        assert waiting.run("porpoise", "check-queue", *options).returncode == 100
    help = waiting.run("porpoise", "check-queue", "--help")
    assert help.returncode == 0 and b"--repair" in help.stdout


def test_mail_that_came_while_it_repaired_is_not_left_lying(waiting):
    """Nobody could start a send meanwhile: it does, as a submission does."""
    waiting.environment = lambda **more: type(waiting).environment(waiting, **more)
    check(waiting, "--repair")
    wait_for(lambda: waiting.messages("alice"), "the new message")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_in_a_system_instance_root_becomes_the_queues_owner(system):
    (system.instance / "queue" / "deleted").rmdir()
    done = system.run("porpoise", "check-queue", "--repair", user="root")
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.startswith(b"queue/deleted: there is no such folder: made\n")
    done = system.shell(f"stat -c %U {system.path}/queue/deleted")
    assert done.stdout == b"porpoise\n"
    done = system.run("porpoise", "check-queue", user="alice")
    assert done.returncode == 100 and b"run this as that user" in done.stderr
