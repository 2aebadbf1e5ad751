"""sendmail: as mail programs call it, and its exit codes. Every option is in
inject/options_test.cc; s-nail, mutt and git send-email themselves are in test_whole_path.py."""

import os
import re

import pytest

import queue_file
from test_inject import captured  # noqa: F401 (a fixture)


def header_of(message):
    return message.partition(b"\n\n")[0].decode() + "\n"


# -- recipients


def test_the_recipients_are_the_arguments(captured):
    done, message, envelope = captured("sendmail", "-i", "a", "b@x.y", input="To: c\n\nbody\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert envelope == ["Fowner@mx.here.test", "Ta@mx.here.test", "Tb@x.y"]
    assert "To: c@mx.here.test\n" in header_of(message)


def test_with_t_they_are_in_the_header_and_in_the_arguments(captured):
    _, message, envelope = captured("sendmail", "-ti", "d", input="To: a\nCc: b\nBcc: c\n\nbody\n")
    assert envelope[1:] == [f"T{n}@mx.here.test" for n in "dabc"]
    assert "Bcc" not in header_of(message)


def test_an_argument_may_be_written_as_in_a_header(captured):
    _, _, envelope = captured("sendmail", "-i", "<a@x.y>", "Bob <b@x.y>, c@x.y", "d@x.y",
                              input="\n")
    assert envelope[1:] == ["Ta@x.y", "Tb@x.y", "Tc@x.y", "Td@x.y"]


def test_a_message_of_somebody_else_passes_though_its_addresses_make_no_sense(captured):
    text = b"From: <broken\nTo: also (broken\nDate: x\nMessage-ID: <y>\n\nbody\n"
    done, message, envelope = captured("sendmail", "-i", "a@x.y", input=text)
    assert done.returncode == 0, done.stderr
    assert message == text
    assert envelope[1:] == ["Ta@x.y"]


# -- sender and From


@pytest.mark.parametrize("args, sender, from_", [
    ([], "owner@mx.here.test", "Own Er <owner@mx.here.test>"),
    (["-f", "joe@x.y"], "joe@x.y", "joe@x.y"),
    (["-fjoe"], "joe@mx.here.test", "joe@mx.here.test"),
    (["-r", "joe@x.y"], "joe@x.y", "joe@x.y"),
    (["-f", "<joe@x.y>"], "joe@x.y", "joe@x.y"),
    (["-f", "<>"], "", "Own Er <owner@mx.here.test>"),
    (["-f", ""], "", "Own Er <owner@mx.here.test>"),
    (["-F", "Other Name"], "owner@mx.here.test", "Other Name <owner@mx.here.test>"),
    (["-F", "Joe", "-f", "joe@x.y"], "joe@x.y", "Joe <joe@x.y>"),
    (["-f", "joe@x.y", "-F", "Joe Q. Doe"], "joe@x.y", '"Joe Q. Doe" <joe@x.y>'),
    (["-f", "<>", "-F", "Cron"], "", "Cron <owner@mx.here.test>"),
    (["-F", "x\nBcc: y"], "owner@mx.here.test", '"x Bcc: y" <owner@mx.here.test>'),
])
def test_sender_and_from(captured, args, sender, from_):
    done, message, envelope = captured("sendmail", "-i", *args, "--", "a@x.y", input="\n",
                                       NAME="Own Er")
    assert done.returncode == 0, done.stderr
    assert envelope == ["F" + sender, "Ta@x.y"]
    assert f"\nFrom: {from_}\n" in header_of(message)


def test_the_way_cron_calls_it(captured):
    text = ('From: "(Cron Daemon)" <root>\nTo: owner\nSubject: Cron <owner@box> true\n'
            "Content-Type: text/plain; charset=UTF-8\nAuto-Submitted: auto-generated\n\n"
            "out\n.\nput\n")
    done, message, envelope = captured("sendmail", "-FCronDaemon", "-i", "-odi", "-oem", "-oi",
                                       "-t", "-f", "root", input=text)
    assert done.returncode == 0, done.stderr
    assert envelope == ["Froot@mx.here.test", "Towner@mx.here.test"]
    assert 'From: "(Cron Daemon)" <root@mx.here.test>\n' in header_of(message)
    assert message.endswith(b"\n\nout\n.\nput\n")


def test_the_way_php_calls_it(captured):
    done, message, envelope = captured(
        "sendmail", "-t", "-i",
        input=b"To: a@x.y\r\nSubject: x\r\nX-PHP: 1\r\n\r\nbody\r\nend")
    assert done.returncode == 0, done.stderr
    assert envelope[1:] == ["Ta@x.y"]
    assert b"\r" not in message and message.endswith(b"X-PHP: 1\n\nbody\nend\n")


# -- the dot


def test_a_line_of_a_dot_ends_the_message_without_i(captured):
    text = "To: a@x.y\n\none\n..\n.two\n.\nthree\n"
    assert captured("sendmail", "-t", input=text)[1].endswith(b"\n\none\n..\n.two\n")
    for option in ("-i", "-oi"):
        assert captured("sendmail", option, "-t", input=text)[1].endswith(b".two\n.\nthree\n")


# -- parameters


def test_parameters_reach_the_queue(instance):
    done = instance.run("sendmail", "-odq", "-i", "-B", "8BITMIME", "-N", "never", "-R", "hdrs",
                        "-V", "id+1", "alice", input="\n")
    assert done.returncode == 0, done.stderr
    (name,) = instance.queued()
    octets = (instance.path / "queue/incoming" / name).read_bytes()
    assert queue_file.read(octets).recipients == ["alice@mx.here.test"]
    assert (b"Fowner@mx.here.test\0PBODY=8BITMIME\0PRET=HDRS\0PENVID=id+2B1\0"
            b"Talice@mx.here.test\0RNOTIFY=NEVER\0") in octets


def test_odq_starts_nothing(instance):
    assert instance.run("sendmail", "-odq", "alice", input="\n").returncode == 0
    assert len(instance.queued()) == 1
    assert instance.messages("alice") == []


def test_without_a_send_one_is_started_for_the_message(instance):
    assert instance.run("sendmail", "alice", input="Subject: here\n\n").returncode == 0
    assert b"Subject: here\n" in instance.message("alice")


def test_q_attempts_what_is_due(instance):
    instance.run("sendmail", "-odq", "alice", input="\n")
    assert instance.run("sendmail", "-q").returncode == 0
    instance.message("alice")


# -- exit codes


@pytest.mark.parametrize("args, text, code, error", [
    ([], "To: a\n\n", 64, "no recipients: none were named"),
    (["-t"], "Subject: x\n\n", 64, "no recipients: the message names none in To, Cc or Bcc"),
    (["-bd"], "", 64, "-bd: sendmail is no daemon here; start one with: porpoise run"),
    (["-Z"], "", 64, "unknown option -Z (try --help)"),
    (["-t"], "To: <a\n\n", 65, 'To: octet 5: no ">" closes this "<": "<a"'),
    (["-t"], "To: a\nFrom: <a\n\n", 65, 'From: octet 7: no ">" closes this "<": "<a"'),
    (["a@b..c"], "\n", 65, 'recipient "a@b..c": "b..c" is no host name: an empty part'),
    (["<a"], "\n", 65, 'recipient "<a": octet 1: no ">" closes this "<": "<a"'),
    (["--instance", "/nonexistent", "a"], "\n", 78,
     "/nonexistent is no porpoise instance (No such file or directory); make one with: "
     "porpoise init /nonexistent"),
])
def test_refusals(instance, args, text, code, error):
    done = instance.run("sendmail", *args, input=text)
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.decode() == f"sendmail: {error}\n"
    assert instance.queued() == []


def test_a_recipient_elsewhere_is_68(instance):
    done = instance.run("sendmail", "alice@here.test", "bob@far.example", input="\n")
    assert done.returncode == 68
    assert done.stderr.startswith(b"sendmail: bob@far.example is on another host, ")
    assert instance.queued() == []


def test_a_folder_for_a_message_is_66(instance):
    folder = os.open("/", os.O_RDONLY)
    done = instance.run("sendmail", "alice", stdin=folder)
    os.close(folder)
    assert done.returncode == 66
    assert done.stderr == b"sendmail: reading standard input: Is a directory\n"


@pytest.mark.parametrize("script, code", [
    ("exit 31", 69), ("exit 11", 65), ("exit 53", 75), ("exit 71", 75), ("exit 51", 71),
    ("exit 81", 75), ("kill -9 $$", 75),
    ("printf Dno >&6; cat >/dev/null; cat <&1 >/dev/null; exit 82", 69),
    ("printf Zwait >&6; cat >/dev/null; cat <&1 >/dev/null; exit 82", 75),
])
def test_what_the_queue_says_is_passed_on(instance, script, code):
    queue = instance.lab.write(instance.folder / "q", f"#!/bin/sh\n{script}\n", 0o755)
    done = instance.run("sendmail", "a@x.y", input="To: x\n\nbody\n",
                        env=instance.environment(QMAILQUEUE=queue))
    assert done.returncode == code, done.stderr
    assert re.fullmatch(rb"sendmail: [^\n]+\n", done.stderr)


def test_a_queue_that_cannot_be_started_is_71(instance):
    done = instance.run("sendmail", "a@x.y", input="\n",
                        env=instance.environment(QMAILQUEUE="/no/such"))
    assert done.returncode == 71
    assert done.stderr == b"sendmail: starting /no/such: No such file or directory\n"


def test_somebody_elses_instance_is_77(instance):
    if not instance.lab.root:
        pytest.skip("needs two users")
    done = instance.run("sendmail", "alice", input="\n", as_root=True)
    assert done.returncode == 77
    assert done.stderr.endswith(b": run this as that user\n")


# -- the other names


def test_mailq_lists_the_queue(instance):
    assert instance.run("mailq").stdout == b""
    instance.run("sendmail", "-odq", "alice", input="\n")
    (name,) = instance.queued()
    for command in (["mailq"], ["sendmail", "-bp"], ["mailq", "-v"],
                    ["sendmail", "-bp", "--instance", instance.path]):
        done = instance.run(*command)
        assert done.returncode == 0, done.stderr
        assert name in done.stdout.decode()


def test_newaliases_says_that_there_is_nothing_to_do(instance):
    for command in (["newaliases"], ["sendmail", "-I"], ["sendmail", "-bi"]):
        done = instance.run(*command)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout == (b"aliases are dot-files, read at each delivery: "
                               b"there is nothing to rebuild\n")


def test_help(lab):
    done = lab.run("sendmail", "--help")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"usage: sendmail ")


