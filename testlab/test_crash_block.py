"""Power loss on real file systems: disks that a crash could have left are mounted, judged and put
to work again. The layer counts for itself, finds its own planted bugs, and leaves nothing behind."""

import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from conftest import TOP, wait_for
from crash import block_layer

LAB = [TOP / "testlab" / "lab", "crash", "block"]
FULL = bool(os.environ.get("PORPOISE_FULL"))

why = block_layer.missing()
pytestmark = pytest.mark.skipif(bool(why), reason=f"the block layer cannot run: {why}")


def loops():
    return {p.name for p in pathlib.Path("/sys/block").glob("loop*") if (p / "loop" / "backing_file").exists()}


# Of xfs and btrfs, which are slower, a part; and how many states and restarts it has at least.
PARTS = {"ext4": ([], 400, 20), "xfs": (["maildir", "retry"], 80, 6), "btrfs": (["maildir", "retry"], 80, 6)}


@pytest.mark.parametrize("filesystem", PARTS)
def test_every_disk_after_a_power_loss_keeps_the_promises(filesystem):
    workloads, states, restarts = PARTS[filesystem]
    part = ["--full"] if FULL else [word for w in workloads for word in ("--workload", w)]
    done = subprocess.run([*LAB, "--filesystem", filesystem, *part, "--jobs", "2" if FULL else "1"], capture_output=True, text=True)
    print(done.stdout[-5000:])
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    figures = re.search(rf"^block: (\d+) states on {filesystem}, (\d+) restarts, 0 did not mount, controls caught (\d+) of \3,", done.stdout, re.M)
    assert figures and int(figures[1]) >= (5000 if FULL else states) and int(figures[2]) >= restarts, done.stdout[-500:]
    assert int(figures[3]) > 0, "no control was looked for"


def test_killed_in_the_middle_nothing_stays(tmp_path):
    """The folder, the mounts, the loop devices and every process are gone a moment later."""
    before = loops()
    running = subprocess.Popen([*LAB, "--workload", "maildir", "--jobs", "1"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(tmp_path)})
    wait_for(lambda: [*tmp_path.glob("porpoise-crash-*/job-0/fuse/disk.img")] or [*tmp_path.glob("porpoise-crash-*/job-0/fuse")], "a recording")
    running.send_signal(signal.SIGKILL)
    running.wait()
    wait_for(lambda: not list(tmp_path.iterdir()), "the folder to go")
    wait_for(lambda: not any(str(tmp_path) in line for line in processes()), "the processes to go")
    wait_for(lambda: loops() <= before or time.sleep(0.1), "the loop devices to go")


def processes():
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                pass
