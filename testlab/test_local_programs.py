"""local: programs, several lines, forwards, and the notes from which a retry goes on."""

import pathlib
import re
import signal
import subprocess

import pytest

from conftest import wait_for
from local_box import Box, DTLINE, MESSAGE, box, out  # noqa: F401: box is a fixture


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
