"""What the standards ask of notices, as far as a plain one can meet it. Each test names its rows of
rfc-corpus/requirements.tsv; the others are in rfc-corpus/not-for-bounce.tsv with the reason."""

import email
import email.policy
import os
import re

import pytest

from conftest import TOP
from test_bounce import parts
from test_requirements import named, rows
from test_requirements_queue import Sink
from test_send import alone, once, only, read  # noqa: F401: alone is a fixture

LIST = TOP / "rfc-corpus" / "not-for-bounce.tsv"


def test_every_requirement_of_notices_is_shown_or_listed():
    lines = [line for line in LIST.read_text().splitlines() if not line.startswith("#")]
    listed = dict(line.split("\t") for line in lines)
    shown = named(TOP / "testlab" / "test_requirements_bounce.py")
    for path in [*TOP.glob("send/*_test.cc"), TOP / "testlab" / "test_bounce.py"]:
        shown |= named(path)
    wanted = {row["id"] for row in rows() if row["role"] == "bounce"}
    assert len(wanted) > 60
    assert sorted(wanted - shown - set(listed)) == []
    assert sorted(set(listed) & shown) == []
    assert sorted(set(listed) - wanted) == []
    assert all(listed.values())


def notice_to(instance, name, count=1):
    octets = instance.message(name, count)
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert not message.defects
    return message


def refuse(instance, text, code=100):
    """Other hosts refuse everything with that text."""
    instance.lab.write(instance.folder / "says", text)
    script = instance.lab.write(instance.folder / "refuse", f"#!/bin/sh\ncat {instance.folder}/says\nexit {code}\n", 0o755)
    instance.control("remote", f"pipe {script}\n")


# R821-3.6-bounce-on-relay-failure R1123-5.3.3-s54-notify-failure R3464-2.3.2-final-recipient
def test_what_the_next_hop_refuses_comes_back_with_its_text(alone):  # noqa: F811
    refuse(alone, "away.test said: 550 5.1.1 nobody of that name \n", 67)
    alone.submit("Subject: lost\n\n", "MiXeD@away.test", sender="alice@here.test")
    once(alone)
    text, status, _ = parts(notice_to(alone, "alice"))
    assert "550 5.1.1 nobody of that name" in text
    assert status[1]["Final-Recipient"] == "rfc822; MiXeD@away.test"
    assert status[1]["Status"] == "5.1.1"
    assert alone.queued() == []


# R821-3.6-null-reverse-path R1123-5.3.3-s54-notify-null-path R1123-5.3.3-s54-notify-envelope
# R821-4.1.1-mail-reverse-path-used R822-4.4.4-errors-to-sender R3464-2-to-return-path R3461-6.1-dsn-null
# R3464-2-from-postmaster R3834-5.2-dsn-auto-replied R1123-5.3.7-s54-gw-errors-envelope
@pytest.mark.parametrize("recipient", ["nobody@here.test", "bob@here.test"])
def test_a_notice_goes_to_the_envelope_sender_from_nobody(alone, recipient):  # noqa: F811
    sink = Sink(alone)
    alone.dot_file("bob", "", "|echo a program says no; exit 100\n")
    alone.submit("From: other@away.test\nSender: third@away.test\nSubject: x\n\n", recipient, sender="env@away.test")
    once(alone)
    (arguments, octets), = sink.messages()
    assert arguments == ["-f", "", "--", "env@away.test"]
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message["To"] == "env@away.test"
    assert message["From"].addresses[0].username == "MAILER-DAEMON"
    assert message["Auto-Submitted"] == "auto-replied"


# R821-4.1.1-partial-delivery-ok
def test_only_those_who_failed_are_named(alone):  # noqa: F811
    alone.submit("Subject: x\n\n", "alice@here.test", "nobody@here.test", sender="carl@here.test")
    once(alone)
    text, status, _ = parts(notice_to(alone, "carl"))
    assert [block["Final-Recipient"] for block in status[1:]] == ["rfc822; nobody@here.test"]
    assert "alice" not in text and len(alone.messages("alice")) == 1


