"""local: the real program on real homes, every rule of reference section 7 and what was mended."""

import fcntl
import os
import pathlib
import re
import signal
import stat
import subprocess

import pytest

from conftest import wait_for

MESSAGE = b"From: bob@x.test\nSubject: hi\n\nhello\n"
DTLINE = b"Delivered-To: joe@here.test\n"
RPLINE = b"Return-Path: <bob@x.test>\n"


class Box:
    """A home, and deliveries to it."""

    def __init__(self, lab, home):
        self.lab = lab
        self.top = home
        self.home = lab.folder(home / "joe")
        self.programs = str(lab.bin)

    def dot(self, name, text, mode=0o644):
        return self.lab.write(self.home / name, text, mode)

    def maildir(self, name="Maildir"):
        for part in ("", "tmp", "new", "cur"):
            self.lab.folder(self.home / name / part if part else self.home / name, 0o700)

    def in_maildir(self, name="Maildir"):
        return sorted((self.home / name / "new").iterdir())

    def deliver(self, ext=None, *, message=MESSAGE, options=(), sender="bob@x.test",
                default="./Maildir/", host="here.test", env=None, before=(), user="joe", **more):
        local, dash = (user, "") if ext is None else (f"{user}-{ext}", "-")
        source = self.top / "message"
        source.write_bytes(message)
        source.chmod(0o644)
        with open(source, "rb") as stdin:
            return self.lab.run(
                *before, self.lab.program("local"), *options, "--", user, self.home, local, dash,
                ext or "", host, sender, default,
                stdin=stdin, env=self.lab.environment(**(env or {})), **more)

    def with_notes(self, earlier=None, **more):
        """Delivers with progress notes: (result, [note, ...])."""
        ours, theirs = os.pipe()
        env = {"PORPOISE_PROGRESS_FD": theirs, "PORPOISE_PROGRESS": earlier}
        done = self.deliver(pass_fds=(theirs,), env={**env, **more.pop("env", {})}, **more)
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            notes = pipe.read()
        assert notes == b"" or notes.endswith(b"\0")
        return done, notes.decode().split("\0")[:-1]

    def instance(self):
        """As much of an instance as forwards through a foreign queue program need; what that
        program was given is in forwarded()."""
        where = self.lab.folder(self.top / "instance")
        for name in ("control", "queue"):
            self.lab.folder(where / name)
        self.lab.write(where / "control" / "me", "here.test\n")
        self.lab.write(where / "control" / "owner",
                       f"joe:{self.lab.uid}:{self.lab.gid}:{self.home}\n")
        self.lab.folder(self.top / "queued")
        script = self.lab.write(
            self.top / "queue-program",
            f"#!/bin/sh\ncd {self.top}/queued || exit 61\n"
            "n=$(($(ls | wc -l) / 2))\ncat >message.$n\ncat <&1 >envelope.$n\n"
            "[ ! -f ../code ] || exit $(cat ../code)\n", 0o755)
        return {"PORPOISE": where, "QMAILQUEUE": script}

    def forwarded(self):
        queued = self.top / "queued"
        return [((queued / f"message.{n}").read_bytes(), (queued / f"envelope.{n}").read_bytes())
                for n in range(len(list(queued.glob("envelope.*"))))]


@pytest.fixture
def box(lab, home):
    return Box(lab, home)


def out(done):
    return done.stdout.decode(), done.stderr.decode(), done.returncode


# -- the command line


def test_help_is_on_standard_output(lab):
    done = lab.run("local", "--help")
    assert done.returncode == 0 and done.stdout.startswith(b"usage: local") and done.stderr == b""


@pytest.mark.parametrize("line", [
    [], ["-n"], ["joe", "/home", "joe", "", "", "h", "s"],
    ["joe", "/home", "joe", "", "", "h", "s", "./M/", "more"], ["-x"],
    ["--lock-seconds", "x", "joe", "/home", "joe", "", "", "h", "s", "d"],
    ["--program-seconds=-1", "joe", "/home", "joe", "", "", "h", "s", "d"]])
