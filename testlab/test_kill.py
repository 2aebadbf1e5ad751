"""Killed at any point, nothing acknowledged is lost and nothing partial appears.

The accepting and the delivering side are killed before and after each of their state-changing
system calls, the whole process tree at once or the calling process alone (testlab/fault). Every
call is tried with PORPOISE_FULL=1, else every few."""

import os
import re
import shutil

import pytest

from conftest import BUILD, TOP

FULL = bool(os.environ.get("PORPOISE_FULL"))
KILLED = 200
NOT_REACHED = 201
BODY = "".join(f"line {n} {'x' * 60}\n" for n in range(300))  # more than one page, so that it can be cut


def text(subject):
    return f"Subject: {subject}\n\n{BODY}end of {subject}\n"


@pytest.fixture
def fault(lab):
    tool = lab.base / "fault"
    if not tool.exists():
        shutil.copy2(BUILD.parent / "lab" / "fault", tool)
        tool.chmod(0o755)
    return tool


def points(instance, fault, *command, env, input=b""):
    """The calls that change something when nothing kills the tree; the run counts as a good one."""
    done = instance.run(fault, "list", "-", *command, env=env, input=input)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stderr.decode(errors="replace").splitlines()]
    found = [line[0] for line in lines if len(line) > 4 and line[3] == "changes" and line[4] != "early"]
    assert len(found) > 3, done.stderr
    return found


def chosen(found, step):
    return found[:: 1 if FULL else step]


def is_whole(octets):
    subject = re.search(rb"^Subject: (.*)$", octets, re.M)
    return subject is not None and octets.endswith(text(subject[1].decode()).encode())


def delivered(instance, name):
    """{subject: how often}, each message checked to be whole."""
    counts = {}
    for file in instance.messages(name):
        octets = file.read_bytes()
        assert is_whole(octets), f"partial message {file.name}"
        subject = re.search(rb"^Subject: (.*)$", octets, re.M)[1].decode()
        counts[subject] = counts.get(subject, 0) + 1
    return counts


@pytest.mark.parametrize("named", ["0", "1"])
@pytest.mark.parametrize("program", ["sendmail", "inject"])
def test_a_killed_submission_is_whole_or_absent(instance, fault, program, named):
    env = instance.environment(PORPOISE_NO_SEND="1", PORPOISE_NAMED_FILES=named)
    command = (instance.lab.program(program), "alice@here.test")
    found = points(instance, fault, *command, env=env, input=text("count").encode())
    acknowledged, killed = {"count"}, set()
    for mode in ("before", "after"):
        for n in found:
            subject = f"{mode} {n}"
            code = instance.run(fault, mode, n, *command, env=env, input=text(subject)).returncode
            assert code in (KILLED, NOT_REACHED), code
            (killed if code == KILLED else acknowledged).add(subject)
    assert len(killed) == 2 * len(found)
    done = instance.run("send", "--once")
    assert done.returncode == 0, done.stderr
    counts = delivered(instance, "alice")
    assert acknowledged <= set(counts), acknowledged - set(counts)
    assert set(counts) <= acknowledged | killed
    assert set(counts.values()) == {1}
    assert instance.queued() == []


@pytest.mark.parametrize("mode", ["before", "after", "one-before"])
def test_a_killed_delivery_is_finished_by_the_next_start(instance, fault, mode):
    quiet = instance.environment(PORPOISE_NO_SEND="1")
    send = (instance.lab.program("send"), "--once")

    def submit(subject):
        done = instance.run("sendmail", "-i", "alice@here.test", input=text(subject), env=quiet)
        assert done.returncode == 0, done.stderr

    submit("count")
    found = points(instance, fault, *send, env=quiet)
    struck = 0
    for n in chosen(found, 3):
        submit(f"{mode} {n}")
        struck += instance.run(fault, mode, n, *send, env=quiet).returncode != NOT_REACHED
        for _ in range(3):  # the first may find that the killed one's deliveries are still ending
            assert instance.run("send", "--once", "--retry", env=quiet).returncode == 0
            if not instance.queued():
                break
        counts = delivered(instance, "alice")
        assert instance.queued() == [], instance.run("qread").stdout.decode()
        assert 1 <= counts[f"{mode} {n}"] <= 2, "a crash repeats a delivery at most once"
    assert struck > len(chosen(found, 3)) // 2, f"{struck} of {len(found)} points were reached"


def test_a_killed_daemon_loses_nothing_and_repeats_no_recorded_recipient(instance):
    """SIGKILL of everything while one recipient waits: what was recorded is not done again."""
    instance.start()
    (instance.home_of("bob") / "Maildir").rename(instance.home_of("bob") / "away")
    instance.submit(text("two"), "alice@here.test", "bob@here.test")
    instance.message("alice")
    from conftest import wait_for
    wait_for(lambda: b"next try" in instance.run("qread").stdout, "bob's deferral in the queue")
    instance.close()
    instance.runner = None
    (instance.home_of("bob") / "away").rename(instance.home_of("bob") / "Maildir")
    instance.start()
    assert instance.run("porpoise", "retry").returncode == 0
    instance.message("bob")
    instance.settle()
    assert delivered(instance, "alice") == {"two": 1}
    assert delivered(instance, "bob") == {"two": 1}
