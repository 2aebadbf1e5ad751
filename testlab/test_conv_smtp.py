"""Conversations in SMTP and LMTP, run against a small server of the lab's own: what must be seen of it, good and
with each of its bugs; and the command line."""

import json
import pathlib
import subprocess
import sys

import pytest

from conv import command, fake_smtp, loader, runner, target

TOP = pathlib.Path(__file__).resolve().parent.parent
LAB = TOP / "testlab" / "lab"
SERVER = f"{sys.executable} {TOP / 'testlab' / 'conv' / 'fake_smtp.py'}"

HEAD = """id: test
title: a test
transport: smtp stdio-smtp
timeout: 2s

"""
GREET = "@ connect\nS: 220 ~ ^mx\\.here\\.test( |$)\nC: EHLO client.test\nS: 250 ~ ^PIPELINING$\n"
MAIL = "C: MAIL FROM:<carol@away.test>\nS: 250\n"
RCPT = "C: RCPT TO:<alice@here.test>\nS: 250\n"

THREE_RECIPIENTS = """covers: R821-appF-scenario-1 R821-3.1-rcpt-unknown-550
needs: state

@ connect
S: 220 ~ ^mx\\.here\\.test( |$)                         ## R821-3.5-greeting-220
C: HELO client.test
S: 250 ~ ^mx\\.here\\.test                              ## R821-3.5-helo-250
C: MAIL FROM:<carol@away.test>
S: 250                                                ## R821-3.1-mail-250
C: RCPT TO:<alice@here.test>
S: 250
C: RCPT TO:<nobody-here@here.test>
S: 550 ? 551|553                                      ## R821-3.1-rcpt-unknown-550
C: RCPT TO:<bob@here.test>
S: 250
C: DATA
S: 354
C: Subject: three blahs
C:
C: Blah blah blah...
C: ..etc. etc. etc.
C: .
S: 250
S- none 100ms
C: QUIT
S: 221 ~ mx\\.here\\.test
S- eof 2s
= maildir alice count = 1
= maildir bob count = 1
= maildir alice[0] body is Blah blah blah...\\n.etc. etc. etc.\\n
= maildir alice[0] header Return-Path is <carol@away.test>
= maildir alice[0] header Received ~ from client\\.test .*by mx\\.here\\.test
= mbox alice count = 1
= mbox bob has Subject: three blahs
= mbox carl absent
= log has said 550
= log lacks secret
= bounce count = 0
= queue absent
"""


@pytest.fixture
def folder(tmp_path):
    fake_smtp.make(tmp_path)
    return tmp_path


def server(folder, way="stdio", *options):
    words = " ".join(["", *options])
    paths = {kind: str(folder / kind) for kind in ("sink", "queue", "log")}
    return target.Outside(f"{way}:{SERVER} {folder}{words}", ("smtp", "stdio-smtp", "lmtp"), "fake", ("state",),
                          maildir=f"{folder}/{{user}}/Maildir", mbox=f"{folder}/{{user}}/mbox", **paths)


def ran(source, folder, way="stdio", *options):
    conversation = loader.loads(source)
    tried = server(folder, way, *options)
    try:
        result = runner.run(conversation, tried, conversation.transports[-1])
    finally:
        assert tried.close() == []
    return f"{result.verdict} {result.reason}".strip()


@pytest.mark.parametrize("way", ["stdio", "tcp"])
def test_a_whole_session_with_its_state(folder, way):
    assert ran(HEAD.removesuffix("\n") + THREE_RECIPIENTS, folder, way) == "passed"


def test_what_is_relayed_queued_and_bounced_is_seen(folder):
    body = GREET + ("C: MAIL FROM:<carol@away.test> SIZE=100 BODY=8BITMIME\nS: 250\nC: RCPT TO:<x@away.test>\nS: 2yz\n"
                    "C: RCPT TO:<y@slow.test>\nS: 2yz\nC: RCPT TO:<z@dead.test>\nS: 2yz\nC: DATA\nS: 354\n"
                    "C<stuff five-lines.eml\nC: .\nS: 250\n"
                    "= sink count = 2\n= sink[0] envelope is MAIL FROM:<carol@away.test>\\nRCPT TO:<x@away.test>\n"
                    "= sink[0] is-octets five-lines.eml\n= sink[0] header Subject is five lines\n= sink[0] size ~ ^\\d+$\n"
                    "= queue count = 1\n= queue[0] sender is carol@away.test\n= queue[0] rcpt is y@slow.test\n"
                    "= queue[0] params is SIZE=100\\nBODY=8BITMIME\n= queue[0] body has one\n"
                    "= bounce count = 1\n= bounce[0] envelope has RCPT TO:<carol@away.test>\n= bounce[0] headers has returned\n"
                    "= bounce[1] absent\n= bounce[0] header X-None absent\n")
    assert ran(HEAD + body, folder) == "passed"


