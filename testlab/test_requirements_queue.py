"""What the standards ask of the queue: relaying by a program of control/remote, which stands for the next hop,
and retrying. Each test names its rows of rfc-corpus/requirements.tsv; what no test shows is in
rfc-corpus/not-for-queue.tsv with the reason."""

import os
import re

import pytest

from conftest import TOP, wait_for
from test_requirements import named, rows
from test_send import Send, alone, once, only, read  # noqa: F401: alone is a fixture

LIST = TOP / "rfc-corpus" / "not-for-queue.tsv"
TESTS = ("test_requirements_queue.py", "test_fault.py", "test_crash_trace.py", "test_bounce.py")


def shown():
    found = set()
    for path in [*TOP.glob("queue/*_test.cc"), *TOP.glob("send/*_test.cc"), *(TOP / "testlab" / t for t in TESTS)]:
        found |= named(path)
    return found


def test_every_requirement_of_the_queue_is_shown_or_listed():
    lines = [line for line in LIST.read_text().splitlines() if not line.startswith("#")]
    listed = dict(line.split("\t") for line in lines)
    wanted = {row["id"] for row in rows() if row["role"] == "queue"}
    assert len(wanted) > 20
    assert sorted(wanted - shown() - set(listed)) == []
    assert sorted(set(listed) & shown()) == []
    assert sorted(set(listed) - wanted) == []
    assert all(listed.values())


class Sink:
    """The next hop: keeps the arguments and the octets of each message it takes."""

    def __init__(self, instance, before=""):
        self.folder = instance.lab.folder(instance.folder / "sink", 0o700)
        script = instance.lab.write(
            instance.folder / "next-hop",
            f'#!/bin/sh\n{before}\nn=$(mktemp {self.folder}/XXXXXX)\ncat > $n\nprintf "%s\\n" "$@" > $n.arguments\n',
            0o755)
        instance.control("remote", f"pipe {script}\n")

    def messages(self):
        return sorted((p.with_suffix(".arguments").read_text().splitlines(), p.read_bytes())
                      for p in self.folder.iterdir() if p.suffix == "")


@pytest.fixture
def sink(alone):  # noqa: F811
    return Sink(alone)


def hand_in(instance, content, recipient="joe@away.test", sender="carl@here.test"):
    """By queue itself: what a relay does with a message that has come in."""
    envelope = instance.lab.write(instance.folder / "envelope", f"F{sender}\0T{recipient}\0\0".encode())
    with open(envelope, "rb") as file:
        done = instance.run("queue", input=content, stdout=file)
    assert done.returncode == 0, done.stderr


def without_first_received(octets):
    field, _, rest = octets.partition(b"\n")
    assert re.fullmatch(rb"Received: \(porpoise [0-9a-z]{20} invoked by uid \d+\); .*", field)
    return rest


# R821-4.5.2-reversible R1123-5.2.6-s54-alter-header R5321-2.4-relay-trust-content R5321-3.6.3-relay-only-received
# R5321-4.4-relay-ignores-return-path R5321-6.4-fix-only-on-submission R5322-3.6-no-reorder
# R1123-5.3.7-s54-gw-no-change-received
@pytest.mark.parametrize("content", [
    b"Subject: x\n\ntrailing blanks  \t\n \n.\n..\n\ttabs\t\n",
    b"no header at all",
    b"",
    b"Subject: \xe4\xf6\xfc\n folded \n\t oddly\nsubject : twice\n\n8 bit \xff\n",
    b"Content-Type: multipart/mixed\n\nno boundary\n",
    b"Return-Path: <somebody@else.test>\nSubject: x\n\nbody\n",
    b"From: a\nTo: b\n\nno date, no id, short names\n",
    b"Received: one\nResent-From: a@b\nResent-Date: x\nReceived: two\nResent-From: c@d\nFrom: e@f\n\nbody\n",
    b"Received: junk;;;(\nSubject: x\n\nbody\n",
    b"Subject: x\r\n\r\nlines that end in CRLF\r\n",
    b"\0binary\0\n" * 100_000,
])
def test_a_relay_adds_one_received_line_and_changes_nothing(alone, sink, content):  # noqa: F811
    hand_in(alone, content)
    once(alone)
    (_, got), = sink.messages()
    assert without_first_received(got) == content


# R822-6.2.4-local-uninterpreted R1123-5.2.16-s54-no-interpret-local R1123-5.2.16-s54-gw-local-route
@pytest.mark.parametrize("local", ["a!b%c", "user%domain", "a!b!c!user", "MiXeD", "x+y", "a/b=c"])
def test_local_parts_of_others_are_theirs(alone, sink, local):  # noqa: F811
    hand_in(alone, b"Subject: x\n\n", f"{local}@away.test")
    once(alone)
    (arguments, _), = sink.messages()
    assert arguments == ["-f", "carl@here.test", "--", f"{local}@away.test"]


