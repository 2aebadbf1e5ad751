"""The trace layer's own understanding: descriptors, names, and what a power loss may leave."""

import subprocess
import sys

import pytest

from crash import crash_states, trace_log
from crash.trace import STRACE
from crash.trace_log import Inode, TraceError, TraceLog
from invariants import read_tree


def traced(folder, script, *more):
    """The model of what a Python script does in `folder`/world."""
    world = folder / "world"
    world.mkdir(exist_ok=True)
    log = TraceLog(world).load_base()
    out = folder / "trace"
    subprocess.run([STRACE, "-f", "-y", "-xx", "-v", "-s", "100000", "-o", out, "-e", "trace=" + trace_log.CALLS, "-e", "signal=none",
                    *more, sys.executable, "-B", "-S", "-c", "import os, threading\n" + script], cwd=world, check=False)
    with open(out, encoding="ascii") as lines:
        log.feed(lines, str(world))
    return log, world


def kinds(log):
    return [op[0] for op in log.ops]


def test_descriptors_are_followed_through_dup_fork_exec_and_threads(tmp_path):
    log, world = traced(tmp_path, """
a = os.open("a", os.O_CREAT | os.O_WRONLY)
b = os.dup(a)
os.write(b, b"one ")
os.dup2(b, 1)
if os.fork() == 0:
    os.execv("/bin/sh", ["sh", "-c", "printf two; printf ' three' >> a; exec 1>&-; echo four > b"])
os.wait()
t = threading.Thread(target=lambda: os.write(a, b"five"))
t.start(); t.join()
os.pwrite(a, b"ONE", 0)
os.ftruncate(a, 20)
os.lseek(a, 18, os.SEEK_SET)
os.write(a, b"end")
""")
    log.same_as(read_tree(world))
    assert log.tree()["a"].startswith(b"ONE two") and log.tree()["a"].endswith(b"end")
    assert log.tree()["b"] == b"four\n"


def test_names_and_unnamed_files_are_followed(tmp_path):
    log, world = traced(tmp_path, """
os.mkdir("d"); os.mkdir("e")
fd = os.open("d", os.O_TMPFILE | os.O_RDWR, 0o600)
os.write(fd, b"unnamed")
import ctypes
libc = ctypes.CDLL(None)
assert libc.linkat(-100, f"/proc/self/fd/{fd}".encode(), -100, b"e/x", 0x400) == 0
os.fsync(fd)
os.rename("e/x", "d/y")
os.rename("d/y", "d/z")
os.link("d/z", "e/w")
os.unlink("d/z")
folder = os.open("e", os.O_RDONLY)
os.fsync(folder)
os.rmdir("d")
""")
    log.same_as(read_tree(world))
    assert log.tree() == {"e/w": b"unnamed"}
    assert kinds(log) == ["name", "name", "data", "name", "sync", "name", "name", "rename", "name", "name", "sync", "name"]
    assert log.pairs == {5}


def test_an_exit_and_a_failed_sync_are_seen(tmp_path):
    log, _ = traced(tmp_path, """
fd = os.open("a", os.O_CREAT | os.O_WRONLY)
os.write(fd, b"x")
try: os.fsync(fd)
except OSError: pass
os.fsync(fd)
os._exit(3)
""", "-e", "inject=fsync:error=EIO:when=1")
    assert kinds(log) == ["name", "data", "syncfailed", "sync"]
    assert log.marks == [(4, "ended exited with 3")]


@pytest.mark.parametrize("script, why", [
    ("import mmap; f = open('a', 'w+b'); f.write(b'x'); f.flush(); mmap.mmap(f.fileno(), 1)", "mapped for writing"),
    ("import ctypes; ctypes.CDLL(None).syscall(425, 1, (ctypes.c_char * 200)())", "io_uring"),
    ("os.symlink('a', 'b')", "symbolic link"),
])
def test_what_it_cannot_follow_it_refuses(tmp_path, script, why):
    with pytest.raises(TraceError, match=why):
        traced(tmp_path, script)


def test_a_tree_that_is_not_the_real_one_is_told(tmp_path):
    log, world = traced(tmp_path, "open('a', 'w').write('x')")
    (world / "a").write_text("y")
    with pytest.raises(TraceError, match="differ in a"):
        log.same_as(read_tree(world))


class Disk:
    """A trace made by hand: a file f in folder `new`, known to be there, with a second folder `old`."""

    def __init__(self):
        self.log = TraceLog("/nowhere")
        self.file, self.new, self.old = Inode("f"), Inode("d"), Inode("d")
        for name, folder in (("new", self.new), ("old", self.old)):
            self.log.top.names[name] = self.log.top.base_names[name] = folder

    def do(self, *ops):
        for op in ops:
            self.log.ops.append(op if op[0] not in ("sync", "syncfailed") else (*op, len(self.log.ops)))
        self.log.texts = [str(op) for op in self.log.ops]
        return self

    def after(self, model, seed=1, count=500):
        """Every tree that may be there after the last operation."""
        states = crash_states.States(self.log, model, seed)
        for point, open_ in states.points():
            if point == len(self.log.ops):
                return {tuple(sorted(s.tree.items())) for s in states.at(point, open_, count)}