def test_lmtp_owes_one_reply_for_each_recipient(folder):
    body = GREET.replace("EHLO", "LHLO") + MAIL + RCPT + RCPT.replace("alice", "bob") + "C{\nC: DATA\nC: x\nC: .\nC}\nS: 354\n"
    head = HEAD.replace("smtp stdio-smtp", "lmtp")
    assert ran(head + body + "S: 250\nS: 250\n", folder, "stdio", "--lmtp") == "passed"
    assert ran(head + body + "S: 250\n", folder, "stdio", "--lmtp") == (
        'failed at the end: connection A said more: "250 2.0.0 stored\\r\\n"')
    assert ran(head + body + "S: 250\nS: 250\n", folder) == "failed test.conv:23:1: nothing came in time"


@pytest.mark.parametrize("bug, fault", [
    ("bare-lf", "11:1: the reply does not end in CRLF (R821-4.2-reply-format)"),
    ("long-line", "11:1: a reply line of 532 octets (R821-4.5.3-reply-512)"),
    ("control-octet", "11:1: not printable US-ASCII (R821-4.2-reply-format)"),
    ("no-code", "11:1: no reply code (R821-4.2-reply-format)"),
    ("odd-code", "11:1: no such code: 290 (R5321-4.2-codes-2-to-5)"),
    ("mixed-codes", "11:1: lines of one reply have the codes 250 251 (R821-appE-multiline-form)"),
    ("no-enhanced", "11:1: no enhanced status code on each line (R2034-4-prefix-2-4-5)"),
    ("wrong-class", "11:1: the class of an enhanced status code is not that of the reply (R2034-4-class-agrees)"),
    ("mixed-enhanced", "11:1: lines of one reply have different enhanced status codes (R2034-4-each-line)"),
    # taken for the answer to RCPT, and then one is left
    ("two-replies", "14:1: a reply that nobody asked for"),
    ("lf-dot-lf", "17:1: a reply before the end of the text"),
])
def test_each_bug_of_a_server_is_seen_unasked(folder, bug, fault):
    body = GREET + "C: MAIL FROM:<carol@away.test>\nS: any\n" + RCPT
    body += "S: any\n" if bug == "two-replies" else "C: DATA\nS: 354\nC! x\\n.\\n\nS: any\n"
    assert ran(HEAD + body, folder, "stdio", "--bug", bug) == f"failed test.conv:{fault}"


def test_codes_stand_for_themselves_their_class_or_any(folder):
    codes = [("250", "passed"), ("2yz", "passed"), ("550|250", "passed"), ("any", "passed"), ("5yz ? 2yz", "tolerated"),
             ("251", 'failed test.conv:11:1: want 251, got "250 2.1.0 sender ok\\r\\n"'),
             ("5yz", 'failed test.conv:11:1: want 5yz, got "250 2.1.0 sender ok\\r\\n"')]
    for wanted, outcome in codes:
        assert ran(HEAD + GREET + f"C: MAIL FROM:<a@away.test>\nS: {wanted}\n", folder) == outcome, wanted


def test_a_reply_of_many_lines_is_one(folder):
    assert ran(HEAD + "@ connect\nS: 220\nC: EHLO x\nS: 250 = mx.here.test\\nPIPELINING\\nENHANCEDSTATUSCODES\n", folder) == "passed"


def test_needs_and_conditions_ask_ehlo(folder):
    body = GREET + "@ if PIPELINING\nC{\nC: NOOP\nC: NOOP\nC}\nS: 250\nS: 250\n@ else\nS: 500\n@ end\n"
    assert ran(HEAD + body, folder) == "passed"
    assert ran(HEAD.removesuffix("\n") + "needs: CHUNKING\n\n" + body, folder) == "skipped needs CHUNKING"


def test_a_signal_reaches_the_program_and_it_can_be_started_again(folder):
    body = GREET + MAIL + RCPT + "C: DATA\nS: 354\nC: x\n@ signal KILL\nS- eof 2s\n= conn A absent\n@ restart\n"
    body += GREET.replace("connect", "connect B") + "@ slow 1/1ms\nC: NOOP\n@ within 2s\nS: 250\n= maildir alice absent\n"
    assert ran(HEAD + body, folder) == "passed"
    assert ran(HEAD + body, folder, "tcp") == "passed"


def test_a_program_that_crashes_is_told(folder):
    crashing = target.Outside("stdio:sh -c 'echo \"220 x\r\"; kill -SEGV $$'", ("smtp",))
    result = runner.run(loader.loads(HEAD.replace(" stdio-smtp", "") + "@ connect\nS: 220\nS- eof 2s\n"), crashing, "smtp")
    assert (result.verdict, crashing.close()) == ("passed", ["killed by SIGSEGV"])


