"""popup: what it hands to the password check, and what it makes of its end. The check is a shell
script here, so that every way of ending can be had."""

import re
import subprocess

import pytest

GREETING = b"+OK my.host POP3 ready\r\n"
WRONG = b"-ERR [AUTH] wrong name or password\r\n"
TROUBLE = b"-ERR [SYS/TEMP] login is not possible now\r\n"


def popup(lab, script, octets, *options):
    return lab.run("popup", *options, "my.host", "/bin/sh", "-c", script, input=octets)


def login(count=1, then=b""):
    return b"USER joe\r\nPASS my pass word\r\n" * count + then


def test_descriptor_3_has_name_password_and_stamp(lab, home):
    done = popup(lab, f"cat <&3 >{home}/record; echo +OK", login())
    assert (done.returncode, done.stdout) == (0, GREETING + b"+OK\r\n+OK\n")
    assert re.fullmatch(rb"joe\0my pass word\0<[0-9]+\.[0-9]+@my\.host>\0", (home / "record").read_bytes())


def test_with_apop_the_stamp_is_shown_and_the_digest_handed_on(lab, home):
    done = popup(lab, f"cat <&3 >{home}/record; echo +OK", b"APOP joe  0123 4\r\n", "--apop")
    stamp = re.fullmatch(rb"\+OK (<[0-9]+\.[0-9]+@my\.host>)\r\n\+OK\n", done.stdout)[1]
    assert (home / "record").read_bytes() == b"joe\0 0123 4\0" + stamp + b"\0"


def test_the_check_has_the_connection_and_nothing_else(lab, home):
    script = f"cat <&3 >/dev/null; ls /proc/self/fd | tr '\\n' ' ' >{home}/fds; echo +OK"
    assert popup(lab, script, login()).returncode == 0
    # ls itself has the folder open: 4
    assert (home / "fds").read_text().split() == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("piped", [True, False], ids=["pipe", "socket"])
def test_not_an_octet_after_pass_is_taken(lab, home, piped):
    rest = b"STAT\r\nLIST\r\nQUIT\r\nmore that is no command"
    script = f"cat <&3 >/dev/null; echo +OK; cat >{home}/rest"
    if piped:
        popup(lab, script, login(then=rest))
    else:
        import socket
        ours, theirs = socket.socketpair()
        run = lab.popen("popup", "my.host", "/bin/sh", "-c", script, stdin=theirs, stdout=theirs)
        theirs.close()
        with ours:
            ours.sendall(login(then=rest))
            ours.shutdown(socket.SHUT_WR)
            assert run.wait(20) == 0
    assert (home / "rest").read_bytes() == rest


@pytest.mark.parametrize("ending, reply", [
    ("exit 1", WRONG), ("exit 2", TROUBLE), ("exit 100", TROUBLE), ("exit 111", TROUBLE),
    ("kill -9 $$", TROUBLE), ("kill -15 $$", TROUBLE)])
def test_every_way_of_failing_is_an_answer(lab, ending, reply):
    done = popup(lab, f"cat <&3 >/dev/null; {ending}", login(then=b"QUIT\r\n"))
    assert (done.returncode, done.stdout) == (0, GREETING + b"+OK\r\n" + reply + b"+OK bye\r\n")


def test_a_check_that_does_not_read_is_no_trouble(lab):
    done = popup(lab, "exec 3<&-; echo +OK; exit 0", login())
    assert (done.returncode, done.stdout) == (0, GREETING + b"+OK\r\n+OK\n")


def test_a_check_that_is_not_there_is_trouble(lab):
    done = lab.run("popup", "my.host", "/no/such/program", input=login(then=b"QUIT\r\n"))
    assert done.stdout == GREETING + b"+OK\r\n" + TROUBLE + b"+OK bye\r\n"
    assert done.stderr == b"popup: starting /no/such/program: No such file or directory\n"


def test_three_wrong_passwords_are_the_end(lab, home):
    done = popup(lab, f"cat <&3 >/dev/null; echo tried >>{home}/log; exit 1", login(5))
    assert (done.returncode, done.stdout) == (1, GREETING + (b"+OK\r\n" + WRONG) * 3)
    assert (home / "log").read_text() == "tried\n" * 3


def test_too_many_bad_commands_are_the_end(lab):
    done = popup(lab, "exit 1", b"GET / HTTP/1.1\r\n" * 50)
    assert done.returncode == 1
    assert done.stdout == GREETING + b"-ERR unknown command\r\n" * 19 + b"-ERR too many bad commands\r\n"


def test_what_does_not_fit_into_a_record_is_wrong_without_asking(lab, home):
    host = ".".join(["h" * 60] * 4)
    done = lab.run("popup", host, "/bin/sh", "-c", f"echo tried >{home}/log",
                   input=b"USER " + b"n" * 128 + b"\r\nPASS " + b"p" * 240 + b"\r\nQUIT\r\n")
    assert done.stdout == b"+OK " + host.encode() + b" POP3 ready\r\n+OK\r\n" + WRONG + b"+OK bye\r\n"
    assert not (home / "log").exists()


def test_a_password_with_nul_never_stands_for_the_part_before_it(lab, home):
    done = popup(lab, f"cat <&3 >{home}/record; echo +OK", b"USER joe\r\nPASS my pass word\0x\r\nQUIT\r\n")
    assert done.stdout == GREETING + b"+OK\r\n" + WRONG + b"+OK bye\r\n"
    assert not (home / "record").exists()


def test_an_idle_client_is_left_without_a_word(lab):
    run = lab.popen("popup", "--idle", "1", "my.host", "/bin/true", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert run.stdout.read() == GREETING  # until popup ends
    assert run.wait(20) == 0


def test_a_client_that_leaves_is_no_failure(lab):
    done = popup(lab, "exit 1", b"USER joe\r\nPASS")
    assert (done.returncode, done.stdout) == (0, GREETING + b"+OK\r\n")
    assert done.stderr == b""


def test_stamps_differ(lab):
    stamps = {popup(lab, "exit 1", b"QUIT\r\n", "--apop").stdout for _ in range(20)}
    assert len(stamps) == 20