def trees(*wanted):
    return {tuple(sorted(tree.items())) for tree in wanted}


GONE, WHOLE, EMPTY, ZEROS = {}, {"new/f": b"abc"}, {"new/f": b""}, {"new/f": bytes(3)}


def written():
    disk = Disk()
    return disk.do(("data", disk.file, 0, b"abc"))


@pytest.mark.parametrize("model", crash_states.MODELS)
def test_a_name_without_any_sync(model):
    disk = written()
    disk.do(("name", disk.new, "f", disk.file))
    assert trees(GONE, WHOLE, EMPTY, ZEROS) <= disk.after(model)
    assert disk.after(model) <= trees(GONE, WHOLE, EMPTY, ZEROS, {"new/f": b"a"}, {"new/f": b"ab"})


def test_a_synced_file_has_its_name_for_certain_only_when_the_folder_is_synced():
    disk = written()
    disk.do(("sync", disk.file), ("name", disk.new, "f", disk.file))
    assert disk.after("strict") == disk.after("ordered") == trees(GONE, WHOLE)
    disk.do(("sync", disk.new))
    assert disk.after("strict") == disk.after("ordered") == trees(WHOLE)


def test_ordered_any_sync_makes_earlier_names_durable_and_strict_does_not():
    disk = written()
    disk.do(("sync", disk.file), ("name", disk.new, "f", disk.file), ("sync", disk.old))
    assert disk.after("strict") == trees(GONE, WHOLE)
    assert disk.after("ordered") == trees(WHOLE)


def test_a_folder_sync_says_nothing_of_the_file():
    disk = written()
    disk.do(("name", disk.new, "f", disk.file), ("sync", disk.new))
    assert trees(EMPTY, ZEROS, WHOLE) <= disk.after("strict")
    assert trees(GONE).isdisjoint(disk.after("strict"))


def test_a_sync_covers_only_what_was_complete_when_it_was_called():
    disk = written()
    disk.do(("name", disk.new, "f", disk.file), ("sync", disk.new))
    disk.log.ops.append(("sync", disk.file, 0))  # called before the data was written
    disk.log.texts.append("")
    assert trees(EMPTY) <= disk.after("strict")


def test_a_failed_sync_is_never_mended_by_a_second():
    disk = written()
    disk.do(("syncfailed", disk.file), ("sync", disk.file), ("name", disk.new, "f", disk.file), ("sync", disk.new))
    assert trees(EMPTY, ZEROS) <= disk.after("strict")


def test_what_a_failed_sync_left_uncertain_gives_way_to_what_is_made_anew():
    disk = written()
    other = Inode("f")
    disk.do(("sync", disk.file), ("name", disk.new, "f", other), ("syncfailed", disk.new), ("name", disk.new, "f", None),
            ("name", disk.new, "f", disk.file), ("sync", disk.new))
    assert disk.after("strict") == trees(WHOLE)
    disk.do(("data", other, 0, b"x"), ("name", disk.new, "g", other), ("sync", disk.new), ("syncfailed", other),
            ("data", other, 5000, b"y"), ("sync", other))
    gap = bytes(4999)
    assert disk.after("strict") == trees(*({**WHOLE, "new/g": g + gap + b"y"} for g in (b"x", b"\0")))


def test_what_a_failed_sync_forgot_is_known_again_when_its_page_is_written_to():
    disk = written()
    disk.do(("name", disk.new, "f", disk.file), ("sync", disk.new), ("syncfailed", disk.file), ("data", disk.file, 4000, b"d"),
            ("sync", disk.file))
    assert disk.after("strict") == trees({"new/f": b"abc" + bytes(3997) + b"d"})


def test_a_rename_between_folders_may_lose_both_names_unless_names_are_ordered():
    disk = written()
    disk.do(("sync", disk.file), ("name", disk.old, "f", disk.file), ("sync", disk.old))
    disk.log.pairs.add(len(disk.log.ops))
    disk.do(("name", disk.new, "f", disk.file), ("name", disk.old, "f", None))
    old = {"old/f": b"abc"}
    assert disk.after("strict") == trees(GONE, WHOLE, old, {**WHOLE, **old})
    assert disk.after("ordered") == trees(WHOLE, old)


def test_a_folder_that_is_lost_takes_its_files_with_it():
    disk = written()
    made = Inode("d")
    disk.do(("name", disk.new, "sub", made), ("sync", disk.file), ("name", made, "f", disk.file), ("sync", made))
    assert disk.after("strict") == trees(GONE, {"new/sub/f": b"abc"})


def test_states_depend_on_the_seed_alone():
    def some(seed):
        disk = written()
        disk.do(*[("name", disk.new, f"f{n}", disk.file) for n in range(12)])
        return disk.after("strict", seed, 40)
    assert some(1) == some(1)
    assert some(1) != some(2)
