"""The bugs that the lab must find in every run, where, and by which rule. A control that is not
found is an error of the lab."""

import collections

Control = collections.namedtuple("Control", "plant workload fail rules")
# fail: which call strace lets fail with EIO, (name, number), in each process of the run

CONTROLS = [
    Control("no-file-sync", "maildir", None, {"I1", "I2"}),
    Control("no-folder-sync", "maildir", None, {"I1"}),
    Control("link-before-sync", "maildir", None, {"I2"}),
    Control("sync-again", "maildir", ("fsync", 1), {"I1", "I2"}),
    Control("early-success", "maildir", None, {"I1", "I2"}),
    Control("no-file-sync", "deliver", None, {"I1", "I2"}),
    Control("no-folder-sync", "deliver", None, {"I1"}),
    Control("link-before-sync", "deliver", None, {"I2"}),
    Control("rename-to-move", "retry", None, {"I1"}),
    Control("early-acknowledge", "deliver", None, {"I1", "I2"}),
    Control("early-success", "deliver", None, {"I1", "I2"}),
    Control("no-folder-sync", "smtp", None, {"I1"}),
    Control("no-file-sync", "submit", None, {"I1", "I2"}),
    Control("no-folder-sync", "submit", None, {"I1"}),
    Control("early-success", "system", None, {"I1", "I2"}),
    Control("no-file-sync", "run", None, {"I1", "I2"}),
]

# What the block layer sees on ext4 too: it fails no system call, and ext4 makes a new file's
# data durable before its name and renames in one step, so that link-before-sync and
# rename-to-move lose nothing there.
ON_DISK = [c for c in CONTROLS if not c.fail and c.plant not in ("link-before-sync", "rename-to-move")]

# Recordings of the product itself in which a sync fails: what it says then must still hold.
FAILING = [
    ("maildir", ("fsync", 1)),
    ("maildir", ("fsync", 2)),
    ("deliver", ("fsync", 1)),
    ("deliver", ("fsync", 2)),
    ("retry", ("fsync", 1)),
    ("retry", ("fsync", 2)),
    ("retry", ("fsync", 3)),
    ("bounce", ("fsync", 2)),
    ("many", ("fsync", 3)),
    ("mbox", ("fsync", 1)),
    ("mbox", ("fsync", 2)),
    ("submit", ("fsync", 1)),
    ("submit", ("fsync", 2)),
    ("smtp", ("fsync", 1)),
    ("smtp", ("fsync", 4)),
    ("system", ("fsync", 1)),
    ("system", ("fsync", 2)),
]
