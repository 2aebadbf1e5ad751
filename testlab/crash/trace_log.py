"""An strace log (-f -y -xx) becomes a list of operations on a model of the files below one root.

Descriptor tables are followed through threads, fork, exec, dup and close-on-exec; unnamed files
through linkat(/proc/self/fd/N). Where the log says more than the model knows (a write to a
descriptor of unknown origin below the root, memory mapped for writing, io_uring), TraceError is
raised: a layer that does not understand a program must not call it safe. At the end the model's
tree is compared with the real one (same_as)."""

import os
import re
import stat

from invariants import open_quietly

# What changes files, names or descriptors.
CALLS = (
    "open,openat,openat2,creat,read,readv,write,writev,pwrite64,pwritev,pwritev2,sendfile,copy_file_range,splice,"
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,mknod,mknodat,symlink,symlinkat,"
    "fsync,fdatasync,syncfs,sync,sync_file_range,msync,ftruncate,truncate,fallocate,lseek,close,close_range,"
    "chdir,fchdir,dup,dup2,dup3,fcntl,clone,clone3,fork,vfork,execve,execveat,unshare,memfd_create,mmap,io_uring_setup"
)


class TraceError(Exception):
    """The log holds what the model cannot follow."""


class Inode:
    """A file, folder, FIFO or file in memory (kind f, d, p, m)."""

    count = 0

    def __init__(self, kind, mode=0o600, octets=b"", mtime=None, owner=None):
        Inode.count += 1
        self.owner = owner  # uid; None until it has a name
        self.number = Inode.count
        self.kind = kind
        self.mode = mode
        self.mtime = mtime
        self.base = octets  # what was on disk before the log begins
        self.live = bytearray(octets)
        self.names = {}  # of a folder: what it holds now
        self.base_names = {}

    def __repr__(self):
        return f"{self.kind}{self.number}"


class Open:
    """An open file description: shared by what dup and fork copy."""

    def __init__(self, inode, append=False, synced=False):
        self.inode = inode
        self.offset = 0
        self.append = append
        self.synced = synced  # O_SYNC: each write is on disk when it returns


# The operations, in the order they took effect. `entry` of a sync: how many operations were
# complete when it was called; only those it covers.
#   ("data", inode, offset, octets)   ("size", inode, octets)   ("name", folder, name, inode or None)
#   ("rename", folder, old, new, inode)         within one folder: one change
#   ("sync", inode, entry)   ("syncall", entry)   ("syncfailed", inode, entry)
# A rename between folders is two "name" operations; the first is in `pairs`.


