"""The loader of conversations: each fault is told with file, line and column."""

import pytest

from conv import known, loader, steps
from conv.text import ConvError

HEAD = "id: test\ntitle: a test\ntransport: pop3\n\n"
SMTP = "id: test\ntitle: a test\ntransport: smtp stdio-smtp\n\n"
ON = HEAD + "@ connect\n"
CODES = "+OK, -ERR or any"
SMTP_CODES = "a code like 250 or 5yz, or any"
TESTS = "want count, absent, is, is-octets or a matcher (~ = has lacks)"


@pytest.mark.parametrize("source, fault", [
    # the file
    ("", "1:1: the head has no id"),
    (HEAD, "4:1: no step"),
    (HEAD + "# nothing\n\n", "6:1: no step"),
    (b"id: test\n# \xff\n", "2:3: not UTF-8"),
    (b"\xc0\xaf", "1:1: not UTF-8"),
    (HEAD.replace("\n", "\r\n"), "1:9: a CR: lines end in LF"),
    (ON + "C: a\rb\n", "6:5: a CR: lines end in LF"),
    # the head
    ("id test\n", '1:1: want "key: value", not "id test"'),
    ("Id: test\n", '1:1: want "key: value", not "Id: test"'),
    ("name: x\n", "1:1: unknown key name"),
    ("id: test\nid: test\n", "2:1: id is given twice"),
    ("id:test\n", "1:4: id: want a space and a value"),
    ("id: test\ntitle:\n", "2:7: title: want a space and a value"),
    ("id: test\ntitle: x \n", "2:9: blank at the end of a line"),
    ("id: test\ntransport: pop3\n\n@ connect\n", "1:1: the head has no title"),
    ("id: test\ntitle: x\n\n@ connect\n", "1:1: the head has no transport"),
    ("id: other\ntitle: x\ntransport: pop3\n", "1:5: id other in a file named test"),
    ("id: test\ntitle: x\ntransport: uucp\n", "3:12: unknown transport uucp"),
    ("id: test\ntitle: x\ntransport: pop3 uucp\n", "3:17: unknown transport uucp"),
    ("id: test\ntitle: x\ntransport: pop3 smtp\n", "3:17: smtp speaks SMTP, and what is before it POP3"),
    ("id: test\ntitle: x\ntransport: smtp lmtp\n", "3:17: lmtp speaks LMTP, and what is before it SMTP"),
    ("id: test\ntitle: x\ntransport: pop3 pop3\n", "3:17: pop3 is given twice"),
    ("id: test\ntitle: x\ntransport: pop3\nrole: client\n", "4:7: role client: not supported yet"),
    ("id: test\ntitle: x\ntransport: pop3\nrole: both\n", "4:7: unknown role both"),
    ("id: test\ntitle: x\ntransport: pop3\ncovers: R1-x\n", "4:9: unknown requirement R1-x"),
    ("id: test\ntitle: x\ntransport: pop3\ncovers: R1939-5-noop R1-x\n", "4:22: unknown requirement R1-x"),
    ("id: test\ntitle: x\ntransport: pop3\ntimeout: 5\n", '4:10: want a time like 500ms or 2s, not "5"'),
    ("id: test\ntitle: x\ntransport: pop3\ntimeout: 0s\n", "4:10: a timeout of nothing"),
    ("id: test\ntitle: x\ntransport: pop3\nneeds: TOP top\n",
     '4:12: want a capability like TOP, or one of tls auth relay state expn, not "top"'),
    ("id: test\ntitle: x\ntransport: pop3\nneeds: !to\n",
     '4:9: want a capability like TOP, or one of tls auth relay state expn, not "to"'),
    ("id: test\ntitle: x\ntransport: pop3\nsetup: a b\n", '4:8: want the name of a setup, not "a b"'),
    ("id: test\ntitle: x\ntransport: pop3\ntarget-skip: dovecot\n", "4:14: want a target and a reason"),
    ("id: test\ntitle: x\ntransport: pop3\ntarget-skip: a b\ntarget-skip: a c\n", "5:14: a is skipped already"),
    # what every step has
    (HEAD + "X: y\n", '5:1: unknown step "X:"'),
    (HEAD + " C: y\n", '5:1: unknown step " C"'),
    (HEAD + "C: STAT\n", "5:1: no connection yet: @ connect comes first"),
    (HEAD + "S: +OK\n", "5:1: no connection yet: @ connect comes first"),
    (HEAD + "@ close\n", "5:1: no connection yet: @ connect comes first"),
    (ON + "C:STAT\n", "6:3: want a space after C:"),
    (ON + "@wait 1s\n", "6:2: want a space after @"),
    (ON + "C: STAT \n", r"6:8: blank at the end of a line: write \s or \t"),
    (ON + "C: STAT\t  ## R1939-5-noop\n", r"6:8: blank at the end of a line: write \s or \t"),
    (ON + "S: +OK  ## R1939-3-nothing\n", "6:12: unknown requirement R1939-3-nothing"),
    (ON + "S: +OK  ## R1939-5-noop R1-x\n", "6:25: unknown requirement R1-x"),
    (ON + "S: +OK  ##\n", "6:9: ## wants requirement ids after it"),
    # texts
    (ON + "C: a\\q\n", r"6:5: unknown escape \q"),
    (ON + "C: a\\\n", "6:5: unknown escape \\"),
    (ON + "C: \\x4\n", r"6:4: unknown escape \x"),
    (ON + "C: \\u{d800}\n", "6:4: no such character: U+d800"),
    (ON + "C: \\u{110000}\n", "6:4: no such character: U+110000"),
    (ON + "C: ${x}\n", "6:4: variable x is not set before"),
    (ON + "C: ab${\n", "6:6: want ${name}"),
    (ON + "C: <<3*x\n", "6:4: repeat without its >>"),
    (ON + "C: <<3*${host}>>\n", "6:4: a repeat holds no variables"),
    (ON + "C: <<99999999999*x>>\n", "6:4: repeat of more than 67108864 octets"),
    # C
    (ON + "C!\n", "6:4: C! wants octets"),
    (ON + "C* 0: x\n", '6:4: want "COUNT: text"'),
    (ON + "C* 2 x\n", '6:4: want "COUNT: text"'),
    (ON + "C< none.eml\n", '6:4: no message "none.eml" in rfc-corpus/messages'),
    (ON + "C< ../requirements.tsv\n", '6:4: no message "../requirements.tsv" in rfc-corpus/messages'),
    (ON + "C<\n", "6:4: C< wants the name of a message"),
    (ON + "C< stuff five-lines.eml\n", "6:4: for stuffing write C<stuff NAME"),
    (ON + "C<stuff none.eml\n", '6:9: no message "none.eml" in rfc-corpus/messages'),
    (ON + "C<stuffed x\n", "6:8: want a space after C<stuff"),
    (ON + "C[\n...\nC]\n", "6:1: C[ is for role client, which is not supported yet"),
    (ON + "C{\nC: x\n", "6:1: no C} ends this"),
    (ON + "C{\nC}\n", "6:1: C{ holds nothing"),
    (ON + "C{ x\n", "6:4: C{ stands alone"),
    (ON + "C{\nS: +OK\nC}\n", '7:1: C{ holds lines of C:, C!, C* and C<, not "S: +OK"'),
    (ON + "C{\nC: a\\q\nC}\n", r"7:5: unknown escape \q"),
    # S
    (ON + "S:\n", f'6:4: want {CODES}, not ""'),
    (ON + "S: +ok\n", f'6:4: want {CODES}, not "+ok"'),
    (ON + "S: 250\n", f'6:4: want {CODES}, not "250"'),
    (ON + "S: +OK|ok\n", f'6:8: want {CODES}, not "ok"'),
    (ON + "S: +OK ? -ER\n", f'6:10: want {CODES}, not "-ER"'),
    (ON + "S: +OK ?\n", f'6:10: want {CODES}, not ""'),
    (ON + "S: +OK 12\n", '6:8: want a matcher (~ = has lacks), not "12"'),
    (ON + "S: +OK ? -ERR 12\n", '6:15: want a matcher (~ = has lacks), not "12"'),
    (ON + "S: +OK has\n", "6:11: has wants something to look for"),
    (ON + "S: +OK ~ a(b\n", "6:11: regular expression: missing ), unterminated subpattern"),
    (ON + "S: +OK ~ a${x}\n", "6:11: variable x is not set before"),
    (ON + "S- nothing 1s\n", "6:4: S- wants none, eof or eof?"),
    (ON + "S- eof 1m\n", '6:8: want a time like 500ms or 2s, not "1m"'),
    (ON + "S!\n", "6:4: S! wants octets"),
    (ON + "S[\n...\n", "6:1: no S] ends this"),
    (ON + "S[ x\n", "6:4: S[ stands alone"),
    (ON + "S[\nx\nS]\n", '7:1: want a matcher (~ = has lacks), not "x"'),
    (ON + "S[\n... x\nS]\n", '7:5: want a matcher (~ = has lacks), not "x"'),
    (SMTP + "@ connect\nS: +OK\n", f'6:4: want {SMTP_CODES}, not "+OK"'),
    (SMTP + "@ connect\nS: 2\n", f'6:4: want {SMTP_CODES}, not "2"'),
    (SMTP + "@ connect\nS: 250|150\n", f'6:8: want {SMTP_CODES}, not "150"'),
    (SMTP + "@ connect\nS: 6yz\n", f'6:4: want {SMTP_CODES}, not "6yz"'),
    (SMTP + "@ connect\nS[\nS]\n", "6:1: SMTP has no multi-line data: a reply is one S:"),
    # @
    (HEAD + "@ dance\n", '5:3: unknown word "@ dance"'),
    (HEAD + "@\n", '5:3: unknown word "@ "'),
    (ON + "@ connect\n", "6:11: there is a connection A already"),
    (HEAD + "@ connect 1\n", "5:11: want the name of a connection"),
    (HEAD + "@ use B\n", "5:7: no connection B"),
    (ON + "@ use\n", "6:7: want the name of a connection"),
    (ON + "@ close A\n", "6:9: @ close stands alone"),
    (ON + "@ restart now\n", "6:11: @ restart stands alone"),
    (HEAD + "@ tls ok\n", "5:1: no connection yet: @ connect comes first"),
    (ON + "@ tls maybe\n", "6:7: @ tls wants ok or fail"),
    (ON + "@ signal 9\n", '6:10: want the name of a signal like TERM, not "9"'),
    (ON + "@ signal SIGTERM\n", '6:10: want the name of a signal like TERM, not "SIGTERM"'),
    (ON + "@ signal\n", '6:10: want the name of a signal like TERM, not ""'),
    (ON + "@ read x\n", "6:1: no S[ before this"),
    (ON + "S[\nS]\n@ read\n", "8:8: want a name for the data"),
    (ON + "S[\nS]\n@ read five-lines.eml\n", "8:8: there is a message five-lines.eml already"),
    (ON + "@ wait\n", '6:8: want a time like 500ms or 2s, not ""'),
    (ON + "@ within 1s\nC: x\n", "6:1: no S: or state step follows for this time"),
    (ON + "@ notbefore 1s\n", "6:1: no S: or state step follows for this time"),
    (ON + "@ slow 1\n", "6:8: want COUNT/TIME, like 1/50ms"),
    (ON + "@ slow 0/1s\n", "6:8: want COUNT/TIME, like 1/50ms"),
    (ON + "@ slow 1/x\n", '6:10: want a time like 500ms or 2s, not "x"'),
    (HEAD + "@ run\n", '5:7: unknown command "@ run "'),
    (HEAD + "@ run rm alice\n", '5:7: unknown command "@ run rm"'),
    (HEAD + "@ run remove alice\n", "5:7: @ run remove wants USER N"),
    (HEAD + "@ run remove alice x\n", '5:20: want N, not "x"'),
    (HEAD + "@ run remove a/b 1\n", '5:14: want USER, not "a/b"'),
    (HEAD + "@ run deliver alice none.eml\n", '5:21: no message "none.eml" in rfc-corpus/messages'),
    (ON + "@ let x = (a)\n", "6:1: no reply before this"),
    (ON + "S: +OK\n@ let x = abc\n", "7:11: want a regular expression with a group"),
    (ON + "S: +OK\n@ let x\n", '7:7: want "name = regex"'),
    (ON + "S: +OK\n@ let host = (a)\n", "7:7: host is set already"),
    (HEAD + "@ if TOP\n", "5:1: @ if without its @ end"),
    (HEAD + "@ if\n", "5:6: @ if wants a capability"),
    (HEAD + "@ if top\n", '5:6: want a capability like TOP, or one of tls auth relay state expn, not "top"'),
    (HEAD + "@ end\n", "5:1: @ end without its @ if"),
    (HEAD + "@ else\n", "5:1: @ else without its @ if"),
    (HEAD + "@ if TOP\n@ else\n@ else\n", "7:1: @ else without its @ if"),
    # =
    (HEAD + "= disk count = 0\n", '5:3: unknown probe "disk count = 0"'),
    (HEAD + "=\n", '5:3: unknown probe ""'),
    (HEAD + "= maildir\n", "5:11: maildir wants a name"),
    (HEAD + "= maildir[0] alice body is x\n", "5:11: want maildir NAME first"),
    (HEAD + "= maildir alice[x] body is x\n", '5:17: want a number, not "x"'),
    (HEAD + "= queue[-1] body is x\n", '5:9: want a number, not "-1"'),
    (HEAD + "= log[0] is x\n", "5:7: log has no messages to count"),
    (HEAD + "= mbox alice[0] is x\n", "5:14: mbox has no messages to count"),
    (HEAD + "= conn A absent\n", "5:8: no connection A"),
    (HEAD + "= maildir alice count ~ 0\n", "5:23: count wants = < > <= or >= and a number"),
    (HEAD + "= queue[0] count = 0\n", "5:12: count is of all messages, not of one"),
    (HEAD + "= sink absent now\n", "5:15: absent stands alone"),
    (HEAD + "= maildir alice is x\n", "5:17: want count or absent, or one of the messages: maildir alice[0]"),
    (HEAD + "= queue rcpt has x\n", "5:14: want count or absent, or one of the messages: queue[0]"),
    (HEAD + "= maildir alice[0] envelope is x\n", "5:20: a delivered message has no envelope"),
    (HEAD + "= maildir alice[0] header\n", "5:27: header wants the name of a field"),
    (HEAD + "= maildir alice[0] body\n", f"5:25: {TESTS}"),
    (HEAD + "= log\n", f"5:7: {TESTS}"),
    (HEAD + "= sink[0] sender is x\n", '5:11: want a matcher (~ = has lacks), not "sender is x"'),
    (HEAD + "= maildir alice[0] body is-octets none.eml\n", '5:35: no message "none.eml" in rfc-corpus/messages'),
    (HEAD + "= maildir alice[0] body ~ (\n", "5:27: regular expression: missing ), unterminated subpattern"),
])
def test_a_fault_is_told_with_its_place(source, fault):
    with pytest.raises(ConvError) as told:
        loader.loads(source)
    assert str(told.value) == f"test.conv:{fault}"


