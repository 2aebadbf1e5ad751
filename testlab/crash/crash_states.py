"""Which trees a power loss may leave, after each operation of a trace.

  strict   each change of a folder that no later sync of that folder covers survives or not, on its
           own; nothing orders two of them. POSIX promises no more.
  ordered  changes of names survive in the order they were made, up to some point; any sync
           commits all before it. What ext4 and xfs do.

In both, what was written to a file and no later sync of it covers is kept, lost, cut short or
zeros, each write on its own. A sync that failed covers nothing, and no later one covers what was
before it: the kernel has forgotten that it was to be written. Only where all its pages are written
to again, it knows anew."""

import random

MODELS = ("strict", "ordered")
NEVER = 1 << 60
PAGE = 4096


class State:
    """One tree that may be there. `tree` is for the checker; `files` {path: inode} and `folders`
    {folder: path} are for materialize()."""

    __slots__ = ("point", "number", "tree", "left_out", "files", "folders", "contents")

    def octets(self, inode, on_disk):
        """Of one of its files; `on_disk`: States.octets."""
        found = self.contents.get(inode)
        return on_disk.get(inode, b"") if found is None else found


class States:
    def __init__(self, log, model, seed, areas=None):
        """`areas`: only paths that begin with one of these are in the trees."""
        self.log, self.ops, self.model, self.seed = log, with_whole_pages(log.ops), model, seed
        self.areas = tuple(areas) if areas is not None else ("",)
        self.covered = self._find_covers()

    # -- which sync makes each operation durable

    def _find_covers(self):
        """For each operation the index of the first sync that covers it."""
        covered = [NEVER] * len(self.ops)
        open_ = {}  # inode or None (names, in `ordered`): operations that nothing covers yet
        for at, op in enumerate(self.ops):
            if op[0] in ("data", "size", "name", "rename"):
                open_.setdefault(self._object(op), []).append(at)
            elif op[0] == "syncfailed":
                open_.pop(op[1], None)
            elif op[0] == "sync":
                objects = [op[1]] + [None] * (self.model == "ordered")
                self._cover(covered, open_, objects, op[2], at)
            elif op[0] == "syncall":
                self._cover(covered, open_, list(open_), op[1], at)
        return covered

    def _object(self, op):
        if self.model == "ordered" and op[0] in ("name", "rename"):
            return None
        return op[1]

    def _cover(self, covered, open_, objects, entry, at):
        for what in objects:
            left = []
            for earlier in open_.get(what, ()):
                if earlier < entry:
                    covered[earlier] = at
                else:
                    left.append(earlier)
            open_[what] = left

    # -- walking along the trace

    def points(self):
        """Yields (point, [operations that no sync covers]) with self's folders and files as they
        are on disk for certain. Point N: the first N operations have been made."""
        self.names = {}  # folder: {name: inode}, on disk
        self.octets = {}  # file: octets, on disk
        self.made = {}  # file: the operations that have made it what it is on disk
        self.mixed = set()  # files of which an older write is uncertain for ever (a failed sync)
        self._load(self.log.top)
        open_ = []
        yield 0, open_
        for at, op in enumerate(self.ops):
            if op[0] in ("data", "size", "name", "rename"):
                open_.append(at)
            else:
                durable = [k for k in open_ if self.covered[k] <= at]
                if durable:
                    open_ = [k for k in open_ if self.covered[k] > at]
                    self._commit(durable)
                    open_ = self._without_superseded(open_, durable)
            if at not in self.log.pairs:
                yield at + 1, open_

    def _load(self, folder):
        self.names[folder] = dict(folder.base_names)
        for inode in folder.base_names.values():
            if inode.kind == "d":
                self._load(inode)
            else:
                self.octets[inode] = inode.base

    def _commit(self, durable):
        for k in durable:
            op = self.ops[k]
            if op[0] in ("name", "rename"):
                apply_name(self.names.setdefault(op[1], {}), op)
            else:
                self.made.setdefault(op[1], []).append(k)
                self.octets[op[1]] = apply_data(self.octets.get(op[1], b""), op, "keep")
        self._flat = None

    def _without_superseded(self, open_, durable):
        """What a failed sync has left uncertain no longer matters where a later change of the same
        name is on disk; where a later write to the same file is, the order must be kept."""
        if not open_ or open_[0] > durable[-1]:
            return open_
        latest = {}
        for k in durable:
            op = self.ops[k]
            for name in op[2:4] if op[0] == "rename" else op[2:3]:
                latest[op[1], name if op[0] in ("name", "rename") else None] = k
        left = []
        for k in open_:
            op = self.ops[k]
            if op[0] in ("data", "size"):
                if latest.get((op[1], None), -1) > k:
                    self.mixed.add(op[1])
            elif all(latest.get((op[1], name), -1) > k for name in (op[2:4] if op[0] == "rename" else op[2:3])):
                continue
            left.append(k)
        return left

    _flat = None

    # -- states at one point

    def at(self, point, open_, count):
        """At most `count` different states: all kept, all lost, each one alone lost and alone
        kept, then at random."""
        rnd = random.Random(f"{self.seed}/{self.model}/{point}")
        names = [k for k in open_ if self.ops[k][0] in ("name", "rename")]
        data = [k for k in open_ if self.ops[k][0] in ("data", "size")]
        seen = set()
        tries = 0
        number = 0
        limit = 4 * count + 8
        for choice in self._choices(rnd, names, data):
            tries += 1
            if choice not in seen:
                seen.add(choice)
                yield self._state(point, number, names, data, choice)
                number += 1
            if number >= count or tries >= limit or not open_:
                return

    def _choices(self, rnd, names, data):
        """(names kept, what became of each write: letter and where it was cut)."""
        kept, lost = ("keep", 0), ("lose", 0)
        n = len(names)
        yield (True,) * n, (kept,) * len(data)
        yield (False,) * n, (lost,) * len(data)
        yield (True,) * n, (lost,) * len(data)
        yield (False,) * n, (kept,) * len(data)
        if self.model == "strict":
            for i in reversed(range(n)):  # the newest first: a few are all that a sample gets
                yield tuple(k != i for k in range(n)), self._fates(rnd, data)
                yield tuple(k == i for k in range(n)), (kept,) * len(data)
        while True:
            if self.model == "strict":
                share = rnd.choice((0.2, 0.5, 0.8))
                which = tuple(rnd.random() < share for _ in names)
            else:
                cut = rnd.randint(0, n)
                if 0 < cut < n and names[cut - 1] in self.log.pairs:
                    cut += 1
                which = tuple(k < cut for k in range(n))
            yield which, self._fates(rnd, data)

    def _fates(self, rnd, data):
        whole = rnd.random()
        if whole < 0.3:
            return (("keep", 0),) * len(data)
        return tuple(self._fate(rnd, k) for k in data)

    def _fate(self, rnd, k):
        op = self.ops[k]
        fate = rnd.choice(("keep", "lose", "cut", "zero"))
        if op[0] == "size":
            return ("keep" if fate in ("keep", "zero") else "lose", 0)
        return (fate, rnd.randrange(len(op[3]) + 1) if fate == "cut" else 0)

    def _flatten(self, names):
        """{path: inode} of files, {folder: path}."""
        files, folders = {}, {}

        def walk(folder, prefix):
            folders[folder] = prefix
            for name, inode in names.get(folder, {}).items():
                if inode.kind == "d":
                    walk(inode, f"{prefix}{name}/")
                else:
                    files[prefix + name] = inode

        walk(self.log.top, "")
        return files, folders

    def _state(self, point, number, names, data, choice):
        state = State()
        state.point, state.number = point, number
        kept = [k for k, keep in zip(names, choice[0]) if keep]
        files, folders = self._with_names(kept)
        octets = self.octets
        contents = {}
        if data:
            for k, (fate, cut) in zip(data, choice[1]):
                op = self.ops[k]
                if fate != "lose" and op[1] not in self.mixed:
                    before = contents.get(op[1], octets.get(op[1], b""))
                    contents[op[1]] = apply_data(before, op, fate, cut)
            for inode in self.mixed:
                contents[inode] = self._in_order(inode, data, choice[1])
        state.tree = {
            path: contents[inode] if inode in contents else octets.get(inode, b"")
            for path, inode in files.items()
            if inode.kind == "f" and path.startswith(self.areas)
        }
        state.files, state.folders, state.contents = files, folders, contents
        state.left_out = (names, data, choice)
        return state

    def _in_order(self, inode, data, fates):
        chosen = [(k, ("keep", 0)) for k in self.made.get(inode, ())]
        chosen += [(k, fate) for k, fate in zip(data, fates) if self.ops[k][1] is inode and fate[0] != "lose"]
        octets = inode.base
        for k, (fate, cut) in sorted(chosen):
            octets = apply_data(octets, self.ops[k], fate, cut)
        return octets

    def _with_names(self, kept):
        if self._flat is None:
            self._flat = self._flatten(self.names)
        if not kept:
            return self._flat
        files, folders = self._flat
        if all(self._is_simple(self.ops[k], folders) for k in kept):
            files = dict(files)
            for k in kept:
                op = self.ops[k]
                prefix = folders[op[1]]
                if op[0] == "rename":
                    files.pop(prefix + op[2], None)
                    files[prefix + op[3]] = op[4]
                elif op[3] is None:
                    files.pop(prefix + op[2], None)
                else:
                    files[prefix + op[2]] = op[3]
            return files, folders
        names = {folder: dict(held) for folder, held in self.names.items()}
        for k in kept:
            apply_name(names.setdefault(self.ops[k][1], {}), self.ops[k])
        return self._flatten(names)

    def _is_simple(self, op, folders):
        """The change of a file's name in a folder that is there."""
        inode = op[3] if op[0] == "name" else op[4]
        if op[1] not in folders:
            return False
        if inode is not None:
            return inode.kind == "f"
        held = self.names.get(op[1], {}).get(op[2])
        return held is None or held.kind == "f"

    def describe(self, state):
        """What did not survive of what can be seen, one line each."""
        names, data, (kept, fates) = state.left_out
        lost = [k for k, keep in zip(names, kept) if not keep and self._is_in_sight(k, state)]
        lines = [f"lost: {self.log.texts[k]}" for k in lost]
        seen = set(state.files.values())
        for k, (fate, cut) in zip(data, fates):
            if fate != "keep" and self.ops[k][1] in seen:
                how = {"lose": "lost", "zero": "zeros", "cut": f"cut after {cut} octets"}[fate]
                lines.append(f"{how}: {self.log.texts[k]}")
        return lines

    def _is_in_sight(self, k, state):
        """Whether the change of a name is in an area or leads to one."""
        prefix = state.folders.get(self.ops[k][1])
        return prefix is None or any(prefix.startswith(a) or a.startswith(prefix) for a in self.areas)


