"""maildir and maildirmake: the real programs."""

import os
import re
import stat
import subprocess

import pytest

from maildir_age import age

STRACE = "/usr/bin/strace"


def out(done):
    return done.stdout.decode(), done.stderr.decode(), done.returncode


def new(path):
    return sorted((path / "new").iterdir(), key=age)


@pytest.fixture
def as_root(lab):
    """Runs a command as root: we are, or sudo asks nothing."""
    sudo = [] if lab.root else ["/usr/bin/sudo", "-n"]
    if sudo and (not os.path.exists(sudo[0]) or lab.run(*sudo, "true").returncode != 0):
        pytest.skip("needs root")
    return lambda *args: lab.run(*sudo, *args, **({} if sudo else {"as_root": True}))


@pytest.fixture
def box(lab, home):
    assert lab.run("maildirmake", home / "M").returncode == 0
    return home / "M"


@pytest.mark.parametrize("program", ["maildir", "maildirmake"])
def test_help_and_wrong_lines(lab, program):
    done = lab.run(program, "--help")
    assert done.returncode == 0 and done.stdout.startswith(f"usage: {program} ".encode())
    for line in ([], ["a", "b"], ["--what", "a"], ["-x", "a"], [""]):
        done = lab.run(program, *line)
        assert done.returncode == 100 and done.stdout == b""
        assert done.stderr.decode().startswith(f"{program}: usage: ")


def test_a_new_maildir_is_the_owners_only(lab, box):
    assert sorted(f.name for f in box.iterdir()) == ["cur", "new", "tmp"]
    assert {stat.S_IMODE(f.stat().st_mode) for f in (box, *box.iterdir())} == {0o700}


def test_what_exists_is_111_and_stays(lab, box):
    assert out(lab.run("maildirmake", box)) == (
        "", f"maildirmake: making folder {box}: File exists\n", 111)
    assert sorted(f.name for f in box.iterdir()) == ["cur", "new", "tmp"]


def test_a_maildir_that_cannot_be_finished_leaves_nothing(lab, home):
    done = lab.run(STRACE, "-o", "/dev/null", "-e", "inject=mkdirat:error=ENOSPC:when=3+",
                   lab.program("maildirmake"), home / "N")
    assert out(done) == ("", "maildirmake: making folder new: No space left on device\n", 111)
    assert not (home / "N").exists()


def test_a_maildir_is_synced_with_the_folder_above(lab, home):
    trace = home / "trace"
    lab.run(STRACE, "-y", "-o", trace, "-e", "trace=fsync", lab.program("maildirmake"), home / "N")
    assert re.findall(r"fsync\(\d+<(.*)>\)", trace.read_text()) == [str(home / "N"), str(home)]


@pytest.mark.parametrize("named", ["0", "1"])
def test_a_message_arrives_as_it_is(lab, box, named):
    text = b"S: x\r\n\n\0\xff\nFrom me"
    done = lab.run("maildir", box, input=text, env=lab.environment(PORPOISE_NAMED_FILES=named))
    assert out(done) == ("", "", 0)
    [file] = new(box)
    assert file.read_bytes() == text
    assert re.fullmatch(r"\d+\.M\d+P\d+Q1R[0-9a-f]{16}\.[^/:,]+,S=17", file.name)
    assert list((box / "tmp").iterdir()) == []


def test_the_name_is_printed_on_request(lab, box):
    done = lab.run("maildir", "--print-name", box, input=b"x\n")
    assert done.stdout.decode() == f"{new(box)[0]}\n"


def test_a_long_message_arrives_whole(lab, box):
    text = b"line of the message\n" * 500_000
    assert lab.run("maildir", box, input=text).returncode == 0
    [file] = new(box)
    assert file.read_bytes() == text and file.name.endswith(",S=10000000,W=10500000")


def test_memory_does_not_grow_with_the_message(lab, box):
    text = b"x" * 60_000_000
    done = lab.run("/usr/bin/prlimit", "--data=16000000", lab.program("maildir"), box, input=text)
    assert out(done) == ("", "", 0)


@pytest.mark.parametrize("named", ["0", "1"])
def test_file_then_folder_are_synced(lab, box, named):
    """The two barriers, in their order, before exit 0; the link is between them."""
    trace = box.parent / "trace"
    lab.run(STRACE, "-y", "-o", trace, "-e", "trace=fsync,linkat,write", lab.program("maildir"),
            box, input=b"x\n", env=lab.environment(PORPOISE_NAMED_FILES=named))
    calls = [re.match(r"\w+", line)[0] for line in trace.read_text().splitlines()
             if not line.startswith(("+", "-"))]
    assert calls == ["write", "fsync", "linkat", "fsync"]
    syncs = re.findall(r"fsync\(\d+<(.*?)>", trace.read_text())
    assert syncs[0].startswith(f"{box}/tmp/") and syncs[1] == f"{box}/new"