def test_texts_have_escapes_repeats_and_counters():
    sent = loader.loads(ON + r"C! \r\n\t\0\\\x41\u{e9}\s" "\nC: <<3*ab>>${domain}\nC* 2: {i} {i:04}\nC:\n").steps[1:]
    variables = {"domain": b"here.test"}
    assert [[part.octets(variables, None) for part in step.parts] for step in sent] == [
        [b"\r\n\t\0\\A\xc3\xa9 "], [b"abababhere.test\r\n"], [b"1 0001\r\n", b"2 0002\r\n"], [b"\r\n"]]


def test_a_fixture_is_sent_as_it_is_or_stuffed():
    whole, stuffed = loader.loads(ON + "C< five-lines.eml\nC<stuff five-lines.eml\n").steps[1:]
    octets = b"a\n.b\n..c\n"
    assert whole.parts[0].octets({}, lambda name: octets) == octets
    assert stuffed.parts[0].octets({}, lambda name: octets) == b"a\r\n..b\r\n...c\r\n"


def test_a_literal_annotation_mark_is_written_with_escapes():
    sent = loader.loads(ON + r"C: a\x20\x20## b" + "\n").steps[1]
    assert sent.parts[0].octets({}, None) == b"a  ## b\r\n"


def test_annotations_belong_to_their_steps_and_blocks():
    found = loader.loads(ON + "C{\nC: a  ## R1939-5-noop\nC}  ## R1939-5-rset\nS[\n...  ## R1939-5-retr\n"
                              "S]  ## R1939-7-top\n").steps[1:]
    assert [step.covers for step in found] == [("R1939-5-noop", "R1939-5-rset"), ("R1939-5-retr", "R1939-7-top")]


