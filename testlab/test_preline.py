"""preline: the real program."""

import os
import pathlib
import signal
import subprocess

import pytest

from conftest import wait_for

LINES = {"UFLINE": "From bob@x.test Thu Jan 01 00:00:00 1970\n",
         "RPLINE": "Return-Path: <bob@x.test>\n", "DTLINE": "Delivered-To: joe@here.test\n"}


def run(lab, *args, input=b"S: x\n\nhi\n", without=(), **more):
    env = lab.environment(**{**LINES, **{name: None for name in without}})
    return lab.run("preline", *args, input=input, env=env, **more)


def test_help(lab):
    done = lab.run("preline", "--help")
    assert done.returncode == 0 and done.stdout.startswith(b"usage: preline ")


@pytest.mark.parametrize("args", [[], ["-f"], ["-x", "cat"], ["--what", "cat"]])
def test_a_wrong_line_is_100(lab, args):
    done = run(lab, *args)
    assert done.returncode == 100 and done.stderr.startswith(b"preline: usage: ")


@pytest.mark.parametrize("name", list(LINES))
def test_a_missing_variable_is_100(lab, name):
    done = run(lab, "cat", without=[name])
    assert done.returncode == 100 and done.stdout == b""
    assert done.stderr.decode().startswith(f"preline: {name} is not set; usage: ")


@pytest.mark.parametrize("options,expected", [
    ([], "URD"), (["-f"], "RD"), (["-r"], "UD"), (["-d"], "UR"), (["-fr"], "D"), (["-dfr"], ""),
    (["-f", "-F"], "URD"), (["-frdFRD"], "URD"), (["-dD", "-f"], "RD")])
def test_each_letter_drops_a_line_and_its_capital_takes_it_back(lab, options, expected):
    text = "".join(LINES[{"U": "UFLINE", "R": "RPLINE", "D": "DTLINE"}[c]] for c in expected)
    done = run(lab, *options, "cat")
    assert (done.stdout.decode(), done.returncode) == (text + "S: x\n\nhi\n", 0)


def test_options_of_the_program_are_its_own(lab):
    assert run(lab, "head", "-c", "4").stdout == b"From"


@pytest.mark.parametrize("code", [0, 1, 99, 100, 111, 255])
def test_the_exit_code_is_the_programs(lab, code):
    assert run(lab, "sh", "-c", f"cat >/dev/null; exit {code}").returncode == code


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize("octets", [10, 5_000_000])
def test_a_program_that_does_not_read_everything_decides_too(lab, code, octets):
    done = run(lab, "sh", "-c", f"exit {code}", input=b"x" * octets)
    assert (done.returncode, done.stderr) == (code, b"")


def test_a_program_that_crashes_is_111(lab):
    done = run(lab, "sh", "-c", "kill -9 $$")
    assert (done.returncode, done.stderr) == (111, b"preline: sh was killed by signal 9\n")


def test_a_program_that_is_not_there_is_100(lab):
    done = run(lab, "no-such-program")
    assert done.returncode == 100
    assert done.stderr == b"preline: starting no-such-program: No such file or directory\n"


def test_a_folder_is_no_program(lab):
    assert run(lab, "/tmp").returncode == 100


def test_a_message_that_cannot_be_read_is_111_and_the_program_never_sees_its_end(lab, home):
    folder = os.open(home, os.O_RDONLY)
    done = run(lab, "sh", "-c", f"cat >{home}/got; touch {home}/end", stdin=folder)
    os.close(folder)
    assert done.returncode == 111
    assert done.stderr == b"preline: reading standard input: Is a directory\n"
    assert not (home / "end").exists()


@pytest.fixture
def halfway(lab, home):
    """A preline that has passed on a line, and waits for the next; the program notes when its input ends."""
    script = f"cat >{home}/got; touch {home}/end"
    process = lab.popen("preline", "-rd", "sh", "-c", script, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                        env=lab.environment(**LINES))
    process.stdin.write(b"one\n")
    process.stdin.flush()
    got = home / "got"
    wait_for(lambda: got.exists() and got.read_bytes() == LINES["UFLINE"].encode() + b"one\n", "the first line")
    yield process
    process.kill()
    process.communicate()


def feeder_of(process):
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next(int(child) for child in children if pathlib.Path(f"/proc/{child}/comm").read_text() == "preline\n")


def test_where_it_is_killed_the_program_has_the_whole_message(home, halfway):
    halfway.kill()
    halfway.wait()
    halfway.stdin.write(b"two\n")
    halfway.stdin.close()
    halfway.stdin = None
    wait_for((home / "end").exists, "the end")
    assert (home / "got").read_bytes() == LINES["UFLINE"].encode() + b"one\ntwo\n"


def test_where_what_feeds_it_is_killed_the_program_never_sees_the_end(home, halfway):
    os.kill(feeder_of(halfway), signal.SIGKILL)
    assert halfway.wait() == 111
    assert halfway.stderr.read() == b"preline: passing on the message was killed by signal 9\n"
    assert not (home / "end").exists()
