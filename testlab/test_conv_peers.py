"""The private roots' tools and the command that runs conversations in them; the servers themselves are for
./check --peers."""

import os
import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent
PEERS = TOP / "testlab" / "peers"


def ran(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def test_wrong_words_are_told():
    names = "bsd-mailx courier dovecot exim4 opensmtpd postfix sendmail"
    assert ran(PEERS / "root") == (100, "", f"root: which of {names}? (try --help)\n")
    assert ran(PEERS / "root", "qmail") == (100, "", f"root: no qmail; there are {names}\n")
    assert ran(PEERS / "root", "-x") == (100, "", "root: unknown option -x (try --help)\n")
    assert ran(PEERS / "run", "x") == (100, "", "run: want NAME COMMAND... (try --help)\n")
    assert ran(PEERS / "run", "qmail", "true") == (
        100, "", "run: no build/roots/qmail: testlab/peers/root qmail makes it\n")
    assert ran(TOP / "testlab" / "lab", "peers", "qmail") == (
        100, "", "lab peers: no qmail; there are dovecot, courier\n")


def test_help_is_on_standard_output():
    for command in ((PEERS / "root",), (PEERS / "run",), (TOP / "testlab" / "lab", "peers")):
        code, told, errors = ran(*command, "--help")
        assert (code, errors) == (0, "")
        assert "usage: testlab/" in told


def a_root():
    roots = TOP / "build" / "roots"
    names = sorted(f.name for f in roots.iterdir() if (f / "usr").is_dir()) if roots.is_dir() else []
    return names[0] if names and os.geteuid() == 0 else None


if a_root():  # one that ./check --peers built; nothing else builds any

    @pytest.mark.parametrize("command, code, told", [
        (["sh", "-c", "echo inside > /srv/made; cat /srv/made; exit 7"], 7, "inside\n"),
        (["sh", "-c", "cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '"], 0, "lo\n"),
        (["sh", "-c", "sleep 1000 > /dev/null & echo $$"], 0, "1\n"),
    ])
    def test_nothing_of_a_run_stays(command, code, told):
        name = a_root()
        before = pathlib.Path("/proc/mounts").read_text()
        assert ran(PEERS / "run", name, *command) == (code, told, "")
        assert pathlib.Path("/proc/mounts").read_text() == before
        assert not (TOP / "build" / "roots" / name / "root" / "made").exists()
