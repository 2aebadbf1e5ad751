"""control/remote: mail for other hosts, by msmtp into a scriptable sink, and by programs that end in
every way there is."""

import os
import re
import shutil
import signal

import pytest

import queue_file
from conftest import processes_about, wait_for
from smtp_sink import DROP, Sink
from test_send import Send, once, only, queued_file, read

FAR = "bob@far.test"


@pytest.fixture
def alone(instance):
    """An instance in which nothing starts a send but the test."""
    env = instance.environment

    def environment(**more):
        return env(**{"PORPOISE_NO_SEND": "1", **more})

    instance.environment = environment
    return instance


@pytest.fixture
def sink():
    with Sink() as server:
        yield server


@pytest.fixture
def null_client(alone, sink):
    """What a laptop has: everything for other hosts goes to one host by msmtp."""
    if shutil.which("msmtp") is None:
        pytest.skip("needs msmtp")
    alone.control("remote", f"pipe msmtp --host=127.0.0.1 --port={sink.port} --tls=off --auth=off\n")
    return alone


def program(instance, text, style="pipe"):
    """Makes control/remote name a shell script; gives the folder that it may write to."""
    folder = instance.lab.folder(instance.folder / "far")
    script = instance.lab.write(folder / "program", f"#!/bin/sh\ncd {folder}\n{text}\n", 0o755)
    instance.control("remote", f"{style} {script}\n")
    return folder


# -- how the program is called


def test_a_pipe_gets_the_message_and_its_addresses(alone):
    folder = program(alone, 'printf "<%s>" "$@" >arguments; cat >message; env >environment; ls /proc/self/fd >fds')
    alone.submit("Subject: hello\n\nhow are you\n", FAR, sender="ann@here.test")
    log = once(alone).stdout.decode()
    assert (folder / "arguments").read_text() == f"<-f><ann@here.test><--><{FAR}>"
    message = (folder / "message").read_text()
    assert message.startswith("Received: ") and message.endswith("\nhow are you\n")
    env = dict(line.split("=", 1) for line in (folder / "environment").read_text().splitlines())
    for name in ("_", "PWD", "OLDPWD", "SHLVL"):
        env.pop(name, None)
    assert env == {"HOME": str(alone.home), "USER": "owner", "LOGNAME": "owner", "PORPOISE": str(alone.path),
                   "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin"}
    assert (folder / "fds").read_text().split() == ["0", "1", "2", "3"]  # 3 is that of ls itself
    assert re.search(rf"starting delivery 1: msg \S+ to remote {FAR} attempt=1\n", log)
    assert "status: local 0/10 remote 1/20\n" in log
    assert re.search(r"delivery 1: success:  id=\S+ ms=\d+\n", log)
    assert alone.queued() == []


def test_each_recipient_is_a_run_of_its_own_and_gets_the_whole_message(alone):
    folder = program(alone, 'cat >"message-$4"')
    alone.submit("Subject: x\n\nbody\n", "a@far.test", "b@far.test", "c@other.test", "alice@here.test")
    once(alone)
    bodies = {f.name: f.read_bytes() for f in folder.glob("message-*")}
    assert set(bodies) == {"message-a@far.test", "message-b@far.test", "message-c@other.test"}
    assert len(set(bodies.values())) == 1
    alone.message("alice", 1)
    assert alone.queued() == []


def test_odd_addresses_are_quoted_for_a_pipe_and_bare_for_qmail(alone):
    folder = program(alone, 'printf "<%s>" "$@" >arguments')
    alone.submit("Subject: x\n\n", '"c d"@far.test', sender="")
    once(alone)
    assert (folder / "arguments").read_text() == '<-f><><--><"c d"@far.test>'
    shutil.rmtree(folder)
    folder = program(alone, 'printf "<%s>" "$@" >arguments; printf "r\\0Kok\\0"', "qmail")
    alone.submit("Subject: x\n\n", '"c d"@far.test', sender="")
    once(alone)
    assert (folder / "arguments").read_text() == "<far.test><><c d@far.test>"
    assert alone.queued() == []


def test_a_word_of_the_line_is_an_argument_before_them(alone):
    folder = program(alone, 'printf "<%s>" "$@" >arguments')
    alone.control("remote", f"pipe\t {folder}/program  --host=x   y\n")
    alone.submit("Subject: x\n\n", FAR)
    once(alone)
    assert (folder / "arguments").read_text() == f"<--host=x><y><-f><carol@here.test><--><{FAR}>"


# -- what its end means


FAILURES = (65, 67, 100)


