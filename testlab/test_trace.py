"""What must come before what, shown on the traced system calls of the real programs."""

import re
import subprocess

import pytest

from conftest import wait_for

STRACE = "/usr/bin/strace"


class Trace:
    """The calls of an strace log, `-f -y`: (process, name, arguments, result), in the order they ended."""

    def __init__(self, text):
        self.calls = []
        open_calls = {}
        for line in text.splitlines():
            match = re.match(r"(?:\[pid +)?(\d+)\]? +(.*)", line)
            if not match:
                continue
            pid, rest = match.groups()
            if rest.endswith("<unfinished ...>"):
                open_calls[pid] = rest.removesuffix("<unfinished ...>")
                continue
            resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", rest)
            if resumed:
                rest = open_calls.pop(pid, "") + resumed[1]
            call = re.match(r"(\w+)\((.*)\) += (\S+)", rest)
            if call:
                self.calls.append((int(pid), *call.groups()))
            elif rest.startswith("+++ exited with"):
                self.calls.append((int(pid), "exited", "", rest.split()[3]))

    def index(self, name, *texts, after=-1, result=None):
        """The first call of this name after index `after` whose arguments hold all texts."""
        for i, (_, called, arguments, got) in enumerate(self.calls):
            if i > after and re.fullmatch(name, called) and all(t in arguments for t in texts) and result in (None, got):
                return i
        pytest.fail(f"no {name} with {texts} after call {after}:\n" + "\n".join(map(str, self.calls)))

    def none(self, name, first, last, *texts, pid=None):
        for p, called, arguments, got in self.calls[first + 1 : last]:
            if re.fullmatch(name, called) and all(t in arguments for t in texts) and pid in (None, p):
                pytest.fail(f"{called}({arguments}) = {got} between {self.calls[first]} and {self.calls[last]}")


WRITES = "write|pwrite64|writev"


@pytest.mark.parametrize("named", ["0", "1"])
@pytest.mark.parametrize("program", ["sendmail", "inject", "queue"])
def test_exit_0_only_after_the_file_and_its_entry_are_synced(instance, home, program, named):
    log = home / "trace"
    env = instance.environment(PORPOISE_NAMED_FILES=named, PORPOISE_NO_SEND="1")
    options = {"input": "Subject: x\n\nbody\n"}
    if program == "queue":
        envelope = instance.lab.write(home / "envelope", b"Fcarol@here.test\0Talice@here.test\0\0")
        command = ["/bin/sh", "-c", f"exec {instance.lab.program('queue')} 1< {envelope}"]
    else:
        command = [instance.lab.program(program), "alice@here.test"]
    done = instance.run(STRACE, "-f", "-y", "-o", log, "-e", "trace=openat,write,pwrite64,writev,fsync,fdatasync,linkat,unlinkat,exit_group",
                        *command, env=env, **options)
    assert done.returncode == 0, done.stderr
    trace = Trace(log.read_text())
    link = trace.index("linkat", "queue/incoming")
    last_write = max(i for i, c in enumerate(trace.calls) if re.fullmatch(WRITES, c[1]) and "queue/tmp" in c[2])
    file_synced = trace.index("fsync|fdatasync", "queue/tmp", after=last_write, result="0")
    entry_synced = trace.index("fsync", "queue/incoming>", after=link, result="0")
    assert last_write < file_synced < link < entry_synced
    exits = [i for i, c in enumerate(trace.calls) if c[1] == "exited"]
    assert exits and entry_synced < exits[-1] and trace.calls[exits[-1]][3] == "0"
    syncs = [c for c in trace.calls if c[1] in ("fsync", "fdatasync")]
    assert len(syncs) == 2, syncs
    assert len(instance.queued()) == 1


@pytest.mark.parametrize("named", ["0", "1"])
def test_maildir_delivery_syncs_the_file_and_then_new(lab, home, named):
    lab.run("maildirmake", home / "box")
    log = home / "trace"
    done = lab.run(STRACE, "-f", "-y", "-o", log, lab.program("maildir"), home / "box", input="Subject: x\n\n",
                   env=lab.environment(PORPOISE_NAMED_FILES=named))
    assert done.returncode == 0, done.stderr
    trace = Trace(log.read_text())
    link = trace.index("linkat", "box/new")
    synced = trace.index("fsync|fdatasync", "box/tmp", result="0")
    entry = trace.index("fsync", "box/new>", after=link, result="0")
    assert synced < link < entry
    trace.none(WRITES, synced, link, "box/")


