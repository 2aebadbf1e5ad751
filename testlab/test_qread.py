"""qread: what is queued, and why (reference 9.1)."""

import json
import os
import re
import threading

import pytest


def submit(instance, envelope, message=b"Subject: hi\n\nhello\n"):
    """By queue, with no send started; the id."""
    before = set(instance.queued())
    path = instance.lab.base / f"envelope-{os.getpid()}"
    path.write_bytes(envelope)
    with open(path, "rb") as file:
        done = instance.run(
            "queue", input=message, stdout=file, env=instance.environment(PORPOISE_NO_SEND=1)
        )
    assert done.returncode == 0, done.stderr
    (id,) = set(instance.queued()) - before
    return id


def qread(instance, *arguments):
    done = instance.run("qread", *arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


DATE = rb"[1-3]?\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"


def test_an_empty_queue_is_nothing(instance):
    assert qread(instance) == b""
    assert qread(instance, "--json") == b""


def test_messages_are_listed_by_age_with_their_recipients(instance):
    first = submit(instance, b"Fbob@mx.example.org\0Tx@far.test\0Talice@here.test\0\0")
    second = submit(instance, b"F\0Tbob\0\0", b"x" * 100_000)
    size = len(qread(instance, "--content", first))
    lines = qread(instance).split(b"\n")
    assert re.fullmatch(
        DATE + rb"  #%s  %d  <bob@mx\.example\.org> " % (first.encode(), size), lines[0]
    )
    assert lines[1:3] == [b"\tlocal\talice@here.test", b"\tremote\tx@far.test"]
    assert re.fullmatch(DATE + rb"  #%s  100\d\d\d  <> " % second.encode(), lines[3])
    assert lines[4:] == [b"\tlocal\tbob", b""]


def test_what_cannot_be_printed_does_not_reach_the_terminal(instance):
    submit(instance, b"Fa\x1b[2J\xff@b\0T\n\t@here.test\0\0")
    out = qread(instance)
    assert b"  <a_[2J_@b> \n\tlocal\t__@here.test\n" in out


def test_json_is_one_object_a_line_whatever_the_addresses(instance):
    id = submit(instance, b"Fa\"\\\x01\xff\xc3\xb6@b\0Talice@here.test\0Tx@far.test\0\0")
    submit(instance, b"F\0\0")
    lines = qread(instance, "--json").decode().splitlines()
    assert len(lines) == 2
    got = json.loads(lines[0])
    assert got["id"] == id and got["place"] == "incoming"
    assert got["sender"] == 'a"\\\x01\ufffd\xf6@b'
    assert [(r["address"], r["channel"], r["status"]) for r in got["recipients"]] == [
        ("alice@here.test", "local", "waiting"),
        ("x@far.test", "remote", "waiting"),
    ]
    assert json.loads(lines[1])["recipients"] == []


def test_content_of_what_is_not_there_is_100(instance):
    for id in ("nonsense", "0" * 20, "../../../etc/passwd"):
        done = instance.run("qread", "--content", id)
        assert (done.returncode, done.stdout) == (100, b"")
        assert done.stderr.startswith(b"qread: ") and done.stderr.count(b"\n") == 1


def test_a_damaged_message_is_named_and_the_others_are_listed(instance):
    bad = submit(instance, b"Fa\0Tb\0\0")
    good = submit(instance, b"Fa\0Tb\0\0")
    path = instance.path / "queue" / "incoming" / bad
    path.write_bytes(path.read_bytes()[:-1])
    done = instance.run("qread")
    assert done.returncode == 0
    assert f"#{good}".encode() in done.stdout and f"#{bad}".encode() not in done.stdout
    assert done.stderr.startswith(f"qread: trouble with #{bad}: message {bad} is damaged at".encode())


def test_wrong_use_is_100_and_help_is_0(instance):
    for arguments in (["--nonsense"], ["operand"], ["--content"]):
        done = instance.run("qread", *arguments)
        assert done.returncode == 100
        assert done.stderr.startswith(b"qread: ") and done.stderr.count(b"\n") == 1
    assert instance.run("qread", "--help").returncode == 0


def test_a_full_standard_output_is_an_error(instance):
    submit(instance, b"Fa\0Tb\0\0")
    with open("/dev/full", "wb") as full:
        done = instance.run("qread", stdout=full)
    assert done.returncode == 111
    assert done.stderr == b"qread: writing standard output: No space left on device\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_somebody_elses_instance_is_100(instance):
    done = instance.run("qread", as_root=True)
    assert done.returncode == 100
    assert b"run this as that user" in done.stderr


def test_messages_that_vanish_meanwhile_are_no_trouble(instance):
    ids = [submit(instance, b"Fa\0Tb@here.test\0\0") for _ in range(30)]

    def remove():
        for id in ids:
            (instance.path / "queue" / "incoming" / id).unlink()

    thread = threading.Thread(target=remove)
    thread.start()
    while thread.is_alive():
        done = instance.run("qread")
        assert (done.returncode, done.stderr) == (0, b"")
    thread.join()
    assert qread(instance) == b""
