"""popup, checkpassword and pop3d together, with clients that people use and clients that vanish."""

import os
import poplib
import signal
import socket
import subprocess
import time

import pytest

from conftest import wait_for
from conv import setups, target

TEXT = b"From: carol@away.test\nSubject: dots\n\n.one\n..two\n.\nlast"
LINES = [b"From: carol@away.test", b"Subject: dots", b"", b".one", b"..two", b".", b"last"]


@pytest.fixture
def server(instance):
    made = target.Porpoise(instance)
    made.door.listen(0)
    yield made
    assert made.close() == []


@pytest.fixture
def client(server):
    with socket.create_connection(server.door.listener.getsockname()) as connected:
        connected.settimeout(20)
        yield connected


def names(server, user="alice"):
    return [f"{m.file.parent.name}/{m.file.name}" for m in server.messages(user)]


def lines_of(client, count):
    """The next `count` lines that the server sends."""
    text = b""
    while text.count(b"\n") < count:
        more = client.recv(4096)
        assert more, text
        text += more
    return text


def test_poplib_reads_and_deletes(server):
    server.put("alice", "new/1700000001.M1P1.h", TEXT)
    server.put("alice", "cur/1700000002.M1P1.h:2,S", b"Subject: second\n\n")
    pop = poplib.POP3("127.0.0.1", server.door.listener.getsockname()[1], timeout=20)
    pop.user("alice")
    pop.pass_("secret")
    size = sum(len(line) + 2 for line in LINES)
    assert pop.stat() == (2, size + 19)
    assert pop.capa()["EXPIRE"] == ["NEVER"]
    _, lines, octets = pop.retr(1)
    assert (lines, octets) == (LINES, size)
    assert pop.top(1, 1)[1] == LINES[:4]
    assert pop.uidl()[1] == [b"1 1700000001.M1P1.h", b"2 1700000002.M1P1.h"]
    pop.dele(2)
    pop.quit()
    assert names(server) == ["cur/1700000001.M1P1.h:2,"]


def curl(server, path, *options):
    port = server.door.listener.getsockname()[1]
    return subprocess.run(["curl", "-sS", "-u", "alice:secret", *options, f"pop3://127.0.0.1:{port}/{path}"],
                          capture_output=True, timeout=30)


def test_curl_lists_and_fetches(server):
    server.put("alice", "new/1700000001.M1P1.h", TEXT)
    listed = curl(server, "")
    assert (listed.returncode, listed.stdout) == (0, b"1 %d\r\n" % sum(len(l) + 2 for l in LINES))
    fetched = curl(server, "1")
    assert (fetched.returncode, fetched.stdout) == (0, b"".join(line + b"\r\n" for line in LINES))
    assert curl(server, "2").returncode != 0
    assert curl(server, "1", "--request", "DELE", "--list-only").returncode == 0
    assert names(server) == []


def test_curl_learns_of_a_wrong_password(server):
    assert curl(server, "", "-u", "alice:wrong").returncode == 67


def test_a_whole_session_in_one_write(server, client):
    setups.two_messages(server)
    client.sendall(b"USER alice\r\nPASS secret\r\nSTAT\r\nDELE 1\r\nNOPE\r\nLAST\nQUIT\r\n")
    client.shutdown(socket.SHUT_WR)
    with client.makefile("rb") as replies:
        starts = [line[:8].rstrip() for line in replies]
    assert starts == [b"+OK mx.h", b"+OK", b"+OK 2 me", b"+OK 2 32", b"+OK mess", b"-ERR unk", b"+OK 1",
                      b"+OK bye"]
    assert len(names(server)) == 1


def test_what_comes_after_quit_does_not_destroy_the_last_reply(server, client):
    setups.two_messages(server)
    client.sendall(b"USER alice\r\nPASS secret\r\nQUIT\r\n" + b"NOOP\r\n" * 1000)
    with client.makefile("rb") as replies:
        assert [line[:3] for line in replies] == [b"+OK"] * 4