class TraceLog:
    def __init__(self, root):
        self.root = os.path.realpath(root)
        self.top = Inode("d", 0o755)
        self.ops = []
        self.texts = []  # for each operation the call, for people
        self.pairs = set()
        self.marks = []  # (how many operations came before, text)
        self._aliases = {}  # path of a symbolic link: the folder it stands for
        self._tables = {}  # pid: {descriptor: (Open, closes on exec)}
        self._folders = {}  # pid: its working folder
        self._parents = {}
        self._pending = {}

    # -- the tree before

    def load_base(self):
        """Takes what is below the root now for being on disk."""
        self.top.owner = os.stat(self.root).st_uid
        self._load(self.root, self.top, {})
        return self

    def _load(self, path, folder, linked):
        with os.scandir(path) as entries:
            for entry in entries:
                st = entry.stat(follow_symlinks=False)
                mode = stat.S_IMODE(st.st_mode)
                if entry.is_dir(follow_symlinks=False):
                    inode = Inode("d", mode, mtime=st.st_mtime, owner=st.st_uid)
                    self._load(entry.path, inode, linked)
                elif st.st_ino in linked:
                    inode = linked[st.st_ino]
                elif entry.is_file(follow_symlinks=False):
                    with open_quietly(entry.path) as file:
                        inode = linked[st.st_ino] = Inode("f", mode, file.read(), st.st_mtime, st.st_uid)
                elif stat.S_ISFIFO(st.st_mode):
                    inode = Inode("p", mode, owner=st.st_uid)
                elif entry.is_symlink() and os.path.isdir(entry.path):  # another name of a folder in the model
                    self._aliases[entry.path] = os.path.realpath(entry.path)
                    continue
                else:
                    continue  # sockets are made anew
                folder.names[entry.name] = folder.base_names[entry.name] = inode

    # -- reading the log

    def feed(self, lines, folder):
        """One traced run, begun in `folder`: a log from its first line. Returns how its first
        process ended."""
        lines = [line.rstrip("\n") for line in lines]
        self._find_parents(lines)
        first, ended = None, None
        for line in lines:
            match = re.match(r"(\d+) +(.*)", line)
            if not match:
                raise TraceError(f"not understood: {line[:200]}")
            pid, rest = int(match[1]), match[2]
            if first is None:
                first = pid
                self._tables, self._folders, self._pending = {pid: {}}, {pid: folder}, {}
            if rest.startswith("+++") or rest.startswith("---"):
                if pid == first and rest.startswith("+++"):
                    ended = rest.strip("+ ")
                    self.marks.append((len(self.ops), f"ended {ended}"))
                continue
            self._line(pid, rest)
        if ended is None:
            raise TraceError("the log has no end")
        return ended

    def _find_parents(self, lines):
        """A child's calls may stand before its parent's fork returns: which fork was its own?"""
        self._parents, begun = {}, {}
        for number, line in enumerate(lines):
            match = re.match(r"(\d+) +(?:<\.\.\. )?(clone3?|v?fork)\b(.*)", line)
            if not match:
                continue
            pid, rest = match[1], match[3]
            if rest.endswith("<unfinished ...>"):
                begun[pid] = rest
                continue
            done = re.search(r"= (\d+)$", rest)
            if done:
                self._parents[int(done[1])] = (int(pid), begun.pop(pid, "") + rest)

    def _table(self, pid):
        table = self._tables.get(pid)
        if table is None:
            if pid not in self._parents:
                raise TraceError(f"process {pid} comes from nowhere")
            parent, how = self._parents[pid]
            theirs = self._table(parent)
            table = self._tables[pid] = theirs if "CLONE_FILES" in how else dict(theirs)
            self._folders[pid] = self._folders[parent]
        return table

    def _line(self, pid, rest):
        if rest.endswith("<unfinished ...>"):
            rest = rest[: -len("<unfinished ...>")]
            self._pending[pid] = (rest, len(self.ops))
            name = rest.partition("(")[0]
            if name in ("clone", "clone3", "fork", "vfork"):
                self._inherit(pid)
            return
        entry = len(self.ops)
        match = re.match(r"<\.\.\. \w+ resumed>(.*)", rest)
        if match:
            begun, entry = self._pending.pop(pid)
            rest = begun + match[1]
        match = re.match(r"(\w+)\((.*)\) += (-?\w+)", rest)
        if not match:
            if re.match(r"\w+\(.*\) += \?|exit", rest):
                return
            raise TraceError(f"not understood: {rest[:200]}")
        name, arguments, result = match.groups()
        value = int(result, 0) if re.fullmatch(r"-?\d+|0x[0-9a-f]+", result) else -1
        handler = getattr(self, "_do_" + name, None)
        if handler is None:
            raise TraceError(f"no model of {name}")
        before = len(self.ops)
        handler(_Call(self, pid, split_arguments(arguments), value, entry, rest))
        if len(self.ops) > before:
            text = f"{pid} {readable(rest)}"
            self.texts += [text] * (len(self.ops) - before)

    def _inherit(self, pid):
        """Fixes the tables of the children of a fork that begins: they copy what is there now."""
        for child, (parent, how) in self._parents.items():
            if parent == pid and child not in self._tables:
                self._table(child)

    # -- paths

    def _find(self, path):
        """(folder, last name, inode or None) of an absolute path below the root, else None."""
        path = os.path.normpath(path)
        for alias, target in self._aliases.items():
            if path == alias or path.startswith(alias + "/"):
                path = target + path[len(alias) :]
        if path == self.root:
            return None, "", self.top
        if not path.startswith(self.root + "/"):
            return None
        folder, inode, name = None, self.top, ""
        for name in path[len(self.root) + 1 :].split("/"):
            if inode is None or inode.kind != "d":
                return None
            folder, inode = inode, inode.names.get(name)
        return folder, name, inode

    def _set(self, folder, name, inode):
        if inode is None:
            folder.names.pop(name, None)
        else:
            folder.names[name] = inode
            if inode.owner is None:  # nobody writes into another one's folder
                inode.owner = folder.owner
        self.ops.append(("name", folder, name, inode))

    # -- opening and descriptors

    def _open(self, call, flags, path, mode):
        if path is None or call.value < 0:
            return
        table = self._table(call.pid)
        table.pop(call.value, None)
        itself = re.fullmatch(r"/proc/(?:self|\d+)/fd/(\d+)", path)
        if itself:
            held = table.get(int(itself[1]))
            if held:
                table[call.value] = (Open(held[0].inode), "O_CLOEXEC" in flags)
            elif "O_RDONLY" not in flags:
                raise TraceError(f"{path} opened for writing, and nobody knows what it is")
            return
        found = self._find(path)
        if not found:
            return
        folder, name, inode = found
        if "O_TMPFILE" in flags:
            inode = Inode("f", mode)
        elif inode is None:
            if "O_CREAT" not in flags:
                if call.annotation_is_special():
                    return
                raise TraceError(f"{path} was opened and is not in the model")
            inode = Inode("f", mode)
            self._set(folder, name, inode)
        elif "O_TRUNC" in flags and inode.kind == "f" and inode.live:
            inode.live.clear()
            self.ops.append(("size", inode, 0))
        synced = "O_SYNC" in flags or "O_DSYNC" in flags
        table[call.value] = (Open(inode, "O_APPEND" in flags, synced), "O_CLOEXEC" in flags)

    def _do_openat(self, call):
        self._open(call, call.args[2], call.path(0, 1), call.mode(3))

    def _do_open(self, call):
        self._open(call, call.args[1], call.path(None, 0), call.mode(2))

    def _do_creat(self, call):
        self._open(call, "O_WRONLY|O_CREAT|O_TRUNC", call.path(None, 0), call.mode(1))

    def _do_openat2(self, call):
        self._open(call, call.args[2], call.path(0, 1), 0o600)

    def _do_memfd_create(self, call):
        if call.value >= 0:
            self._table(call.pid)[call.value] = (Open(Inode("m")), "MFD_CLOEXEC" in call.text)

    def _do_close(self, call):
        self._table(call.pid).pop(call.fd(0), None)

    def _do_close_range(self, call):
        if call.value != 0:
            return
        table = self._table(call.pid)
        first, last = int(call.args[0], 0), int(call.args[1], 0)
        for fd in [fd for fd in table if first <= fd <= last]:
            if "CLOEXEC" in call.args[2]:
                table[fd] = (table[fd][0], True)
            else:
                del table[fd]

    def _copy_fd(self, call, cloexec):
        if call.value < 0:
            return
        table = self._table(call.pid)
        held = table.get(call.fd(0))
        table.pop(call.value, None)
        if held:
            table[call.value] = (held[0], cloexec)

    def _do_dup(self, call):
        self._copy_fd(call, False)

    def _do_dup2(self, call):
        if call.fd(0) != call.value:
            self._copy_fd(call, False)

    def _do_dup3(self, call):
        self._copy_fd(call, "O_CLOEXEC" in call.args[2])

    def _do_fcntl(self, call):
        if call.args[1].startswith("F_DUPFD"):
            self._copy_fd(call, "CLOEXEC" in call.args[1])
        elif call.args[1] == "F_SETFD" and call.value == 0:
            table = self._table(call.pid)
            if call.fd(0) in table:
                table[call.fd(0)] = (table[call.fd(0)][0], "FD_CLOEXEC" in call.args[2])
        elif call.args[1] == "F_SETFL" and "O_APPEND" in call.args[2]:
            raise TraceError("O_APPEND set by fcntl")

    def _do_execve(self, call):
        if call.value == 0:
            table = {fd: held for fd, held in self._table(call.pid).items() if not held[1]}
            self._tables[call.pid] = table

    def _do_clone(self, call):
        if call.value > 0:
            self._table(call.value)

    _do_execveat = _do_execve
    _do_clone3 = _do_fork = _do_vfork = _do_clone

    def _do_unshare(self, call):
        if call.value == 0 and "CLONE_FILES" in call.text:
            self._tables[call.pid] = dict(self._table(call.pid))

    def _do_chdir(self, call):
        if call.value == 0:
            self._folders[call.pid] = call.path(None, 0)

    def _do_fchdir(self, call):
        if call.value == 0:
            self._folders[call.pid] = call.annotation(0)

    # -- data

    def _held(self, call, which=0):
        """The open file below the root (or in memory) that the call is about, else None."""
        held = self._table(call.pid).get(call.fd(which))
        shown = call.annotation(which)
        if held is None:
            if shown.startswith(self.root + "/") and not call.is_special(shown):
                raise TraceError(f"descriptor of unknown origin: {call.text[:100]}")
            return None
        if held[0].inode.kind == "f" and not shown.endswith(" (deleted)"):
            found = self._find(shown)
            if not found or found[2] is not held[0].inode:
                raise TraceError(f"the model takes it for another file: {readable(call.text)[:200]}")
        return held[0]

    def _write(self, call, open_, octets, offset):
        inode = open_.inode
        if inode.kind not in "fm" or not octets:
            return
        if len(inode.live) < offset:
            inode.live.extend(bytes(offset - len(inode.live)))
        inode.live[offset : offset + len(octets)] = octets
        if inode.kind != "m":
            self.ops.append(("data", inode, offset, octets))
            if open_.synced:
                self.ops.append(("sync", inode, len(self.ops)))

    def _write_at_offset(self, call, octets):
        open_ = self._held(call)
        if open_ is None or call.value <= 0:
            return
        offset = len(open_.inode.live) if open_.append else open_.offset
        self._write(call, open_, octets[: call.value], offset)
        open_.offset = offset + call.value

    def _do_write(self, call):
        self._write_at_offset(call, call.string(1))

    def _do_writev(self, call):
        self._write_at_offset(call, strings(call.args[1]))

    def _do_pwrite64(self, call):
        open_ = self._held(call)
        if open_ and call.value > 0:
            offset = len(open_.inode.live) if open_.append else int(call.args[3])
            self._write(call, open_, call.string(1)[: call.value], offset)

    def _do_pwritev(self, call):
        open_ = self._held(call)
        if open_ and call.value > 0:
            self._write(call, open_, strings(call.args[1])[: call.value], int(call.args[3]))

    def _do_pwritev2(self, call):
        if call.args[3] == "-1":
            self._do_writev(call)
        else:
            self._do_pwritev(call)

    def _do_read(self, call):
        held = self._table(call.pid).get(call.fd(0))
        if held and call.value > 0:
            held[0].offset += call.value

    _do_readv = _do_read

    def _do_lseek(self, call):
        held = self._table(call.pid).get(call.fd(0))
        if held and call.value >= 0:
            held[0].offset = call.value

    def _copied(self, call, source, target, in_offset, out_offset):
        """copy_file_range and sendfile: from one followed file to another."""
        to = self._held(call, target)
        from_ = self._table(call.pid).get(call.fd(source))
        if call.value <= 0:
            return
        if from_ is not None and in_offset is None:
            start = from_[0].offset
            from_[0].offset += call.value
        else:
            start = in_offset
        if to is None or to.inode.kind == "m":
            if to is not None:
                to.offset += call.value if out_offset is None else 0
            return
        if from_ is None:
            raise TraceError(f"copied from a file of unknown content: {readable(call.text)[:200]}")
        octets = bytes(from_[0].inode.live[start : start + call.value])
        offset = to.offset if out_offset is None else out_offset
        self._write(call, to, octets, offset)
        if out_offset is None:
            to.offset += call.value

    def _do_copy_file_range(self, call):
        # The offsets are shown as they were before the call.
        offsets = [None if a == "NULL" else int(a.strip("[]").split(" ")[0]) for a in (call.args[1], call.args[3])]
        self._copied(call, 0, 2, *offsets)

    def _do_sendfile(self, call):
        self._copied(call, 1, 0, None if call.args[2] == "NULL" else int(call.args[2].strip("[]").split(" ")[0]), None)

    def _do_splice(self, call):
        if self._table(call.pid).get(call.fd(2)) and call.value > 0:
            raise TraceError("splice into a file")

    def _resize(self, inode, size):
        del inode.live[size:]
        inode.live.extend(bytes(size - len(inode.live)))
        if inode.kind != "m":
            self.ops.append(("size", inode, size))

    def _do_ftruncate(self, call):
        open_ = self._held(call)
        if open_ and call.value == 0:
            self._resize(open_.inode, int(call.args[1], 0))

    def _do_truncate(self, call):
        found = self._find(call.path(None, 0)) if call.value == 0 else None
        if found:
            self._resize(found[2], int(call.args[1], 0))

    def _do_fallocate(self, call):
        open_ = self._held(call)
        if not open_ or call.value != 0 or "KEEP_SIZE" in call.args[1]:
            return
        if call.args[1] != "0":
            raise TraceError(f"fallocate of the kind {call.args[1]}")
        end = int(call.args[2], 0) + int(call.args[3], 0)
        if end > len(open_.inode.live):
            self._resize(open_.inode, end)

    def _do_mmap(self, call):
        if "MAP_SHARED" in call.args[3] and "PROT_WRITE" in call.args[2] and call.fd(4) is not None:
            if self._held(call, 4):
                raise TraceError("a file mapped for writing")

    def _do_io_uring_setup(self, call):
        if call.value >= 0:
            raise TraceError("io_uring: what it writes is not in the log")

    def _do_msync(self, call):
        pass

    _do_sync_file_range = _do_msync

    # -- syncs

    def _do_fsync(self, call):
        held = self._table(call.pid).get(call.fd(0))
        inode = held[0].inode if held else (self._find(call.annotation(0)) or (0, 0, None))[2]
        if inode is None:
            return
        if inode.kind == "f":
            self._held(call)
        if call.value == 0:
            self.ops.append(("sync", inode, call.entry))
        elif "EINTR" not in call.text:
            self.ops.append(("syncfailed", inode, call.entry))

    _do_fdatasync = _do_fsync

    def _do_syncfs(self, call):
        if call.value == 0:
            self.ops.append(("syncall", call.entry))

    _do_sync = _do_syncfs

    # -- names

    def _link(self, call, source, inode, target):
        if call.value != 0:
            return
        to = self._find(target)
        if inode is None and source is not None:
            found = self._find(source)
            inode = found[2] if found else None
        if to is None:
            return
        if inode is None:
            raise TraceError(f"link of an unknown file: {readable(call.text)[:200]}")
        self._set(to[0], to[1], inode)

    def _do_link(self, call):
        self._link(call, call.path(None, 0), None, call.path(None, 1))

    def _do_linkat(self, call):
        source = call.path(0, 1)
        itself = re.fullmatch(r"/proc/self/fd/(\d+)", source)
        fd = int(itself[1]) if itself else call.fd(0) if "AT_EMPTY_PATH" in call.args[4] else None
        held = self._table(call.pid).get(fd) if fd is not None else None
        self._link(call, source, held[0].inode if held else None, call.path(2, 3))

    def _do_unlink(self, call, path=None):
        found = self._find(path or call.path(None, 0)) if call.value == 0 else None
        if found:
            self._set(found[0], found[1], None)

    _do_rmdir = _do_unlink

    def _do_unlinkat(self, call):
        self._do_unlink(call, call.path(0, 1))

    def _do_mkdir(self, call, path=None, mode=None):
        found = self._find(path or call.path(None, 0)) if call.value == 0 else None
        if found:
            self._set(found[0], found[1], Inode("d", mode or call.mode(1)))

    def _do_mkdirat(self, call):
        self._do_mkdir(call, call.path(0, 1), call.mode(2))

    def _do_mknod(self, call, path=None, kind=None):
        found = self._find(path or call.path(None, 0)) if call.value == 0 else None
        if found and "S_IFIFO" in (kind or call.args[1]):
            self._set(found[0], found[1], Inode("p"))

    def _do_mknodat(self, call):
        self._do_mknod(call, call.path(0, 1), call.args[2])

    def _do_symlink(self, call):
        if call.value == 0 and self._find(call.path(None, len(call.args) - 1)):
            raise TraceError("a symbolic link was made")

    _do_symlinkat = _do_symlink

    def _rename(self, call, source, target):
        if call.value != 0:
            return
        a, b = self._find(source), self._find(target)
        if a is None and b is None:
            return
        if a is None or b is None or a[2] is None:
            raise TraceError(f"rename across the root: {readable(call.text)[:200]}")
        if a[0] is b[0]:
            a[0].names[b[1]] = a[0].names.pop(a[1])
            self.ops.append(("rename", a[0], a[1], b[1], a[2]))
            return
        self.pairs.add(len(self.ops))
        self._set(b[0], b[1], a[2])
        self._set(a[0], a[1], None)

    def _do_rename(self, call):
        self._rename(call, call.path(None, 0), call.path(None, 1))

    def _do_renameat(self, call):
        self._rename(call, call.path(0, 1), call.path(2, 3))

    def _do_renameat2(self, call):
        if "RENAME_EXCHANGE" in call.args[4] or "WHITEOUT" in call.args[4]:
            raise TraceError("renameat2 of an unusual kind")
        self._do_renameat(call)

    # -- the end

    def tree(self):
        """{path: octets} as the model has it when nothing is lost."""
        found = {}

        def walk(folder, prefix):
            for name, inode in folder.names.items():
                if inode.kind == "d":
                    walk(inode, f"{prefix}{name}/")
                elif inode.kind == "f":
                    found[prefix + name] = bytes(inode.live)

        walk(self.top, "")
        return found

    def same_as(self, tree):
        """Raises TraceError where the model's tree is not the real one."""
        model = self.tree()
        for path in sorted(set(model) | set(tree)):
            if model.get(path) != tree.get(path):
                raise TraceError(f"the model and the disk differ in {path}")


