"""The runner of conversations, against servers that misbehave in each way it must see."""

import contextlib
import pathlib
import socket
import ssl
import subprocess
import threading

import pytest

from conv import known, loader, runner, states, target, wire
from maildir_age import age

HEAD = "id: test\ntitle: a test\ntransport: pop3\ntimeout: 1s\n"
OK = "@ connect\nS: +OK\n"  # lines 6 and 7


class Scripted(target.Target):
    """A server that sends fixed octets as soon as the client has said something."""

    name = "scripted"
    variables = {"host": "h", "domain": "d", "client": "c"}

    def __init__(self, greeting, answer=b"", close=False):
        super().__init__()
        self.greeting, self.answer, self.close_after = greeting, answer, close
        self.known = {"pop3": {"TOP"}}
        self.waiting = []

    def setup(self, name):
        if name != "empty":
            raise runner.Skipped(f"no setup {name}")

    def connect(self, transport):
        ours, theirs = socket.socketpair()

        def serve():
            with theirs, contextlib.suppress(OSError):  # a client leaves when it likes
                theirs.sendall(self.greeting)
                while theirs.recv(4096):
                    theirs.sendall(self.answer)
                    if self.close_after:
                        return

        threading.Thread(target=serve, daemon=True).start()
        return wire.Wire(ours)

    def messages(self, user):
        return []

    def queue(self):
        return self.waiting


def result_of(body, server, head="", listed=None):
    return runner.run(loader.loads(HEAD + head + "\n" + body), server, "pop3", listed)


def ran(body, *server, head="", listed=None, **options):
    result = result_of(body, Scripted(*server, **options), head, listed)
    return f"{result.verdict} {result.reason}".strip()


@pytest.mark.parametrize("body, server, outcome", [
    (OK, (b"+OK\r\n",), "passed"),
    (OK, (b"-ERR no\r\n",), r'failed test.conv:7:1: want +OK, got "-ERR no\r\n"'),
    (OK, (b"+OK\n",), "failed test.conv:7:1: the reply does not end in CRLF (R1939-3-command-form)"),
    (OK, (b"+ok\r\n",), "failed test.conv:7:1: neither +OK nor -ERR (R1939-3-status-upper)"),
    (OK, (b"+OK caf\xe9\r\n",), "failed test.conv:7:1: not printable US-ASCII (R1939-3-response-512)"),
    (OK, (b"+OK " + b"x" * 507 + b"\r\n",),
     "failed test.conv:7:1: a reply of 513 octets (R1939-3-response-512 R2449-3-line-lengths)"),
    (OK, (b"+OK\r\nmore",), 'failed at the end: connection A said more: "more"'),
    (OK + "S- eof? 50ms\n", (b"+OK\r\nmore",), "passed"),
    (OK, (b"",), "failed test.conv:7:1: nothing came in time"),
    (OK + "S: +OK\n", (b"+OK\r\n+OK\r\n",), "failed test.conv:8:1: a reply that nobody asked for"),
    (OK + "C: X\nS: -ERR ? +OK\n", (b"+OK\r\n", b"+OK\r\n"), "tolerated"),
    (OK + "C: X\nS: any\n", (b"+OK\r\n", b"-ERR\r\n"), "passed"),
    (OK + "C: X\nS: -ERR\n", (b"+OK\r\n", b"-ERR [OOPS] x\r\n"),
     "failed test.conv:9:1: an unknown response code (R2449-6.4-capa-resp-codes R2449-8-resp-code-place)"),
    (OK + "C: X\nS: +OK = a\n", (b"+OK\r\n", b"+OK b\r\n"), 'failed test.conv:9:1: "b" is not "a"'),
    (OK + "C: X\nS: +OK has a\n", (b"+OK\r\n", b"+OK b\r\n"), 'failed test.conv:9:1: "b" has no "a"'),
    (OK + "C: X\nS: +OK lacks b\n", (b"+OK\r\n", b"+OK b\r\n"), 'failed test.conv:9:1: "b" has "b"'),
    (OK + "C: X\nS: +OK ~ ^a\n", (b"+OK\r\n", b"+OK b\r\n"), 'failed test.conv:9:1: "b" does not match ^a'),
    (OK + "S! a\n", (b"+OK\r\nb",), 'failed test.conv:8:1: "b" is not "a"'),
    (OK + "S- none 100ms\n", (b"+OK\r\n-",), 'failed test.conv:8:1: want nothing, got "-"'),
    (OK + "S- eof 100ms\n", (b"+OK\r\n",), "failed test.conv:8:1: not closed after 0.1 s"),
    (OK + "C: LIST\nS: +OK\nS[\n= 1 5\nS]\n", (b"+OK\r\n", b"+OK\r\n1 5\r\n2 5\r\n.\r\n"),
     'failed test.conv:10:1: surplus line "2 5"'),
    (OK + "C: LIST\nS: +OK\nS[\n= 1 5\n...\n= 3 5\nS]\n", (b"+OK\r\n", b"+OK\r\n1 5\r\n2 5\r\n.\r\n"),
     'failed test.conv:10:1: "2 5" is not "3 5"'),
    (OK + "C: LIST\nS: +OK\nS[\n... ~ ^\\d 5$\n= 3 6\nS]\n", (b"+OK\r\n", b"+OK\r\n1 5\r\n2 5\r\n3 6\r\n.\r\n"),
     "passed"),
    (OK + "C: LIST\nS: +OK\nS[\n... lacks 2\n= 3 6\nS]\n", (b"+OK\r\n", b"+OK\r\n1 5\r\n2 5\r\n3 6\r\n.\r\n"),
     'failed test.conv:10:1: "2 5" has "2"'),
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
    (OK + "@ within 50ms\nS: +OK\n", (b"+OK\r\n",), "failed test.conv:9:1: nothing came in time"),
    (OK + "@ close\nC: X\n", (b"+OK\r\n",), "failed test.conv:9:1: connection A was closed before"),
    (OK + "@ tls\n", (b"+OK\r\n", b"hello\r\n"), "failed test.conv:8:1: no TLS: WRONG_VERSION_NUMBER"),
    (OK + "@ tls fail\n", (b"+OK\r\n", b"hello\r\n"), "passed"),
    (OK + "@ tls\n", (b"+OK\r\nmore", b""), "failed test.conv:8:1: nothing came in time"),
    (OK + "@ signal TERM\n", (b"+OK\r\n",), "skipped no signals can be sent to this server"),
    (OK + "@ restart\n", (b"+OK\r\n",), "skipped this server cannot be started again"),
    (OK + "= conn A is open\n= conn A count = 1\n", (b"+OK\r\n",), "passed"),
    (OK + "= conn A absent\n", (b"+OK\r\n",), 'failed test.conv:8:1: it is there: "open"'),
    (OK + "= maildir alice count = 1\n", (b"+OK\r\n",), "failed test.conv:8:1: 0 messages, want = 1"),
    (OK + "= maildir alice[0] size is 1\n", (b"+OK\r\n",), "failed test.conv:8:1: no message 0: there are 0"),
    (OK + "= maildir alice absent\n", (b"+OK\r\n",), "passed"),
])
def test_the_runner_tells_what_is_wrong(body, server, outcome):
    told = ran(body, *server)
    # What came before TLS may be seen before the handshake or by it.
    assert told == outcome or (b"more" in server[0] and "4 octets came before TLS" in told)