@pytest.mark.parametrize("call,when", [("fsync", 1), ("fsync", 2), ("linkat", 1), ("write", 1)])
@pytest.mark.parametrize("named", ["0", "1"])
def test_a_call_that_fails_leaves_nothing(lab, box, call, when, named):
    done = lab.run(STRACE, "-o", "/dev/null", "-e", f"inject={call}:error=EIO:when={when}",
                   lab.program("maildir"), box, input=b"x\n",
                   env=lab.environment(PORPOISE_NAMED_FILES=named))
    assert done.returncode == 111 and b"Input/output error\n" in done.stderr
    assert new(box) == [] and list((box / "tmp").iterdir()) == []


@pytest.mark.parametrize("call", ["openat", "linkat"])
def test_a_file_system_without_unnamed_files_will_do(lab, box, call):
    """NFS, gluster and sshfs have no O_TMPFILE, or cannot link what it made."""
    first = lab.run(STRACE, "-o", box.parent / "t", "-e", f"trace={call}", lab.program("maildir"),
                    box, input=b"x\n")
    assert first.returncode == 0
    lines = [line for line in (box.parent / "t").read_text().splitlines() if call in line]
    which = 1 + next(i for i, line in enumerate(lines) if call == "linkat" or "O_TMPFILE" in line)
    done = lab.run(STRACE, "-o", "/dev/null", "-e", f"inject={call}:error=EOPNOTSUPP:when={which}",
                   lab.program("maildir"), box, input=b"y\n")
    assert out(done) == ("", "", 0)
    assert sorted(f.read_bytes() for f in new(box)) == [b"x\n", b"y\n"]
    assert list((box / "tmp").iterdir()) == []


def test_a_folder_that_is_no_maildir_is_111_and_stays_so(lab, home):
    plain = lab.folder(home / "plain")
    assert out(lab.run("maildir", plain, input=b"x")) == (
        "", f"maildir: {plain} is no Maildir: opening tmp: No such file or directory\n", 111)
    assert out(lab.run("maildir", home / "none", input=b"x")) == (
        "", f"maildir: opening {home}/none: No such file or directory\n", 111)
    assert list(plain.iterdir()) == [] and not (home / "none").exists()


def test_a_full_disk_is_111(lab, box):
    done = lab.run("/usr/bin/prlimit", "--fsize=1000", lab.program("maildir"), box,
                   input=b"x" * 5000)
    assert done.returncode == 111 and b"File too large" in done.stderr
    assert new(box) == [] and list((box / "tmp").iterdir()) == []


def test_a_full_file_system_is_111(lab, home, as_root):
    """A real one, of 64 KiB, in a mount namespace of its own."""
    mount = lab.folder(home / "small")
    script = (
        "mount --make-rprivate / 2>/dev/null\n"  # in a chroot it cannot, and need not
        f"mount -t tmpfs -o size=64k,uid={lab.uid},mode=755 none {mount} || exit 1\n"
        f"trap 'umount -l {mount}' EXIT\n"
        f"as() {{ setpriv --reuid={lab.uid} --regid={lab.gid} --clear-groups \"$@\"; }}\n"
        f"as {lab.program('maildirmake')} {mount}/M || exit 1\n"
        f"head -c 100000 /dev/zero | as {lab.program('maildir')} {mount}/M\n"
        f"echo code $?; find {mount}/M -type f | wc -l\n"
        f"echo small | as {lab.program('maildir')} {mount}/M; echo code $?\n")
    done = as_root("/usr/bin/unshare", "-m", "--propagation", "unchanged", "/bin/sh", "-c", script)
    assert done.stdout == b"code 111\n0\ncode 0\n", done.stderr
    assert b"No space left on device" in done.stderr


def test_two_hundred_at_once_all_arrive(lab, box):
    running = [lab.popen("maildir", box, stdin=subprocess.PIPE, env=lab.environment())
               for _ in range(200)]
    for number, one in enumerate(running):
        one.communicate(b"%d\n" % number, timeout=60)
    assert {one.returncode for one in running} == {0}
    assert sorted(int(f.read_bytes()) for f in new(box)) == list(range(200))
