"""A disk that is full, really: on a tmpfs of its own, each workload finds ever more pages or inodes,
from none on, until it has enough; or a disk that became read-only, or a limit on file sizes. Then
there is room again, and everything goes on (testlab/fault/disk.py)."""

import json
import os
import subprocess
import sys

import pytest

from conftest import TOP
from fault import disk
from workloads import WORKLOADS, that_run_here

FULL = bool(os.environ.get("PORPOISE_FULL"))


@pytest.mark.parametrize("workload", sorted(WORKLOADS))
def test_a_full_disk_delays_and_loses_nothing(tmp_path, workload):
    if workload not in that_run_here():
        pytest.skip("needs root: a system instance has several users")
    figures = tmp_path / "figures"
    options = ["--workload", workload, *(o for mode in disk.MODES for o in ("--mode", mode))]
    done = subprocess.run(
        [sys.executable, str(TOP / "testlab" / "lab"), "fault", "--jobs", "1", "--json", figures, *options,
         *(["--full"] if FULL else ["--points", "40"])], capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    result, = json.loads(figures.read_text())["results"]
    assert result["findings"] == [] and result["runs"] >= 10
    hindered = sum(n for end, n in result["ends"].items() if not end.endswith(" 0"))
    assert hindered > 0, "the disk was never full"