# R821-3.6-relay-moves-route R1123-5.2.6-s54-relay-function R1123-5.2.6-s54-rhs-delivery
@pytest.mark.parametrize("path", ["@mx.here.test:joe@away.test", "@ALPHA.test,@BETA.test:joe@away.test"])
def test_a_route_is_passed_over_and_the_sender_kept(alone, sink, path):  # noqa: F811
    script = f"EHLO x\r\nMAIL FROM:<carl@here.test>\r\nRCPT TO:<{path}>\r\nDATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n"
    done = alone.run("sendmail", "-bs", input=script)
    assert b"\n354 " in done.stdout, done.stdout
    once(alone)
    (arguments, _), = sink.messages()
    assert arguments == ["-f", "carl@here.test", "--", "joe@away.test"]


# R822-4.3.2-received-each-hop R821-appF-scenario-3 R5321-appD-d3
def test_two_hops_leave_two_received_lines_and_the_sender_as_it_was(alone, lab):  # noqa: F811
    from conftest import Instance

    other = Instance(lab, lab.folder(alone.folder / "other"))
    other.control("locals", "away.test\n")
    bridge = lab.write(alone.folder / "bridge",
                       f'#!/bin/sh\nPORPOISE={other.path} PORPOISE_NO_SEND=1 exec {lab.bin}/sendmail -i "$@"\n', 0o755)
    alone.control("remote", f"pipe {bridge}\n")
    hand_in(alone, b"Received: from far away\nSubject: two hops\n\nbody\n", "owner@away.test")
    once(alone)
    identifier = only(other)
    assert read(other, identifier).sender == "carl@here.test"
    once(other)
    text = other.message("owner")
    received = re.findall(rb"^Received: (.*)$", text, re.M)
    assert len(received) == 3 and received[2] == b"from far away"
    assert text.startswith(b"Return-Path: <carl@here.test>\nDelivered-To: owner@away.test\nReceived: (porpoise ")
    other.close()


# R1123-5.3.7-s54-gw-rewrite R1123-5.3.7-s54-gw-received
def test_only_what_is_incomplete_is_rewritten_at_submission(alone, sink):  # noqa: F811
    done = alone.run("sendmail", "-t", "-i", input="From: carl\nTo: joe, Ann <ann@away.test>\nX-Mine: joe\n\nbody\n")
    assert done.returncode == 0, done.stderr
    once(alone)
    (_, got), *_ = sink.messages()
    rest = without_first_received(got)
    assert b"To: joe@mx.here.test, Ann <ann@away.test>" in rest.replace(b",\n ", b", ")
    assert b"\nX-Mine: joe\n" in rest and rest.endswith(b"\n\nbody\n")


# R1123-5.3.1.1-s54-retry-soft R1123-5.3.1.1-s54-delay-retry
def test_a_soft_failure_is_tried_again_and_not_at_once(alone):  # noqa: F811
    gate = alone.folder / "gate"
    sink = Sink(alone, f"echo >> {alone.folder}/tries; test -e {gate} || exit 75")
    hand_in(alone, b"Subject: x\n\n")
    once(alone)
    once(alone)
    assert (alone.folder / "tries").read_text() == "\n", "the second start must not try it again"
    gate.touch()
    once(alone, "--retry")
    assert len(sink.messages()) == 1 and alone.queued() == []


# R1123-5.3.1.1-s54-retry-config
def test_how_long_it_is_tried_can_be_set(alone):  # noqa: F811
    Sink(alone, "exit 75")
    alone.control("queuelifetime", "0\n")
    hand_in(alone, b"Subject: x\n\n", sender="alice@here.test")
    once(alone)
    once(alone)
    assert b"too long" in alone.message("alice")


# R5321-4.5.4.1-no-cache-5yz-mail
def test_a_refusal_of_one_message_is_not_held_against_the_next(alone):  # noqa: F811
    sink = Sink(alone, f'test -e {alone.folder}/refused || {{ touch {alone.folder}/refused; exit 100; }}')
    hand_in(alone, b"Subject: one\n\n", sender="alice@here.test")
    once(alone)
    hand_in(alone, b"Subject: two\n\n", sender="alice@here.test")
    once(alone)
    (_, got), = sink.messages()
    assert b"Subject: two" in got
    assert b"one" in alone.message("alice")


# R1123-5.3.1.1-s54-concurrent-send R1123-5.3.1.1-s54-concurrency-limit
def test_several_go_out_at_once_and_never_more_than_the_limit(alone):  # noqa: F811
    gate, running = alone.folder / "gate", alone.lab.folder(alone.folder / "running", 0o700)
    sink = Sink(alone, f"touch {running}/$$; ls {running} | wc -l >> {alone.folder}/counts\n"
                       f"while ! test -e {gate}; do sleep 0.05; done; rm {running}/$$")
    alone.control("concurrencyremote", "3\n")
    for number in range(7):
        hand_in(alone, b"Subject: x\n\n", f"joe@away-{number}.test")
    send = Send(alone).ready()
    wait_for(lambda: len(os.listdir(running)) == 3, "three at once")
    assert "remote_running=3" in send.ask("status")
    gate.touch()
    alone.settle()
    send.stop()
    counts = [int(n) for n in (alone.folder / "counts").read_text().split()]
    assert len(counts) == 7 and max(counts) == 3
    assert len(sink.messages()) == 7
