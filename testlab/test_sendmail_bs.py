"""sendmail -bs: real clients, clients that vanish, signals, and loads. What a client says and hears in each situation
is in the conversations."""

import os
import resource
import shutil
import signal
import smtplib
import socket
import subprocess

import pytest

import queue_file
from conftest import wait_for

HELLO = b"EHLO client.test\r\nMAIL FROM:<carol@away.test>\r\n"
TO_ALICE = HELLO + b"RCPT TO:<alice@here.test>\r\n"
MESSAGE = TO_ALICE + b"DATA\r\nSubject: x\r\n\r\ntext\r\n.\r\n"


@pytest.fixture
def held(instance):
    """Nothing is delivered: what is taken stays in the queue."""
    instance.held = instance.environment(PORPOISE_NO_SEND=1)
    return instance


def bs(instance, octets, *options, **more):
    return instance.run("sendmail", "-bs", *options, input=octets, env=getattr(instance, "held", None), **more)


def codes(done):
    return [int(line[:3]) for line in done.stdout.split(b"\r\n") if line[3:4] == b" "]


def queued_files(instance):
    return [queue_file.read((instance.path / "queue/incoming" / name).read_bytes()) for name in instance.queued()]


# -- how a session ends, and what the exit code says


def test_a_message_is_delivered(instance):
    done = bs(instance, MESSAGE + b"QUIT\r\n")
    assert (done.returncode, done.stderr) == (0, b"")
    assert codes(done) == [220, 250, 250, 250, 354, 250, 221]
    assert b"\n\ntext\n" in instance.message("alice")


def test_a_person_at_a_terminal_ends_lines_as_terminals_do(instance):
    ours, theirs = os.openpty()
    with instance.popen("sendmail", "-bs", stdin=theirs, stdout=subprocess.PIPE) as session:
        os.close(theirs)
        os.write(ours, (MESSAGE + b"QUIT\r\n").replace(b"\r\n", b"\n"))
        said = session.stdout.read()
        assert session.wait(20) == 0
    os.close(ours)
    assert [int(line[:3]) for line in said.split(b"\r\n") if line[3:4] == b" "] == [220, 250, 250, 250, 354, 250, 221]
    assert b"\n\ntext\n" in instance.message("alice")


def test_without_a_terminal_a_bare_line_feed_ends_nothing(instance):
    done = bs(instance, (MESSAGE + b"QUIT\r\n").replace(b"\r\n", b"\n"))
    assert 250 not in codes(done) and instance.queued() == []