@pytest.mark.parametrize("code", [*range(64, 79), 1, 99, 100, 111, 127, 255])
def test_exit_codes_of_a_pipe(alone, code):
    program(alone, f"echo the words; exit {code}")
    alone.submit("Subject: x\n\n", FAR, "alice@here.test", sender="bob@here.test")
    log = once(alone).stdout.decode()
    if code in FAILURES:
        assert f"failure: the_words/exit_code_{code}:" in log
        notice = alone.message("bob").decode()
        assert f"\n<{FAR}>:\nthe words\nexit code {code}: " in notice
        assert alone.queued() == []
    else:
        assert f"deferral: the_words/" in log
        assert alone.messages("bob") == []
        assert read(alone, only(alone)).status == [queue_file.WAITING, queue_file.DELIVERED]
    alone.message("alice", 1)


def test_one_recipient_that_is_refused_fails_no_other(alone):
    folder = program(alone, 'case $4 in bad*) echo no; exit 67;; slow*) exit 75;; esac; touch "sent-$4"')
    alone.submit("Subject: x\n\n", "good@far.test", "bad@far.test", "slow@far.test", sender="bob@here.test")
    once(alone)
    assert [f.name for f in folder.glob("sent-*")] == ["sent-good@far.test"]
    assert read(alone, only(alone)).status == [queue_file.DELIVERED, queue_file.FAILED, queue_file.WAITING]
    notice = alone.message("bob").decode()
    assert "<bad@far.test>:" in notice and "good@far.test>:" not in notice and "slow@far.test>:" not in notice


@pytest.mark.parametrize("report, letter", [
    ("r\\0Ktaken\\0", "K"), ("hno such user\\0Kwhatever\\0", "D"), ("slater\\0Dno\\0", "Z"),
    ("Zno connection\\0", "Z"), ("Dno such host\\0", "D"), ("r\\0", "Z"), ("", "Z"), ("Kunended", "Z")])
def test_reports_of_a_qmail_program(alone, report, letter):
    program(alone, f"printf '{report}'", "qmail")
    alone.submit("Subject: x\n\n", FAR, sender="bob@here.test")
    once(alone)
    assert len(alone.messages("bob")) == (1 if letter == "D" else 0)
    assert len(alone.queued()) == (1 if letter == "Z" else 0)


def test_a_qmail_program_that_fails_has_said_nothing(alone):
    program(alone, "printf 'r\\0Kok\\0'; exit 1", "qmail")
    alone.submit("Subject: x\n\n", FAR)
    once(alone)
    assert len(alone.queued()) == 1


def test_a_program_that_is_killed_is_tried_again(alone):
    folder = program(alone, "test -e again && exit 0; touch again; kill -9 $$")
    alone.submit("Subject: x\n\n", FAR)
    once(alone)
    assert b"killed by signal 9" in queued_file(alone, only(alone)).read_bytes()
    once(alone, "--retry")
    assert alone.queued() == [] and (folder / "again").exists()


def test_a_program_that_is_missing_makes_mail_wait(alone):
    alone.control("remote", "pipe /nowhere/at-all\n")
    alone.submit("Subject: x\n\n", FAR)
    once(alone)
    assert b"control/remote: /nowhere/at-all is no program that can be run" in (
        queued_file(alone, only(alone)).read_bytes())
    program(alone, "exit 0")
    once(alone, "--retry")
    assert alone.queued() == []


def test_words_without_end_are_cut(alone):
    program(alone, "head -c 300000 /dev/zero | tr '\\0' x; exit 75")
    alone.submit("Subject: x\n\n", FAR)
    once(alone)
    assert queued_file(alone, only(alone)).stat().st_size < 8000


def test_a_program_that_reads_nothing_is_fine(alone):
    program(alone, "exit 0")
    alone.submit(b"Subject: x\n\n" + b"line\n" * 100_000, FAR)
    once(alone)
    assert alone.queued() == []


def test_a_background_process_holds_nothing(alone):
    program(alone, "sleep 300 & exit 0")
    alone.submit("Subject: x\n\n", FAR)
    once(alone, timeout=30)
    assert alone.queued() == []


def test_one_that_takes_too_long_is_ended_with_all_it_started(alone):
    folder = program(alone, "sleep 1000 & sleep 1001")
    slow = alone.lab.folder(alone.folder / "parts")
    for name in os.listdir(alone.lab.bin):
        if name != "spawn":
            os.symlink(alone.lab.bin / name, slow / name)
    alone.lab.write(slow / "spawn", f'#!/bin/sh\nexec {alone.lab.bin}/spawn --remote-seconds 0 "$@"\n', 0o755)
    alone.submit("Subject: x\n\n", FAR)
    once(alone, env=alone.environment(PORPOISE_BIN=slow))
    assert b"took longer than 0 seconds" in queued_file(alone, only(alone)).read_bytes()
    wait_for(lambda: not processes_about(str(folder)), "the processes to end")


# -- beside local mail