# -- -bv, -bt and -v


@pytest.mark.parametrize("mode", ["-bv", "-bt"])
def test_verifying_tells_of_each_address_and_what_decides(instance, mode):
    instance.dot_file("alice", "list", "./Maildir/\n")
    done = instance.run("sendmail", mode, "alice", "Bob <bob@here.test>, alice-list@here.test", "owner-x@here.test",
                        "joe@far.example", "nosuch", "<a", stdin=None)
    assert (done.returncode, done.stderr) == (67, b"")  # that of the first bad one
    assert done.stdout.decode() == (
        "alice@mx.here.test... deliverable: users/assign line 1\n"
        "bob@here.test... deliverable: users/assign line 3\n"
        "alice-list@here.test... deliverable: users/assign line 2\n"
        "owner-x@here.test... undeliverable, nobody has this name: control/owner\n"
        "joe@far.example... undeliverable, on another host and no control/remote to send it there: "
        "far.example is in no list of local domains\n"
        "nosuch@mx.here.test... undeliverable, nobody has this name: alias/\n"
        '<a... recipient "<a": octet 1: no ">" closes this "<": "<a"\n')
    assert instance.queued() == []


@pytest.mark.parametrize("address, code", [
    ("alice", 0), ("alice@here.test", 0), ("nosuch", 67), ("joe@far.example", 68), ("a@b..c", 65), ("", 65),
])
def test_exit_codes_of_bv(instance, address, code):
    assert instance.run("sendmail", "-bv", address).returncode == code


def test_bv_with_a_program_for_other_hosts(instance):
    instance.control("remote", "pipe /bin/true\n")
    done = instance.run("sendmail", "-bv", "joe@far.example")
    assert done.returncode == 0
    assert done.stdout.startswith(b"joe@far.example... deliverable, on another host: ")


def test_bv_without_an_instance_is_78(lab, home):
    assert lab.run("sendmail", "--instance", home, "-bv", "alice").returncode == 78


def test_v_tells_what_is_queued(instance):
    done = instance.run("sendmail", "-v", "-odq", "alice", "bob@here.test", input="\n")
    assert done.returncode == 0, done.stderr
    (name,) = instance.queued()
    assert done.stdout.decode() == f"alice@mx.here.test... queued as {name}\nbob@here.test... queued as {name}\n"


def test_an_option_behind_an_address_is_told(instance):
    done = instance.run("sendmail", "alice", "-i", input="\n")
    assert done.returncode == 64
    assert done.stderr == b"sendmail: -i behind an address: options come first; an address like this after --\n"
    assert instance.queued() == []
