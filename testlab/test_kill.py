"""Killed at any point, nothing acknowledged is lost and nothing partial appears.

Each submission is killed at every call that changes something, with unnamed and with named
temporary files; a delivering tree at a sample of them (every one with PORPOISE_FULL=1). What must
hold then is testlab/invariants.py's to say: among it that an acknowledged message arrives once,
that a killed one arrives whole or not at all, and that a crash repeats a delivery at most once.
All other workloads, and errors, are in test_fault.py."""

import os

import pytest

from conftest import wait_for
from fault import points
from fault.runs import Recording
from workloads import SubmitAndDeliver

FULL = bool(os.environ.get("PORPOISE_FULL"))


@pytest.fixture(scope="module")
def recorded(lab):
    """recorded(named_files): the workload `deliver`, recorded once."""
    made = {}

    def record(named):
        if named not in made:
            made[named] = Recording(SubmitAndDeliver(), lab, lab.base / f"kill-{named}", named_files=named)
        return made[named]

    yield record
    for recording in made.values():
        recording.close()


def kill(recording, strikes):
    before = recording.runs
    for strike in strikes:
        recording.strike(strike)
    assert recording.runs == before + len(strikes) and strikes
    assert recording.findings == []


@pytest.mark.parametrize("named", ["0", "1"])
@pytest.mark.parametrize("program", ["sendmail", "inject"])
def test_a_killed_submission_is_whole_or_absent(recorded, program, named):
    recording = recorded(named)
    step = max(s.number for s in recording.steps if s.program == program)
    strikes = points.strikes(step, recording.steps[step - 1].points, "kill")
    assert len(strikes) >= 10 and {s.point.call for s in strikes} >= {"write", "fsync", "linkat"}
    kill(recording, strikes)
    assert recording.ends[program, 200] >= len(strikes)


@pytest.mark.parametrize("what", points.KILLS)
def test_a_killed_delivery_is_finished_by_the_next_start(recorded, what):
    recording = recorded("0")
    step = recording.steps[-1]
    assert step.program == "send"
    everything = [s for s in points.strikes(step.number, step.points, "kill") if s.what == what]
    chosen = points.sample(everything, None if FULL else 20, 1)
    unreached = recording.unreached
    kill(recording, chosen)
    assert recording.unreached - unreached <= len(chosen) // 4


def text(subject):
    return f"Subject: {subject}\n\nThis is {subject}.\n"


def test_a_killed_daemon_loses_nothing_and_repeats_no_recorded_recipient(instance):
    """SIGKILL of everything while one recipient waits: what was recorded is not done again."""
    instance.start()
    (instance.home_of("bob") / "Maildir").rename(instance.home_of("bob") / "away")
    instance.submit(text("two"), "alice@here.test", "bob@here.test")
    instance.message("alice")
    wait_for(lambda: b"next try" in instance.run("qread").stdout, "bob's deferral in the queue")
    instance.close()
    instance.runner = None
    (instance.home_of("bob") / "away").rename(instance.home_of("bob") / "Maildir")
    instance.start()
    assert instance.run("porpoise", "retry").returncode == 0
    assert instance.message("bob").endswith(text("two").encode())
    instance.settle()
    assert instance.message("alice").endswith(text("two").encode())