def test_a_wrong_line_is_100(lab, line):
    done = lab.run("local", *line)
    assert done.returncode == 100
    assert done.stdout == b"" and done.stderr.count(b"\n") == 1


def test_a_home_without_slash_is_100(lab):
    done = lab.run("local", "joe", "home", "joe", "", "", "h", "s", "d")
    assert out(done) == ("", 'local: home "home" does not begin with a slash\n', 100)


def test_nothing_is_delivered_as_root(lab, box):
    sudo = [] if lab.root else ["/usr/bin/sudo", "-n"]
    if sudo and (not os.path.exists(sudo[0]) or lab.run(*sudo, "true").returncode != 0):
        pytest.skip("needs root")
    box.maildir()
    done = box.deliver(before=sudo, **({} if sudo else {"as_root": True}))
    assert out(done) == ("", "local: nothing is delivered as root (#4.7.0)\n", 111)
    assert box.in_maildir() == []


# -- the home


def test_a_missing_home_waits(box):
    box.home.rmdir()
    assert out(box.deliver()) == (
        "", f"entering home {box.home}: No such file or directory (#4.3.0)\n", 111)


def test_a_home_that_cannot_be_entered_waits(box):
    box.home.chmod(0)
    assert out(box.deliver()) == (
        "", f"entering home {box.home}: Permission denied (#4.3.0)\n", 111)


def test_a_home_writable_by_everyone_waits(box):
    box.home.chmod(0o757)
    assert out(box.deliver()) == ("", f"home {box.home} is writable by everyone (#4.7.0)\n", 111)


def test_a_home_writable_by_its_group_is_fine(box):
    box.maildir()
    box.home.chmod(0o775)
    assert box.deliver().returncode == 0


def test_a_sticky_home_waits_but_may_be_looked_at(box):
    box.maildir()
    box.home.chmod(0o1755)
    assert out(box.deliver()) == (
        "", f"home {box.home} is being changed: its sticky bit is set (#4.2.1)\n", 111)
    done = box.deliver(options=["-n"])
    assert out(done) == (
        "maildir ./Maildir/\ndid 1+0+0\n",
        f"warning: home {box.home} is being changed: its sticky bit is set\n", 0)


# -- the message


def test_the_message_must_be_a_file(box):
    box.maildir()
    done = box.lab.run("local", "joe", box.home, "joe", "", "", "h", "s", "./Maildir/",
                       input=MESSAGE)
    assert out(done) == ("", "descriptor 0 is not a regular file (#4.3.0)\n", 111)


def test_a_message_that_was_here_before_is_looping(box):
    box.maildir()
    done = box.deliver(message=b"Received: x\n" + DTLINE + MESSAGE)
    assert out(done) == (
        "", "this message is looping: it already has my Delivered-To line (#5.4.6)\n", 100)
    assert box.in_maildir() == []


@pytest.mark.parametrize("message", [
    b"Delivered-To: JOE@here.test\n\nx\n", b"delivered-to: joe@here.test\n\nx\n",
    b"Delivered-To: joe@here.test.\n\nx\n", b"\nDelivered-To: joe@here.test\n"])
def test_only_the_same_line_in_the_header_is_a_loop(box, message):
    box.maildir()
    assert box.deliver(message=message).returncode == 0


# -- which dot-file


def test_without_a_dot_file_the_default_applies(box):
    box.maildir()
    assert out(box.deliver()) == ("did 1+0+0\n", "", 0)


def test_the_default_may_have_several_lines(box):
    box.maildir()
    assert out(box.deliver(default="|true\n./Maildir/\n")) == ("did 1+0+1\n", "", 0)


def test_an_empty_default_is_a_blank_first_line(box):
    assert out(box.deliver(default="")) == (
        "", "the first line of the default delivery is blank (#4.2.1)\n", 111)


def test_an_extension_without_dot_file_has_no_mailbox(box):
    assert out(box.deliver("list")) == ("", "sorry, no mailbox here by that name (#5.1.1)\n", 100)


