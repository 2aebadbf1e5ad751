"""bounce: one notice about one message (RFC 3464, RFC 6522; QSBMF), by itself and in its place."""

import email
import email.policy
import re

import pytest

import queue_file
from test_send import alone, once, only, read  # noqa: F401 (a fixture and helpers)

NOTICE = "01000000000000000abc"
ABOUT = "01000000000000000xyz"
CONTENT = b"Received: x\nMessage-ID: <1@x>\nSubject: hi\n\nthe body\n"


def bounce(instance, failures, content=CONTENT, sender=b"alice@here.test", options=(), arrival=b"1795257900000000"):
    """Runs the program; `failures`: (address, text) pairs, or the whole description."""
    if not isinstance(failures, bytes):
        failures = b"\0".join([sender, arrival, *(f for pair in failures for f in pair), b""])
    described = instance.lab.write(instance.folder / "failures", failures)
    options = options or ("--id", NOTICE, "--about", ABOUT)
    return instance.run("/bin/sh", "-c", f'exec "$0" "$@" 3< {described}', instance.lab.program("bounce"),
                        "--instance", instance.path, *options, input=content)


def notice(instance, identifier=NOTICE):
    file = queue_file.read((instance.path / "queue" / "incoming" / identifier).read_bytes())
    return file, email.message_from_bytes(file.content, policy=email.policy.default)


def parts(message):
    """The three parts of a report: text, [status blocks], header."""
    assert message.get_content_type() == "multipart/report"
    assert message["Content-Type"].params["report-type"] == "delivery-status"
    text, status, header = message.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert status.get_content_type() == "message/delivery-status"
    assert header.get_content_type() == "text/rfc822-headers"
    return text.get_content(), status.get_payload(), header.get_content()


# -- the command line


def test_help_says_the_usage(lab):
    done = lab.run("bounce", "--help")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"usage: bounce ")


@pytest.mark.parametrize("options", [["--frobnicate"], ["--id", NOTICE], ["--about", ABOUT],
                                     ["--id", "x", "--about", ABOUT], ["--id", NOTICE, "--about", ABOUT, "x"],
                                     ["--id"]])
def test_a_wrong_line_is_one_line_and_100(alone, options):
    done = bounce(alone, [], options=options)
    assert done.returncode == 100
    assert done.stderr.startswith(b"bounce: ") and done.stderr.count(b"\n") == 1
    assert alone.queued() == []


@pytest.mark.parametrize("description", [b"", b"alice", b"alice\0", b"alice\0then\0", b"alice\x001\0bob\0",
                                         b"alice\x001\0bob\0why", b"x" * 20000 + b"\x001\0"], ids=range(7))
def test_a_description_that_is_not_whole_queues_nothing(alone, description):
    done = bounce(alone, description)
    assert done.returncode == 100
    assert b"the description of a notice" in done.stderr
    assert alone.queued() == []


# -- what it writes


def test_a_notice_is_a_report_that_programs_and_people_read(alone):
    done = bounce(alone, [(b"bob@here.test", b"no such mailbox (#5.1.1)\n"), (b"carl@here.test", b"full\n\nreally")])
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    file, message = notice(alone)
    assert (file.recipients, file.notice_about) == (["alice@here.test"], ABOUT)
    assert not message.defects
    assert message["Received"].startswith(f"(porpoise {NOTICE} for bounce); ")
    assert message["From"].addresses[0].addr_spec == "MAILER-DAEMON@mx.here.test"
    assert message["To"].addresses[0].addr_spec == "alice@here.test"
    assert message["Subject"] == "failure notice"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["In-Reply-To"] == "<1@x>"
    assert message["Message-ID"] == f"<{NOTICE}@mx.here.test>"
    assert message["Date"].datetime is not None
    text, status, header = parts(message)
    paragraphs = text.split("\n\n")
    assert paragraphs[0].startswith("Hi. This is the porpoise-send program at mx.here.test.\n")
    assert paragraphs[1:] == ["<bob@here.test>:\nno such mailbox (#5.1.1)", "<carl@here.test>:\nfull\n/really",
                              "--- Below this line is the header of the message.\n"]
    assert [dict(block.items()) for block in status] == [
        {"Reporting-MTA": "dns; mx.here.test", "X-Porpoise-Id": ABOUT, "Arrival-Date": "21 Nov 2026 10:45:00 -0000"},
        {"Final-Recipient": "rfc822; bob@here.test", "Action": "failed", "Status": "5.1.1",
         "Diagnostic-Code": "X-Porpoise; no such mailbox (#5.1.1)"},
        {"Final-Recipient": "rfc822; carl@here.test", "Action": "failed", "Status": "5.0.0",
         "Diagnostic-Code": "X-Porpoise; full really"},
    ]
    assert header == "Return-Path: <alice@here.test>\nReceived: x\nMessage-ID: <1@x>\nSubject: hi\n"
    assert b"the body" not in file.content


