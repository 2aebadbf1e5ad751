"""From a user's `sendmail` to another's mailbox and out by POP3, every part as who it should be."""

import os
import re
import signal
import socket
import subprocess

import pytest

from conv import setups
from conftest import wait_for

MESSAGE = b"To: bob\nSubject: for you\n\nthe text\n"


def pop3(system, name, *commands):
    """All that is said until the end of the connection."""
    with socket.create_connection(("127.0.0.1", system.pop3_port()), timeout=30) as client:
        lines = [f"USER {name}", "PASS secret", *commands, "QUIT"]
        client.sendall("".join(f"{line}\r\n" for line in lines).encode())
        return client.makefile("rb").read()


def test_alices_mail_reaches_bob_and_bob_reads_it(running_system):
    system = running_system
    done = system.run("sendmail", "-t", user="alice", input=MESSAGE, no_new_privs=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), system.log()
    mail = system.message("bob")
    assert mail.startswith(b"Return-Path: <alice@mx.here.test>\nDelivered-To: bob@mx.here.test\nReceived: ")
    assert b"invoked by uid 50001" in mail and mail.endswith(b"\n\nthe text\n")
    file = system.messages("bob")[0]
    assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode & 0o777) == (50002, 50002, 0o600)
    system.settle()

    system.write("var/lib/porpoise/users/passwd", f"bob:{setups.SECRET}\n", mode=0o600)
    said = pop3(system, "bob", "RETR 1", "DELE 1")
    assert b"Subject: for you\r\n" in said and b"\r\n\r\nthe text\r\n.\r\n" in said
    assert said.endswith(b"+OK bye\r\n")
    wait_for(lambda: not system.messages("bob"), "the end of the message")


def test_everybody_may_send_and_the_uid_is_theirs(running_system):
    for count, user in enumerate(("alice", "eve", "root", "porpoise-net", 54321), 1):
        running_system.submit("Subject: x\n\nx\n", "bob", user=user, sender="someone@here.test")
        mail = running_system.message("bob", count)
        uid = running_system.uid(user)
        assert f"invoked by uid {uid})".encode() in mail or f"uid {uid}".encode() in mail, mail


def test_mail_for_root_goes_where_alias_says(running_system):
    running_system.submit("Subject: x\n\nfor root\n", "root", user="bob")
    assert running_system.message("alice").endswith(b"for root\n")  # its .qmail-root says so here


def test_a_system_made_by_init_works_as_it_is(bare_system):
    system = bare_system
    assert system.run("porpoise", "init", "--system", "--host", "mx.here.test").returncode == 0
    system.control("pop3port", "0\n")
    system.start()
    system.submit("Subject: x\n\nfor root\n", "root", user="alice")
    system.submit("Subject: x\n\nfor bob\n", "bob", user="alice")
    assert system.message("bob").endswith(b"for bob\n")
    assert system.message("alias").endswith(b"for root\n")
    system.settle()
    assert system.stop() == 0


def test_what_cannot_be_delivered_comes_back(running_system):
    running_system.submit("Subject: x\n\nx\n", "nobody-here", user="alice")
    notice = running_system.message("alice")
    assert b"nobody-here@" in notice
    running_system.settle()


def deferred(system, user="alice"):
    """A message of `user`'s that waits; its id."""
    system.dot_file("bob", "wait", "|exit 111\n")
    before = set(system.queued())
    system.submit("Subject: x\n\nx\n", "bob-wait", user=user)
    return wait_for(lambda: [i for i in system.queued()
                             if i not in before and list((system.instance / "queue/deferred").glob(f"*/{i}"))],
                    f"a deferred message; {system.log()}")[0]


def text(done):
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_only_ones_own_messages_are_retried(running_system):
    system = running_system
    id = deferred(system)
    system.dot_file("bob", "wait", "./Maildir/\n")
    for user in ("eve", "bob", "porpoise-net", 54321):
        assert text(system.run("porpoise", "retry", id, user=user)) == (100, "", f"porpoise: no such message: {id}\n")
    assert text(system.run("porpoise", "retry", "0" * 20, user="eve")) == (
        100, "", f"porpoise: no such message: {'0' * 20}\n")
    assert system.messages("bob") == []
    assert text(system.run("porpoise", "retry", id, user="alice")) == (0, "1 message due\n", "")
    assert system.message("bob").endswith(b"x\n")


@pytest.mark.parametrize("user", ["root", "porpoise"])
def test_root_and_the_owner_retry_everybodys(running_system, user):
    id = deferred(running_system)
    running_system.dot_file("bob", "wait", "./Maildir/\n")
    assert text(running_system.run("porpoise", "retry", id, user=user)) == (0, "1 message due\n", "")
    assert running_system.message("bob").endswith(b"x\n")


def test_alrm_to_the_run_makes_everything_due(running_system):
    deferred(running_system)
    running_system.dot_file("bob", "wait", "./Maildir/\n")
    running_system.runner.send_signal(signal.SIGALRM)
    assert running_system.message("bob").endswith(b"x\n")