def test_the_names_in_their_order(box):
    names = [".qmail-a-b-c", ".qmail-a-b-default", ".qmail-a-default", ".qmail-default"]
    for name in names:
        box.dot(name, f'|echo "{name} ${{DEFAULT-unset}}"\n')
    seen = []
    for name in names:
        seen.append(box.deliver("a-b-C").stdout.decode().splitlines()[0])
        (box.home / name).unlink()
    assert seen == [".qmail-a-b-c unset", ".qmail-a-b-default C", ".qmail-a-default b-C",
                    ".qmail-default a-b-C"]
    assert box.deliver("a-b-C").returncode == 100


def test_dots_in_an_extension_are_colons(box):
    box.dot(".qmail-a:b", "|echo it\n")
    assert box.deliver("A.b").stdout == b"it\ndid 0+0+1\n"


def test_an_inherited_default_is_not_seen(box):
    box.dot(".qmail-a", '|echo "${DEFAULT-unset}"\n')
    assert box.deliver("a", env={"DEFAULT": "old"}).stdout.startswith(b"unset\n")


def test_a_name_of_another_kind_is_passed_over(box):
    box.lab.folder(box.home / ".qmail-a")
    os.mkfifo(box.lab.own(box.home) / ".qmail-default", 0o644)
    assert box.deliver("a").returncode == 100
    (box.home / ".qmail-default").unlink()
    box.dot(".qmail-default", "|echo default\n")
    assert box.deliver("a").stdout.startswith(b"default\n")


def test_an_unreadable_dot_file_is_not_passed_over(box):
    box.dot(".qmail-a", "|true\n", 0)
    box.dot(".qmail-default", "|true\n")
    assert out(box.deliver("a")) == ("", "opening .qmail-a: Permission denied (#4.3.0)\n", 111)


def test_a_dot_file_writable_by_everyone_waits(box):
    box.dot(".qmail", "|true\n", 0o646)
    assert out(box.deliver()) == ("", ".qmail is writable by everyone (#4.7.0)\n", 111)


def test_an_empty_dot_file_means_the_default_and_is_never_for_forwarding_only(box):
    box.maildir()
    box.dot(".qmail-a", "", 0o755)
    assert out(box.deliver("a")) == ("did 1+0+0\n", "", 0)


# -- lines


@pytest.mark.parametrize("text", ["\n|true\n", " \t\n|true\n", "\0|true\n"])
def test_a_blank_first_line_waits(box, text):
    box.dot(".qmail", text)
    assert out(box.deliver()) == ("", "the first line of .qmail is blank (#4.2.1)\n", 111)


def test_comments_blanks_and_unknown_words_do_nothing(box):
    box.dot(".qmail", "# a\n\n+other\n|true  \t\n")
    assert out(box.deliver()) == ("did 0+0+1\n", "", 0)


def test_only_comments_throw_the_message_away_and_n_says_so(box):
    box.dot(".qmail", "# nothing\n")
    assert out(box.deliver()) == ("did 0+0+0\n", "", 0)
    assert out(box.deliver(options=["-n"])) == (
        "did 0+0+0\n",
        "warning: .qmail has no delivery line: the message would be thrown away\n", 0)


def test_a_cr_counts_and_n_says_so(box):
    box.dot(".qmail", "./Maildir/\r\n")
    done = box.deliver(options=["-n"])
    assert done.stdout == b"mbox ./Maildir/\r\ndid 1+0+0\n"
    assert done.stderr == b"warning: .qmail line 1 ends in a CR, which counts\n"


def test_a_forward_to_nobody_waits(box):
    box.dot(".qmail", "|true\n&\n")
    assert out(box.deliver()) == ("", ".qmail line 2 forwards to no address (#4.2.1)\n", 111)


