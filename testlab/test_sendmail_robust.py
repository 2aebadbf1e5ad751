"""sendmail where things are odd: descriptors that are closed or fail, huge bodies and headers, many recipients, signals.
Each has a documented end, and nothing is half queued. Full disks and failing calls: test_full_disk.py, test_fault.py."""

import os
import resource
import signal
import socket
import struct
import subprocess
import sys

import pytest

import queue_file
from conftest import wait_for

MEGABYTE = 1 << 20
ROOM = 24 * MEGABYTE  # of memory, for a message of any length


# A process is charged with what its parent had when it was made, so a small one makes it.
MEASURE = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024)
"""


def run_measured(instance, *args, stdin):
    """(exit code, stderr, most memory it ever had)."""
    program = instance.lab.program(args[0])
    done = instance.run(sys.executable, "-S", "-E", "-c", MEASURE, program, *args[1:], stdin=stdin,
                        env=instance.environment(PORPOISE_NO_SEND=1))
    code, memory = map(int, done.stdout.split())
    return code, done.stderr, memory


def the_message(instance):
    (name,) = instance.queued()
    return queue_file.read((instance.path / "queue/incoming" / name).read_bytes())


def nothing_is_queued(instance):
    queue = instance.path / "queue"
    assert instance.queued() == []
    assert list((queue / "tmp").iterdir()) == []


# -- large things


def test_a_body_of_100_mb_needs_no_more_memory_than_a_small_one(instance, home):
    text = home / "text"
    with open(text, "wb") as file:
        file.write(b"To: alice\n\n")
        for _ in range(100):
            file.write(b"x" * 99 * 10485 + b"\n" + b"y" * (MEGABYTE - 99 * 10485 - 1))
    with open(text, "rb") as file:
        code, error, memory = run_measured(instance, "sendmail", "-ti", stdin=file)
    assert (code, error) == (0, b"")
    assert memory < ROOM
    (name,) = instance.queued()
    assert (instance.path / "queue/incoming" / name).stat().st_size > 100 * MEGABYTE


def test_one_line_of_100_mb_is_a_line(instance):
    with subprocess.Popen(["/bin/sh", "-c", "echo To: alice; echo; head -c 100000000 /dev/zero"], stdout=subprocess.PIPE) as text:
        code, error, memory = run_measured(instance, "sendmail", "-t", stdin=text.stdout)
    assert (code, error) == (0, b"")
    assert memory < ROOM


def test_a_header_of_10_mb_is_refused(instance, home):
    text = home / "text"
    text.write_bytes(b"To: alice\n" + b"X-Long: yes\n" * (10 * MEGABYTE // 12) + b"\nbody\n")
    with open(text, "rb") as file:
        code, error, memory = run_measured(instance, "sendmail", "-ti", stdin=file)
    assert code == 65
    assert error.startswith(b"sendmail: ") and error.count(b"\n") == 1
    assert memory < 2 * ROOM
    nothing_is_queued(instance)


def test_10_000_recipients_in_the_header_and_as_arguments(instance):
    names = [f"user{n}@here.test" for n in range(10_000)]
    done = instance.run("sendmail", "-ti", input="To: " + ",\n ".join(names) + "\n\nbody\n", env=instance.environment(PORPOISE_NO_SEND=1))
    assert (done.returncode, done.stderr) == (0, b"")
    assert the_message(instance).recipients == names
    (instance.path / "queue/incoming" / instance.queued()[0]).unlink()
    done = instance.run("sendmail", "-i", *names, input="\n", env=instance.environment(PORPOISE_NO_SEND=1))
    assert (done.returncode, done.stderr) == (0, b"")
    assert the_message(instance).recipients == names


# -- descriptors


def closing(*descriptors):
    def close():
        for descriptor in descriptors:
            os.close(descriptor)
    return close


def test_closed_output_and_error_change_nothing(instance):
    for closed in ((1,), (2,), (1, 2)):
        process = instance.popen("sendmail", "-odq", "-i", "alice", stdin=subprocess.PIPE, preexec_fn=closing(*closed))
        process.communicate(b"body\n")
        assert process.returncode == 0
    assert len(instance.queued()) == 3
    refused = instance.popen("sendmail", "-Z", stdin=subprocess.DEVNULL, preexec_fn=closing(1, 2))
    assert refused.wait() == 64


def test_a_closed_input_is_no_message(instance):
    done = instance.popen("sendmail", "-odq", "alice", stderr=subprocess.PIPE, preexec_fn=closing(0))
    assert done.communicate()[1] == b"sendmail: standard input is closed\n"
    assert done.returncode == 66
    nothing_is_queued(instance)


def test_an_empty_input_is_an_empty_message(instance):
    assert instance.run("sendmail", "-odq", "alice", stdin=subprocess.DEVNULL).returncode == 0
    assert the_message(instance).recipients == ["alice@mx.here.test"]


def test_an_input_that_cannot_be_read_is_66(instance):
    for path, flags, reason in (("/", os.O_RDONLY, b"Is a directory"), ("/dev/null", os.O_WRONLY, b"Bad file descriptor")):
        descriptor = os.open(path, flags)
        done = instance.run("sendmail", "-odq", "alice", stdin=descriptor)
        os.close(descriptor)
        assert (done.returncode, done.stderr) == (66, b"sendmail: reading standard input: " + reason + b"\n")
    nothing_is_queued(instance)


@pytest.mark.parametrize("sent", [b"Subject: half", b"Subject: whole\n\nand some of the body\n"])
def test_an_input_that_fails_on_the_way_is_74(instance, sent):
    """A connection that is reset."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.sendall(sent)
    process = instance.popen("sendmail", "-odq", "-i", "alice", stdin=ours, stderr=subprocess.PIPE)
    wait_for(lambda: not readable(ours), "sendmail to read")
    theirs.close()
    assert process.communicate()[1] == b"sendmail: reading standard input: Connection reset by peer\n"
    assert process.returncode == 74
    ours.close()
    nothing_is_queued(instance)


def readable(connection):
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""


def test_a_list_that_nobody_can_read_is_74(instance):
    with open("/dev/full", "wb") as full:
        assert instance.run("sendmail", "--help", stdout=full).returncode == 74
        assert instance.run("sendmail", "-bv", "alice", stdout=full).returncode == 74


# -- limits and signals


def test_a_limit_on_file_sizes_is_75(instance):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, MEGABYTE))

    done = instance.run("sendmail", "-odq", "-i", "alice", input=b"x" * (4 * MEGABYTE), preexec_fn=limit)
    assert done.returncode == 75
    assert done.stderr.startswith(b"sendmail: ") and b"File too large" in done.stderr
    nothing_is_queued(instance)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_ended_by_a_signal_in_the_middle_nothing_is_queued(instance, number):
    process = instance.popen("sendmail", "-odq", "-i", "alice", stdin=subprocess.PIPE)
    process.stdin.write(b"Subject: half\n\n" + b"x" * (2 * MEGABYTE))
    process.stdin.flush()  # far more than a pipe holds: most of it was read
    process.send_signal(number)
    assert process.wait() == -number
    process.stdin.close()
    assert instance.queued() == []
