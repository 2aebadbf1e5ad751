"""Every conversation of rfc-corpus/ against our POP3 programs, over TCP and over a socket pair; and
the loader and runner themselves."""

import socket
import threading

import pytest

from conv import loader, runner, setups, target, wire
from conv.text import ConvError

FILES = sorted(loader.CORPUS.glob("*/*.conv"))


def ways(path):
    """Over TCP and over a socket pair; what is tagged large, over TCP only."""
    return ["tcp"] if "large" in loader.load(path).tags else ["tcp", "stdio"]


@pytest.mark.parametrize("path, over", [pytest.param(path, over, id=f"{path.stem}-{over}") for path in FILES for over in ways(path)])
def test_conversation(path, over, instance):
    conversation = loader.load(path)
    ours = target.Porpoise(instance, over)
    try:
        result = runner.run(conversation, ours, "pop3")
    finally:
        crashed = ours.close()
    if result.verdict == "skipped":
        pytest.skip(result.reason)
    assert result.verdict in ("passed", "tolerated"), result.text()
    assert not crashed


def test_there_are_conversations_and_each_has_its_own_id():
    assert len(FILES) >= 20
    assert len({path.stem for path in FILES}) == len(FILES)


# -- the loader: each fault with its line and column

HEAD = "id: test\ntitle: a test\ntransport: pop3\n\n"


@pytest.mark.parametrize("source, fault", [
    ("", "test.conv:1:1: the head has no id"),
    ("id test\n", 'test.conv:1:1: want "key: value", not "id test"'),
    ("name: x\n", "test.conv:1:1: unknown key name"),
    ("id: test\nid: test\n", "test.conv:2:1: id is given twice"),
    ("id: test\ntitle:\n", "test.conv:2:7: title: want a space and a value"),
    ("id: other\ntitle: x\ntransport: pop3\n", "test.conv:1:5: id other in a file named test"),
    ("id: test\ntitle: x\ntransport: smtp\n", "test.conv:3:12: transport smtp: not supported yet"),
    ("id: test\ntitle: x\ntransport: uucp\n", "test.conv:3:12: unknown transport uucp"),
    ("id: test\ntitle: x\ntransport: pop3\nrole: client\n", "test.conv:4:7: role client: not supported yet"),
    ("id: test\ntitle: x\ntransport: pop3\ncovers: R1-x\n", "test.conv:4:9: unknown requirement R1-x"),
    ("id: test\ntitle: x\ntransport: pop3\ntimeout: 5\n",
     'test.conv:4:10: want a time like 500ms or 2s, not "5"'),
    (HEAD, "test.conv:4:1: no step"),
    (HEAD + "X: y\n", 'test.conv:5:1: unknown step "X:"'),
    (HEAD + "C: STAT\n", "test.conv:5:1: no connection yet: @ connect comes first"),
    (HEAD + "@ connect\nC:STAT\n", "test.conv:6:3: want a space after C:"),
    (HEAD + "@ connect\nC: STAT \n", r"test.conv:6:8: blank at the end of a line: write \s or \t"),
    (HEAD + "@ connect\nC: a\\q\n", r"test.conv:6:5: unknown escape \q"),
    (HEAD + "@ connect\nC: a\\\n", "test.conv:6:5: unknown escape \\"),
    (HEAD + "@ connect\nC: \\u{d800}\n", "test.conv:6:4: no such character: U+d800"),
    (HEAD + "@ connect\nC: ${x}\n", "test.conv:6:4: variable x is not set before"),
    (HEAD + "@ connect\nC: <<3*x\n", "test.conv:6:4: repeat without its >>"),
    (HEAD + "@ connect\nC: <<99999999999*x>>\n", "test.conv:6:4: repeat of more than 67108864 octets"),
    (HEAD + "@ connect\nC* 0: x\n", 'test.conv:6:4: want "COUNT: text"'),
    (HEAD + "@ connect\nC< stuff x\n", "test.conv:6:1: step C<: not supported yet"),
    (HEAD + "@ connect\nC{\nC: x\n", "test.conv:6:1: no C} ends this"),
    (HEAD + "@ connect\nC{\nS: +OK\nC}\n", 'test.conv:7:1: C{ holds lines of C:, C! and C*, not "S: +OK"'),
    (HEAD + "@ connect\nS: +ok\n", 'test.conv:6:4: want +OK, -ERR or any, not "+ok"'),
    (HEAD + "@ connect\nS: 250\n", 'test.conv:6:4: want +OK, -ERR or any, not "250"'),
    (HEAD + "@ connect\nS: +OK 12\n", 'test.conv:6:8: want a matcher (~ = has lacks), not "12"'),
    (HEAD + "@ connect\nS: +OK ~ a(b\n",
     "test.conv:6:11: regular expression: missing ), unterminated subpattern"),
    (HEAD + "@ connect\nS: +OK  ## R1939-3-nothing\n", "test.conv:6:12: unknown requirement R1939-3-nothing"),
    (HEAD + "@ connect\nS: +OK  ##\n", "test.conv:6:9: ## wants requirement ids after it"),
    (HEAD + "@ connect\nS- nothing 1s\n", "test.conv:6:4: S- wants none, eof or eof?"),
    (HEAD + "@ connect\nS[\n...\n", "test.conv:6:1: no S] ends this"),
    (HEAD + "@ connect\n@ connect\n", "test.conv:6:11: there is a connection A already"),
    (HEAD + "@ use B\n", "test.conv:5:7: no connection B"),
    (HEAD + "@ tls ok\n", "test.conv:5:3: @ tls: not supported yet"),
    (HEAD + "@ dance\n", 'test.conv:5:3: unknown word "@ dance"'),
    (HEAD + "@ run rm alice\n", 'test.conv:5:7: unknown command "@ run rm"'),
    (HEAD + "@ run remove alice\n", "test.conv:5:7: @ run remove wants 2 arguments"),
    (HEAD + "@ let x = abc\n", "test.conv:5:11: want a regular expression with a group"),
    (HEAD + "@ if TOP\n", "test.conv:5:1: @ if without its @ end"),
    (HEAD + "@ end\n", "test.conv:5:1: @ end without its @ if"),
    (HEAD + "= queue count = 0\n", "test.conv:5:3: probe queue: not supported yet"),
    (HEAD + "= maildir alice count ~ 0\n", "test.conv:5:23: count wants = < > <= or >= and a number"),
    (HEAD + "= maildir alice is x\n", "test.conv:5:17: want count or absent, or a message like alice[0]"),
    (HEAD + "= maildir alice[0] body is-octets none.eml\n",
     'test.conv:5:35: no message "none.eml" in rfc-corpus/messages'),
    (HEAD.replace("\n", "\r\n"), "test.conv:1:1: a CR: lines end in LF"),
    (b"id: test\n# \xff\n", "test.conv:2:3: not UTF-8"),
])
def test_a_fault_is_told_with_its_place(source, fault):
    with pytest.raises(ConvError) as told:
        loader.loads(source)
    assert str(told.value) == fault