def test_a_server_that_closes_is_told():
    assert ran(OK + "C: X\nS: -ERR\nS: -ERR\n", b"+OK\r\n", b"-ERR\r\n", close=True) == (
        "failed test.conv:10:1: the server closed the connection")
    assert ran(OK + "C: X\nS: -ERR\n= conn A absent\n", b"+OK\r\n", b"-ERR\r\n", close=True) == "passed"


def test_what_a_target_cannot_do_is_skipped_with_its_reason():
    assert ran(OK, b"+OK\r\n", head="needs: UTF8\n") == "skipped needs UTF8"
    assert ran(OK, b"+OK\r\n", head="needs: !TOP\n") == "skipped needs !TOP"
    assert ran(OK, b"+OK\r\n", head="setup: flood\n") == "skipped no setup flood"
    assert ran(OK, b"+OK\r\n", head="target-skip: scripted is no server\n") == "skipped is no server"


def observed(body, server, head=""):
    return result_of(body, Scripted(*server), head).observed


def test_observed_requirements_come_with_their_verdicts():
    body = "@ connect\nS: +OK  ## R1939-3-greeting\nC: X\nS: -ERR ? +OK  ## R1939-3-unknown-command\n"
    assert observed(body, (b"+OK\r\n", b"+OK\r\n"), "covers: R1939-5-noop\n") == [
        ("R1939-3-greeting", "passed"), ("R1939-3-unknown-command", "tolerated"), ("R1939-5-noop", "tolerated")]


def test_a_failed_step_without_a_requirement_fails_those_of_the_file():
    covers = "covers: R1939-5-noop R1939-5-rset\n"
    assert observed(OK, (b"-ERR\r\n",), covers) == [("R1939-5-noop", "failed"), ("R1939-5-rset", "failed")]
    body = "@ connect\nS: +OK  ## R1939-5-rset\n"
    assert observed(body, (b"-ERR\r\n",), covers) == [
        ("R1939-5-rset", "failed"), ("R1939-5-noop", "unobserved"), ("R1939-5-rset", "failed")]


