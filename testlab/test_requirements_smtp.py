"""Every requirement for SMTP servers is shown by a conversation with sendmail -bs, or by a test that names it, or
cannot be shown on standard input: then testlab/conv/not-on-stdin.tsv says why."""

import csv
import pathlib
import re

import pytest

from conftest import TOP
from conv import loader, ours
from conv.our_smtp import PorpoiseSmtp

LIST = TOP / "testlab" / "conv" / "not-on-stdin.tsv"


@pytest.fixture(scope="module")
def wanted():
    with open(TOP / "rfc-corpus" / "requirements.tsv", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["id"] for row in rows if row["role"] == "smtpd"}


@pytest.fixture(scope="module")
def listed():
    lines = [line for line in LIST.read_text().splitlines() if not line.startswith("#")]
    return dict(line.split("\t") for line in lines)


@pytest.fixture(scope="module")
def shown():
    ids = set()
    for conversation in map(loader.load, loader.corpus()):
        server = ours.server_for(conversation)
        if server and server[0] is PorpoiseSmtp:
            ids.update(conversation.covers)
            ids.update(row for step in conversation.steps for row in step.covers)
    tests = [*(TOP / "smtp").glob("*_test.cc"), *(TOP / "libmail").glob("smtp_*_test.cc"),
             TOP / "testlab" / "test_sendmail_bs.py"]
    for test in tests:
        ids.update(re.findall(r"\bR\d+-[A-Za-z0-9.-]*[A-Za-z0-9]", pathlib.Path(test).read_text()))
    return ids


def test_every_requirement_is_shown_or_listed(wanted, shown, listed):
    assert len(wanted) > 300
    assert sorted(wanted - shown - set(listed)) == []


def test_what_is_listed_is_not_shown(wanted, shown, listed):
    assert sorted(set(listed) & shown) == []
    assert sorted(set(listed) - wanted) == []
    assert all(reason for reason in listed.values())