class _Call:
    def __init__(self, log, pid, args, value, entry, text):
        self.log, self.pid, self.args, self.value, self.entry, self.text = log, pid, args, value, entry, text

    def fd(self, which):
        match = re.match(r"-?\d+", self.args[which])
        return int(match[0]) if match and int(match[0]) >= 0 else None

    def annotation(self, which):
        """The path that strace has for a descriptor; an unlinked one ends in " (deleted)"."""
        match = re.search(r"<(.*)>(\(deleted\))?$", self.args[which])
        return plain(match[1]) + (" (deleted)" if match[2] else "") if match else ""

    def annotation_is_special(self):
        match = re.search(r"= \d+<(.*)>(?:\(deleted\))?$", self.text)
        return match is not None and self.is_special(plain(match[1]))

    def is_special(self, path):
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            return True  # gone since: a FIFO or socket that was made anew
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))

    def string(self, which):
        return unhex(self.args[which])

    def mode(self, which):
        return int(self.args[which], 8) if len(self.args) > which else 0o600

    def path(self, folder, which):
        path = os.fsdecode(self.string(which))
        if folder is None:
            self.log._table(self.pid)
            return os.path.join(self.log._folders[self.pid], path)
        return os.path.join(self.annotation(folder), path)


_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


def plain(text):
    return re.sub(r"(?:\\x[0-9a-f]{2})+", lambda m: bytes.fromhex(m[0].replace("\\x", "")).decode(errors="replace"), text)


def unhex(text):
    match = _STRING.fullmatch(text)
    if not match or match[2]:
        raise TraceError(f"a string that is cut: {text[:60]}")
    return bytes.fromhex(match[1].replace("\\x", ""))


def strings(text):
    return b"".join(bytes.fromhex(m[1].replace("\\x", "")) for m in _STRING.finditer(text))


def readable(text):
    """The call for a person: strings decoded and cut."""
    def show(match):
        octets = bytes.fromhex(match[1].replace("\\x", ""))
        return ascii(octets[:40].decode("latin-1")) + ("..." if len(octets) > 40 else "")
    return plain(_STRING.sub(show, text))


_SPLIT = re.compile(r'"[^"]*"(?:\.\.\.)?|[\[{(]|[\]})]|, ')


def split_arguments(text):
    """At the commas outside of brackets and strings."""
    args, depth, start = [], 0, 0
    for match in _SPLIT.finditer(text):
        found = match[0]
        if found in "[{(":
            depth += 1
        elif found in "]})":
            depth -= 1
        elif found == ", " and depth == 0:
            args.append(text[start : match.start()])
            start = match.end()
    args.append(text[start:].rstrip())
    return args