def test_every_kind_of_step_is_read():
    source = SMTP + ("@ connect A\nS: 220|421 ? 5yz ~ ^mx\nC: x\nS- none 1s\nS! a\n@ tls fail\n@ signal TERM\n"
                     "@ restart\n@ slow 1/1ms\n@ fast\n@ let x = ^(a)\n@ within 1s\n= queue[0] rcpt has ${x}\n"
                     "= bounce count = 0\n= sink[1] envelope is x\n= mbox alice absent\n= log lacks secret\n= conn A is open\n"
                     "= maildir alice[0] header Subject is x\n@ halfclose\n@ reset\n")
    assert [type(step).__name__ for step in loader.loads(source).steps] == [
        "Control", "Reply", "Send", "Silence", "Octets", *["Control"] * 7, *["State"] * 7, "Control", "Control"]


def test_the_head_is_read():
    found = loader.loads("id: test\ntitle: a title: more\ncovers: R1939-5-noop\ntransport: smtp lmtp\n".replace(" lmtp", "")
                         + "needs: TOP !relay\nsetup: size-limit-1m\ntarget-skip: exim it is old\ntimeout: 250ms\n"
                         "tags: large slow\n\n@ connect\n")
    assert (found.title, found.transports, found.needs, found.setup, found.skips, found.timeout, found.tags) == (
        "a title: more", ("smtp",), (("TOP", True), ("relay", False)), "size-limit-1m", {"exim": "it is old"}, 0.25,
        ("large", "slow"))


