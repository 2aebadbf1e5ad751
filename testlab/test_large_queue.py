"""send on a queue of many waiting messages: what it costs is counted, in octets and in files read."""

import os
import re
import subprocess

import pytest

from conftest import BUILD, wait_for
from test_send import Send, alone, once  # noqa: F401: alone is a fixture

GENERATE = BUILD.parent / "lab" / "generate_queue"
MESSAGE = "Subject: hello\n\nHello.\n"
DAY = 86400


def generate(instance, count, *options, seconds=DAY // 2, timeout=300):
    program = instance.lab.bin.parent / "generate_queue"
    if not program.exists():
        program.write_bytes(GENERATE.read_bytes())
        program.chmod(0o755)
    done = instance.run(program, instance.path, count, seconds, *options, timeout=timeout)
    assert done.returncode == 0, done.stderr


def status(send):
    return dict(line.split("=", 1) for line in send.ask("status").splitlines() if "=" in line)


def has_read_all(send):
    wait_for(lambda: status(send).get("reading") == "no", "the end of reading", 120)


def memory(send):
    """Octets of memory of its own."""
    text = open(f"/proc/{send.process.pid}/status").read()
    return int(re.search(r"RssAnon:\s+(\d+) kB", text)[1]) * 1024


@pytest.mark.parametrize("options", [["--schedule"], []])
def test_a_waiting_message_costs_at_most_32_octets(alone, options):  # noqa: F811
    count = 50_000
    send = Send(alone).ready()
    has_read_all(send)
    empty = memory(send)
    send.stop()
    generate(alone, count, *options)
    send = Send(alone).ready()
    has_read_all(send)
    assert status(send)["waiting"] == str(count)
    grown = memory(send) - empty
    assert grown <= 32 * count + 512 * 1024, f"{grown / count} octets a message"
    send.stop()


def calls_of_send(instance, *options):
    """The paths that a send --once opens."""
    trace = instance.folder / "trace"
    done = instance.run("/usr/bin/strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=openat", "-e", "signal=none",
                        "-o", trace, instance.lab.program("send"), "--once", "--instance", instance.path, *options,
                        timeout=300)
    assert done.returncode == 0, done.stderr
    return re.findall(r'openat\([^,]+, "([^"]*)"', trace.read_text(errors="replace"))


def messages_read(paths):
    return [p for p in paths if re.fullmatch(r"(?:[0-9a-z]{2}/)?[01][0-9a-z]{19}", p)]


def test_new_mail_is_delivered_and_no_waiting_file_is_read(alone):  # noqa: F811
    generate(alone, 3000, "--schedule")
    alone.submit(MESSAGE, "alice@here.test")
    new, = os.listdir(alone.path / "queue/incoming")
    read = messages_read(calls_of_send(alone))
    assert b"Hello." in alone.message("alice")
    assert set(read) <= {new}, read[:10]


def test_without_a_schedule_each_file_is_read_once_and_with_the_next_start_none(alone):  # noqa: F811
    generate(alone, 300)
    assert len(messages_read(calls_of_send(alone))) == 2 * 300  # in incoming/ each is looked for first
    assert messages_read(calls_of_send(alone)) == []
    assert len(alone.queued()) == 300


def schedule_of(instance):
    return instance.path / "queue" / "schedule"


def test_a_schedule_that_lies_delays_and_loses_nothing(alone):  # noqa: F811
    """Named too early: put back by its log. Not named: found. Named and gone: passed over."""
    alone.control("remote", "pipe /bin/true\n")
    generate(alone, 100, "--schedule", seconds=DAY)
    old = schedule_of(alone).read_bytes()
    for identifier in alone.queued()[:50]:
        (alone.path / "queue/deferred" / identifier[-2:] / identifier).unlink()
    generate(alone, 30, seconds=-DAY)  # due, and the schedule knows nothing of them
    schedule_of(alone).write_bytes(old)
    assert once(alone).stdout.count(b"starting delivery ") == 30
    assert once(alone, "--retry").stdout.count(b"starting delivery ") == 50
    assert alone.queued() == []


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "another"])
def test_a_damaged_schedule_is_told_and_the_logs_are_read(alone, damage):  # noqa: F811
    generate(alone, 50, "--schedule")
    octets = schedule_of(alone).read_bytes()
    schedule_of(alone).write_bytes({"cut": octets[:-1], "changed": octets[:200] + b"!" + octets[201:], "empty": b"",
                                    "another": b"hello\n" * 20}[damage])
    done = once(alone)
    assert b"alert: queue/schedule is of no use: " in done.stdout
    assert len(alone.queued()) == 50
    assert b"alert" not in once(alone).stdout  # it was written anew


def test_the_schedule_of_a_running_send_survives_its_end(alone):  # noqa: F811
    alone.dot_file("bob", "", "|exit 111\n")
    send = Send(alone).ready()
    for _ in range(5):
        alone.submit(MESSAGE, "bob@here.test")
    send.said("deferral", 5)
    assert send.stop() == 0
    assert len(alone.queued()) == 5
    assert len(schedule_of(alone).read_bytes()) == 80 + 5 * 16
    assert messages_read(calls_of_send(alone)) == []
    alone.dot_file("bob", "", "./Maildir/\n")
    once(alone, "--retry")
    alone.message("bob", 5)
    assert not schedule_of(alone).exists()


def test_a_killed_send_leaves_a_schedule_that_is_only_old(alone):  # noqa: F811
    alone.dot_file("bob", "", "|exit 111\n")
    alone.submit(MESSAGE, "bob@here.test")
    once(alone)
    send = Send(alone).ready()
    alone.submit(MESSAGE, "bob@here.test")
    send.said("deferral", 1)
    wait_for(lambda: not os.listdir(alone.path / "queue/incoming"), "the move")
    send.kill()
    alone.dot_file("bob", "", "./Maildir/\n")
    once(alone, "--retry")
    alone.message("bob", 2)


def test_a_list_of_a_hundred_thousand_delays_nobody_else(alone):  # noqa: F811
    """Half of it for a host whose program hangs, half for a user whose program does. None of it ends here: as many
    processes as recipients would take minutes."""
    count = 100_000
    hang = alone.lab.write(alone.folder / "hang", "#!/bin/sh\nexec sleep 600\n", 0o755)
    alone.control("remote", f"pipe {hang}\n")
    alone.control("concurrencylocal", "6\n")
    alone.dot_file("bob", "default", f"|{hang}\n")
    send = Send(alone).ready()
    addresses = [f"bob-{n}@here.test" if n % 2 else f"user-{n}@far.test" for n in range(count)]
    content = alone.lab.write(alone.folder / "content", MESSAGE)
    envelope = alone.lab.write(alone.folder / "envelope",
                               "Fcarol@here.test\0" + "".join(f"T{address}\0" for address in addresses) + "\0")
    with open(content, "rb") as zero, open(envelope, "rb") as one:
        assert alone.run("queue", stdin=zero, stdout=one, timeout=120).returncode == 0
    wait_for(lambda: status(send).get("running") == "4" and status(send).get("remote_running") == "5",
             "deliveries of the list", 120)
    for n in range(1, 4):
        alone.submit(MESSAGE, "alice@here.test")
        alone.message("alice", n)
    assert send.log().count("starting delivery ") == 9 + 3
    send.kill()


def test_generate_says_how_it_is_used(lab):
    done = subprocess.run([GENERATE, "x"], capture_output=True, text=True)
    assert done.returncode == 100 and "usage: generate_queue" in done.stderr
