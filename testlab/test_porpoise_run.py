"""porpoise run: its parts are told apart, ended and started again; first with parts of our own."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest

from conftest import processes_about, wait_for
from porpoise_parts import SLOW_SEND, SPAWN, conversation, made, runner, text  # noqa: F401: runner is a fixture


def test_run_joins_send_and_spawn_and_gives_them_nothing_else(runner):
    r = runner().up()
    assert f"\nsend args --spawner-fd 3 fds 0 1 2 3 instance {r.path}\n" in r.log()
    assert r.log().splitlines()[0] == f"porpoise: running instance={r.path} pid={r.process.pid}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_stops_when_told(runner, number):
    r = runner().up()
    port = r.port()
    assert r.end(number) == 0
    lines = r.log().splitlines()
    for line in ("porpoise: stopping", "send got SIGTERM", "spawn got the end"):
        assert lines.count(line) == 1, r.log()
    assert lines[-1] == "porpoise: stopped"
    assert not (r.path / "run/pop3port").exists()
    assert processes_about(str(r.home)) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_stop_waits_for_deliveries_under_way(runner):
    """spawn has one, shown by a file that it waits for."""
    busy = SPAWN.replace("if not octets:", "import time\n    while not octets and not os.path.exists("
                         "os.environ['PORPOISE'] + '/done'): time.sleep(0.01)\n    if not octets:")
    r = runner(spawn=busy).up().tell(signal.SIGTERM)
    r.wait("spawn got the end")
    assert r.process.poll() is None
    r.lab.write(r.path / "done", "")
    assert r.process.wait(30) == 0


def test_a_second_signal_does_not_wait(runner):
    r = runner(send=SLOW_SEND).up().tell(signal.SIGTERM)
    r.wait("send got SIGTERM")
    assert r.process.poll() is None
    assert r.end() == 0
    r.wait("porpoise: stopping at once")
    r.nothing_left()


def test_ctrl_c_at_the_terminal_is_for_run_alone(runner):
    r = runner().up()
    os.killpg(r.process.pid, signal.SIGINT)
    assert r.process.wait(30) == 0
    assert "send got SIGINT" not in r.log() and "send got SIGTERM" in r.log()


@pytest.mark.parametrize("name", ["SIGHUP", "SIGALRM"])
def test_hup_and_alrm_go_on_to_send(runner, name):
    r = runner().up().tell(getattr(signal, name))
    r.wait(f"send got {name}")
    assert r.process.poll() is None


def test_a_send_that_dies_starts_again_with_a_spawn_of_its_own(runner):
    r = runner().up()
    send, spawn = r.pid("send"), r.pid("spawn")
    os.kill(send, signal.SIGKILL)
    r.wait(rf'porpoise: ended part=send pid={send} how="killed by signal 9"')
    r.wait(rf'porpoise: ended part=spawn pid={spawn} how="exit code 0"')
    r.wait("spawn got hello", 2)
    assert r.pid("send", 2) != send and r.pid("spawn", 2) != spawn
    assert r.end() == 0


def test_a_spawn_that_dies_takes_send_with_it_and_both_start_again(runner):
    r = runner().up()
    spawn = r.pid("spawn")
    os.kill(spawn, signal.SIGKILL)
    r.wait(rf'porpoise: ended part=spawn pid={spawn} how="killed by signal 9"')
    r.wait("send got SIGTERM")
    r.wait("spawn got hello", 2)
    assert r.end() == 0


def test_a_part_that_always_fails_is_started_ever_more_seldom(runner):
    begin = time.monotonic()
    r = runner(send="#!/bin/sh\nexit 3\n").start()
    r.wait(r'porpoise: ended part=send pid=\d+ how="exit code 3"', 4)
    starts = r.log().count("started part=send")
    pauses = [0.25 * 2**n for n in range(starts - 1)]
    assert time.monotonic() - begin >= sum(pauses), "shorter pauses than it says"
    assert r.end() == 0


def test_a_stop_in_a_pause_ends_at_once(runner):
    r = runner(send="#!/bin/sh\nexit 3\n").start()
    r.wait(r'porpoise: ended part=send pid=\d+ how="exit code 3"', 3)
    starts = r.log().count("started part=send")
    assert r.end() == 0
    assert r.log().count("started part=send") - starts <= 1


def test_a_missing_program_is_named(runner):
    r = runner(send=None).start()
    assert r.process.wait(30) == 100
    assert f"porpoise: starting {r.bin}/send: No such file or directory\n" in r.log()
    assert not (r.path / "run/pop3port").exists()
    r.nothing_left()


def test_a_second_run_is_one_line_and_111(runner):
    r = runner().up()
    done = r.lab.run("porpoise", "run", env=r.env())
    assert text(done) == (
        111, "", f"porpoise: instance {r.path} is running already (pid {r.process.pid})\n",
    )
    assert (r.path / "run/pop3port").exists() and r.process.poll() is None


def test_nothing_survives_a_kill_and_the_next_run_is_as_new(runner):
    r = runner().up()
    connection = socket.create_connection(("127.0.0.1", r.port()))
    assert connection.recv(100)
    r.process.kill()
    r.process.wait()
    r.nothing_left()
    connection.close()
    r.start()
    r.wait("spawn got hello", 2)
    with socket.create_connection(("127.0.0.1", r.port())) as connection:
        assert connection.recv(100)
    assert r.end() == 0


def test_the_log_goes_to_a_file(runner, lab, home):
    lab.write(home / "own-log", "before\n")
    r = runner().start("--log", home / "own-log")
    wait_for(lambda: "spawn got hello" in (home / "own-log").read_text(), "the log")
    assert (home / "own-log").read_text().startswith("before\n2")
    assert r.end() == 0
    assert r.log() == ""


# -- the whole, with the real parts


def test_a_path_of_300_octets_works(lab, home):
    deep = home
    for _ in range(3):
        deep = lab.folder(deep / ("d" * 100))
    path = made(lab, home, path=deep / "i")
    assert len(str(path)) > 300
    lab.write(path / "control/pop3port", "0\n")
    env = lab.environment(PORPOISE=path, HOME=home / "h")
    with lab.popen("porpoise", "run", env=env, stdout=subprocess.DEVNULL) as process:
        try:
            done = lab.run("porpoise", "status", "--wait", env=env)
            assert done.returncode == 0, done.stderr
            done = lab.run("sendmail", "ann", env=env, input="Subject: hi\n\nhello\n")
            assert done.returncode == 0, done.stderr
            new = home / "h/Maildir/new"
            wait_for(lambda: list(new.iterdir()), "the message")
            assert lab.run("porpoise", "passwd", "ann", env=env, input="secret\n").returncode == 0
            port = int((path / "run/pop3port").read_text())
            assert b"+OK 1 " in conversation(port, b"USER ann\r\nPASS secret\r\nSTAT\r\nQUIT\r\n")
        finally:
            process.terminate()
            assert process.wait(30) == 0


def test_the_real_parts_start_stop_and_leave_nothing(instance):
    instance.start()
    assert instance.stop() == 0
    assert processes_about(str(instance.folder)) == []
    assert not (instance.path / "run/pop3port").exists()
    assert "porpoise: stopped" in instance.log().splitlines()[-1]


def test_the_real_parts_do_not_survive_a_kill(instance):
    instance.start()
    lab = instance.lab
    assert lab.run("porpoise", "passwd", "owner", env=instance.environment(), input="s\n").returncode == 0
    connection = socket.create_connection(("127.0.0.1", instance.pop3_port()))
    connection.sendall(b"USER owner\r\nPASS s\r\nSTAT\r\n")
    octets = b""
    while b"+OK 0 0" not in octets:
        octets += connection.recv(1000)
    instance.stop(signal.SIGKILL)
    wait_for(lambda: not processes_about(str(instance.folder)), "the end of every process")
    connection.close()
    instance.start()
    assert instance.stop() == 0


def test_a_real_send_that_is_killed_comes_back_and_loses_nothing(instance):
    instance.start()
    pid = int(re.search(r"send: running, pid (\d+)", instance.run("porpoise", "status").stdout.decode())[1])
    os.kill(pid, signal.SIGKILL)
    instance.submit("Subject: hi\n\nhello\n", "alice@here.test")
    assert instance.message("alice").endswith(b"Subject: hi\n\nhello\n")
    assert instance.stop() == 0