def test_a_probe_that_a_target_has_not_leaves_its_requirement_unobserved():
    body = OK + "= sink count = 0  ## R1939-5-noop\nC: X\nS: +OK  ## R1939-5-rset\n"
    assert observed(body, (b"+OK\r\n", b"+OK\r\n")) == [("R1939-5-noop", "unobserved"), ("R1939-5-rset", "passed")]


def test_a_kept_data_block_is_a_fixture_from_then_on():
    server = Scripted(b"+OK\r\n", b"+OK\r\na\r\n..b\r\n.\r\n")
    server.waiting = [states.Item(content=b"a\n.b\n", sender=b"s@h", recipients=(b"a@d", b"b@d"), params=(b"SIZE=1",))]
    body = OK + ("C: RETR 1\nS: +OK\nS[\n...\nS]\n@ read text\n= queue[0] body is-octets text\n"
                 "= queue[0] sender is s@h\n= queue[0] rcpt is a@d\\nb@d\n= queue[0] params has SIZE\n= queue[1] absent\n")
    result = result_of(body.replace("body is-octets", "is-octets"), server)
    assert (result.verdict, result.reason) == ("passed", "")
    assert result_of(OK + "= queue[0] is-octets five-lines.eml\n", server).verdict == "failed"


# -- known failures, checked both ways

def listed(*lines, ends=()):
    return known.Listed({line: known.Failure("why", line in ends) for line in lines})


@pytest.mark.parametrize("lines, outcome", [
    (listed(7), 'failed test.conv:9:1: want +OK, got "-ERR b\\r\\n"'),
    (listed(7, 9), "known line 7: why; line 9: why"),
    (listed(7, ends=(7,)), "known line 7: why"),
    (listed(7, 9, ends=(7,)), "failed line 9 is listed as a known failure, but did not fail"),
    (listed(7, 9, 11), "failed line 11 is listed as a known failure, but did not fail"),
    (known.Listed({}, "why"), 'failed is listed as skipped, but was run'),
])
def test_what_is_listed_must_fail_and_nothing_else_may(lines, outcome):
    body = OK + "C: X\nS: +OK\nC: Y\nS: -ERR\n"
    assert ran(body, b"-ERR a\r\n", b"-ERR b\r\n", listed=lines) == outcome


def test_what_is_listed_as_skipped_may_be_skipped():
    assert ran(OK, b"+OK\r\n", head="needs: UTF8\n", listed=known.Listed({}, "why")) == "skipped needs UTF8"


# -- TLS

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", file, "-out", file, "-subj", "/CN=mx.here.test"], check=True, capture_output=True)
    return file


class Encrypted(Scripted):
    """STLS, or TLS at once, and then a fixed answer to everything."""

    def __init__(self, certificate, at_once):
        super().__init__(b"+OK\r\n", b"+OK inside\r\n")
        self.known["pop3s"] = set()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.at_once = at_once

    def connect(self, transport):
        ours, theirs = socket.socketpair()
        threading.Thread(target=self.serve, args=(theirs,), daemon=True).start()
        return wire.Wire(ours)

    def serve(self, plain):
        if not self.at_once:
            plain.sendall(self.greeting)
            plain.recv(4096)
            plain.sendall(b"+OK begin\r\n")
        with contextlib.suppress(OSError), self.context.wrap_socket(plain, server_side=True) as inner:
            if self.at_once:
                inner.sendall(self.greeting)
            while inner.recv(4096):
                inner.sendall(self.answer)


def test_tls_begins_where_it_is_asked_for(certificate):
    body = OK + "C: STLS\nS: +OK has begin\n@ tls\nC: X\nS: +OK = inside\nC: <<30000*x>>\nS: +OK\n@ close\n"
    result = result_of(body, Encrypted(certificate, at_once=False))
    assert (result.verdict, result.reason) == ("passed", "")


def test_tls_begins_at_once_on_a_port_of_its_own(certificate):
    conversation = loader.loads((HEAD + "\n" + OK + "C: X\nS: +OK = inside\n").replace("pop3", "pop3s"))
    result = runner.run(conversation, Encrypted(certificate, at_once=True), "pop3s")
    assert (result.verdict, result.reason) == ("passed", "")


def test_an_unwanted_handshake_is_a_failure(certificate):
    body = OK + "C: STLS\nS: +OK\n@ tls fail\n"
    result = result_of(body, Encrypted(certificate, at_once=False))
    assert result.reason == "test.conv:10:1: the TLS handshake succeeded"
    assert pathlib.Path(certificate).exists()


def test_messages_are_in_the_order_of_their_age():
    names = ["9.M1P1.h", "1700000000.M95P3.h", "1700000000.M123456P2.h", "1700000001.12.h", "1700000001.M7P1.h", "odd"]
    files = [pathlib.Path("new", name) for name in sorted(names)]
    assert [file.name for file in sorted(files, key=age)] == names
    assert sorted(names) != names