def test_the_mailbox_is_free_when_the_last_reply_is_read(server):
    setups.two_messages(server)
    for _ in range(5):
        pop = poplib.POP3("127.0.0.1", server.door.listener.getsockname()[1], timeout=20)
        pop.user("alice")
        pop.pass_("secret")
        pop.rset()
        pop.putline = pop._putline  # QUIT without the close that poplib adds
        pop._putcmd("QUIT")
        assert pop._getresp().startswith(b"+OK")
        # pop is still connected


def test_a_client_that_vanishes_changes_nothing_and_frees_the_mailbox(server, client):
    setups.two_messages(server)
    client.sendall(b"USER alice\r\nPASS secret\r\nDELE 1\r\n")
    lines_of(client, 4)
    client.close()

    def can_log_in():
        pop = poplib.POP3("127.0.0.1", server.door.listener.getsockname()[1], timeout=20)
        pop.user("alice")
        try:
            pop.pass_("secret")
        except poplib.error_proto as refused:
            assert b"[IN-USE]" in refused.args[0]
            return None
        count = pop.stat()[0]
        pop.quit()
        return count

    assert wait_for(can_log_in, "a free mailbox") == 2


def session(server, *commands):
    """pop3d alone, logged in as it were, on pipes."""
    run = server.instance.popen("pop3d", server.maildir("alice"), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)
    run.stdin.write(b"".join(c + b"\r\n" for c in commands))
    run.stdin.flush()
    return run


def test_killed_in_the_middle_of_a_message_nothing_is_lost(server):
    server.put("alice", "new/1.a", b"Subject: large\n\n" + b"x" * 70 + b"\n" * 2_000_000)
    run = session(server, b"DELE 1", b"RSET", b"RETR 1", b"DELE 1", b"QUIT")
    for _ in range(6):
        run.stdout.readline()  # the message has begun, and is larger than a pipe
    run.send_signal(signal.SIGKILL)
    assert run.wait(20) == -signal.SIGKILL
    rest = run.stdout.read()
    assert not rest.endswith(b"\r\n.\r\n")
    assert names(server) == ["new/1.a"]


def test_a_message_of_any_size_needs_no_more_memory(server):
    server.put("alice", "new/1.a", b"Subject: large\n\n" + (b"y" * 99 + b"\n") * 600_000)
    run = subprocess.run(
        ["prlimit", f"--data={16 << 20}", server.instance.lab.program("pop3d"), server.maildir("alice")],
        input=b"LIST 1\r\nRETR 1\r\nQUIT\r\n", capture_output=True, timeout=60,
        **({"user": server.instance.lab.uid, "group": server.instance.lab.gid, "extra_groups": []}
           if server.instance.lab.root else {}))
    assert run.returncode == 0
    assert run.stdout.startswith(b"+OK 1 message\r\n+OK 1 60600018\r\n+OK message follows\r\n")
    assert run.stdout.endswith(b"\r\n.\r\n+OK bye\r\n")


def test_sizes_in_our_own_names_are_believed_without_opening_a_message(server):
    name = "new/1700000001.M1P1Q1R0123456789abcdef.h,S=100,W=104"
    server.put("alice", name, b"x").chmod(0)
    run = session(server, b"STAT", b"LIST", b"QUIT")
    assert run.communicate(timeout=20)[0] == (
        b"+OK 1 message\r\n+OK 1 104\r\n+OK\r\n1 104\r\n.\r\n+OK bye\r\n")