@pytest.mark.parametrize("line", ["|true", "./Maildir/", "./Mailbox", "/tmp/Mailbox"])
def test_a_forward_only_file_names_no_file_or_program(box, line):
    box.maildir()
    box.dot(".qmail", f"&a@b\n{line}\n", 0o744)
    words = ("names a file or program, but .qmail is for forwarding only (#4.7.0)\n", 111)
    assert out(box.deliver()) == ("", ".qmail line 2 " + words[0], 111)
    box.dot(".qmail", f"{line}\n+list\n{line}\n", 0o644)
    done = box.deliver(options=["-n"])
    assert done.returncode == 111 and done.stderr.decode() == ".qmail line 3 " + words[0]


def test_n_shows_and_does_nothing(box):
    box.dot(".qmail", "# x\n|false\n&a@b\nc@d\n./Mailbox\n./Maildir/\n")
    done = box.lab.run("local", "-n", "joe", box.home, "joe", "", "", "h", "s", "d", input=b"")
    assert out(done) == ("program false\nforward a@b\nforward c@d\nmbox ./Mailbox\n"
                         "maildir ./Maildir/\ndid 2+2+1\n", "", 0)
    assert [f.name for f in box.home.iterdir()] == [".qmail"]


def test_capital_n_takes_it_back(box):
    box.maildir()
    assert box.deliver(options=["-nN"]).returncode == 0
    assert len(box.in_maildir()) == 1


# -- Maildir