def test_hup_to_the_run_counts_new_routing(running_system):
    running_system.control("virtualdomains", "virtual.test:bob-virtual\n")
    running_system.dot_file("bob", "virtual-default", "./Maildir/\n")
    running_system.runner.send_signal(signal.SIGHUP)
    running_system.submit("Subject: x\n\nx\n", "any@virtual.test", user="alice")
    assert b"Delivered-To: bob-virtual-any@virtual.test\n" in running_system.message("bob")


def test_everybody_sees_how_many_there_are(running_system):
    deferred(running_system)
    for user in ("root", "alice", "eve", "porpoise"):
        said = running_system.run("porpoise", "status", user=user).stdout.decode()
        assert "queue: 1 message\n" in said, (user, said)


def test_parts_that_are_started_again_lose_nothing(running_system):
    system = running_system
    system.submit("Subject: 1\n\n1\n", "bob", user="alice")
    system.message("bob")
    for program in ("queue", "send", "spawn"):
        found = wait_for(lambda: system.processes(program), f"{program}; {system.log()}")
        system.shell(f"kill -9 {found[0]['pid']}")
        system.submit(f"Subject: {program}\n\nx\n", "bob", user="alice")

    def subjects():
        system.run("porpoise", "retry")  # a delivery that was cut off waits
        return {re.search(rb"Subject: (.*)", m.read_bytes())[1] for m in system.messages("bob")}

    wait_for(lambda: subjects() == {b"1", b"queue", b"send", b"spawn"}, f"each of them; {system.log()}")


def test_each_part_is_confined(running_system):
    deferred(running_system)
    for program in ("send", "queue"):
        status = running_system.processes(program)[0]["status"]
        assert (status["Seccomp"], status["NoNewPrivs"], status["CapEff"]) == ("2", "1", "0" * 16), program
    # What users' programs get is not.
    running_system.dot_file("bob", "show", "|grep -E 'Seccomp:|NoNewPrivs' /proc/self/status > shown\n")
    running_system.submit("Subject: x\n\nx\n", "bob-show", user="alice")
    shown = wait_for(lambda: (lambda f: f.exists() and f.read_bytes())(running_system.home_of("bob") / "shown"), "shown")
    assert shown.split() == [b"NoNewPrivs:", b"0", b"Seccomp:", b"0"]


# -- where it runs

def mail_goes_through(system):
    system.submit("Subject: x\n\nthe text\n", "bob", user="alice")
    assert system.message("bob").endswith(b"the text\n")
    assert system.messages("bob")[0].stat().st_uid == 50002
    # No user's, not even nobody's, whom not every namespace has.
    system.submit("Subject: x\n\nx\n", "missing-person", user="alice")
    assert b"missing-person@" in system.message("alice")
    system.write("var/lib/porpoise/users/passwd", f"bob:{setups.SECRET}\n", mode=0o600)
    assert b"\r\nthe text\r\n.\r\n" in pop3(system, "bob", "RETR 1")


def test_with_a_root_that_nobody_can_write_to(system):
    system.shell("mount -o remount,bind,ro /")
    assert system.shell("touch /made").returncode == 1
    mail_goes_through(system.start())


def started_by(system, *prefix):
    with open(system.log_path, "ab") as log:
        system.runner = system.popen(*prefix, f"{system.bin}/porpoise", "run", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    ready = system.run("porpoise", "status", "--wait")
    assert ready.returncode == 0, system.log()
    return system


# Who becomes root of a user namespace cannot map all users: a child that stayed outside does.
IN_USER_NAMESPACE = """
import ctypes, os, sys
asked, ask = os.pipe()
outside = os.fork()
if outside == 0:
    os.read(asked, 1)
    for map in ("uid_map", "gid_map"):
        open(f"/proc/{os.getppid()}/{map}", "w").write("0 0 60000")
    os._exit(0)
assert ctypes.CDLL(None).unshare(0x10000000) == 0
os.write(ask, b"x")
os.waitpid(outside, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_as_root_of_a_user_namespace(system):
    """Root there has no rights outside; to whom files belong is mapped as it is."""
    started_by(system, "/usr/bin/python3", "-c", IN_USER_NAMESPACE)
    inside = {os.readlink(system.root / f"proc/{p['pid']}/ns/user") for p in system.processes("send")}
    assert inside and inside != {os.readlink("/proc/self/ns/user")}
    mail_goes_through(system)


def test_with_few_capabilities(system):
    """What a container leaves: to become users, to signal them, and to pass by the modes of files."""
    kept = "-all,+setuid,+setgid,+kill,+chown,+dac_override,+dac_read_search,+fowner,+net_bind_service"
    mail_goes_through(started_by(system, "/usr/bin/setpriv", f"--bounding-set={kept}", f"--inh-caps={kept}"))


def test_with_a_umask_of_its_own(system):
    for umask in ("000", "077"):
        system.runner = None
        started_by(system, "/bin/sh", "-c", f'umask {umask}; exec "$@"', "sh")
        assert system.shell("stat -c %a /var/lib/porpoise/run/submit").stdout == b"666\n"
        assert system.stop() == 0
