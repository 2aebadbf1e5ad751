"""Where a run can be struck, and by what: the points of a listing (tracer.h) and what fits each."""

import collections
import errno
import random

class Point(collections.namedtuple("Point", "at program kind changes begun object")):
    """`at`: NODE:CALL:K, the K-th call of that name that a process makes."""

    @property
    def node(self):
        return self.at.partition(":")[0]

    @property
    def call(self):
        return self.at.split(":")[1]


# What a call of each kind may answer on a machine at fault. Only regular files and folders can be
# on a full or failing disk; EMFILE and ENOMEM can happen to whatever makes a descriptor.
DISK_FULL = ("ENOSPC", "EDQUOT")
FITS = {
    "open": ("EMFILE", "EIO", "ENOMEM", "EINTR"),
    "create": (*DISK_FULL, "EIO", "EMFILE", "ENOMEM", "EROFS", "EINTR"),
    "read": ("EIO", "EINTR"),
    "write": (*DISK_FULL, "EIO", "EINTR"),
    "sync": ("EIO", *DISK_FULL, "EINTR"),
    "name": (*DISK_FULL, "EIO", "ENOMEM", "EROFS"),
    "remove": ("EIO", "EROFS", "ENOMEM"),
    "size": (*DISK_FULL, "EIO", "EINTR", "EROFS"),
    "attribute": ("EIO", "EROFS"),
    "close": ("EIO", "EINTR", *DISK_FULL),
    "descriptor": ("EMFILE", "ENOMEM"),
    "process": ("EAGAIN", "ENOMEM"),
    "exec": ("ENOMEM", "EIO"),
    "memory": ("ENOMEM",),
    "lock": ("EINTR", "ENOLCK"),
    "look": ("EIO", "ENOMEM"),
    "wait": ("EINTR",),
}
PIPES = {"read": ("EINTR",), "write": ("EINTR", "EPIPE"), "close": ()}
# These pass a message on to a program, which may stop reading when it likes: EPIPE says that it did, and would be a
# lie while it reads.
FEEDERS = frozenset(["preline", "predate"])
SHORT = frozenset(["read", "pread64", "readv", "write", "pwrite64", "writev", "pwritev", "copy_file_range", "sendfile", "splice"])
NEEDS_ROOM = frozenset(["create", "write", "name", "size"])

KILLS = ("before", "after", "one-before", "one-after")
MODES = ("kill", "error", "short", "full")  # by the tracer; those of the disk are in disk.py


class Strike(collections.namedtuple("Strike", "step what at point")):
    """What is done where, in which step. `what`: one of KILLS, an errno, an errno with "+" (from
    there on every call that needs room fails), "short", or a limit of the disk (disk.py)."""

    @property
    def name(self):
        """What --only takes."""
        return f"{self.step}/{self.what}/{self.at}"

    @property
    def act(self):
        if self.what in KILLS:
            return self.what
        if self.what == "short":
            return "shorten"
        return "error-from" if self.what.endswith("+") else "error"

    @property
    def error(self):
        return getattr(errno, self.what.rstrip("+"), 0)

    def __str__(self):
        p = self.point
        return f"{self.name} ({p.program}, {p.object or '-'})" if p else self.name


def parse(listing):
    points = []
    for line in listing.splitlines():
        at, program, kind, changes, begun, obj = line.split("\t", 5)
        ours = not program.startswith("python")  # that is a driver of the lab: it is killed, but its calls work
        points.append(Point(at, program, kind, changes == "changes", begun == "main" and ours, obj))
    return points


def _is_file(point):
    return point.object.startswith("/") and not point.object.startswith(("/dev/null", "/dev/tty", "/proc/"))


def errors_of(point):
    if point.object in ("anon_inode", "nohang"):  # events and signals: they neither block nor fail
        return ()
    if point.kind in PIPES and not _is_file(point):
        return [e for e in PIPES[point.kind] if e != "EPIPE" or point.program not in FEEDERS]
    if point.call == "sync_file_range":
        return ("EIO",)
    return FITS[point.kind]


def without_alike(points):
    """Of processes that make the same calls in the same order, as deliveries to many recipients
    do, the first two and the last."""
    shapes = collections.defaultdict(list)
    for point in points:
        shapes[point.node].append((point.program, point.call, point.kind))
    alike = collections.defaultdict(list)
    for node, shape in shapes.items():
        alike[tuple(shape)].append(node)
    kept = {node for nodes in alike.values() for node in (*nodes[:2], nodes[-1])}
    return [point for point in points if point.node in kept]


def strikes(step, points, mode):
    """All that is to be tried in a step, in a fixed order."""
    found = []

    def add(what, point):
        found.append(Strike(step, what, point.at, point))

    alone = len({point.node for point in points}) == 1
    for point in without_alike(points):
        # Before main() begins it is libc that speaks, and other people's programs speak always.
        if mode == "kill" and point.changes:
            for what in KILLS:
                if not (alone and what.startswith("one")):  # that is the whole tree there
                    add(what, point)
        if mode == "error" and point.begun:
            for what in errors_of(point):
                add(what, point)
        if mode == "short" and point.begun and point.call in SHORT and point.object not in ("stderr", "anon_inode"):
            add("short", point)
        if mode == "full" and point.begun and point.kind in NEEDS_ROOM and _is_file(point):
            add("ENOSPC+", point)
    return found


def sample(everything, count, seed):
    """At most `count` of it, the same for the same seed, spread over all kinds of strike."""
    if count is None or count >= len(everything):
        return list(everything)
    chooser = random.Random(seed)
    groups = collections.defaultdict(list)
    for place, strike in enumerate(everything):
        groups[strike.what, strike.point.kind if strike.point else ""].append(place)
    for group in groups.values():
        chooser.shuffle(group)
    chosen = set()
    while len(chosen) < count:
        for key in sorted(groups):
            if groups[key] and len(chosen) < count:
                chosen.add(groups[key].pop())
    return [everything[place] for place in sorted(chosen)]
