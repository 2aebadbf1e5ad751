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

DRIVERS = frozenset(["system-step", "through-socket"])  # see testlab/drivers

KILLS = ("before", "after", "one-before", "one-after")
MODES = ("kill", "error", "short", "full")  # by the tracer; and "clock"; those of the disk are in disk.py


# Where a clock that is set, or a machine that sleeps, leaves the wall clock: by so many seconds, or at so many. With
# "~" it is right again when the step has ended.
DAY = 86400
YEAR = 365 * DAY
JUMPS = {"+10y": ("by", 10 * YEAR), "-10y": ("by", -10 * YEAR), "1970": ("to", DAY), "2100": ("to", 130 * YEAR),
         "2150": ("to", 180 * YEAR), "-10s": ("by", -10), "suspend": ("by", 3 * DAY)}
JUMPS |= {f"{name}~": jump for name, jump in JUMPS.items() if name not in ("-10s", "suspend")}
FEW_READINGS = 12


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
        if self.what in JUMPS:
            return "jump"
        return "error-from" if self.what.endswith("+") else "error"

    @property
    def error(self):
        return getattr(errno, self.what.rstrip("+"), 0)

    def jumps_by(self, wall_us):
        """(the wall clock, the one that runs in suspend), in microseconds; `wall_us`: before it."""
        if self.what not in JUMPS:
            return 0, 0
        how, seconds = JUMPS[self.what]
        by = seconds * 1_000_000 - (wall_us if how == "to" else 0)
        return by, by if self.what == "suspend" else 0

    @property
    def lasts(self):
        return not self.what.endswith("~")

    def __str__(self):
        p = self.point
        return f"{self.name} ({p.program}, {p.object or '-'})" if p else self.name


def parse(listing):
    points = []
    for line in listing.splitlines():
        at, program, kind, changes, begun, obj = line.split("\t", 5)
        ours = program not in DRIVERS  # of the lab: they are killed, but their calls work
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


def readings(points):
    """Those of a clock at which a jump may show. Between two of them in which nothing changes, one jump is like
    another, but for programs that look at it a few times only."""
    made = collections.Counter(point.node for point in points if point.kind == "clock")
    kept, fresh = [], collections.defaultdict(lambda: True)
    for point in points:
        if point.kind != "clock":
            if point.changes:
                fresh.clear()
        elif point.begun and point.object != "monotonic":
            if fresh[point.node, point.object] or made[point.node] <= FEW_READINGS:
                kept.append(point)
            fresh[point.node, point.object] = False
    return kept


def jumps(step, points):
    return [Strike(step, what, point.at, point) for point in without_alike(readings(points)) for what in JUMPS
            if point.object == "wall" or what == "suspend"]


def strikes(step, points, mode):
    """All that is to be tried in a step, in a fixed order."""
    found = []

    def add(what, point):
        found.append(Strike(step, what, point.at, point))

    if mode == "clock":
        return jumps(step, points)
    points = [point for point in points if point.kind != "clock"]
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