def test_a_delivered_message_has_the_size_that_is_sent(server):
    for text in (b"Subject: x\n\nbody\n", b"Subject: crlf\r\n\r\nbody\r\n", b"Subject: no end\n\nbody"):
        done = server.instance.run("maildir", server.maildir("bob"), input=text)
        assert done.returncode == 0
    run = server.instance.popen("pop3d", server.maildir("bob"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    told = run.communicate(b"LIST\r\nRETR 1\r\nLIST 1\r\nRETR 2\r\nLIST 2\r\nRETR 3\r\nLIST 3\r\n", timeout=20)[0]
    before = dict(line.split() for line in told.split(b"\r\n.\r\n")[0].splitlines()[2:])
    after = dict(line.split()[1:] for line in told.split(b"\r\n") if line.startswith(b"+OK ") and len(line.split()) == 3
                 and line.split()[1].isdigit())
    assert before == after
    assert len(before) == 3


def test_mail_that_is_only_looked_at_stays_new(server):
    setups.two_messages(server)
    run = session(server, b"STAT", b"LIST", b"UIDL", b"TOP 1 0", b"RETR 2", b"QUIT")
    assert run.communicate(timeout=20)[0].endswith(b"+OK bye\r\n")
    assert names(server) == ["new/1700000001.M1P1.mx.here.test", "cur/1700000002.M1P1.mx.here.test:2,"]


def test_old_leftovers_in_tmp_are_swept(server):
    old, young = server.put("alice", "tmp/old", b"x"), server.put("alice", "tmp/young", b"x")
    os.utime(old, (time.time() - 129700,) * 2)
    session(server, b"QUIT").communicate(timeout=20)
    assert (old.exists(), young.exists()) == (False, True)


def test_a_full_disk_does_not_keep_anybody_from_deleting(server):
    """Where the lock's file cannot be made, the session goes on without it."""
    setups.two_messages(server)
    server.maildir("alice").chmod(0o500)
    run = session(server, b"DELE 1", b"QUIT")
    assert run.communicate(timeout=20)[0].endswith(b"+OK bye\r\n")
    assert len(names(server)) == 1


def test_a_maildir_that_is_not_there_is_an_error_and_exit_0(instance):
    done = instance.run("pop3d", "nowhere")
    assert (done.returncode, done.stdout, done.stderr) == (
        0, b"-ERR [SYS/PERM] there is no mailbox here\r\n", b"pop3d: opening nowhere: No such file or directory\n")


def test_the_end_of_input_is_exit_0(server):
    done = server.instance.run("pop3d", server.maildir("alice"), input=b"STAT\r\n")
    assert (done.returncode, done.stdout) == (0, b"+OK 0 messages\r\n+OK 0 0\r\n")


def test_uid_0_is_refused(instance):
    if not instance.lab.root:
        pytest.skip("needs root")
    done = instance.run("pop3d", instance.home_of("alice") / "Maildir", as_root=True)
    assert (done.returncode, done.stdout, done.stderr) == (
        1, b"", b"pop3d: refusing to serve mail as uid 0\n")


@pytest.mark.parametrize("program, usage", [
    ("pop3d", b"usage: pop3d [--idle SECONDS] MAILDIR"),
    ("popup", b"usage: popup [--apop] [--idle SECONDS] [--beside] HOSTNAME [SUBPROGRAM [ARGUMENT...]]"),
    ("checkpassword", b"usage: checkpassword [--instance DIR] [--beside] PROGRAM [ARGUMENT...]"),
])
def test_help_and_unknown_options(lab, program, usage):
    shown = lab.run(program, "--help")
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, usage + b"\n", b"")
    refused = lab.run(program, "--no-such-option")
    assert (refused.returncode, refused.stdout, refused.stderr) == (
        100, b"", program.encode() + b": " + usage + b"\n")


@pytest.mark.parametrize("arguments", [
    ("pop3d",), ("pop3d", "a", "b"), ("pop3d", ""), ("pop3d", "--idle", "0", "a"), ("pop3d", "--idle", "1x", "a"),
    ("popup",), ("popup", "host"), ("popup", "a b", "prog"), ("popup", "<host>", "prog"), ("popup", "", "prog"),
    ("popup", "--idle", "-1", "host", "prog")])
def test_wrong_usage_is_exit_100(lab, arguments):
    done = lab.run(*arguments)
    assert done.returncode == 100
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
