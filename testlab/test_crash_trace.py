"""Power loss, from traced system calls: the real programs keep their promises in every state that
the models allow, and each planted bug is found.

R1123-5.3.3-s54-no-avoidable-loss is shown here; for kills and full disks in test_fault.py and test_full_disk.py."""

import os

import pytest

from crash import trace_layer

FULL = bool(os.environ.get("PORPOISE_FULL"))
AMOUNT = trace_layer.FULL if FULL else trace_layer.SAMPLE
SEED = 1


def worker():
    name = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return 20 + (int(name) if name.isdigit() else 0)


def judged(job):
    results = trace_layer.run_job(job, SEED, **AMOUNT, worker=worker())
    lines, good = trace_layer.summarize(job, results, SEED)
    print("\n".join(lines))
    assert good, "\n".join(lines)


@pytest.mark.parametrize("job", trace_layer.jobs(full=FULL), ids=trace_layer.name_of)
def test_every_state_after_a_power_loss_keeps_the_promises(job):
    judged(job)


@pytest.mark.parametrize("job", trace_layer.control_jobs(), ids=trace_layer.name_of)
def test_a_planted_bug_is_found(job):
    judged(job)
