"""Without a daemon: what sendmail starts when no send runs, and -odi, which waits for it."""

import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from conftest import processes_about, wait_for
from test_send import Send

TOP = pathlib.Path(__file__).resolve().parent.parent


def odi(instance, *recipients, input="Subject: x\n\nbody\n", sender="carl@here.test", **options):
    return instance.run("sendmail", "-i", "-odi", "-f", sender, "--", *recipients, input=input, **options)


def test_what_is_delivered_is_there_when_it_ends(instance):
    done = odi(instance, "alice@here.test", "bob@here.test")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(instance.messages("alice")) == len(instance.messages("bob")) == 1
    instance.settle()


def test_what_is_deferred_stays_queued_and_is_said(instance):
    instance.dot_file("alice", "", "|echo the press is broken; exit 111\n")
    done = odi(instance, "alice@here.test", "bob@here.test")
    assert done.returncode == 0
    assert done.stderr.decode() == ("sendmail: alice@here.test: queued, not delivered yet: the press is broken; "
                                    ".qmail line 1: exit code 111 (#4.3.0)\n")
    assert len(set(instance.queued())) == 1 and len(instance.messages("bob")) == 1  # it may be moving


def test_an_unknown_user_is_67_and_the_sender_is_told_by_mail_too(instance):
    done = odi(instance, "nobody@here.test")
    assert done.returncode == 67
    assert done.stderr.decode() == (
        "sendmail: nobody@here.test: failed: sorry, no mailbox here by that name (#5.1.1)\n")
    assert b"<nobody@here.test>:" in instance.message("carl")
    instance.settle()


def test_another_failure_is_69_and_others_are_delivered(instance):
    instance.dot_file("bob", "", "|echo go away; exit 100\n")
    done = odi(instance, "nobody@here.test", "bob@here.test", "alice@here.test")
    assert done.returncode == 69
    assert done.stderr.decode() == (
        "sendmail: nobody@here.test: failed: sorry, no mailbox here by that name (#5.1.1)\n"
        "sendmail: bob@here.test: failed: go away\n") or done.stderr.decode() == (
        "sendmail: bob@here.test: failed: go away\n"
        "sendmail: nobody@here.test: failed: sorry, no mailbox here by that name (#5.1.1)\n")
    assert len(instance.messages("alice")) == 1


def test_mail_for_other_hosts_is_waited_for_as_well(instance):
    script = instance.lab.write(instance.folder / "far", "#!/bin/sh\necho no; exit $(echo $4 | cut -c 1-2)\n", 0o755)
    instance.control("remote", f"pipe {script}\n")
    assert odi(instance, "00@far.test").returncode == 0
    wait_for(lambda: not processes_about(str(instance.path)), "the send of that one to end")
    done = odi(instance, "67@far.test")
    assert done.returncode == 67
    assert done.stderr.decode() == "sendmail: 67@far.test: failed: no; exit code 67: no such user there (#5.1.1)\n"
    wait_for(lambda: not processes_about(str(instance.path)), "the send of that one to end")
    done = odi(instance, "75@far.test")
    assert (done.returncode, done.stderr.decode()) == (
        0, "sendmail: 75@far.test: queued, not delivered yet: no; exit code 75: not now (#4.4.0)\n")


def test_where_a_send_runs_it_is_left_to_that_one(instance):
    send = Send(instance).ready()
    done = odi(instance, "alice@here.test")
    assert done.returncode == 0
    assert done.stderr.decode().endswith(": queued; another send works on the queue\n")
    instance.message("alice", 1)
    send.stop()


def test_without_a_program_to_start_it_is_queued_and_said(instance):
    parts = instance.lab.folder(instance.folder / "parts")
    done = odi(instance, "alice@here.test", env=instance.environment(PORPOISE_BIN=parts))
    assert done.returncode == 0
    assert b"queued; starting " in done.stderr and len(instance.queued()) == 1


def test_a_send_that_cannot_start_leaves_it_queued(instance):
    instance.control("queuelifetime", "many\n")
    done = odi(instance, "alice@here.test")
    assert done.returncode == 0
    assert b"queued; send could not try it (exit code 111)" in done.stderr and len(instance.queued()) == 1


def test_two_at_once_settle_it_by_the_lock(instance):
    running = [instance.popen("sendmail", "-i", "-odi", "--", "alice@here.test", stdin=subprocess.PIPE,
                              stderr=subprocess.PIPE) for _ in range(12)]
    for n, process in enumerate(running):
        process.stdin.write(f"Subject: {n}\n\n".encode())
        process.stdin.close()
    for process in running:
        assert process.wait(60) == 0
        process.stderr.close()
    instance.message("alice", 12)
    instance.settle()