def test_a_network_that_hangs_holds_up_no_local_mail(alone):
    folder = program(alone, "touch begun; while ! test -e gate; do sleep 0.05; done")
    alone.control("concurrencyremote", "2\n")
    send = Send(alone).ready()
    for n in range(30):
        alone.submit(f"Subject: {n}\n\n", f"u{n}@far.test")
    wait_for((folder / "begun").exists, "the first")
    for n in range(10):
        alone.submit(f"Subject: {n}\n\n", "alice@here.test", f"v{n}@far.test")
        alone.submit(f"Subject: {n}\n\n", "carl@here.test")
    alone.message("alice", 10)
    alone.message("carl", 10)
    assert "remote_running=2\nremote_limit=2\n" in send.ask("status")
    alone.lab.write(folder / "gate", "")
    alone.settle(60)
    assert send.stop() == 0
    assert max(map(int, re.findall(r"status: local \d+/10 remote (\d+)/2", send.log()))) == 2
    assert len(re.findall("to remote ", send.log())) == 40
    assert len(alone.messages("alice")) == len(alone.messages("carl")) == 10


def test_with_a_concurrency_of_0_it_waits_and_local_mail_does_not(alone):
    folder = program(alone, "touch begun")
    alone.control("concurrencyremote", "0\n")
    alone.submit("Subject: x\n\n", FAR, "alice@here.test")
    once(alone)
    alone.message("alice", 1)
    assert not (folder / "begun").exists()
    (alone.path / "control" / "concurrencyremote").unlink()
    once(alone)
    assert (folder / "begun").exists() and alone.queued() == []


def test_term_waits_for_a_program_that_runs(alone):
    folder = program(alone, "touch begun; while ! test -e gate; do sleep 0.02; done; touch done")
    send = Send(alone).ready()
    alone.submit("Subject: x\n\n", FAR)
    wait_for((folder / "begun").exists, "the program")
    send.process.send_signal(signal.SIGTERM)
    send.said("exitasap|status: local 0/10 remote 1/20")
    alone.lab.write(folder / "gate", "")
    assert send.process.wait(30) == 0
    assert (folder / "done").exists() and alone.queued() == []


# -- the configuration


@pytest.mark.parametrize("text, why", [
    ("msmtp --host=x\n", 'control/remote: "msmtp" is no style; want: pipe COMMAND..., or: qmail PROGRAM'),
    ("pipe\n", 'control/remote: no program after "pipe"; want: pipe COMMAND..., or: qmail PROGRAM'),
    ("pipe msmtp | tee x\n", "control/remote: | means nothing here, since no shell reads the line; put the "
                             "command into a script and name that"),
    ("pipe ./send\n", "control/remote: ./send: want a path that begins with /, or a name without one"),
])
def test_a_line_that_makes_no_sense_is_said_at_the_start(alone, text, why):
    alone.control("remote", text)
    done = alone.run("send", "--once")
    assert (done.returncode, done.stderr.decode()) == (111, f"send: {why}\n")
    done = alone.run("porpoise", "run")
    assert done.returncode == 111
    assert why in done.stderr.decode() and done.stderr.count(b"\n") == 1


def test_a_line_that_becomes_wrong_makes_mail_wait_and_says_why(alone):
    program(alone, "exit 0")
    send = Send(alone).ready()
    alone.control("remote", "pipe 'oops'\n")
    alone.submit("Subject: x\n\n", FAR)
    send.said("deferral: control/remote:_'_means_nothing_here")
    assert len(alone.queued()) == 1
    send.stop()


def test_the_file_counts_as_soon_as_it_is_there(alone):
    send = Send(alone).ready()
    program(alone, "exit 0")
    alone.submit("Subject: x\n\n", FAR)
    alone.settle()
    assert "delivery 1: success" in send.log()
    send.stop()


def test_without_the_file_it_is_refused_as_ever(alone):
    done = alone.run("sendmail", "-i", "--", FAR, input="Subject: x\n\n")
    assert done.returncode == 68
    assert f"{FAR} is on another host".encode() in done.stderr
    alone.control("remote", "\n")
    assert alone.run("sendmail", "-i", "--", FAR, input="Subject: x\n\n").returncode == 68


def test_mail_that_is_queued_when_the_file_goes_comes_back(alone):
    program(alone, "exit 75")
    alone.submit("Subject: x\n\n", FAR, sender="alice@here.test")
    once(alone)
    (alone.path / "control" / "remote").unlink()
    once(alone, "--retry")
    assert b"no route: far.test is not local and this instance has no control/remote (#5.1.2)" in alone.message("alice")


# -- msmtp


