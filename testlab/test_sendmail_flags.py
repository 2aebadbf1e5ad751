"""The table in sendmail(8): every row is a case of peers/sendmail_cases.py, run here on our sendmail, and what came
of it must be the word that peers/sendmail_flags.tsv has; the table in the manual must be that file. What the other
programs do was measured by peers/measure_sendmail.py, and is measured
again by ./check --peers (test_peers.py)."""

import re

import pytest

import queue_file
from conftest import TOP
from peers.measure_sendmail import PROGRAMS, SEEN, read_table
from peers.sendmail_cases import CASES, Mail, Outcome, word

NAMES, TABLE = read_table()
TITLES = {"sendmail": "sendmail", "postfix": "Postfix", "exim4": "Exim", "opensmtpd": "OpenSMTPD", "porpoise": "ours"}


@pytest.fixture
def ours(instance):
    """Runs a case: far.test is local too, and a, b and c there are one mailbox."""
    instance.control("locals", "mx.here.test\nhere.test\nfar.test\n")
    instance.control("defaulthost", "far.test\n")
    for name in "abc":
        instance.lab.write(instance.path / "alias" / f".qmail-{name}", f"{instance.home_of('alice')}/Maildir/\n")

    def run(case):
        env = instance.environment(USER="tester", LOGNAME="tester", NAME="Test Er", PORPOISE_NO_SEND=None if case.live else 1)
        done = instance.run(case.program, *case.args, input=case.octets, env=env)
        outcome = Outcome(done.returncode, done.stdout, done.stderr)
        if case.live:
            arrived = [Mail("", {}, [], f.read_bytes()) for f in instance.messages("alice")]
            outcome.at_exit = bool(arrived)
            if case.waits and done.returncode == 0:
                instance.message("alice")
                arrived = [Mail("", {}, [], f.read_bytes()) for f in instance.messages("alice")]
            outcome.mails = [mail for mail in arrived if mail.header["Subject"] == "probe"]
            outcome.notices = [mail for mail in arrived if mail not in outcome.mails]
        else:
            outcome.mails = [mail_of(instance.path / "queue" / "incoming" / name) for name in instance.queued()]
        return outcome

    return run


def mail_of(path):
    file = queue_file.read(path.read_bytes())
    recipients = list(zip(file.recipients, file.recipient_parameters))
    return Mail(file.sender, file.parameters, recipients, file.content)


@pytest.mark.parametrize("case", CASES, ids=[case.row for case in CASES])
def test_row(ours, case):
    outcome = ours(case)
    assert word(case, outcome) == TABLE[case.row]["porpoise"], outcome
    mode = case.args[0] if case.args else ""
    if outcome.code != 0:
        assert outcome.mails == []
        assert mode == "-bv" or re.fullmatch(rb"sendmail: [^\n]+\n", outcome.stderr)
    elif not case.live and not outcome.stdout:  # a 0 that says nothing has queued the message, if there is one
        assert outcome.mails or case.program != "sendmail" or mode == "-bp" or mode.startswith("-q")


def test_the_data_has_every_row_and_program():
    assert list(TABLE) == [case.row for case in CASES]
    assert tuple(NAMES) == PROGRAMS
    assert not [(row, name) for row, cells in TABLE.items() for name, cell in cells.items() if cell == "?"]
    seen = [tuple(line.split("\t")[:2]) for line in SEEN.read_text().splitlines()[1:]]
    assert sorted(seen) == sorted((case.row, name) for case in CASES for name in PROGRAMS if name != "porpoise")


def man_rows():
    text = (TOP / "man" / "sendmail.8").read_text()
    table = text.split(".TS\n")[1].split(".TE\n")[0]
    lines = table.splitlines()
    rows = [line.split("\t") for line in lines if "\t" in line]
    return rows[0], rows[1:]


def unquoted(text):
    return text.replace("\\-", "-").replace("\\(aq", "'").replace("\\(dq", '"').replace("\\[u00FC]", "\u00fc")


def test_the_table_in_the_manual_is_the_data():
    head, rows = man_rows()
    assert head[2:] == [TITLES[name] for name in PROGRAMS]
    assert [[unquoted(cell) for cell in row] for row in rows] == [
        [case.row, case.means, *(TABLE[case.row][name] for name in PROGRAMS)] for case in CASES]
