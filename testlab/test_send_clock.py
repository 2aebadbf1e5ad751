"""send as a daemon while the clock is set by years, or the machine sleeps: it waits as long as it would have,
tries again, does not spin, returns nothing, and says what it saw.

It runs under the tracer (testlab/fault), whose clock is 20 times as fast as the machine's and jumps when a file
is made."""

import re
import shutil
import threading
import time

import pytest

from conftest import wait_for
from fault.points import YEAR, Strike
from fault.runs import TOOL
from fault.supervisor import Supervisor
from test_send import alone, only, read  # noqa: F401: alone is a fixture

MESSAGE = "From: carol@here.test\nSubject: hello\n\nHello.\n"
PATIENCE = 90  # of real seconds: a machine may be busy
FEW = 20_000  # readings of the clock by one that does not spin


def tracer_of(instance):
    lab = instance.lab
    base = lab.folder(instance.folder / "traced")
    tool = base / "fault"
    shutil.copy2(TOOL, tool)
    tool.chmod(0o755)
    user = {"user": lab.uid, "group": lab.gid, "extra_groups": []} if lab.root else {}
    return Supervisor(tool, lab.folder(base / "scratch"), user)


class Traced:
    """A daemon that lives by the tracer's clock."""

    def __init__(self, instance, jump):
        self.instance = instance
        self.supervisor = tracer_of(instance)
        self.base = instance.folder / "traced"
        self.jump_file = self.base / "jump"
        wall_us = int(time.time()) * 1_000_000
        strike = Strike(1, jump, f"file:{self.jump_file}", None)
        self.by_us = strike.jumps_by(wall_us)
        self.outcome = None
        self.thread = threading.Thread(target=self._run, args=(strike, wall_us), daemon=True)
        self.thread.start()
        wait_for(lambda: self.instance.run("porpoise", "status").stdout.count(b"send: running"), "send", PATIENCE)

    def _run(self, strike, wall_us):
        self.outcome = self.supervisor.run(
            "jump", [str(self.instance.lab.program("send")), "--instance", str(self.instance.path)],
            env=self.instance.environment(), cwd=self.instance.home, at=strike.at, wall_us=wall_us, by_us=self.by_us,
            limit=600)

    def jump(self):
        self.instance.lab.write(self.jump_file, "")

    def log(self):
        return (self.base / "scratch" / "out").read_text(errors="replace")

    def said(self, pattern, count=1):
        return wait_for(lambda: (m := re.findall(pattern, self.log())) and len(m) >= count and m,
                        f"{count} of {pattern} in\n{self.log()}", PATIENCE)

    def stop(self):
        pid = re.search(rb"send: running, pid (\d+)", self.instance.run("porpoise", "status").stdout)[1]
        self.instance.run("/bin/kill", pid.decode())
        self.thread.join(PATIENCE)
        assert self.outcome is not None and not self.outcome.hung
        return self.outcome

    def close(self):
        self.supervisor.process.kill()
        self.supervisor.close()


@pytest.fixture
def daemon(alone):  # noqa: F811
    """Begins one whose clock will jump so; mail for bob waits until the gate is made."""
    made = []
    gate = alone.folder / "gate"
    alone.dot_file("bob", "", f"|test -e {gate} || exit 111\n./Maildir/\n")

    def begin(jump):
        made.append(Traced(alone, jump))
        made[-1].open_gate = lambda: alone.lab.write(gate, "")
        return made[-1]

    yield begin
    for one in made:
        one.close()


@pytest.mark.parametrize("jump", ["+10y", "2150"])
def test_a_clock_that_is_set_forward_by_years_returns_nothing_at_once(alone, daemon, jump):  # noqa: F811
    traced = daemon(jump)
    alone.submit(MESSAGE, "bob@here.test", sender="alice@here.test")
    traced.said("deferral")
    traced.jump()
    seconds, = traced.said(r"warning: the clock was set by (-?\d+) s")
    assert int(seconds) > YEAR
    traced.said("deferral", 2)  # when it would have come; the next one is a day later
    traced.said("waiting msg", 2)
    assert alone.messages("alice") == [] and only(alone)
    traced.open_gate()
    assert alone.run("porpoise", "retry").returncode == 0
    wait_for(lambda: alone.messages("bob"), f"the message; log:\n{traced.log()}", PATIENCE)
    outcome = traced.stop()
    assert outcome.code == 0 and outcome.points < FEW
    assert traced.log().count("the clock was set") == 1
    assert traced.log().count("starting delivery") == 3
    assert len(alone.messages("bob")) == 1 and alone.messages("alice") == []


def test_a_clock_that_is_set_back_by_years_delays_nothing(alone, daemon):  # noqa: F811
    """The message is now from a time to come; its attempts go on as they would have, and none is the last."""
    traced = daemon("-10y")
    alone.submit(MESSAGE, "bob@here.test", sender="alice@here.test")
    identifier = only(alone)
    traced.said("deferral")
    traced.jump()
    seconds, = traced.said(r"warning: the clock was set by (-?\d+) s")
    assert int(seconds) < -YEAR
    traced.said("deferral", 3)
    assert read(alone, identifier).status == ["waiting"]
    traced.open_gate()
    wait_for(lambda: alone.messages("bob"), f"the message; log:\n{traced.log()}", PATIENCE)
    outcome = traced.stop()
    assert outcome.code == 0 and outcome.points < FEW
    assert alone.queued() == [] and alone.messages("alice") == []


def test_after_days_of_sleep_what_waits_is_tried_at_once_and_nothing_is_said_of_the_clock(alone, daemon):  # noqa: F811
    traced = daemon("suspend")
    alone.submit(MESSAGE, "bob@here.test", sender="alice@here.test")
    traced.said("deferral", 2)
    traced.jump()
    traced.open_gate()
    wait_for(lambda: alone.messages("bob"), f"the message; log:\n{traced.log()}", PATIENCE)
    outcome = traced.stop()
    assert outcome.code == 0 and outcome.points < FEW
    assert "the clock was set" not in traced.log()
    assert alone.queued() == [] and alone.messages("alice") == []


def test_what_a_crash_has_left_in_tmp_is_swept_after_36_hours(alone):  # noqa: F811
    """By the next send that starts, or looks again; a younger one is somebody's."""
    left = alone.lab.write(alone.path / "queue/tmp/left", "half a message")
    folder = alone.lab.folder(alone.path / "queue/tmp/folder")
    supervisor = tracer_of(alone)
    try:
        for hours, there in ((35, True), (37, False)):
            outcome = supervisor.run(
                "none", [alone.lab.program("send"), "--once", "--instance", str(alone.path)], env=alone.environment(),
                cwd=alone.home, wall_us=int((time.time() + hours * 3600) * 1_000_000))
            assert outcome.code == 0 and left.exists() == there, outcome.stderr
    finally:
        supervisor.close()
    assert folder.exists()
