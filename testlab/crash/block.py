"""Power loss on real file systems: the writes and flushes of a disk are recorded while a workload
runs on it (blkrec), and the disks that a power loss could have left are mounted and judged
(replay, with block_check.py as its checker).

All of it runs as root in mount and process namespaces of its own (block_layer.py)."""

import dataclasses
import json
import os
import pathlib
import shutil
import struct
import subprocess
import time

import workloads
from conftest import BUILD
from invariants import Layout, Ledger

TOOLS = pathlib.Path(os.environ.get("PORPOISE_LAB", BUILD.parent / "lab"))
SECONDS = 300  # longer takes no recording; blkrec dies then, and what waits for it gets EIO

# What each file system needs; sizes as small as it takes, since states are compared whole.
FILE_SYSTEMS = {
    "ext4": ("16M", ["mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"], ""),
    "xfs": ("32M", ["mkfs.xfs", "-q", "-f", "-K", "--unsupported"], "nouuid"),
    "btrfs": ("128M", ["mkfs.btrfs", "-q", "-f", "-K"], ""),
}

_HEAD = struct.Struct("<IIQQ")
MARK, FLUSH = 4, 2


class BlockError(Exception):
    """The recording went wrong: of the lab, not of what it tests."""


def _call(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, timeout=120)
    if done.returncode != 0:
        raise BlockError(f"{command[0]}: {done.stderr.decode(errors='replace').strip()[-500:]}")
    return done.stdout.decode().strip()


class BlockWorld(workloads.World):
    """Runs steps as they are; what they promise becomes a mark between the writes."""

    mark_file = None

    def note(self, event, subject):
        self.ledger.note(event, subject)
        self.mark(str(len(self.ledger.events) - 1))

    def mark(self, text):
        if self.mark_file is not None:
            os.pwrite(self.mark_file, text.encode(), 0)


def attach(world, saved):
    """Makes a world see what another has set up in the same folder."""
    world.ledger = Ledger.from_json(saved["ledger"])
    world.layout = Layout(**saved["layout"])
    world.named_files = saved["named_files"]
    if world.layout.queue:
        world.instance = workloads.existing_instance(world.lab, world.folder, world.layout)


def saved_form(world):
    return {
        "ledger": world.ledger.as_json(),
        "layout": dataclasses.asdict(world.layout),
        "named_files": world.named_files,
    }


def unmount(folder):
    """Whoever still uses it, the loop device of a mount just taken down too, is a moment away from
    its end."""
    for _ in range(500):
        if subprocess.run(["umount", folder], capture_output=True).returncode == 0:
            return
        time.sleep(0.02)
    subprocess.run(["umount", "-l", folder], capture_output=True)


class Mounted:
    """A device on a folder, taken down in the order that works, whatever happened."""

    def __init__(self, disk, folder, type_, options=""):
        self.folder, self.disk = folder, disk
        self.loop = _call("losetup", "-f", "--show", disk)
        try:
            _call("mount", "-t", type_, "-o", options or "defaults", self.loop, folder)
        finally:
            _call("losetup", "-d", self.loop)  # goes with its last user

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        subprocess.run(["sync", "-f", self.folder], capture_output=True)  # never a bare sync
        unmount(self.folder)
        # A copy of the mount in somebody's namespace would keep it alive, and the disk half written.
        held = pathlib.Path("/sys/block") / pathlib.Path(self.loop).name / "loop" / "backing_file"
        for _ in range(500):
            if not held.exists() or held.read_text().rstrip("\n") != str(self.disk):
                return
            time.sleep(0.02)
        if kind is None:
            raise BlockError(f"{self.loop} is still in use after the umount")


