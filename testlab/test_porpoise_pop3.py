"""porpoise run: its POP3 listener."""

import socket
import subprocess

from conftest import wait_for
from porpoise_parts import HOST, conversation, runner  # noqa: F401: runner is a fixture


def test_a_connection_is_a_session_of_popup(runner):
    r = runner().up()
    assert conversation(r.port()).decode() == (
        f"{HOST} {r.bin}/checkpassword {r.bin}/pop3d Maildir nodelay 1 instance {r.path}\r\n"
    )
    r.wait("popup saw the end")


def test_the_port_is_the_one_chosen(runner):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    r = runner(pop3port=str(port)).up()
    assert r.port() == port
    assert f"porpoise: listening pop3=127.0.0.1:{port}\n" in r.log()


def test_a_chosen_port_that_is_taken_is_named(runner):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        r = runner(pop3port=str(port)).start()
        assert r.process.wait(30) == 111
    assert (
        f"porpoise: instance {r.path}: control/pop3port: listening on 127.0.0.1 port {port}: "
        "Address already in use\n" in r.log()
    )
    assert "started" not in r.log()


def test_without_a_choice_a_taken_port_gives_way(runner):
    try:
        other = socket.create_server(("127.0.0.1", 1100))
    except OSError:
        other = None  # somebody else has it: as good
    r = runner(pop3port=None).up()
    assert "porpoise: pop3 port=1100 is taken: any free one instead\n" in r.log()
    assert r.port() != 1100 and conversation(r.port()).startswith(HOST.encode())
    if other:
        other.close()


def test_none_is_no_listener(runner):
    r = runner(pop3port="none").up()
    assert not (r.path / "run/pop3port").exists() and "pop3" not in r.log()
    assert r.end() == 0


def test_a_session_that_crashes_is_logged_and_hurts_nobody(runner):
    r = runner().up()
    conversation(r.port(), b"crash\r\n")
    r.wait(r'porpoise: ended part=popup pid=\d+ how="killed by signal 9"')
    assert conversation(r.port()).startswith(HOST.encode())


def test_sessions_beyond_the_limit_are_turned_away(runner):
    r = runner(popup="#!/bin/sh\nread line\n").up()
    inside = [socket.create_connection(("127.0.0.1", r.port())) for _ in range(50)]
    wait_for(lambda: subprocess.run(
        ["pgrep", "-c", "-P", str(r.process.pid)], capture_output=True).stdout.strip() == b"52",
        "50 sessions")
    assert conversation(r.port()) == b"-ERR [SYS/TEMP] too many sessions, try again later\r\n"
    r.wait("porpoise: pop3 turned-away sessions=50")
    inside.pop().close()
    wait_for(lambda: b"-ERR" not in conversation(r.port()), "room for another")
    for connection in inside:
        connection.close()


def test_a_stop_ends_sessions(runner):
    r = runner().up()
    connection = socket.create_connection(("127.0.0.1", r.port()))
    assert connection.recv(1000)
    assert r.end() == 0
    assert connection.recv(1000) == b""
    r.nothing_left()


def test_a_popup_that_is_missing_turns_away_and_mail_goes_on(runner):
    r = runner(popup=None).up()
    assert conversation(r.port()).startswith(b"-ERR [SYS/TEMP] ")
    r.wait(f"porpoise: starting {r.bin}/popup: No such file or directory")
    assert r.end() == 0
