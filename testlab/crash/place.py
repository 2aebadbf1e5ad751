"""A temporary folder and the programs in it, of which nothing stays: not even when the lab is
killed, for a process of its own waits for that and cleans up."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from conftest import BUILD, Lab

PLANT = pathlib.Path(os.environ.get("PORPOISE_PLANT", BUILD.parent / "lab" / "plant"))

JANITOR = """
import os, shutil, signal, sys, time
base = sys.argv[1].encode()
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdin.buffer.read()
for _ in range(200):
    left = 0
    for name in os.listdir("/proc"):
        try:
            if not name.isdigit() or int(name) == os.getpid():
                continue
            with open(f"/proc/{name}/cmdline", "rb") as a, open(f"/proc/{name}/environ", "rb") as b:
                if base in a.read() + b.read():
                    os.kill(int(name), signal.SIGKILL)
                    left += 1
        except OSError:
            pass
    shutil.rmtree(base, ignore_errors=True)
    if not left and not os.path.exists(base):
        break
    time.sleep(0.02)
"""


class Place:
    """`plant`: the name of a bug; the programs are then those of lab/plant where it has them."""

    def __init__(self, worker=0, plant=None, folder=None):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="porpoise-crash-", dir=folder))
        self.base.chmod(0o755)
        self._janitor = subprocess.Popen(
            [sys.executable, "-c", JANITOR, str(self.base)], stdin=subprocess.PIPE, start_new_session=True)
        try:
            self.lab = Lab(self.base, worker)
            if plant:
                self._plant(plant)
        except BaseException:
            self.close()
            raise

    def _plant(self, plant):
        self.lab.bin = self.copy_with_plant(plant)

    def copy_with_plant(self, plant):
        """The programs in a folder of the bug's name, by which they know it."""
        bin = self.base / f"plant-{plant}"
        shutil.copytree(self.lab.bin, bin, symlinks=True)
        planted = sorted(PLANT.iterdir())
        assert planted, f"nothing in {PLANT}"
        for program in planted:
            shutil.copy2(program, bin / program.name)
            (bin / program.name).chmod(0o755)
        return bin

    def fresh(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="w-", dir=self.base))
        folder.chmod(0o755)
        return self.lab.own(folder)

    def close(self):
        self._janitor.stdin.close()
        self._janitor.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def lab_of(base, bin_, uid):
    """A Lab whose programs are there already."""
    lab = Lab.__new__(Lab)
    lab.base, lab.bin, lab.root = pathlib.Path(base), pathlib.Path(bin_), os.geteuid() == 0
    lab.uid = lab.gid = uid
    return lab
