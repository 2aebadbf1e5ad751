"""mailsubj, predate and datemail: the real programs."""

import os
import re

import pytest

LOCAL = {"TZ": "Asia/Kolkata"}
DATE = rb"Date: \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d \+0530\n"


# -- mailsubj


def mailsubj(instance, *args, input=b"hi\n", **variables):
    env = instance.environment(PORPOISE_NO_SEND=1, **variables)
    return instance.run("mailsubj", *args, input=input, env=env)


def queued(instance):
    """Message and recipients of the only message in the queue."""
    import queue_file

    message, = instance.queued()
    kept = queue_file.read((instance.path / "queue/incoming" / message).read_bytes())
    return kept.content.partition(b"\n")[2], kept.recipients


def test_mailsubj_sends_its_input_with_a_subject(instance):
    done = mailsubj(instance, "two words", "alice", "Bob <bob@here.test>, carl")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    content, recipients = queued(instance)
    assert recipients == ["alice@mx.here.test", "bob@here.test", "carl@mx.here.test"]
    assert content.endswith(
        b"From: owner@mx.here.test\nSubject: two words\n"
        b"To: alice@mx.here.test, Bob <bob@here.test>, carl@mx.here.test\n\nhi\n"), content


def test_mailsubj_encodes_what_is_not_ascii(instance):
    assert mailsubj(instance, "J\xf6rg \u2603", "alice").returncode == 0
    assert b"\nSubject: =?utf-8?q?J=C3=B6rg_=E2=98=83?=\n" in queued(instance)[0]


def test_no_argument_of_mailsubj_can_begin_a_field(instance):
    assert mailsubj(instance, "x\nBcc: bob\n\nbody", "alice").returncode == 0
    content, recipients = queued(instance)
    assert recipients == ["alice@mx.here.test"] and b"\nBcc" not in content
    done = mailsubj(instance, "x", "alice\nBcc: bob")
    assert (done.returncode, done.stderr) == (
        100, b'mailsubj: recipient "alice/Bcc: bob": a line end inside an address\n')


@pytest.mark.parametrize("args, error", [
    ([], b"usage: mailsubj "), (["x"], b"usage: mailsubj "), (["-x", "y", "z"], b"usage: mailsubj "),
    (["x", "<a"], b'recipient "<a": octet 1: no ">" closes this "<": "<a"\n'),
    (["x", "bob@far.example"], b"bob@far.example is on another host, "),
])
def test_mailsubj_refuses_what_it_cannot_send(instance, args, error):
    done = mailsubj(instance, *args)
    assert done.returncode == 100 and done.stderr.startswith(b"mailsubj: " + error)
    assert done.stderr.count(b"\n") == 1 and instance.queued() == []


def test_mailsubj_says_when_it_may_be_tried_again(instance):
    queue = instance.lab.write(instance.folder / "q", "#!/bin/sh\nexit 71\n", 0o755)
    assert mailsubj(instance, "x", "alice", QMAILQUEUE=queue).returncode == 111


# -- predate


def predate(lab, *args, input=b"To: a\n\nhi\n", **options):
    return lab.run("predate", *args, input=input, env=lab.environment(**LOCAL), **options)


def test_predate_puts_the_local_time_first(lab):
    done = predate(lab, "cat")
    assert done.returncode == 0 and re.fullmatch(DATE + rb"To: a\n\nhi\n", done.stdout)


@pytest.mark.parametrize("zone, printed", [("UTC", b"+0000"), ("XXX3:30:29", b"-0330"),
                                           ("XXX3:30:31", b"-0331"), ("XXX-5:45:30", b"+0546")])
def test_a_zone_is_rounded_to_minutes(lab, zone, printed):
    done = lab.run("predate", "head", "-1", input=b"", env=lab.environment(TZ=zone))
    assert done.stdout.endswith(b" " + printed + b"\n")


@pytest.mark.parametrize("text", [b"To: a\ndate : x\n\nhi\n", b"Date:\r\n\r\nDate:\n", b"DATE: x"])
def test_a_date_that_is_there_stays_alone(lab, text):
    assert predate(lab, "cat", input=text).stdout == text


@pytest.mark.parametrize("text", [b"", b"\nDate: x\n", b"hello\nDate: x\n", b"Resent-Date: x\n\n",
                                  b"To: a\n\n" + bytes(range(256)) * 4000])
def test_what_is_no_date_of_the_header_counts_for_nothing(lab, text):
    done = predate(lab, "cat", input=text)
    assert re.match(DATE, done.stdout) and done.stdout.partition(b"\n")[2] == text


def test_a_header_beyond_all_limits_passes_as_it_is(lab):
    text = b"X: " + b"x" * (9 << 20) + b"\n\n"
    assert predate(lab, "cat", input=text).stdout == text


@pytest.mark.parametrize("code", [0, 1, 99, 100, 111, 255])
def test_the_exit_code_is_the_programs(lab, code):
    assert predate(lab, "sh", "-c", f"exit {code}", input=b"x" * 1_000_000).returncode == code


@pytest.mark.parametrize("args, code, error", [
    ([], 100, b"usage: predate program [argument ...]\n"),
    (["-x", "cat"], 100, b"usage: predate program [argument ...]\n"),
    (["no-such-program"], 111, b"starting no-such-program: No such file or directory\n"),
    (["sh", "-c", "kill -9 $$"], 111, b"sh was killed by signal 9\n"),
])
def test_predate_says_what_went_wrong(lab, args, code, error):
    done = predate(lab, *args)
    assert (done.returncode, done.stderr) == (code, b"predate: " + error)


def test_what_cannot_be_read_is_111(lab):
    folder = os.open("/", os.O_RDONLY)
    done = predate(lab, "cat", stdin=folder)
    os.close(folder)
    assert (done.returncode, done.stdout) == (111, b"")
    assert done.stderr == b"predate: reading standard input: Is a directory\n"


# -- datemail


def test_datemail_is_sendmail_with_a_local_date(instance):
    env = instance.environment(PORPOISE_NO_SEND=1, **LOCAL)
    done = instance.run("datemail", "-i", "-t", "-f", "bob", input=b"To: alice\n\nhi\n.\n", env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    content, recipients = queued(instance)
    assert recipients == ["alice@mx.here.test"]
    assert len(re.findall(b"^" + DATE, content, re.M)) == 1 and content.endswith(b"\n\nhi\n.\n")


def test_datemails_exit_code_is_sendmails(instance):
    done = instance.run("datemail", "--", "<", input=b"\nhi\n")
    assert done.returncode == 65 and done.stderr.startswith(b"sendmail: ")


@pytest.mark.parametrize("program", ["mailsubj", "predate", "datemail"])
def test_help(lab, program):
    done = lab.run(program, "--help")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(f"usage: {program} ".encode())
