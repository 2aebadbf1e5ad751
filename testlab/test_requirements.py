"""Requirements and the tests that name them: every one that the parsers must meet has a test or a
case, and no test names one that does not exist."""

import pathlib
import re

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent
TABLE = TOP / "rfc-corpus" / "requirements.tsv"
# RFC, its number, then sections and words: R5322-2.2-name-33-126; "-*" at the end: all that begin so.
ID = re.compile(r"\bR\d{3,4}-[A-Za-z0-9.]+(?:-[A-Za-z0-9.]+)*(?:-\*)?")
IDS_OF_THEIR_OWN = {"test_conv_loader.py", pathlib.Path(__file__).name}


def rows():
    lines = TABLE.read_text().splitlines()
    names = lines[0].split("\t")
    return [dict(zip(names, line.split("\t"))) for line in lines[1:]]


def files():
    """Every file that may name a requirement."""
    for pattern in ("*/*_test.cc", "testlab/test_*.py", "rfc-corpus/*/*.case", "rfc-corpus/*/*.conv",
                    "testlab/conv/*.conv"):
        for path in sorted(TOP.glob(pattern)):
            if path.name not in IDS_OF_THEIR_OWN:
                yield path


def named(path):
    return {found.rstrip(".") for found in ID.findall(path.read_text(errors="replace"))}


def test_the_table_has_each_id_once():
    ids = [row["id"] for row in rows()]
    assert len(ids) > 300
    assert sorted(ids) == sorted(set(ids))
    for name in ids:
        assert ID.fullmatch(name), name


def test_every_requirement_of_the_parsers_has_a_test_that_names_it():
    seen = set()
    for path in files():
        seen |= named(path)
    missing = [row["id"] for row in rows() if row["role"] == "message-parser" and row["id"] not in seen]
    assert missing == []


@pytest.mark.parametrize("path", list(files()), ids=lambda path: str(path.relative_to(TOP)))
def test_only_requirements_of_the_table_are_named(path):
    ids = [row["id"] for row in rows()]
    unknown = [name for name in named(path) if name not in ids and not
               (name.endswith("-*") and any(i.startswith(name[:-1]) for i in ids))]
    assert unknown == []
