"""control/minfree on a file system that is small, really: mail is refused before it is full, by the documented
codes and texts, and taken again as soon as there is room."""

import os
import re

import pytest

from submission import envelope

QUEUES = {"personal": "/home/alice/instance/queue", "system": "/var/lib/porpoise/queue"}
SIZE = 8 << 20
KEPT = 3 << 20
TEXT = b"Subject: hi\n\n" + b"x" * 71 * 7000  # half a megabyte
WHY = rb"the disk has (\d+) octets left, and control/minfree wants %d kept free" % KEPT
WHY_INODES = rb"the disk has (\d+) inodes left, and control/minfree wants 20 kept free"
SCRIPT = b"EHLO x\r\nMAIL FROM:<a@here.test>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n"


class Small:
    """An instance whose queue is on a tmpfs of its own."""

    def __init__(self, system, kind):
        self.system, self.queue = system, QUEUES[kind]
        self.path = os.path.dirname(self.queue)
        self.at = system.root / self.queue.lstrip("/")
        self.env = system.environment("alice", PORPOISE=self.path, PORPOISE_NO_SEND="1")
        if kind == "personal":
            made = self.run("porpoise", "init", self.path, "--name", "alice", "--home", "/home/alice", "--host", "mx.here.test")
            assert made.returncode == 0, made.stderr
        user = "alice" if kind == "personal" else "porpoise"
        uid = system.uid(user)
        done = system.shell(f"cp -a {self.queue} /tmp/kept && mount -t tmpfs -o size={SIZE},nr_inodes=200,mode=700,uid={uid},gid={uid}"
                            f" tmpfs {self.queue} && cp -a /tmp/kept/. {self.queue}")
        assert done.returncode == 0, done.stderr
        for name, text in (("locals", "here.test\nmx.here.test\n"), ("me", "mx.here.test\n")):
            self.control(name, text)
        if kind == "system":
            self.control("concurrencylocal", "0\n")  # what is queued stays
            system.start()

    def control(self, name, text):
        folder = self.path.lstrip("/") + "/control" if self.queue == QUEUES["personal"] else "etc/porpoise"
        self.system.write(f"{folder}/{name}", text, "alice" if self.queue == QUEUES["personal"] else "root")

    def run(self, *command, input=b""):
        return self.system.run(*command, user="alice", input=input, env=self.env)

    def queue_it(self, text=b"x\n"):
        self.system.write("tmp/envelope", envelope("alice@here.test", "alice@here.test"))
        return self.run("/bin/sh", "-c", f"exec {self.system.bin}/queue 1< /tmp/envelope", input=text)

    def send(self, text=TEXT):
        return self.run("sendmail", "-i", "-f", "alice@here.test", "alice@here.test", input=text)

    def left(self):
        st = os.statvfs(self.at)
        return st.f_bavail * st.f_frsize, st.f_favail

    def remount(self, options):
        assert self.system.shell(f"mount -o remount,{options} {self.queue}").returncode == 0

    def messages(self):
        return sum(1 for f in (self.at / "incoming").iterdir())

    def leftovers(self):
        return list((self.at / "tmp").iterdir())


@pytest.fixture(params=sorted(QUEUES))
def small(request, system):
    return Small(system, request.param)


def refused_by_all(small, why):
    """However it is handed in."""
    before = small.messages()
    done = small.queue_it()
    assert done.returncode == 53 and re.fullmatch(rb"queue: " + why + rb"\n", done.stderr), done.stderr
    done = small.send(b"Subject: small\n\nx\n")
    assert done.returncode == 75 and re.search(why, done.stderr) and done.stderr.count(b"\n") == 1, done.stderr
    done = small.run("inject", "-a", "-f", "alice@here.test", "alice@here.test", input=b"Subject: small\n\nx\n")
    assert done.returncode == 111 and re.search(why, done.stderr), done.stderr
    said = small.run("sendmail", "-bs", input=SCRIPT).stdout
    assert b"\r\n452 4.3.1 " in said and b"minfree" not in said, said
    assert small.messages() == before and small.leftovers() == []


def taken_by_all(small):
    before = small.messages()
    assert small.queue_it().returncode == 0
    assert small.send(b"Subject: small\n\nx\n").returncode == 0
    assert small.run("inject", "-a", "-f", "alice@here.test", "alice@here.test", input=b"Subject: small\n\nx\n").returncode == 0
    assert re.search(rb"\r\n250 2\.0\.0 ", small.run("sendmail", "-bs", input=SCRIPT).stdout)
    assert small.messages() == before + 4


def test_mail_is_refused_before_the_disk_is_full_and_taken_again_when_there_is_room(small):
    small.control("minfree", f"{KEPT} 0\n")
    taken = 0
    while (done := small.send()).returncode == 0:
        taken += 1
        assert taken < SIZE // len(TEXT), "the disk is full"
    assert done.returncode == 75 and re.search(WHY, done.stderr), done.stderr
    octets, _ = small.left()
    assert KEPT - 2 * len(TEXT) < octets < KEPT and taken == small.messages() >= 8
    refused_by_all(small, WHY)
    small.remount(f"size={2 * SIZE}")
    taken_by_all(small)


def test_so_it_is_with_inodes(small):
    small.control("minfree", "0 20\n")
    while (done := small.send(b"Subject: x\n\nx\n")).returncode == 0:
        assert small.left()[1] > 0
    assert done.returncode == 75 and re.search(WHY_INODES, done.stderr), done.stderr
    assert small.left()[1] < 20
    refused_by_all(small, WHY_INODES)
    small.remount("nr_inodes=400")
    taken_by_all(small)


def test_a_large_message_is_not_to_fill_the_disk_either(small):
    """There is room when it begins; it is looked at again on the way."""
    small.remount(f"size={64 << 20}")
    small.control("minfree", f"{20 << 20} 0\n")
    done = small.queue_it(b"x" * (60 << 20))
    assert done.returncode == 53 and b" octets left, and control/minfree wants 20971520 kept free" in done.stderr
    assert small.messages() == 0 and small.leftovers() == [] and small.left()[0] > 60 << 20


def test_a_disk_that_is_full_without_it_is_53_too(small):
    small.control("minfree", "0 0\n")
    while (done := small.queue_it(TEXT)).returncode == 0:
        assert small.messages() <= SIZE // len(TEXT)
    assert done.returncode == 53 and b"No space left on device" in done.stderr, done.stderr
    assert small.leftovers() == []
    small.remount(f"size={2 * SIZE}")
    taken_by_all(small)