def test_texts_have_escapes_repeats_and_counters():
    steps = loader.loads(HEAD + "@ connect\n"
                         r"C! \r\n\t\0\\\x41\u{e9}\s" "\nC: <<3*ab>>${domain}\nC* 2: {i} {i:04}\n").steps
    variables = {"domain": b"here.test"}
    texts = [[text.render(variables, i) + step.line_end for text, i in step.texts] for step in steps[1:]]
    assert texts == [[b"\r\n\t\0\\A\xc3\xa9 "], [b"abababhere.test\r\n"], [b"1 0001\r\n", b"2 0002\r\n"]]


# -- the runner, against servers that misbehave

class Scripted:
    """A target whose server sends fixed octets as soon as the client has said something."""

    name = "scripted"
    variables = {"host": "h", "domain": "d", "client": "c"}

    def __init__(self, greeting, answer=b"", close=False):
        self.greeting, self.answer, self.close_after = greeting, answer, close

    def capabilities(self):
        return {"TOP"}

    def setup(self, name):
        if name != "empty":
            raise runner.Skipped(f"no setup {name}")

    def connect(self, transport):
        ours, theirs = socket.socketpair()

        def serve():
            with theirs:
                theirs.sendall(self.greeting)
                while theirs.recv(4096):
                    theirs.sendall(self.answer)
                    if self.close_after:
                        return

        threading.Thread(target=serve, daemon=True).start()
        return wire.Wire(ours)

    def messages(self, user):
        return []


def ran(body, *server, head="timeout: 1s\n", **options):
    conversation = loader.loads(HEAD.removesuffix("\n") + head + "\n" + body)
    result = runner.run(conversation, Scripted(*server, **options), "pop3")
    return f"{result.verdict} {result.reason}".strip()


OK = "@ connect\nS: +OK\n"


