"""porpoise passwd: the first line of standard input, or twice at a terminal."""

import os
import pty
import signal
import termios
import warnings

import pytest

from conftest import wait_for
from porpoise_parts import made, text


def is_password(path, name, password):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import crypt
    for line in (path / "users/passwd").read_text().splitlines():
        if line.split(":")[0] == name:
            return crypt.crypt(password, line.split(":")[1]) == line.split(":")[1]
    return False


def test_passwd_takes_the_first_line_of_standard_input(lab, home):
    path = made(lab, home)
    for given, password in [("secret\nmore\n", "secret"), ("with blank \r\n", "with blank "), ("x", "x")]:
        done = lab.run("porpoise", "--instance", path, "passwd", "ann", input=given)
        assert text(done) == (0, "", "")
        assert is_password(path, "ann", password)
    assert (path / "users/passwd").stat().st_mode & 0o777 == 0o600
    assert len((path / "users/passwd").read_text().splitlines()) == 1


def test_passwd_is_for_those_who_can_log_in(lab, home):
    path = made(lab, home)
    bob = f"bob:{lab.uid}:{lab.gid}:{home}"
    lab.write(path / "users/assign", f"=bob:{bob}:::\n+list-:{bob}:-:list-:\n.\n")
    assert lab.run("porpoise", "--instance", path, "passwd", "bob", input="s\n").returncode == 0
    for name in ("carl", "list-x", "ann-x", "postmaster", "root", ""):
        done = lab.run("porpoise", "--instance", path, "passwd", name, input="s\n")
        assert text(done) == (
            100, "",
            f"porpoise: {name}: no mailbox of that name in {path} "
            "(the owner is ann; others: users/assign)\n",
        )
    assert not is_password(path, "carl", "s")


@pytest.mark.parametrize(
    "given, complaint",
    [
        ("", "no password given: nothing changed"),
        ("\nsecret\n", "no password given: nothing changed"),
        ("x" * 249 + "\n", "the password is longer than 248 octets: nothing changed"),
        ("x" * 100000, "the password is longer than 248 octets: nothing changed"),
    ],
)
def test_passwd_refuses_what_is_no_password(lab, home, given, complaint):
    path = made(lab, home)
    done = lab.run("porpoise", "--instance", path, "passwd", "ann", input=given)
    assert text(done) == (100, "", f"porpoise: {complaint}\n")
    assert not (path / "users/passwd").exists()


@pytest.mark.parametrize("octets", [b"a\0b\n", b"a\rb\n"])
def test_passwd_refuses_what_pop3_cannot_carry(lab, home, octets):
    path = made(lab, home)
    done = lab.run("porpoise", "--instance", path, "passwd", "ann", input=octets)
    assert done.returncode == 100 and done.stderr.count(b"\n") == 1
    assert not (path / "users/passwd").exists()


class Terminal:
    """`porpoise passwd ann` at a terminal of its own."""

    def __init__(self, lab, path):
        self.master, slave = pty.openpty()
        lab.root and os.fchown(slave, lab.uid, -1)
        self.process = lab.popen(
            "porpoise", "--instance", path, "passwd", "ann",
            stdin=slave, stdout=slave, stderr=slave,
        )
        self.slave = slave
        self.shown = ""

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def wait(self, words):
        while words not in self.shown:
            self.shown += os.read(self.master, 1000).decode()
        wait_for(lambda: not self.echoes(), "a terminal without echo")

    def type(self, words):
        os.write(self.master, words.encode())

    def end(self):
        code = self.process.wait(30)
        os.write(self.slave, b"END")
        while not self.shown.endswith("END"):
            self.shown += os.read(self.master, 1000).decode()
        os.close(self.slave)
        os.close(self.master)
        return code


def test_passwd_asks_twice_at_a_terminal_without_echo(lab, home):
    path = made(lab, home)
    terminal = Terminal(lab, path)
    terminal.wait("POP3 password for ann: ")
    terminal.type("secret\n")
    terminal.wait("again: ")
    terminal.type("secret\n")
    assert terminal.process.wait(30) == 0 and terminal.echoes()
    assert terminal.end() == 0 and "secret" not in terminal.shown
    assert is_password(path, "ann", "secret")


def test_passwd_refuses_two_that_differ(lab, home):
    path = made(lab, home)
    terminal = Terminal(lab, path)
    terminal.wait("POP3 password for ann: ")
    terminal.type("secret\n")
    terminal.wait("again: ")
    terminal.type("secrets\n")
    assert terminal.end() == 100
    assert "porpoise: the two passwords differ: nothing changed" in terminal.shown
    assert not (path / "users/passwd").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_passwd_restores_the_echo_when_it_is_ended(lab, home, number):
    terminal = Terminal(lab, made(lab, home))
    terminal.wait("POP3 password for ann: ")
    terminal.process.send_signal(number)
    assert terminal.process.wait(30) == -number
    assert terminal.echoes()