@pytest.mark.parametrize("content", [b"", b"\n", b"no header at all", b"Subject: x", b"Subject: x\r\n\r\nbody\r\n",
                                     b"\0\0\0\n\nbody", b"Subject: \xff\xfe\n\nbody", b"X: " + b"y" * 200000],
                         ids=range(8))
def test_any_content_gives_a_whole_notice(alone, content):
    assert bounce(alone, [(b"bob@here.test", b"no")], content=content).returncode == 0
    file, message = notice(alone)
    text, status, header = parts(message)
    assert "<bob@here.test>:\nno" in text
    assert len(file.content) < 80000
    assert max(map(len, file.content.split(b"\n"))) < 998


def test_hostile_addresses_and_texts_add_no_field_and_no_part(alone):
    boundary = f"=_porpoise_{NOTICE}".encode()
    bad = b"x\n\n--" + boundary + b"--\nSubject: evil\r\n\r\n\x1b[31m" + b"\xff" + b"z" * 3000
    assert bounce(alone, [(b"a\nSubject: evil@b", bad)], sender=b"alice\nBcc: evil@here.test").returncode == 0
    file, message = notice(alone)
    assert message["Bcc"] is None
    assert message.get_all("Subject") == ["failure notice"]
    assert max(map(len, file.content.split(b"\n"))) < 998
    assert b"\x1b" not in file.content and b"\xff" not in file.content


def test_a_second_run_under_that_id_is_success_and_changes_nothing(alone):
    assert bounce(alone, [(b"bob@here.test", b"no")]).returncode == 0
    before = (alone.path / "queue/incoming" / NOTICE).read_bytes()
    assert bounce(alone, [(b"bob@here.test", b"something else")]).returncode == 0
    assert (alone.path / "queue/incoming" / NOTICE).read_bytes() == before
    assert alone.queued() == [NOTICE]


def test_the_double_bounce_sender_is_told_nothing(alone):
    done = bounce(alone, [(b"bob@here.test", b"no")], sender=b"#@[]")
    assert done.returncode == 100
    assert alone.queued() == []


def test_memory_does_not_grow_with_the_failures(alone):
    failures = [(b"r%d@here.test" % n, b"because %d " % n + b"x" * 1000) for n in range(20000)]
    done = bounce(alone, failures)
    assert done.returncode == 0
    file, _ = notice(alone)
    assert file.content.count(b"\nFinal-Recipient: ") == 20000


# -- in its place


def test_a_failure_comes_back_to_its_sender_and_the_message_goes(alone):
    alone.submit("Subject: lost\nMessage-ID: <lost@x>\n\n", "nobody@here.test", "alice@here.test", sender="bob@here.test")
    identifier = only(alone)
    log = once(alone).stdout.decode()
    message = email.message_from_bytes(alone.message("bob"), policy=email.policy.default)
    text, status, header = parts(message)
    assert "<nobody@here.test>:\n" in text and "<alice@here.test>" not in text
    assert status[1]["Status"] == "5.1.1"
    assert "Subject: lost" in header
    assert message["Return-Path"] == "<>"
    assert message["In-Reply-To"] == "<lost@x>"
    assert re.search(rf"bounce msg {identifier} qp {ID.pattern}\n", log)
    assert alone.queued() == []
    assert len(alone.messages("alice")) == 1


ID = re.compile(r"[01][0-9a-hjkmnp-tv-z]{19}")


