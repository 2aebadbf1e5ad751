"""A system instance whose parts are killed while mail of several users goes through: what was
acknowledged arrives, whole, as its recipient's, and hardly twice; nothing runs as anybody else."""

import random
import subprocess
import time

import pytest

from conftest import wait_for
from system import running_system, system  # noqa: F401 (fixtures)

USERS = ("alice", "bob", "eve")
MESSAGES = 24
KILLS = 3

# Each user submits, one message after another; what was acknowledged is printed.
SUBMIT = r"""
for i in $(seq %d); do
  for to in alice bob eve; do
    printf 'Subject: '$USER-$i-$to'\n\nbegin\n%%02000d\nend\n' 7 | sendmail $to@here.test $to-log@here.test && echo $USER-$i-$to
  done
done
""" % (MESSAGES // 3)


def pids(system, victim):
    return [p["pid"] for p in system.processes(victim)]


@pytest.mark.parametrize("victim", ["spawn", "send", "local", "queue", "porpoise"])
def test_killed_again_and_again_nothing_is_lost(running_system, victim):
    system, dice = running_system, random.Random(victim)
    for name in USERS:
        system.dot_file(name, "log", "|echo $(id -u) $(grep -a ^Subject) >>log\n")
    clients = [system.popen("/bin/sh", "-c", SUBMIT, user=name, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for name in USERS]
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.05, 0.3))
        found = wait_for(lambda: pids(system, victim) or not any(c.poll() is None for c in clients), f"a {victim} to kill")
        if found is not True:
            system.run("/bin/kill", "-KILL", str(dice.choice(found)))
        if victim == "porpoise":
            system.runner.wait(20)
            system.start()
    acknowledged = set()
    for client in clients:
        acknowledged |= set(client.communicate(timeout=120)[0].decode().split())
    assert len(acknowledged) >= MESSAGES  # 3 users, of 24 messages each

    def settled():
        for pid in pids(system, "send"):
            system.run("/bin/kill", "-ALRM", str(pid))  # all that waits is due now
        time.sleep(0.2)
        return not system.queued()

    wait_for(settled, f"an empty queue; log:\n{system.log()[-3000:]}", 60)
    for name in USERS:
        uid = system.uid(name)
        arrived = {}
        for file in system.messages(name):
            octets, st = file.read_bytes(), file.stat()
            assert octets.endswith(b"\nend\n") and b"\nbegin\n" in octets, file
            assert (st.st_uid, st.st_gid) == (uid, uid)
            subject = octets.split(b"Subject: ", 1)[1].split(b"\n", 1)[0].decode()
            arrived[subject] = arrived.get(subject, 0) + 1
        wanted = {s for s in acknowledged if s.endswith(f"-{name}")}
        assert wanted <= arrived.keys(), wanted - arrived.keys()
        assert max(arrived.values()) <= 1 + KILLS
        log = (system.home_of(name) / "log").read_text().splitlines()
        assert {line.split()[0] for line in log} == {str(uid)}
        assert wanted <= {line.split()[-1] for line in log}
    left = [f.name for f in (system.instance / "queue/tmp").iterdir()]
    assert len(left) <= KILLS * 4, left
    assert system.stop() == 0
    assert not system.processes("local") and not system.processes("spawn")


def test_who_takes_the_place_of_a_killed_serving_side_has_the_queue_looked_at(running_system):
    """Killed between a message's name and its trigger, it leaves mail that send knows nothing of."""
    system = running_system
    trigger = system.instance / "queue/trigger"
    trigger.rename(trigger.with_name("away"))
    system.submit("Subject: x\n\nend\n", "alice@here.test", user="porpoise")
    trigger.with_name("away").rename(trigger)
    assert len(system.queued()) == 1
    [pid] = pids(system, "queue")
    system.run("/bin/kill", "-KILL", str(pid))
    assert system.message("alice").endswith(b"end\n")