# R821-3.6-no-bounce-of-bounce R1123-5.3.1-s54-no-error-on-error R1123-5.3.3-s54-notify-not-null
def test_nobody_is_told_of_a_notice_that_fails_but_the_postmaster(alone):  # noqa: F811
    alone.control("doublebounceto", "carl\n")
    alone.control("doublebouncehost", "here.test\n")
    alone.submit("Subject: failure notice\n\n", "nobody@here.test", sender="")
    log = once(alone).stdout.decode()
    assert notice_to(alone, "carl")["Return-Path"] == "<#@[]>"
    assert log.count("new msg") == 2 and "bounce msg" in log
    assert all(not alone.messages(name) for name in ("owner", "alice", "bob"))


# R3461-5.2.2-never-silent
def test_whoever_wants_no_notice_gets_none(alone):  # noqa: F811
    done = alone.run("sendmail", "-N", "never", "-f", "carl@here.test", "nobody@here.test", input="Subject: x\n\n")
    assert done.returncode == 0, done.stderr
    identifier = only(alone)
    log = once(alone).stdout.decode()
    assert f"no bounce msg {identifier}: its sender wants none recipients=1\n" in log
    assert log.count("new msg") == 1 and f"end msg {identifier}" in log
    assert alone.queued() == [] and alone.messages("carl") == []


# R3461-5.2.6-failed-dsn
def test_of_several_only_those_are_named_whose_sender_wants_to_know(alone):  # noqa: F811
    wishes = {"a": "RNOTIFY=SUCCESS\0", "b": "RNOTIFY=DELAY,FAILURE\0", "c": "", "d": "RNOTIFY=NEVER\0"}
    text = "".join(f"Tnobody-{name}@here.test\0{wish}" for name, wish in wishes.items())
    envelope = alone.lab.write(alone.folder / "envelope", f"Fcarl@here.test\0{text}\0")
    content = alone.lab.write(alone.folder / "content", "Subject: x\n\n")
    with open(content, "rb") as zero, open(envelope, "rb") as one:
        assert alone.run("queue", stdin=zero, stdout=one).returncode == 0
    log = once(alone).stdout.decode()
    _, status, _ = parts(notice_to(alone, "carl"))
    named_there = [block["Final-Recipient"] for block in status[1:]]
    assert named_there == [f"rfc822; nobody-{name}@here.test" for name in "bc"]
    assert log.count("failure: ") == 4 and "wants none recipients=2" in log
    assert alone.queued() == []


# R1123-5.3.3-s54-strip-src-route
def test_a_routed_sender_is_told_without_the_route(alone):  # noqa: F811
    sink = Sink(alone, 'case $4 in gone*) exit 100;; esac')
    script = "EHLO x\r\nMAIL FROM:<@a.test,@b.test:user@d.test>\r\nRCPT TO:<gone@away.test>\r\nDATA\r\n\r\n.\r\nQUIT\r\n"
    assert b"\n354 " in alone.run("sendmail", "-bs", input=script).stdout
    once(alone)
    (arguments, _), = sink.messages()
    assert arguments == ["-f", "", "--", "user@d.test"]


ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")