def test_a_message_is_delivered_while_the_client_stays(instance):
    with instance.popen("sendmail", "-bs", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as session:
        session.stdin.write(MESSAGE)
        session.stdin.flush()
        instance.message("alice")
        assert session.poll() is None
        session.stdin.close()
        assert session.wait(20) == 0


def test_odq_starts_nothing(instance):
    assert codes(bs(instance, MESSAGE, "-odq"))[-1] == 250
    assert len(instance.queued()) == 1
    assert instance.messages("alice") == []


@pytest.mark.parametrize("octets, code, error", [
    (b"", 0, b""),
    (b"NOOP", 0, b""),
    (TO_ALICE, 0, b""),
    (TO_ALICE + b"DATA\r\nhalf", 74, b"sendmail: -bs: the input ended in the middle of a message\n"),
    (TO_ALICE + b"DATA\r\nall but\r\n.", 74, b"sendmail: -bs: the input ended in the middle of a message\n"),
    (b"NOOP\n", 0, b""),
])
def test_the_end_of_input_queues_nothing(held, octets, code, error):
    done = bs(held, octets)
    assert (done.returncode, done.stderr) == (code, error)
    assert held.queued() == []
    assert list((held.path / "queue/tmp").iterdir()) == []


@pytest.mark.parametrize("break_it, code", [
    (lambda i: i.control("databytes", "many\n"), 75),
    (lambda i: i.control("owner", f"other:{i.lab.uid + 1}:1:/home/other\n"), 78),
    (lambda i: shutil.rmtree(i.path / "control"), 78),
])
def test_without_an_instance_the_client_hears_421(instance, break_it, code):
    break_it(instance)
    done = bs(instance, MESSAGE)
    assert done.returncode == code
    assert done.stdout == b"421 there is no mail service here now\r\n"
    assert done.stderr.startswith(b"sendmail: ") and done.stderr.count(b"\n") == 1


def test_a_client_that_takes_no_replies(held):
    reading, writing = os.pipe()
    os.close(reading)
    done = bs(held, MESSAGE, stdout=writing)
    os.close(writing)
    assert done.returncode == 74
    assert done.stderr == b"sendmail: -bs: a reply could not be sent\n"
    assert held.queued() == []


def test_standard_output_closed(held):
    done = held.run("/bin/sh", "-c", "exec sendmail -bs >&-", input=MESSAGE, env=held.held)
    assert done.returncode in (0, 74), done.stderr
    assert len(held.queued()) <= 1


def test_a_client_that_is_killed_leaves_nothing(held):
    client, server = socket.socketpair()
    with server:
        session = held.popen("sendmail", "-bs", stdin=server, stdout=server, stderr=subprocess.PIPE, env=held.held)
    client.sendall(TO_ALICE + b"DATA\r\n" + b"line\r\n" * 100_000)
    client.close()
    assert session.wait(20) == 74
    assert session.stderr.read() == b"sendmail: -bs: the input ended in the middle of a message\n"
    session.stderr.close()
    assert held.queued() == []


def test_a_client_that_reads_nothing_is_given_up(held):
    held.control("timeoutsmtpd", "1\n")
    with held.popen("sendmail", "-bs", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    env=held.held) as session:
        with pytest.raises(BrokenPipeError):
            while True:
                session.stdin.write(b"HELP\r\n" * 10_000)
        assert session.wait(20) == 74
        assert session.stderr.read() == b"sendmail: -bs: a reply could not be sent\n"
        session.stdin = None


@pytest.mark.parametrize("octets, before", [(b"", 1), (TO_ALICE + b"DATA\r\nhalf", 5)])
def test_sigterm_is_answered_with_421(held, octets, before):
    with held.popen("sendmail", "-bs", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    env=held.held) as session:
        session.stdin.write(octets)
        session.stdin.flush()
        heard = b""
        while sum(line[3:4] == b" " for line in heard.split(b"\r\n")) < before:
            heard += session.stdout.readline()
        session.send_signal(signal.SIGTERM)
        assert session.stdout.read() == b"421 4.3.2 mx.here.test the service ends, closing\r\n"
        assert session.wait(20) == 75
        assert session.stderr.read() == b"sendmail: -bs: ended by SIGTERM\n"
    assert held.queued() == []


def test_sigterm_ends_a_session_whose_client_reads_nothing(held):
    with held.popen("sendmail", "-bs", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    env=held.held) as session:
        os.set_blocking(session.stdin.fileno(), False)
        stuck = 0
        while stuck < 20:  # both pipes are full
            try:
                os.write(session.stdin.fileno(), b"HELP\r\n" * 1000)
                stuck = 0
            except BlockingIOError:
                stuck += 1
                session.stdin.flush()
                subprocess.run(["sleep", "0.02"], check=True)
        session.send_signal(signal.SIGTERM)
        assert session.wait(20) == 74


# -- loads


def test_ten_thousand_recipients_and_one_more(held):
    count = 10_000
    recipients = b"RCPT TO:<alice@here.test>\r\n" * (count + 1)
    done = bs(held, HELLO + recipients + b"DATA\r\nSubject: many\r\n.\r\nQUIT\r\n")
    assert codes(done) == [220, 250, 250] + [250] * count + [452, 354, 250, 221]
    (file,) = queued_files(held)
    assert len(file.recipients) == count


def test_a_thousand_messages_in_one_write(held):
    one = b"MAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n%d\r\n.\r\n"
    done = bs(held, b"EHLO client.test\r\n" + b"".join(one % i for i in range(1000)) + b"QUIT\r\n", timeout=300)
    assert codes(done) == [220, 250] + [250, 250, 354, 250] * 1000 + [221]
    assert sorted(int(f.content.rpartition(b"0000\n")[2]) for f in queued_files(held)) == list(range(1000))


def test_a_hundred_million_octets_in_bounded_memory(held, tmp_path):
    text = tmp_path / "input"
    line = b"x" * 998 + b"\r\n"
    with open(text, "wb") as file:
        file.write(TO_ALICE + b"DATA\r\n")
        for _ in range(100):
            file.write(line * 1000)
        file.write(b".\r\nQUIT\r\n")

    def little_memory():
        resource.setrlimit(resource.RLIMIT_DATA, (16 << 20, 16 << 20))

    with open(text, "rb") as file:
        done = held.run("sendmail", "-bs", stdin=file, env=held.held, preexec_fn=little_memory, timeout=300)
    assert codes(done) == [220, 250, 250, 250, 354, 250, 221], done.stderr
    (name,) = held.queued()
    assert (held.path / "queue/incoming" / name).stat().st_size > 99_000_000


# -- real clients


class Pipe(smtplib.SMTP):
    """Python's smtplib over a socket pair."""

    def __init__(self, connected):
        super().__init__(local_hostname="client.test")
        self.sock = connected
        code, _ = self.getreply()
        assert code == 220


def test_smtplib(running):
    client, server = socket.socketpair()
    with server:
        session = running.popen("sendmail", "-bs", stdin=server, stdout=server)
    client.settimeout(20)
    smtp = Pipe(client)
    text = "Subject: gr\u00fc\u00dfe\r\n\r\n.dot\r\n..\r\nl\u00e4nger\r\n".encode()
    refused = smtp.sendmail("carol@away.test", ["alice@here.test", "nobody-here@here.test", "bob@here.test"], text,
                            mail_options=["BODY=8BITMIME", "RET=HDRS"], rcpt_options=["NOTIFY=NEVER"])
    assert refused == {"nobody-here@here.test": (550, b"5.1.1 no mailbox here by that name: nobody-here@here.test")}
    assert smtp.verify("alice") == (250, b"2.1.5 <alice@mx.here.test>")
    assert smtp.esmtp_features["pipelining"] == ""
    smtp.quit()
    assert session.wait(20) == 0
    for name in ("alice", "bob"):
        assert running.message(name).endswith(text.replace(b"\r\n", b"\n"))


def test_swaks(running):
    done = running.run("/usr/bin/swaks", "--pipe", f"{running.lab.bin}/sendmail -bs", "--helo", "client.test", "--from",
                       "carol@away.test", "--to", "alice@here.test,bob@second.test", "--body", "first\n.\nlast",
                       "--header", "Subject: by swaks", "--pipeline", timeout=120)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    for name in ("alice", "bob"):
        message = running.message(name)
        assert b"\nSubject: by swaks\n" in message and b"\nfirst\n.\nlast\n" in message
        assert b"\nReceived: from client.test (uid " in message


def test_swaks_hears_a_refusal(held):
    done = held.run("/usr/bin/swaks", "--pipe", f"{held.lab.bin}/sendmail -bs", "--helo", "client.test", "--from",
                    "carol@away.test", "--to", "nobody-here@here.test", env=held.held, timeout=120)
    assert done.returncode == 24, done.stdout.decode()
    assert b"550 5.1.1 no mailbox here by that name: nobody-here@here.test" in done.stdout
    assert held.queued() == []


# -- whose client it is


def by_tcp(instance, octets, **variables):
    """The replies to a client of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        taken, _ = listener.accept()
    with client, taken:
        session = instance.popen("sendmail", "-bs", stdin=taken, stdout=taken, stderr=subprocess.PIPE,
                                 env=instance.environment(PORPOISE_NO_SEND=1, **variables))
        taken.close()
        client.sendall(octets)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(20)
        heard = b"".join(iter(lambda: client.recv(65536), b""))
        session.communicate(timeout=20)
    return heard


def test_a_tcp_client_is_no_relay_without_the_word(instance):
    instance.control("remote", "pipe false\n")
    octets = HELLO + b"RCPT TO:<x@far.test>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\n.\r\n"
    refused = b"550 5.7.1 mail for other hosts is not taken from you: x@far.test\r\n"
    assert refused in by_tcp(instance, octets)
    (file,) = queued_files(instance)
    assert file.recipients == ["alice@here.test"]
    assert file.content.startswith(b"Received: from client.test ([127.0.0.1])\n")
    assert refused not in by_tcp(instance, octets, RELAYCLIENT="")


def test_a_foreign_queue_takes_the_message(instance, home):
    program = home / "program"
    instance.lab.write(program, f"#!/bin/sh\ncat > {home}/message\ncat <&1 > {home}/envelope\n", 0o755)
    env = instance.environment(QMAILQUEUE=program)
    done = instance.run("sendmail", "-bs", input=HELLO + b"RCPT TO:<x@far.test>\r\nDATA\r\nhi\r\n.\r\n", env=env)
    assert codes(done) == [220, 250, 250, 250, 354, 250]
    assert (home / "envelope").read_bytes() == b"Fcarol@away.test\0Tx@far.test\0\0"
    assert (home / "message").read_bytes().startswith(b"Received: from client.test (uid ")
    assert instance.queued() == []


def test_a_system_where_send_runs_is_told(running):
    done = bs(running, MESSAGE)
    assert codes(done)[-1] == 250
    running.message("alice")
    wait_for(lambda: not running.queued(), "an empty queue")
