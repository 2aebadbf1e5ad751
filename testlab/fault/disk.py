"""The full disk, really: the world on a tmpfs of its own, in a mount namespace of its own, whose
size is set so that each page, or each inode, that a step needs is once the first that is missing.
Then there is room again, and everything must go on. No privilege needed where user namespaces are
allowed."""

import ctypes
import errno
import os
import time

from fault.points import Strike
from fault.runs import Recording
from fault.supervisor import end_with_parent
from invariants import Checker, read_tree

MODES = ("blocks", "inodes", "readonly", "fsize")
BLOCK = 4096
ROOMY = 64 << 20
EVERY_LEVEL = range(1000)  # so many of anything no single step needs
SOME_LEVELS = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987)
FILE_SIZES = (1, 79, 81, 400, 1000, 4095, 4097, 8000, 20_000, 65_536, 70_000)

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_RDONLY, MS_NOSUID, MS_REMOUNT, MS_REC, MS_PRIVATE = 1, 2, 32, 16384, 1 << 18

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def own_mounts():
    """This process, which must have one thread, gets a mount namespace of its own; without
    privilege by a user namespace in which it stays who it is."""
    end_with_parent()
    uid, gid = os.geteuid(), os.getegid()
    _call("unshare", CLONE_NEWNS | (CLONE_NEWUSER if uid else 0))
    if uid:
        for file, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{file}", "w") as out:
                out.write(text)
    _call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)


class Disk:
    """A tmpfs at `folder` that has so much room as is said."""

    def __init__(self, folder, uid, gid):
        self.folder = os.fsencode(folder)
        data = f"size={ROOMY},nr_inodes=10000,mode=755,uid={uid},gid={gid}".encode()
        _call("mount", b"tmpfs", self.folder, b"tmpfs", MS_NOSUID, data)
        assert os.statvfs(folder).f_blocks == ROOMY // BLOCK, "this is not the disk that was mounted"

    def _again(self, data, flags=0):
        _call("mount", b"tmpfs", self.folder, b"tmpfs", MS_REMOUNT | MS_NOSUID | flags, data.encode())

    def room(self):
        self._again(f"size={ROOMY},nr_inodes=10000")

    def limit(self, what, left):
        """Leaves that much: blocks or inodes."""
        now = os.statvfs(self.folder)
        if what == "blocks":
            self._again(f"size={max(1, now.f_blocks - now.f_bfree + left) * BLOCK}")  # size=0: no limit
        elif what == "inodes":
            self._again(f"nr_inodes={now.f_files - now.f_ffree + left}")
        elif what == "readonly":
            # The kernel lets go of the folders that a Landlock domain named a moment after its processes have ended.
            for patience in range(200):
                try:
                    return self._again("", MS_RDONLY)
                except OSError as error:
                    if error.errno != errno.EBUSY or patience == 199:
                        raise
                    time.sleep(0.02)


class DiskRecording(Recording):
    """A workload whose steps meet the limits of a disk. To be made after own_mounts()."""

    def __init__(self, workload, lab, base, named_files="0"):
        super().__init__(workload, lab, base, named_files)
        self._well = {}
        self.disk = Disk(self.world.folder, self.world.lab.uid, self.world.lab.gid)

    def strikes(self, mode):
        """Those whose number is known beforehand; see stepped() for blocks and inodes."""
        if mode in ("blocks", "inodes"):
            return []
        if mode == "readonly":
            return [Strike(step.number, "readonly", 0, None) for step in self.steps]
        return [Strike(step.number, "fsize", size, None) for step in self.steps for size in FILE_SIZES]

    def stepped(self, step, mode, levels):
        """Runs with ever more room, until nothing of the step fails for want of it; how many."""
        for runs, left in enumerate(levels, 1):
            if not self.strike(Strike(step.number, mode, left, None)):
                return runs
        raise AssertionError(f"step {step.number} of {self.workload.name} still wants {mode} with {left} of them")

    def strike(self, strike):
        """True: the step was hindered."""
        step = self.steps[strike.step - 1]
        self.disk.room()
        well = self._undisturbed(step)
        self.world.set_back(step)
        self.disk.limit(strike.what, strike.at)
        outcome = self.world.run(step, "list", fsize=strike.at if strike.what == "fsize" else 0)
        self.disk.room()
        hindered = step.meant(outcome.code) != 0 or self._done(step) != well
        self.judge(strike, outcome)
        return hindered

    def _done(self, step):
        """What the step has brought about, whatever the names."""
        tree = read_tree(self.world.folder, self.world.layout)
        found = Checker(step.known_after(step.events["handed-in"]), self.world.layout).summary(tree)
        return found.copies, found.status, found.notices, found.queued_notices

    def _undisturbed(self, step):
        if step.number not in self._well:
            self.world.set_back(step)
            self.world.run(step, "list")
            self._well[step.number] = self._done(step)
        return self._well[step.number]
