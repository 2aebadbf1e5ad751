"""Each exit code that queue(8) names, produced: by queue itself, or by a program in its place."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from conftest import TOP, wait_for
from crash.place import PLANT
from submission import Door, envelope
from test_send_clock import tracer_of

ENVELOPE = b"Fcarol@here.test\0Talice@here.test\0\0"
MESSAGE = b"Subject: hi\n\nhello\n"
HUNDRED = b"Fa@b\0T" + b"x" * 1003 + b"\0\0"


def manual():
    section = (TOP / "man" / "queue.8").read_text().partition(".Sh EXIT STATUS")[2].partition(".Sh ")[0]
    own, _, others = section.partition("A program in its place")
    own_codes = [int(n) for n in re.findall(r"^\.It (\d+)$", own, re.M)]
    other_codes = {n for a, b in re.findall(r"\b(\d{2,3})\b(?: to\s+(\d+))?", others.partition(", at")[0])
                   for n in range(int(a), int(b or a) + 1)}
    return own_codes, sorted(other_codes)


OWN, IN_ITS_PLACE = manual()


def run(instance, message=MESSAGE, octets=ENVELOPE, limits="", program=None, **options):
    file = instance.lab.write(instance.folder / "envelope", octets)
    program = program or instance.lab.program("queue")
    return instance.run("/bin/sh", "-c", f"{limits} exec {program} 1< {file}", input=message,
                        env=instance.environment(PORPOISE_NO_SEND=1), **options)


def after(harm):
    """The code of a queue whose instance has been harmed."""
    def produce(instance):
        harm(instance)
        return run(instance)
    return produce


def too_long_a_read(instance):
    """The machine sleeps for days while it reads: the tracer's clock does."""
    lab = instance.lab
    supervisor = tracer_of(instance)
    try:
        file = lab.write(instance.folder / "message", MESSAGE)
        # The first reading is of the wall clock, for the arrival; the second begins the day that reading may take.
        outcome = supervisor.run(
            "jump", [lab.program("queue")], input=file, env=instance.environment(PORPOISE_NO_SEND=1), cwd=instance.home,
            at="0:clock_gettime:3", wall_us=10**15, by_us=(2 * 86400 * 10**6,) * 2)
        assert outcome.struck
        return subprocess.CompletedProcess([], outcome.code, outcome.stdout, outcome.stderr)
    finally:
        supervisor.close()


def told_to_end(instance):
    read, write = os.pipe()
    process = instance.popen("queue", stdin=subprocess.PIPE, stdout=read, stderr=subprocess.PIPE,
                             env=instance.environment(PORPOISE_NO_SEND=1))
    os.close(read)

    def waits():
        with open(f"/proc/{process.pid}/wchan") as wchan:
            return "poll" in wchan.read()

    wait_for(waits, "queue to wait for input")
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    os.close(write)
    return subprocess.CompletedProcess([], process.returncode, b"", process.stderr.read())


def a_bug(instance):
    place = instance.folder / "plant-throws"
    shutil.copytree(instance.lab.bin, place, symlinks=True)
    shutil.copy2(PLANT / "queue", place / "queue")
    (place / "queue").chmod(0o755)
    return run(instance, program=place / "queue")


def remove(name):
    return lambda instance: (instance.path / "queue" / name).rmdir()


def close(name):
    return lambda instance: (instance.path / "queue" / name).chmod(0o500)


PERSONAL = {
    0: run,
    11: lambda i: run(i, octets=HUNDRED),
    51: lambda i: run(i, octets=b"Fa@b\0" + b"T\0" * 1_000_001 + b"\0"),
    52: too_long_a_read,
    53: after(lambda i: i.control("minfree", "100%\n")),
    54: lambda i: run(i, octets=b"Fa@b\0"),
    55: after(lambda i: i.control("minfree", "plenty\n")),
    61: after(lambda i: (i.path / "control").rename(i.path / "gone")),
    62: after(remove("incoming")),
    63: after(close("tmp")),
    66: after(close("incoming")),
    71: told_to_end,
    81: a_bug,
    91: lambda i: run(i, octets=b"Xa\0\0"),
    100: lambda i: i.run("queue", "--nonsense"),
}
TEXTS = {52: rb"queue: reading took too long\n", 61: rb"queue: .*control.*\n", 81: rb"queue: planted\n",
         71: rb"queue: told to end by a signal\n"}


def nobody_serves(system):
    system.write("tmp/envelope", envelope("a@b", "bob@here.test"))
    return system.run("/bin/sh", "-c", "exec queue 1< /tmp/envelope", user="alice", input=MESSAGE)