# -- the command line

@pytest.fixture
def lab(capsys):
    """Runs the command in this process; see test_the_command_is_found for a process of its own."""
    def run(*arguments):
        code = command.main([str(a) for a in arguments])
        told = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, told.out, told.err)
    return run


def test_the_command_is_found():
    done = subprocess.run([LAB, "conv", "--help"], capture_output=True, text=True)
    assert done.stdout.startswith("usage: testlab/lab conv [OPTION]... [FILE|ID]...\n")


def options(folder, *more):
    return ["--target", f"stdio:{SERVER} {folder} {' '.join(more)}".strip(), "--transport", "smtp", "--has", "state",
            "--maildir", f"{folder}/{{user}}/Maildir", "--mbox", f"{folder}/{{user}}/mbox", "--sink", folder / "sink",
            "--queue", folder / "queue", "--log", folder / "log"]


@pytest.fixture
def written(tmp_path):
    file = tmp_path / "test.conv"
    file.write_text(HEAD.removesuffix("\n") + THREE_RECIPIENTS)
    return file


def test_another_server_is_run_by_options(lab, folder, written):
    done = lab(*options(folder), written)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("passed    test (smtp)\n"
                           "1 conversations, 1 runs, 23 checks: 1 passed, 0 tolerated, 0 as listed (0 steps), 0 skipped, 0 failed\n"
                           "requirements: 5 passed\n")


def test_a_failure_comes_with_its_transcript_and_exit_code_1(lab, folder, written):
    done = lab(*options(folder, "--bug", "bare-lf"), written)
    assert done.returncode == 1
    assert done.stdout.startswith(f"failed    test (smtp): {written}:13:1: the reply does not end in CRLF (R821-4.2-reply-format)\n"
                                  '    @ connect A\n    S: "220 mx.here.test fake\\r\\n"\n    C: "HELO client.test\\r\\n"\n')
    assert '    S: "250 2.1.0 sender ok\\n"\n1 conversations, 1 runs, ' in done.stdout


def test_figures_come_as_json(lab, folder, written):
    done = lab(*options(folder), "--json", written)
    told = json.loads(done.stdout)
    assert (done.returncode, told["figures"]["passed"], told["figures"]["checks"]) == (0, 1, 23)
    assert [(run["id"], run["way"], run["verdict"]) for run in told["runs"]] == [("test", "smtp", "passed")]


def test_a_run_that_checked_nothing_fails(lab, folder, written):
    nothing = "0 conversations, 0 runs, 0 checks: 0 passed, 0 tolerated, 0 as listed (0 steps), 0 skipped, 0 failed"
    done = lab(*options(folder), "c1939-s10")
    assert (done.returncode, done.stdout) == (1, f"{nothing}\nrequirements: \nnothing was checked\n")
    written.write_text(written.read_text().replace("needs: state", "needs: relay"))
    done = lab(*options(folder), written)
    assert done.returncode == 1
    assert done.stdout.startswith("skipped   test (smtp): needs relay\n1 conversations, 1 runs, 0 checks: ")
    assert done.stdout.endswith("\nnothing was checked\n")


def test_a_fault_in_a_file_or_the_options_is_told(lab, folder, tmp_path):
    file = tmp_path / "test.conv"
    file.write_text("id: test\ntitle: x\ntransport: uucp\n")
    done = lab(*options(folder), file)
    assert (done.returncode, done.stderr) == (100, f"lab conv: {file}:3:12: unknown transport uucp\n")
    done = lab(tmp_path / "none.conv")
    assert (done.returncode, done.stderr) == (
        100, f"lab conv: [Errno 2] No such file or directory: '{tmp_path}/none.conv'\n")


def record(**changes):
    return json.dumps({"target": "porpoise", "id": "x", "way": "tcp", "verdict": "passed", "reason": "", "checks": 3,
                       "known": 0, "observed": [["R1939-5-noop", "passed"]], **changes})


@pytest.mark.parametrize("lines, code, told", [
    ([record()], 0, "1 conversations, 1 runs, 3 checks: 1 passed"),
    ([record(), '{"control": "a", "caught": true}'], 0, "controls caught 1 of 1"),
    ([record(), '{"control": "a", "caught": false}'], 1, "controls caught 0 of 1"),
    ([record(), record(verdict="failed")], 1, "1 failed"),
    ([record(checks=0)], 1, "nothing was checked"),
    (['{"control": "a", "caught": true}'], 1, "nothing was checked"),
    ([], 1, "nothing was checked"),
])
def test_what_pytest_recorded_is_added_up(lab, tmp_path, lines, code, told):
    (tmp_path / "runs").write_text("".join(line + "\n" for line in lines))
    done = lab("--figures", tmp_path / "runs")
    assert done.returncode == code
    assert told in done.stdout