def with_whole_pages(ops):
    """The kernel writes pages: a write to one that a failed sync has forgotten takes along what
    was written there before."""
    ops, live, unsynced, forgotten = list(ops), {}, {}, {}
    for at, op in enumerate(ops):
        if op[0] == "syncfailed":
            forgotten.setdefault(op[1], []).extend(unsynced.pop(op[1], ()))
        elif op[0] == "sync":
            unsynced.pop(op[1], None)
        elif op[0] in ("data", "size"):
            live[op[1]] = apply_data(live.get(op[1], op[1].base), op, "keep")
            if op[0] == "data":
                begin, end = op[2], op[2] + len(op[3])
                unsynced.setdefault(op[1], []).append((begin, end))
                first, last = begin // PAGE * PAGE, -(-end // PAGE) * PAGE
                near = [(b, e) for b, e in forgotten.get(op[1], ()) if b < last and e > first]
                begin = min([begin, *(max(b, first) for b, _ in near)])
                end = max([end, *(min(e, last) for _, e in near)])
                ops[at] = ("data", op[1], begin, live[op[1]][begin:end])
    return ops


def apply_name(held, op):
    if op[0] == "rename":
        held.pop(op[2], None)
        held[op[3]] = op[4]
    elif op[3] is None:
        held.pop(op[2], None)
    else:
        held[op[2]] = op[3]


def apply_data(octets, op, fate, cut=0):
    if op[0] == "size":
        return octets[: op[2]] + bytes(max(0, op[2] - len(octets)))
    offset, written = op[2], op[3]
    if fate == "cut":
        written = written[:cut]
    elif fate == "zero":
        written = bytes(len(written))
    if len(octets) < offset:
        octets += bytes(offset - len(octets))
    return octets[:offset] + written + octets[offset + len(written) :]