# R5321-4.4-one-notice-many-rcpt R6522-3-report-structure R6522-3-report-type-param R6522-3-human-text
# R6522-4-headers-part R3464-2.1-content-type R3464-2.1-groups R3464-2.3.1-original-recipient R3464-2.3.3-action
# R3464-2.3.4-status R3463-2-syntax R3461-6.3-reporting-mta R3464-2.2.5-arrival-date R3464-2.3.5-remote-mta
# R3464-2.3.7-last-attempt R3464-2.3.9-will-retry R3464-2.2.4-received-from R3463-3.2-x11 R6533-3-no-raw-in-7bit
def test_the_form_of_a_notice(alone):  # noqa: F811
    header = "Subject: x\nX-One: 1\nX-Two: folded\n and more\n"
    names = ["no1@here.test", "no2@here.test", "nö3@here.test"]
    alone.submit(header + "\nthe body\n", *names, sender="carl@here.test")
    once(alone)
    octets = alone.message("carl", 1)
    text, status, returned = parts(notice_to(alone, "carl"))  # two parts for programs and people, and the header
    assert all(name in text or not name.isascii() for name in names) and "mailbox" in text
    assert header in returned and "the body" not in returned
    assert len(status) == 1 + len(names)
    assert status[0]["Reporting-MTA"] == "dns; mx.here.test"
    assert re.search(r"[+-]\d{4}$", status[0]["Arrival-Date"])
    for block in status:
        for absent in ("Original-Recipient", "Remote-MTA", "Last-Attempt-Date", "Will-Retry-Until", "Received-From-MTA"):
            assert absent not in block
    for block in status[1:]:
        assert len(block.get_all("Action")) == len(block.get_all("Status")) == 1
        assert block["Action"] in ACTIONS and block["Status"] == "5.1.1"
        assert re.fullmatch(r"[245]\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})", block["Status"])
    machine = octets.partition(b"message/delivery-status")[2].partition(b"\n--")[0]
    assert machine and max(machine) < 128


# R3464-2.1-crlf-injection
def test_what_others_say_adds_no_field(alone):  # noqa: F811
    refuse(alone, "550-no\n550-Action: delivered\r\n550 \xff\xfe\rStatus: 2.0.0\n\n" + "x" * 5000 + "\n")
    alone.submit("Subject: x\n\n", "joe@away.test", sender="alice@here.test")
    once(alone)
    _, status, _ = parts(notice_to(alone, "alice"))
    assert len(status) == 2
    assert status[1].get_all("Action") == ["failed"] and len(status[1].get_all("Diagnostic-Code")) == 1
    assert status[1].get_all("Status") == ["5.0.0"]


# R3463-3.1-undefined R3463-3.5-x46
@pytest.mark.parametrize("header, recipient, code", [
    ("", "bob@here.test", "5.0.0"),
    ("Delivered-To: alice@here.test\n", "alice@here.test", "5.4.6"),
])
def test_codes_of_failures(alone, header, recipient, code):  # noqa: F811
    alone.dot_file("bob", "", "|echo no, and I do not say why; exit 100\n")
    alone.submit(header + "Subject: x\n\n", recipient, sender="carl@here.test")
    once(alone)
    assert parts(notice_to(alone, "carl"))[1][1]["Status"] == code


# R3463-3.5-x47
def test_what_waited_too_long_says_so(alone):  # noqa: F811
    alone.control("queuelifetime", "0\n")
    alone.dot_file("bob", "", "|exit 111\n")
    alone.submit("Subject: x\n\n", "bob@here.test", sender="carl@here.test")
    once(alone)
    once(alone)
    assert parts(notice_to(alone, "carl"))[1][1]["Status"] in ("4.4.7", "5.4.7")


# R3463-3.3-x21
def test_a_home_that_is_being_changed_is_tried_again(alone):  # noqa: F811
    os.chmod(alone.folder / "bob", 0o1755)
    alone.submit("Subject: x\n\n", "bob@here.test")
    assert b"#4.2.1" in once(alone).stdout
    assert len(alone.queued()) == 1


# R5321-4.5.5-null-path-uses
def test_mail_of_people_has_a_sender(alone):  # noqa: F811
    for program in (["inject"], ["sendmail", "-t", "-i"]):
        done = alone.run(*program, input="To: alice@here.test\n\n")
        assert done.returncode == 0, done.stderr
        assert read(alone, only(alone)).sender == "owner@mx.here.test"
        once(alone)
