"""The golden corpus of inject (rfc-corpus/inject): for each case what `inject -n` prints, and that
the same message with this envelope reaches the queue; or the refusal, and that nothing does.

PORPOISE_BLESS=1 writes what the programs give into the corpus instead: read the diff.
"""

import os
import pathlib
import re
import shutil
import tempfile

import pytest

import golden
from conftest import TOP, Instance

BLESS = os.environ.get("PORPOISE_BLESS") == "1"
CASES = golden.all_cases()
MADE = [  # what differs from run to run
    (rb"\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000", b"DATE"),
    (rb"<\d{14}\.\d{6}\.\d+\.[0-9a-z]{13}@", b"<ID@"),
    (rb"joe-\d{10}\.\d+", b"joe-TIME.PID"),
]
CONTROL = {"defaultdomain": b"example.org", "plusdomain": b"org"}


def mask(octets):
    for pattern, word in MADE:
        octets = re.sub(pattern, word, octets)
    return octets


class Rig:
    """An instance at mx.example.org whose queue is a program that keeps what it gets."""

    def __init__(self, lab):
        self.folder = lab.own(pathlib.Path(tempfile.mkdtemp(prefix="golden-", dir=lab.base)))
        self.folder.chmod(0o755)
        self.instance = Instance(lab, self.folder)
        self.lab = lab
        self.keep = lab.folder(self.folder / "keep")
        self.queue = lab.write(self.folder / "keeper", "#!/bin/sh\n"
                               f"cat >{self.keep}/m && cat <&1 >{self.keep}/e\n", 0o755)

    def prepare(self, case):
        for name in ("me", *CONTROL, "defaulthost", "idhost"):
            path = self.instance.path / "control" / name
            path.unlink(missing_ok=True)
        control = {"me": b"mx.example.org", **CONTROL, **case.pairs("control")}
        for name, value in control.items():
            if value is not None:
                self.instance.control(name, value + b"\n")
        self.work = self.lab.own(pathlib.Path(tempfile.mkdtemp(dir=self.folder)))
        for name, value in case.pairs("file").items():
            self.lab.write(self.work / name, value)
        for name in ("m", "e"):
            (self.keep / name).unlink(missing_ok=True)

    def run(self, case, *args, **more):
        env = self.instance.environment(USER="joe", LOGNAME=None, NAME="Joe Doe", **more)
        for name, value in case.pairs("env").items():
            env.pop(name, None)
            if value is not None:
                env[name] = value
        done = self.lab.run("inject", *args, *map(os.fsdecode, case.args), input=case.text("in"),
                            env=env, cwd=self.work)
        return done

    def kept(self):
        """The message and the envelope that reached the queue, as lines; or None twice."""
        if not (self.keep / "e").exists():
            return None, None
        records = (self.keep / "e").read_bytes().split(b"\0")
        assert records[-2:] == [b"", b""] and records[0][:1] == b"F", records
        assert all(r[:1] == b"T" for r in records[1:-2]), records
        lines = ["<" + golden.escape(mask(r[1:])) + ">" for r in records[:-2]]
        return mask((self.keep / "m").read_bytes()), lines


@pytest.fixture(scope="module")
def rig(lab):
    made = Rig(lab)
    yield made
    made.instance.close()
    shutil.rmtree(made.folder, ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def blessed():
    yield
    if BLESS:
        for path in {case.path for case in CASES}:
            head, _ = golden.load(path)
            golden.save(path, head, [case for case in CASES if case.path == path])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_golden(rig, case):
    rig.prepare(case)
    printed = rig.run(case, "-N", "-n")
    queued = rig.run(case, "-n", "-N", QMAILQUEUE=rig.queue)
    message, envelope = rig.kept()
    assert printed.returncode == queued.returncode and printed.stderr == queued.stderr
    if printed.returncode != 0:
        said = golden.escape(printed.stderr.rstrip(b"\n"))
        error = f"{printed.returncode} {said}"
        assert message is None and printed.stdout == b"" and queued.stdout == b""
        if BLESS:
            return case.record(None, None, error)
        assert [error] == case.parts.get("error")
        return
    out = mask(printed.stdout)
    assert (printed.stderr, queued.stdout, queued.stderr) == (b"", b"", b"")
    assert message == out.partition(b"\n")[2]
    if BLESS:
        return case.record(out, envelope, None)
    assert out.decode(errors="backslashreplace") == case.text("out").decode(
        errors="backslashreplace")
    assert envelope == case.parts["to"]


# -- the corpus itself


def test_every_row_of_the_reference_has_a_case_and_every_case_a_row():
    rows, covered = golden.rows(), set()
    for case in CASES:
        assert case.words("row"), case.id
        covered.update(case.words("row"))
    assert sorted(covered) == sorted(rows)


def differences():
    """Section: what each entry of porpoise-differences(7) is about."""
    found, section = {}, None
    for line in (TOP / "man" / "porpoise-differences.7").read_text().splitlines():
        if line.startswith(".Ss "):
            section = found.setdefault(line[4:], [])
        elif line.startswith(".It ") and section is not None:
            section.append(line[4:])
    return found


# Entries of "Injection" that are about something else than one message and its envelope.
ELSEWHERE = {
    "Recipients on other hosts": "test_a_recipient_elsewhere_is_refused_at_once",
    "Message-ID": "test_n_prints_what_would_be_sent_and_needs_no_instance",
    "predate": "test_a_date_that_is_there_stays_alone",
    "mailsubj": "test_no_argument_of_mailsubj_can_begin_a_field",
}


def test_every_difference_has_a_case_and_is_told_in_the_manual():
    told = differences()["Injection"]
    assert len(set(told)) == len(told)
    shown = {text for case in CASES for text in case.all("differs")}
    assert sorted(shown | ELSEWHERE.keys()) == sorted(told)
    tests = "".join(path.read_text() for path in (TOP / "testlab").glob("test_*.py"))
    for name in ELSEWHERE.values():
        assert f"def {name}(" in tests


def test_what_is_written_is_read_again():
    for case in CASES:
        assert golden.unescape(golden.escape(case.text("in"))) == case.text("in")
    for octets in (b"", b"a\\b", b"\xff\xc3\xbc\x00\r\t\x01 ", b"\\x41", b" "):
        assert golden.unescape(golden.escape(octets)) == octets
    for text in ("\\", "a\\b", "\\x4", "\\y"):
        with pytest.raises(golden.BadCase):
            golden.unescape(text)