def test_one_notice_for_all_that_failed(alone):
    alone.submit("Subject: lost\n\n", "no1@here.test", "no2@here.test", "no3@here.test", sender="bob@here.test")
    once(alone)
    text, status, _ = parts(email.message_from_bytes(alone.message("bob", 1), policy=email.policy.default))
    assert re.findall(r"^<(\S+)>:$", text, re.M) == ["no1@here.test", "no2@here.test", "no3@here.test"]
    assert len(status) == 4


def test_a_message_without_a_sender_is_reported_to_the_postmaster(alone):
    alone.control("doublebounceto", "carl\n")
    alone.control("doublebouncehost", "here.test\n")
    alone.submit("Subject: lost\n\n", "nobody@here.test", sender="")
    once(alone)
    message = email.message_from_bytes(alone.message("carl", 1), policy=email.policy.default)
    assert message["Return-Path"] == "<#@[]>"
    assert "A message without a sender" in parts(message)[0]
    assert alone.queued() == []


def test_a_notice_that_fails_too_ends_with_a_line_in_the_log(alone):
    """nobody -> notice to nobody2 -> double bounce to nobody3 -> discarded."""
    alone.control("doublebounceto", "nobody3\n")
    alone.control("doublebouncehost", "here.test\n")
    alone.submit("Subject: lost\n\n", "nobody@here.test", sender="nobody2@here.test")
    log = once(alone).stdout.decode()
    assert alone.queued() == []
    assert log.count("new msg") == 3
    assert log.count("bounce msg") == 2
    assert log.count("triple bounce: discarding") == 1
    for name in ("owner", "alice", "bob", "carl"):
        assert alone.messages(name) == []


def test_a_notice_sent_round_in_a_circle_stops(alone):
    """alice's mail goes to bob and bob's to alice; the notice to alice is caught by Delivered-To."""
    alone.dot_file("alice", "", "&bob@here.test\n")
    alone.dot_file("bob", "", "&alice@here.test\n")
    alone.control("doublebounceto", "carl\n")
    alone.control("doublebouncehost", "here.test\n")
    alone.submit("Subject: lost\n\n", "nobody@here.test", sender="alice@here.test")
    log = once(alone).stdout.decode()
    assert alone.queued() == [], log
    assert log.count("starting delivery") < 20
    assert len(alone.messages("carl")) == 1  # and carl hears of it


def test_a_verp_sender_is_told_without_the_mark(alone):
    alone.dot_file("bob", "default", "./Maildir/\n")
    alone.submit("Subject: list\n\n", "nobody@here.test", sender="bob-owner-@here.test-@[]")
    once(alone)
    assert b"\nDelivered-To: bob-owner-@here.test\n" in alone.message("bob", 1)


def test_mail_for_elsewhere_without_a_way_there_comes_back(alone):
    alone.lab.write(alone.folder / "envelope", b"Fbob@here.test\0Teve@away.test\0\0")
    queued = alone.run("/bin/sh", "-c", f"exec queue 1< {alone.folder}/envelope", input="Subject: x\n\n")
    if queued.returncode != 0:
        pytest.skip("refused at submission")
    once(alone)
    text, status, _ = parts(email.message_from_bytes(alone.message("bob", 1), policy=email.policy.default))
    assert ("<eve@away.test>:\nno route: away.test is not local and this instance has no control/remote (#5.1.2)\n"
            in text)
    assert status[1]["Status"] == "5.1.2"


def test_where_bounce_cannot_run_the_message_stays_and_is_reported_later(alone, home):
    parts_folder = alone.lab.folder(home / "parts")
    for name in ("send", "spawn", "local", "queue"):
        (parts_folder / name).symlink_to(alone.lab.bin / name)
    alone.submit("Subject: lost\n\n", "nobody@here.test", sender="bob@here.test")
    identifier = only(alone)
    done = alone.run("send", "--once", "--instance", alone.path, env=alone.environment(PORPOISE_BIN=parts_folder))
    assert done.returncode == 0, done.stderr
    assert f"alert: starting {parts_folder}/bounce: No such file or directory" in done.stdout.decode()
    file = read(alone, identifier)
    assert file.status == [queue_file.FAILED]
    assert len(file.open_intents) == 1
    once(alone)
    assert list(file.open_intents)[0] in _ids(alone.message("bob", 1))
    assert alone.queued() == []


def _ids(octets):
    return {m.decode() for m in re.findall(rb"porpoise ([01][0-9a-hjkmnp-tv-z]{19}) ", octets)}