# -- lists of known failures

@pytest.mark.parametrize("text, fault", [
    ("c1939-s10\n", '1:1: want "ID:LINE reason" or "ID:skip reason"'),
    ("# x\n\nc1939-s10:9:stop x\n", '3:1: want "ID:LINE reason" or "ID:skip reason"'),
    ("none:9 x\n", "1:1: no conversation none"),
    ("c1939-s10:10\n", "1:13: want a reason"),
    ("c1939-s10:10 a\nc1939-s10:10 b\n", "2:1: c1939-s10:10 is listed twice"),
    ("c1939-s10:11 a\n", "1:1: line 11 of c1939-s10 is no step that can fail"),
    ("c1939-s10:9999 a\n", "1:1: line 9999 of c1939-s10 is no step that can fail"),
    ("c1939-s10:10 a\nc1939-s10:skip b\n", "2:1: c1939-s10 is listed as skipped and as run"),
])
def test_a_fault_in_a_list_is_told_with_its_place(text, fault):
    with pytest.raises(ConvError) as told:
        known.parse("list", text)
    assert str(told.value) == f"list:{fault}"


def test_a_list_is_read():
    found = known.parse("list", "# why\nc1939-s10:10 no greeting\nc1939-s10:12:end no name\nc1939-02:skip no state\n")
    assert found == {"c1939-s10": known.Listed({10: known.Failure("no greeting"), 12: known.Failure("no name", True)}),
                     "c1939-02": known.Listed({}, "no state")}
    assert isinstance(loader.loads(ON + "C: x\n").steps[1], steps.Send)