class Recorder:
    """blkrec on a base image."""

    def __init__(self, folder, base, log):
        self.folder = folder
        folder.mkdir()
        self.log = log
        self.daemon = subprocess.Popen([TOOLS / "blkrec", folder, base, log, str(SECONDS)])
        end = time.monotonic() + 20
        while not (folder / "disk.img").exists():
            if self.daemon.poll() is not None or time.monotonic() > end:
                self.daemon.kill()
                raise BlockError("blkrec did not start")
            time.sleep(0.005)

    def __enter__(self):
        self.mark_file = os.open(self.folder / "mark", os.O_WRONLY)
        return self

    def __exit__(self, kind, *_):
        os.close(self.mark_file)
        unmount(self.folder)
        try:
            code = self.daemon.wait(30)
        except subprocess.TimeoutExpired:
            self.daemon.kill()  # the way out: the kernel fails what still waits for it
            code = self.daemon.wait()
        if code != 0 and kind is None:
            raise BlockError(f"blkrec ended with {code}")


def record(workload, lab, folder, type_="ext4", named_files="0"):
    """Makes folder/base.img, log.bin and recording.json; the disk is mounted at folder/disk."""
    size, mkfs, options = FILE_SYSTEMS[type_]
    lab = workloads.lab_for(workload, lab)
    base, disk = folder / "base.img", folder / "disk"
    disk.mkdir()
    with open(base, "wb") as file:
        file.truncate(int(size[:-1]) << 20)
    _call(*mkfs, base)
    world = BlockWorld(lab, disk / "world", folder / "gate")
    world.named_files = named_files
    with Mounted(base, disk, type_, options):
        lab.folder(world.folder)
        workload.set_up(world)
    log = folder / "log.bin"
    with Recorder(folder / "fuse", base, log) as recorder:
        with Mounted(folder / "fuse" / "disk.img", disk, type_, options):
            world.mark_file = recorder.mark_file
            world.mark("begin")
            workload.run(world)
            world.mark("end")
            world.mark_file = None
    place_events(world.ledger, log)
    saved = saved_form(world)
    saved["codes"] = [[str(c), code, text.decode(errors="replace")] for c, code, text in world.codes]
    (folder / "recording.json").write_text(json.dumps(saved))
    return saved


def records(log):
    """(index, kind, data of a mark) of each record."""
    octets = memoryview(log.read_bytes())
    at = index = 0
    while at < len(octets):
        kind, length, _, _ = _HEAD.unpack_from(octets, at)
        at += _HEAD.size
        yield index, kind, bytes(octets[at : at + length]) if kind == MARK else b""
        at += length
        index += 1


def place_events(ledger, log):
    """Gives each event the position of its mark; those of set_up hold from the beginning."""
    places, flushes, last = {}, 0, 0
    for index, kind, text in records(log):
        flushes += kind == FLUSH
        last = index
        if kind == MARK and text.isdigit():
            places[int(text)] = index
    if not places or not flushes:
        raise BlockError(f"nothing was recorded: {len(places)} marks, {flushes} flushes, {last} records")
    ledger.events = [(places.get(n, -1), event, subject) for n, (_, event, subject) in enumerate(ledger.events)]


def replay(folder, workload, lab, type_, seed, count, recover_every, only=None, subsets=4):
    """Mounts and judges states; the checker's result as a dictionary."""
    result = folder / "result.json"
    options = ["--seed", seed, "--subsets", subsets, "--count", count or 0]
    if FILE_SYSTEMS[type_][2]:
        options += ["--options", FILE_SYSTEMS[type_][2]]
    if only is not None:
        options += ["--only", only]
    checker = ["/usr/bin/python3", "-B", pathlib.Path(__file__).with_name("block_check.py"), folder, workload,
               lab.bin, lab.uid, recover_every, result]
    command = [TOOLS / "replay", *options, folder / "base.img", folder / "log.bin", type_, folder / "disk", "--", *checker]
    done = subprocess.run([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode != 0 or not result.exists():
        raise BlockError(f"replay ended with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    found = json.loads(result.read_text())
    found["replay"] = done.stderr.decode().strip().splitlines()[-1]
    return found


def keep(folder, target):
    """Copies what is needed to repeat a state."""
    target = pathlib.Path(target)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in ("base.img", "log.bin", "recording.json"):
        subprocess.run(["cp", "--sparse=always", folder / name, target / name], check=True)