def no_answer(system):
    door = Door(system).start()
    door.send_signal(signal.SIGSTOP)
    system.write("tmp/envelope", envelope("a@b", "bob@here.test"))
    system.write("tmp/message", MESSAGE)
    client = system.popen("/bin/sh", "-c", "exec queue < /tmp/message 1< /tmp/envelope", user="alice", stderr=subprocess.PIPE)

    def waits():
        with open(f"/proc/{client.pid}/wchan") as wchan, open(f"/proc/{client.pid}/comm") as name:
            return name.read() == "queue\n" and "poll" in wchan.read()

    wait_for(waits, "the client to wait")
    door.stop(signal.SIGKILL)
    client.wait(30)
    return subprocess.CompletedProcess([], client.returncode, b"", client.stderr.read())


IN_A_SYSTEM = {56: nobody_serves, 74: no_answer}


def test_no_code_of_the_manual_page_is_without_a_producer():
    assert set(OWN) == set(PERSONAL) | set(IN_A_SYSTEM) and len(OWN) > 15
    assert IN_ITS_PLACE == [31, 55, 56, 71, 72, 73, 74, 82, 115, 120]


@pytest.mark.parametrize("code", sorted(PERSONAL))
def test_queue_ends_with(instance, code):
    done = PERSONAL[code](instance)
    assert done.returncode == code, done.stderr
    assert (done.stderr == b"") == (code == 0) and done.stderr.count(b"\n") == (code != 0)
    assert re.fullmatch(TEXTS.get(code, rb"(queue: .+\n)?"), done.stderr), done.stderr
    for folder in ("tmp", "incoming"):
        at = instance.path / "queue" / folder
        assert not at.exists() or len(list(at.iterdir())) == (code == 0 and folder == "incoming")


@pytest.mark.parametrize("code", sorted(IN_A_SYSTEM))
def test_in_a_system_instance_queue_ends_with(system, code):
    done = IN_A_SYSTEM[code](system)
    assert done.returncode == code and done.stderr.startswith(b"queue: ") and done.stderr.count(b"\n") == 1, done.stderr
    for folder in ("tmp", "incoming"):
        assert list((system.instance / "queue" / folder).iterdir()) == []


PERMANENT = {11, 31, 115}


@pytest.mark.parametrize("code", sorted({*OWN, *IN_ITS_PLACE} - {0, 82, 100, 120}))
def test_a_program_in_its_place_is_understood(instance, code):
    program = instance.lab.write(instance.folder / "instead", f"#!/bin/sh\ncat >/dev/null\nexit {code}\n", 0o755)
    env = instance.environment(PORPOISE_NO_SEND=1, QMAILQUEUE=program)
    done = instance.run("inject", "-a", "alice@here.test", input=MESSAGE, env=env)
    assert done.returncode == (100 if code in PERMANENT else 111), done.stderr
    assert re.fullmatch(rb"inject: .*\(#[45]\.\d\.\d\)\n", done.stderr), done.stderr


@pytest.mark.parametrize("text, code", [("Dno, never", 100), ("Zlater, maybe", 111), ("nonsense", 111)])
def test_a_program_in_its_place_with_a_text_of_its_own(instance, text, code):
    program = instance.lab.write(instance.folder / "instead", f"#!/bin/sh\ncat >/dev/null\necho '{text}' >&6\nexit 82\n", 0o755)
    env = instance.environment(PORPOISE_NO_SEND=1, QMAILQUEUE=program)
    done = instance.run("inject", "-a", "alice@here.test", input=MESSAGE, env=env)
    assert done.returncode == code, done.stderr
    assert text == "nonsense" or text[1:].encode() in done.stderr


@pytest.mark.parametrize("how", ["missing", "a folder", "not executable", "not a program"])
def test_a_program_in_its_place_that_cannot_be_started_is_120(instance, how):
    at = instance.folder / "instead"
    if how == "a folder":
        instance.lab.folder(at)
    elif how != "missing":
        instance.lab.write(at, "\x7fELF nonsense\n", 0o755 if how == "not a program" else 0o644)
    env = instance.environment(PORPOISE_NO_SEND=1, QMAILQUEUE=at)
    done = instance.run("inject", "-a", "alice@here.test", input=MESSAGE, env=env)
    assert done.returncode == 111 and str(at).encode() in done.stderr and done.stderr.count(b"\n") == 1, done.stderr
    # A program that ends like one that could not be started is taken for that.
    program = instance.lab.write(instance.folder / "says-120", "#!/bin/sh\nexit 120\n", 0o755)
    done = instance.run("inject", "-a", "alice@here.test", input=MESSAGE, env=instance.environment(PORPOISE_NO_SEND=1, QMAILQUEUE=program))
    assert done.returncode == 111 and b"cannot be started (#4.3.0)" in done.stderr, done.stderr