@pytest.mark.parametrize("victims", ["sendmail", "send", "spawn", "all"])
def test_killed_while_it_waits_nothing_is_lost(instance, victims):
    gate = instance.folder / "gate"
    begun = instance.home_of("alice") / "begun"
    instance.dot_file("alice", "", f"|touch {begun}; while ! test -e {gate}; do sleep 0.02; done\n./Maildir/\n")
    process = instance.popen("sendmail", "-i", "-odi", "--", "alice@here.test", stdin=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    process.stdin.write(b"Subject: x\n\nbody\n")
    process.stdin.close()
    wait_for(begun.exists, "the delivery")
    for pid in processes_about(str(instance.path)):
        try:
            name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
            if victims in ("all", name):
                os.kill(pid, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass
    process.wait(30)
    instance.lab.write(gate, "")
    wait_for(lambda: not processes_about(str(instance.path)), "what runs to end")

    def empty():  # a killed send keeps its lock for a moment after its command line is gone: then this one leaves it the work
        assert instance.run("send", "--once", "--retry").returncode == 0
        return instance.queued() == []
    wait_for(empty, "the queue to be empty")
    found = instance.messages("alice")
    assert 1 <= len(found) <= 2 and found[0].read_bytes().endswith(b"\nbody\n")


def test_a_caller_that_does_not_wait_loses_nothing_either(instance):
    gate = instance.folder / "gate"
    instance.dot_file("alice", "", f"|test -e {gate} || exit 111\n./Maildir/\n")
    assert instance.run("sendmail", "-i", "alice", input="\n").returncode == 0
    wait_for(lambda: list((instance.path / "queue/deferred").glob("*/*")), "the deferral")
    wait_for(lambda: not processes_about(str(instance.path)), "send to end")
    instance.lab.write(gate, "")
    assert instance.run("sendmail", "-i", "-odi", "bob", input="\n").returncode == 0
    assert instance.messages("alice") == [], "it was not due"
    wait_for(lambda: not processes_about(str(instance.path)), "send to end")
    assert instance.run("porpoise", "retry").returncode == 0
    instance.message("alice", 1)


def test_odb_and_the_other_letters_do_not_wait(instance):
    gate = instance.folder / "gate"
    instance.dot_file("alice", "", f"|while ! test -e {gate}; do sleep 0.02; done\n./Maildir/\n")
    assert instance.run("sendmail", "-i", "-odb", "alice", input="\n").returncode == 0
    assert instance.messages("alice") == []
    instance.lab.write(gate, "")
    instance.message("alice", 1)


def test_a_missing_trigger_is_made_again(instance):
    trigger = instance.path / "queue" / "trigger"
    trigger.unlink()
    assert odi(instance, "alice@here.test").returncode == 0
    assert len(instance.messages("alice")) == 1
    assert trigger.is_fifo() and trigger.stat().st_mode & 0o777 == 0o600


# -- the timer


def test_the_units_are_what_systemd_takes(home, lab):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    units = []
    for unit in sorted((TOP / "packaging" / "systemd").glob("porpoise-retry.*")):
        text = unit.read_text().replace("/usr/lib/porpoise/bin/", f"{lab.bin}/")
        (home / unit.name).write_text(text)
        units.append(home / unit.name)
    assert [u.name for u in units] == ["porpoise-retry.service", "porpoise-retry.timer"]
    done = subprocess.run(["systemd-analyze", "verify", "--user", "--man=no", *map(str, units)], capture_output=True,
                          env=dict(os.environ, XDG_RUNTIME_DIR=str(home), SYSTEMD_LOG_LEVEL="warning"))
    said = [line for line in done.stderr.decode().splitlines() if "porpoise" in line]
    assert (done.returncode, said) == (0, []), done.stderr


def test_the_crontab_line_does_what_it_is_for(instance, lab):
    lines = [line for line in (TOP / "packaging" / "crontab").read_text().splitlines() if line and line[0] != "#"]
    assert len(lines) == 1
    fields = lines[0].split(None, 5)
    assert all(set(field) <= set("0123456789*/,-") for field in fields[:5])
    instance.run("sendmail", "-i", "-odq", "alice", input="\n")
    command = fields[5].replace("/usr/lib/porpoise/bin/", f"{lab.bin}/")
    done = instance.run("/bin/sh", "-c", command)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(instance.messages("alice")) == 1