@pytest.mark.parametrize("body, server, outcome", [
    (OK, (b"+OK\r\n",), "passed"),
    (OK, (b"-ERR no\r\n",), r'failed test.conv:7:1: want +OK, got "-ERR no\r\n"'),
    (OK, (b"+OK\n",), "failed test.conv:7:1: the reply does not end in CRLF (R1939-3-command-form)"),
    (OK, (b"+ok\r\n",), "failed test.conv:7:1: neither +OK nor -ERR (R1939-3-status-upper)"),
    (OK, (b"+OK caf\xe9\r\n",), "failed test.conv:7:1: not printable US-ASCII (R1939-3-response-512)"),
    (OK, (b"+OK " + b"x" * 507 + b"\r\n",),
     "failed test.conv:7:1: a reply of 513 octets (R1939-3-response-512 R2449-3-line-lengths)"),
    (OK, (b"+OK\r\nmore",), 'failed at the end: connection A said more: "more"'),
    (OK, (b"",), "failed test.conv:7:1: nothing came in time"),
    (OK + "S: +OK\n", (b"+OK\r\n+OK\r\n",), "failed test.conv:8:1: a reply that nobody asked for"),
    (OK + "C: X\nS: -ERR ? +OK\n", (b"+OK\r\n", b"+OK\r\n"), "tolerated"),
    (OK + "C: X\nS: -ERR\n", (b"+OK\r\n", b"-ERR [OOPS] x\r\n"),
     "failed test.conv:9:1: an unknown response code (R2449-6.4-capa-resp-codes R2449-8-resp-code-place)"),
    (OK + "C: X\nS: +OK = a\n", (b"+OK\r\n", b"+OK b\r\n"), 'failed test.conv:9:1: "b" is not "a"'),
    (OK + "C: X\nS: +OK has a\n", (b"+OK\r\n", b"+OK b\r\n"), 'failed test.conv:9:1: "b" has no "a"'),
    (OK + "C: X\nS: +OK lacks b\n", (b"+OK\r\n", b"+OK b\r\n"), 'failed test.conv:9:1: "b" has "b"'),
    (OK + "C: X\nS: +OK ~ ^a\n", (b"+OK\r\n", b"+OK b\r\n"), 'failed test.conv:9:1: "b" does not match ^a'),
    (OK + "S- none 100ms\n", (b"+OK\r\n-",), 'failed test.conv:8:1: want nothing, got "-"'),
    (OK + "S- eof 100ms\n", (b"+OK\r\n",), "failed test.conv:8:1: not closed after 0.1 s"),
    (OK + "C: LIST\nS: +OK\nS[\n= 1 5\nS]\n", (b"+OK\r\n", b"+OK\r\n1 5\r\n2 5\r\n.\r\n"),
     'failed test.conv:10:1: surplus line "2 5"'),
    (OK + "C: LIST\nS: +OK\nS[\n= 1 5\n...\n= 3 5\nS]\n", (b"+OK\r\n", b"+OK\r\n1 5\r\n2 5\r\n.\r\n"),
     'failed test.conv:10:1: "2 5" is not "3 5"'),
    (OK + "C: LIST\nS: +OK\nS[\n...\nS]\n", (b"+OK\r\n", b"+OK\r\n1 5\n.\r\n"),
     "failed test.conv:10:1: a data line ends in a bare LF (R1939-3-multiline-end R1939-11-crlf-text)"),
    (OK + "C: RETR 1\nS: +OK\nS[\n...\nS]\n", (b"+OK\r\n", b"+OK\r\n.x\r\n.\r\n"),
     "failed test.conv:10:1: a data line begins with a single dot (R1939-3-byte-stuffing)"),
    (OK + "C{\nC: LIST 1\nC: RETR 1\nC}\nS: +OK\nS: +OK\nS[\n...\nS]\n",
     (b"+OK\r\n", b"+OK 1 6\r\n+OK\r\nabc\r\n.\r\n"),
     "failed test.conv:14:1: 5 octets, and LIST told 6 (R1939-11-size-as-sent)"),
    (OK + "@ let x = ^(a)\n", (b"+OK b\r\n",), 'failed test.conv:8:1: "b" does not match ^(a)'),
    (OK + "@ if TOP\nC: X\nS: +OK\n@ else\nS: -ERR\n@ end\n", (b"+OK\r\n", b"+OK\r\n"), "passed"),
    (OK + "@ ifnot TOP\nS: -ERR\n@ end\n", (b"+OK\r\n",), "passed"),
    (OK + "C: X\n@ notbefore 10s\nS: +OK\n", (b"+OK\r\n", b"+OK\r\n"),
     "failed test.conv:10:1: came before 10 s were over"),
    (OK + "= maildir alice count = 1\n", (b"+OK\r\n",), "failed test.conv:8:1: 0 messages, want = 1"),
    (OK + "= maildir alice absent\n", (b"+OK\r\n",), "passed"),
])
def test_the_runner_tells_what_is_wrong(body, server, outcome):
    assert ran(body, *server) == outcome


def test_a_server_that_closes_is_told():
    assert ran(OK + "C: X\nS: -ERR\nS: -ERR\n", b"+OK\r\n", b"-ERR\r\n", close=True) == (
        "failed test.conv:10:1: the server closed the connection")


def test_what_a_target_cannot_do_is_skipped_with_its_reason():
    assert ran(OK, b"+OK\r\n", head="needs: UTF8\n") == "skipped needs UTF8"
    assert ran(OK, b"+OK\r\n", head="needs: !TOP\n") == "skipped needs !TOP"
    assert ran(OK, b"+OK\r\n", head="setup: flood\n") == "skipped no setup flood"
    assert ran(OK, b"+OK\r\n", head="target-skip: scripted is no server\n") == "skipped is no server"


def test_observed_requirements_come_with_their_verdicts():
    body = "@ connect\nS: +OK  ## R1939-3-greeting\nC: X\nS: -ERR ? +OK  ## R1939-3-unknown-command\n"
    conversation = loader.loads(HEAD.removesuffix("\n") + "covers: R1939-5-noop\n\n" + body)
    result = runner.run(conversation, Scripted(b"+OK\r\n", b"+OK\r\n"), "pop3")
    assert result.observed == [("R1939-3-greeting", "passed"), ("R1939-3-unknown-command", "tolerated"),
                               ("R1939-5-noop", "tolerated")]


def test_every_setup_that_a_file_names_exists():
    assert {loader.load(path).setup for path in FILES} <= set(setups.SETUPS)