def test_a_maildir_gets_the_two_lines_and_the_message(box):
    box.maildir()
    assert box.deliver().returncode == 0
    [file] = box.in_maildir()
    assert file.read_bytes() == RPLINE + DTLINE + MESSAGE
    size = len(RPLINE + DTLINE + MESSAGE)
    assert file.name.endswith(f",S={size},W={size + 6}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_both_births_deliver_the_same(box):
    box.maildir()
    for named in ("0", "1"):
        assert box.deliver(env={"PORPOISE_NAMED_FILES": named}).returncode == 0
    first, second = box.in_maildir()
    assert first.read_bytes() == second.read_bytes() == RPLINE + DTLINE + MESSAGE
    assert list((box.home / "Maildir" / "tmp").iterdir()) == []


def test_a_missing_maildir_waits_and_is_not_made(box):
    assert out(box.deliver()) == (
        "", "delivering to ./Maildir/: opening ./Maildir/: No such file or directory (#4.2.1)\n",
        111)
    assert list(box.home.iterdir()) == []


def test_a_maildir_that_cannot_be_written_waits(box):
    box.maildir()
    (box.home / "Maildir" / "new").chmod(0o500)
    done = box.deliver()
    assert done.returncode == 111 and b"Permission denied (#4.2.1)" in done.stderr
    assert list((box.home / "Maildir" / "tmp").iterdir()) == []


@pytest.mark.parametrize("named", ["0", "1"])
def test_a_disk_that_is_full_waits(box, named):
    box.maildir()
    done = box.deliver(message=MESSAGE + b"x" * 5000, before=["/usr/bin/prlimit", "--fsize=3000"],
                       env={"PORPOISE_NAMED_FILES": named})
    assert done.returncode == 111 and b"File too large (#4.2.1)" in done.stderr
    assert box.in_maildir() == [] and list((box.home / "Maildir" / "tmp").iterdir()) == []


# -- mbox


def mbox_text(head=MESSAGE, sender="bob@x.test"):
    return re.compile(
        rb"From " + re.escape(sender.encode()) + rb" [A-Z][a-z]{2} [A-Z][a-z]{2} \d\d "
        rb"\d\d:\d\d:\d\d \d{4}\n" + re.escape(RPLINE + DTLINE + head) + rb"\n")


def test_an_mbox_gets_from_line_message_and_empty_line(box):
    box.dot(".qmail", "./Mailbox\n")
    assert out(box.deliver()) == ("did 1+0+0\n", "", 0)
    assert mbox_text().fullmatch((box.home / "Mailbox").read_bytes())
    assert stat.S_IMODE((box.home / "Mailbox").stat().st_mode) == 0o600


def test_from_lines_are_quoted_and_a_partial_line_is_ended(box):
    box.dot(".qmail", "./Mailbox\n")
    box.deliver(message=b"From a\n\n>From b\nFrom c")
    assert mbox_text(b">From a\n\n>>From b\n>From c\n").fullmatch(
        (box.home / "Mailbox").read_bytes())


def test_an_unended_mailbox_is_repaired(box):
    box.dot(".qmail", "./Mailbox\n")
    for rest, added in ((b"From x\n\nhalf a l", b"\n\n"), (b"From x\n\nbody\n", b"\n"),
                        (b"From x\n\nbody\n\n", b""), (b"\n", b""), (b"x", b"\n\n")):
        box.lab.write(box.home / "Mailbox", rest)
        assert box.deliver().returncode == 0
        text = (box.home / "Mailbox").read_bytes()
        assert text.startswith(rest + added + b"From bob")
        assert mbox_text().fullmatch(text[len(rest + added):])


@pytest.mark.parametrize("before", [b"", b"From x\n\nbody\n\n", b"From x\n\nhalf"])
def test_a_failed_append_is_rolled_back(box, before):
    box.dot(".qmail", "./Mailbox\n")
    box.lab.write(box.home / "Mailbox", before)
    done = box.deliver(message=MESSAGE + b"x" * 200_000,
                       before=["/usr/bin/prlimit", "--fsize=150000"])
    assert out(done) == ("", "writing ./Mailbox: File too large (#4.3.0)\n", 111)
    assert (box.home / "Mailbox").read_bytes() == before


@pytest.mark.parametrize("take", [fcntl.flock, fcntl.lockf], ids=["flock", "fcntl"])
def test_a_locked_mailbox_waits(box, take):
    box.dot(".qmail", "./Mailbox\n")
    box.lab.write(box.home / "Mailbox", b"")
    with open(box.home / "Mailbox", "r+b") as held:
        take(held, fcntl.LOCK_EX)
        done = box.deliver(options=["--lock-seconds", "1"])
        assert out(done) == ("", "./Mailbox stayed locked for 1 seconds (#4.3.0)\n", 111)
    assert (box.home / "Mailbox").read_bytes() == b""
    assert box.deliver(options=["--lock-seconds", "1"]).returncode == 0


def test_a_lock_that_is_given_back_is_taken(box):
    box.dot(".qmail", "./Mailbox\n")
    box.lab.write(box.home / "Mailbox", b"")
    with open(box.home / "Mailbox", "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with open(box.top / "m", "w+b") as message:
            message.write(MESSAGE)
            message.flush()
            running = box.lab.popen("local", "joe", box.home, "joe", "", "", "here.test",
                                    "bob@x.test", "d", stdin=message,
                                    env=box.lab.environment(), stdout=subprocess.PIPE)
            fcntl.flock(held, fcntl.LOCK_UN)
            assert running.communicate(timeout=60)[0] == b"did 1+0+0\n"


def test_both_locks_are_held_while_writing(box):
    """Readers of either custom are kept out: seen by strace."""
    box.dot(".qmail", "./Mailbox\n")
    trace = box.lab.own(box.top) / "trace"
    box.deliver(before=["/usr/bin/strace", "-o", trace, "-e", "trace=flock,fcntl,write,fsync"])
    calls = [line for line in trace.read_text().splitlines()
             if re.search(r"LOCK_EX|OFD_SETLK|From bob|fsync", line)]
    assert [re.search(r"LOCK_EX|OFD_SETLK|From bob|fsync", line)[0] for line in calls] == [
        "LOCK_EX", "OFD_SETLK", "From bob", "fsync", "fsync"]


@pytest.mark.parametrize("path,reason", [
    ("/dev/null", "/dev/null is not a regular file (#4.2.1)"),
    ("./no/Mailbox", "opening ./no/Mailbox: No such file or directory (#4.2.1)"),
    ("./fifo", "./fifo is not a regular file (#4.2.1)"),
    ("./closed", "opening ./closed: Permission denied (#4.2.1)")])
def test_what_is_no_mailbox_waits(box, path, reason):
    os.mkfifo(box.home / "fifo", 0o666)
    os.chmod(box.home / "fifo", 0o666)
    box.lab.write(box.home / "closed", b"", 0)
    box.dot(".qmail", path + "\n")
    assert out(box.deliver()) == ("", reason + "\n", 111)


# -- programs


def test_every_exit_code_of_a_program(box):
    found = {}
    for code in range(128):
        box.dot(".qmail", f"|exit {code}\n|echo next\n")
        done = box.deliver()
        found.setdefault((done.returncode, done.stdout, done.stderr), []).append(code)
    never = [64, 65, 70, 76, 77, 78, 100, 112]
    assert found.pop((0, b"next\ndid 0+0+2\n", b"")) == [0]
    assert found.pop((0, b"did 0+0+1\n", b"")) == [99]
    assert found.pop((100, b"", b"")) == never
    for (code, said, told), [exit_code] in found.items():
        assert (code, said) == (111, b"")
        assert told.decode() == f".qmail line 1: exit code {exit_code} (#4.3.0)\n"
    assert len(found) == 128 - 2 - len(never)


def test_a_signal_means_later(box):
    box.dot(".qmail", "|kill -9 $$\n")
    assert out(box.deliver()) == ("", ".qmail line 1: killed by signal 9 (#4.3.0)\n", 111)


def test_a_program_reads_the_message_without_the_added_lines(box):
    box.dot(".qmail", "|cat >got.1\n|head -c 3 >got.2\n|cat >got.3\n")
    assert box.deliver().returncode == 0
    assert (box.home / "got.1").read_bytes() == MESSAGE
    assert (box.home / "got.2").read_bytes() == MESSAGE[:3]
    assert (box.home / "got.3").read_bytes() == MESSAGE


def test_what_a_program_says_is_the_report(box):
    box.dot(".qmail", "|echo out; echo err >&2; exit 100\n")
    assert out(box.deliver()) == ("out\n", "err\n", 100)


def test_the_environment_is_whole_and_nothing_else(box):
    box.dot(".qmail-list-default", "|env -0 >env\n")
    done = box.deliver("List-a-b", host="mx.here.test", env={"SECRET": "1", "LD_DEBUG": "help"},
                       options=["--instance", "/no/instance"])
    assert done.returncode == 0, done.stderr
    got = dict(e.split("=", 1) for e in (box.home / "env").read_text().split("\0")[:-1])
    assert re.fullmatch(r"From bob@x.test .* \d{4}\n", got.pop("UFLINE"))
    got.pop("PWD")  # the shell's own
    assert got == {
        "PATH": f"{box.programs}:/usr/local/bin:/usr/bin:/bin", "SHELL": "/bin/sh",
        "USER": "joe", "LOGNAME": "joe", "HOME": str(box.home), "LOCAL": "joe-List-a-b",
        "HOST": "mx.here.test", "RECIPIENT": "joe-List-a-b@mx.here.test",
        "SENDER": "bob@x.test", "NEWSENDER": "bob@x.test",
        "DTLINE": "Delivered-To: joe-List-a-b@mx.here.test\n",
        "RPLINE": "Return-Path: <bob@x.test>\n", "EXT": "List-a-b", "EXT2": "a-b", "EXT3": "b",
        "EXT4": "", "HOST2": "mx.here", "HOST3": "mx", "HOST4": "mx", "DEFAULT": "a-b",
        "PORPOISE": "/no/instance"}


def test_a_program_runs_in_the_home_with_three_descriptors(box):
    box.dot(".qmail", "|pwd; ls /proc/self/fd | tr '\\n' ' '\n")
    done, _ = box.with_notes()
    assert done.stdout.decode() == f"{box.home}\n0 1 2 3 did 0+0+1\n"


def test_a_program_that_runs_too_long_is_ended(box):
    box.dot(".qmail", "|echo $$ >pid; sleep 1000; echo no\n|echo next\n")
    done = box.deliver(options=["--program-seconds", "1"])
    assert out(done) == ("", "a program ran longer than 1 seconds and was ended (#4.3.0)\n", 111)
    group = int((box.home / "pid").read_text())
    wait_for(lambda: not group_members(group), "the end of its process group")


def group_members(group):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if fields[2] == str(group) and fields[0] != "Z":
            found.append(entry.name)
    return found


def test_told_to_end_it_ends_its_program_and_waits(box):
    box.dot(".qmail", "|echo $$ >pid; sleep 1000\n")
    (box.top / "m").write_bytes(MESSAGE)
    with open(box.top / "m", "rb") as message:
        running = box.lab.popen("local", "joe", box.home, "joe", "", "", "h", "s", "d",
                                stdin=message, env=box.lab.environment(), stderr=subprocess.PIPE)
    pid = box.home / "pid"
    wait_for(lambda: pid.exists() and pid.read_text().endswith("\n"), "the program")
    running.send_signal(signal.SIGTERM)
    assert running.communicate(timeout=60)[1] == b"the delivery was told to end (#4.3.0)\n"
    assert running.returncode == 111
    wait_for(lambda: not group_members(int(pid.read_text())), "the end of its process group")


# -- several lines


def test_the_first_line_that_fails_ends_it(box):
    box.maildir()
    box.dot(".qmail", "|echo one\n|false\n./Maildir/\n&a@b\n")
    assert out(box.deliver()) == ("one\n", ".qmail line 2: exit code 1 (#4.3.0)\n", 111)
    assert box.in_maildir() == []


# -- forwards


def test_all_forwards_are_one_message_with_one_line_more(box):
    box.dot(".qmail", "&a@b\n|true\nc@d\n")
    done = box.deliver(env=box.instance())
    assert out(done) == ("did 0+2+1\nqp -\n", "", 0)
    [(message, envelope)] = box.forwarded()
    assert message == DTLINE + MESSAGE
    assert envelope == b"Fbob@x.test\0Ta@b\0Tc@d\0\0"


def test_an_owner_gets_the_bounces(box):
    env = box.instance()
    box.dot(".qmail-l", "&a@b\n")
    box.dot(".qmail-l-owner-default", "&x@y\n")
    box.deliver("l", env=env)
    box.dot(".qmail-l-owner", "&x@y\n")
    (box.home / ".qmail-l-owner-default").unlink()
    box.deliver("L", env=env)
    box.dot(".qmail-l-owner-default", "&x@y\n")
    box.deliver("l", env=env)
    box.deliver("l", env=env, sender="")
    box.deliver("l", env=env, sender="#@[]")
    assert [envelope for _, envelope in box.forwarded()] == [
        b"Fbob@x.test\0Ta@b\0\0", b"Fjoe-L-owner@here.test\0Ta@b\0\0",
        b"Fjoe-l-owner-@here.test-@[]\0Ta@b\0\0", b"F\0Ta@b\0\0", b"F#@[]\0Ta@b\0\0"]


def test_99_stops_the_lines_but_sends_what_was_collected(box):
    box.dot(".qmail", "&a@b\n|exit 99\n&c@d\n")
    assert out(box.deliver(env=box.instance())) == ("did 0+1+1\nqp -\n", "", 0)
    assert box.forwarded()[0][1] == b"Fbob@x.test\0Ta@b\0\0"


def test_a_failing_line_sends_no_forwards(box):
    box.dot(".qmail", "&a@b\n|exit 100\n")
    assert box.deliver(env=box.instance()).returncode == 100
    assert box.forwarded() == []


@pytest.mark.parametrize("code,expected,text", [
    (31, 100, "queue: message refused (#5.3.0)"), (11, 100, "too long (#5.1.3)"),
    (53, 111, "disk full or write error (#4.3.0)"), (71, 111, "(#4.3.0)")])
def test_what_the_queue_says_decides(box, code, expected, text):
    env = box.instance()
    (box.top / "code").write_text(str(code))
    box.dot(".qmail", "&a@b\n")
    done = box.deliver(env=env)
    assert done.returncode == expected and text in done.stderr.decode()


def test_without_an_instance_forwards_wait(box):
    box.dot(".qmail", "&a@b\n")
    done = box.deliver(env={"PORPOISE": box.top / "none"})
    assert done.returncode == 111
    assert done.stderr.decode().startswith(f"{box.top}/none is no porpoise instance")


def test_a_forward_enters_the_real_queue(instance):
    box = Box(instance.lab, instance.folder)
    box.dot(".qmail", "&alice@here.test\n|forward bob@here.test\n")
    env = instance.environment(PORPOISE_NO_SEND="1")
    done = box.deliver(env=env, options=["--instance", instance.path])
    assert done.returncode == 0, done.stderr
    report = done.stdout.decode() + done.stderr.decode()
    ids = re.findall(r"qp ([0-9a-z]{20})\n", report)
    assert len(ids) == 2 and sorted(ids) == instance.queued()
    for id in ids:
        text = (instance.path / "queue" / "incoming" / id).read_bytes()
        assert DTLINE + MESSAGE in text


# -- progress


def test_notes_follow_each_line_and_the_forwards(box):
    box.maildir()
    box.dot(".qmail", "# x\n./Maildir/\n&a@b\n|true\n./Mailbox\n")
    done, notes = box.with_notes(env=box.instance())
    assert done.returncode == 0
    assert [n.split(" ", 1)[1] for n in notes] == ["done=2", "done=4", "done=5", "done=5 sent=-"]
    assert len({n.split(" ")[0] for n in notes}) == 1


def test_a_retry_repeats_no_line_that_was_done(box):
    box.maildir()
    box.dot(".qmail", "./Maildir/\n|echo x >>first\n|echo x >>second; test -f mended\n./Mailbox\n"
                      "&a@b\n")
    env = box.instance()
    done, notes = box.with_notes(env=env)
    assert done.returncode == 111 and notes[-1].endswith(" done=2")
    again, more = box.with_notes(earlier=notes[-1], env=env)
    assert again.returncode == 111 and more == []
    (box.home / "mended").touch()
    last, notes = box.with_notes(earlier=notes[-1], env=env)
    assert out(last) == ("did 2+1+2\nqp -\n", "", 0)
    assert len(box.in_maildir()) == 1
    assert (box.home / "first").read_text() == "x\n"
    assert (box.home / "second").read_text() == "x\nx\nx\n"
    assert len(box.forwarded()) == 1
    # And where only the report was lost, nothing is done again.
    once_more, notes = box.with_notes(earlier=notes[-1], env=env)
    assert out(once_more) == ("did 2+1+2\nqp -\n", "", 0) and notes == []
    assert len(box.forwarded()) == 1 and len(box.in_maildir()) == 1


def test_a_retry_after_99_runs_nothing_behind_it(box):
    box.dot(".qmail", "&a@b\n|echo x >>ran; exit 99\n|echo x >>behind\n&c@d\n")
    env = box.instance()
    (box.top / "code").write_text("53")
    done, notes = box.with_notes(env=env)
    assert done.returncode == 111 and notes[-1].endswith(" done=2 stop")
    (box.top / "code").unlink()
    last, notes = box.with_notes(earlier=notes[-1], env=env)
    assert last.returncode == 0 and notes[-1].endswith(" done=2 stop sent=-")
    assert (box.home / "ran").read_text() == "x\n" and not (box.home / "behind").exists()
    assert box.forwarded()[-1][1] == b"Fbob@x.test\0Ta@b\0\0"


def test_a_changed_dot_file_begins_anew_and_says_so(box):
    box.dot(".qmail", "|echo x >>ran\n|false\n")
    _, notes = box.with_notes()
    box.dot(".qmail", "|echo x >>ran\n|true\n")
    done, _ = box.with_notes(earlier=notes[-1])
    assert out(done) == (
        ".qmail has changed since the last attempt: beginning anew\ndid 0+0+2\n", "", 0)
    assert (box.home / "ran").read_text() == "x\nx\n"


def test_a_note_that_makes_no_sense_begins_anew(box):
    box.dot(".qmail", "|true\n")
    done, _ = box.with_notes(earlier="junk")
    assert out(done) == (
        "the note of the last attempt makes no sense: beginning anew\ndid 0+0+1\n", "", 0)