def test_a_message_goes_out_whole(null_client, sink):
    body = ".\n..dots\n.\nlast line\n" + "long " * 500 + "\n"
    null_client.submit("Subject: hi\n\n" + body, "bob@far.test", "eve@far.test", sender="ann@here.test")
    once(null_client)
    assert null_client.queued() == []
    assert sink.recipients() == ["bob@far.test", "eve@far.test"]
    for taken in sink.messages:
        assert taken.sender == "ann@here.test"
        assert taken.octets.endswith(body.encode())


def test_a_notice_goes_out_without_a_sender(null_client, sink):
    null_client.submit("Subject: hi\n\n", "nobody@here.test", sender="bob@far.test")
    once(null_client)
    once(null_client)
    assert null_client.queued() == []
    assert [(m.sender, m.recipients) for m in sink.messages] == [("", ["bob@far.test"])]
    assert b"\n<nobody@here.test>:" in sink.messages[0].octets


LATER = ["421 4.3.2 closing", "450 4.2.0 greylisted", "451 4.3.0 trouble", "452 4.2.2 full", DROP, "what?"]


@pytest.mark.parametrize("stage", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END"])
def test_what_a_server_puts_off_waits_and_arrives_once(null_client, sink, stage):
    for reply in LATER:
        sink.answers = {stage: reply}
        null_client.submit(f"Subject: {reply}\n\n", FAR)
        once(null_client)
        assert len(null_client.queued()) == 1, reply
        assert sink.messages == []
        sink.answers = {}
        once(null_client, "--retry")
        assert null_client.queued() == []
        assert [m.recipients for m in sink.messages] == [[FAR]]
        sink.messages.clear()
    assert null_client.messages("carl") == []


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_what_a_server_refuses_comes_back_with_its_words(null_client, sink, stage):
    sink.answers = {stage: "550 5.7.1 not from you"}
    null_client.submit("Subject: x\n\n", FAR, sender="alice@here.test")
    once(null_client)
    notice = null_client.message("alice").decode()
    assert "550 5.7.1 not from you" in notice and "exit code 65" in notice
    assert null_client.queued() == [] and sink.messages == []


def test_one_of_several_that_the_server_refuses(null_client, sink):
    sink.answers = {"RCPT": lambda line: "550 5.1.1 no such user" if "<bad" in line
                    else "450 4.2.0 later" if "<slow" in line else None}
    null_client.submit("Subject: x\n\n", "good@far.test", "bad@far.test", "slow@far.test", "fine@far.test",
                       sender="alice@here.test")
    once(null_client)
    assert sink.recipients() == ["fine@far.test", "good@far.test"]
    assert b"<bad@far.test>:" in null_client.message("alice")
    sink.answers = {}
    once(null_client, "--retry")
    assert sink.recipients() == ["fine@far.test", "good@far.test", "slow@far.test"]
    assert null_client.queued() == []


def test_while_the_network_is_away_nothing_is_lost(null_client, sink):
    sink.stop()
    wanted = [f"user{n}@far.test" for n in range(12)]
    for n, recipient in enumerate(wanted):
        null_client.submit(f"Subject: {n}\n\nbody {n}\n", recipient)
        if n % 5 == 4:
            once(null_client, *(["--retry"] if n > 6 else []))
    once(null_client)
    assert len(null_client.queued()) == 12 and sink.messages == []
    sink.start()
    once(null_client, "--retry")
    assert null_client.queued() == []
    assert sink.recipients() == sorted(wanted)
    assert null_client.messages("carl") == []


def test_a_server_that_breaks_off_in_the_middle_gets_the_rest_later(null_client, sink):
    seen = []

    def every_other(taken):
        seen.append(taken)
        return DROP if len(seen) % 2 else None

    sink.answers = {"END": every_other}
    for n in range(6):
        null_client.submit(f"Subject: {n}\n\n", f"user{n}@far.test")
    for _ in range(8):
        once(null_client, "--retry")
    assert null_client.queued() == []
    assert sink.recipients() == [f"user{n}@far.test" for n in range(6)]


def test_a_host_without_a_name_service_is_no_failure(null_client):
    null_client.control("remote", "pipe msmtp --host=no-such-host.invalid --tls=off --auth=off\n")
    null_client.submit("Subject: x\n\n", FAR)
    once(null_client)
    assert len(null_client.queued()) == 1 and null_client.messages("carl") == []


def test_with_everything_running_mail_goes_out_by_itself(instance, sink):
    if shutil.which("msmtp") is None:
        pytest.skip("needs msmtp")
    instance.control("remote", f"pipe msmtp --host=127.0.0.1 --port={sink.port} --tls=off --auth=off\n")
    instance.start()
    instance.submit("Subject: x\n\n", FAR, "alice@here.test")
    wait_for(lambda: sink.messages, "the message at the sink")
    instance.message("alice", 1)
    instance.settle()
    assert sink.recipients() == [FAR]