@pytest.fixture
def traced(instance, home):
    """`porpoise run` under strace, ready and quiet; a function gives what was traced since."""
    log = home / "trace"
    calls = "trace=read,getdents64,sendmsg,poll,ppoll,epoll_wait,epoll_pwait,epoll_pwait2,select,pselect6,nanosleep,clock_nanosleep,openat,unlinkat,fsync,execve"
    instance.runner = instance.popen(STRACE, "-f", "-y", "-s", "200", "-o", log, "-e", calls, instance.lab.program("porpoise"), "run",
                                     stdin=subprocess.DEVNULL, stdout=open(instance.log_path, "ab"), stderr=subprocess.STDOUT)
    assert instance.run("porpoise", "status", "--wait", "--timeout", "20").returncode == 0
    return lambda: Trace(log.read_text())


def test_new_mail_is_started_at_once_without_a_timer_or_a_scan(instance, traced):
    instance.submit("Subject: now\n\n", "alice@here.test")
    instance.message("alice")
    instance.settle()
    trace = traced()
    told = next(i for i, c in enumerate(trace.calls) if c[1] == "read" and "queue/trigger" in c[2] and c[3] not in ("0", "-1"))
    started = trace.index("sendmsg", "alice@here.test", after=told)
    send = trace.calls[told][0]
    trace.none("getdents64", told, started, "queue/")
    trace.none("nanosleep|clock_nanosleep", told, started, pid=send)
    for pid, name, arguments, result in trace.calls[told + 1 : started]:
        assert not (pid == send and re.fullmatch("poll|ppoll|epoll_.*|select|pselect6", name) and result == "0"), "a timer ended between"


def test_send_never_sleeps_and_a_retry_reads_no_folder(instance, traced):
    maildir = instance.home_of("alice") / "Maildir"
    maildir.rename(maildir.with_name("away"))
    instance.submit("Subject: later\n\n", "alice@here.test")
    wait_for(lambda: b"next try" in instance.run("qread").stdout, "a reason in qread")
    before = len(traced().calls)
    maildir.with_name("away").rename(maildir)
    assert instance.run("porpoise", "retry").returncode == 0
    instance.message("alice")
    instance.settle()
    trace = traced()
    assert len(trace.calls) > before
    sends = {c[0] for c in trace.calls if "queue/trigger" in c[2] and c[1] in ("read", "openat")}
    assert sends
    for pid, name, arguments, _ in trace.calls[before:]:
        assert not (name == "getdents64" and "queue/" in arguments), (pid, arguments)
    assert not [c for c in trace.calls if c[1] in ("nanosleep", "clock_nanosleep") and c[0] in sends]


def test_an_intent_of_a_send_that_was_killed_is_synced_before_its_notice(instance, home):
    parts = instance.lab.folder(home / "parts")
    for program in instance.lab.bin.iterdir():
        if program.name != "bounce":
            (parts / program.name).symlink_to(program)
    instance.lab.write(parts / "bounce", "#!/bin/sh\nkill -9 $PPID\n", 0o755)
    quiet = instance.environment(PORPOISE_NO_SEND="1")
    assert instance.run("sendmail", "-i", "-f", "alice@here.test", "nobody", input="\n", env=quiet).returncode == 0
    killed = instance.run("send", "--once", env=instance.environment(PORPOISE_BIN=parts))
    assert killed.returncode == -9
    [identifier] = instance.queued()
    log = home / "trace"
    done = instance.run(STRACE, "-f", "-y", "-s", "200", "-o", log, "-e", "trace=fsync,fdatasync,execve,vfork",
                        instance.lab.program("send"), "--once", env=quiet)
    assert done.returncode == 0, done.stderr
    trace = Trace(log.read_text())
    synced = trace.index("fsync|fdatasync", identifier, result="0")
    assert synced < trace.index("execve", "/bounce")
    instance.message("alice", 1)
    assert instance.queued() == []
