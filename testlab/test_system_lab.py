"""The harness of system instances itself: what is in there stays in there, and ends with it."""

import os
import pathlib
import signal
import subprocess
import sys

from conftest import BUILD, TOP, wait_for


def test_users_are_who_they_should_be(system):
    assert system.run("id", user="alice").stdout == (
        b"uid=50001(alice) gid=50001(alice) groups=50001(alice),50010(friends)\n")
    assert system.run("id", user="root").stdout == b"uid=0(root) gid=0(root) groups=0(root)\n"
    assert system.run("id", user="porpoise-net").stdout == (
        b"uid=50102(porpoise-net) gid=50102(porpoise-net) groups=50102(porpoise-net)\n")
    assert system.run("id", user=54321).stdout == b"uid=54321 gid=54321 groups=54321\n"


def test_a_user_is_at_home_and_has_what_a_login_gives(system):
    done = system.shell('pwd; echo "$HOME $USER"; env | wc -l', user="bob")
    assert done.stdout.decode().split() == ["/home/bob", "/home/bob", "bob", "6"]


def test_homes_are_private(system):
    done = system.run("ls", "/home/bob", user="eve")
    assert (done.returncode, done.stdout) == (2, b"")


def test_nothing_of_it_is_outside(system):
    system.write("etc/porpoise-lab-was-here", "x")
    system.run("useradd", "--system", "--no-create-home", "porpoise-lab-user")
    assert system.run("id", "porpoise-lab-user").returncode == 0
    assert not pathlib.Path("/etc/porpoise-lab-was-here").exists()
    assert b"porpoise-lab-user" not in pathlib.Path("/etc/passwd").read_bytes()
    assert str(system.root) not in pathlib.Path("/proc/self/mounts").read_text()


def test_programs_in_there_see_their_own_processes(system):
    done = system.shell("ls -d /proc/[0-9]* | wc -l; echo $$")
    count, own = map(int, done.stdout.split())
    assert count < 10 and own < 100


def test_no_new_privs_is_set_where_asked(system):
    shown = system.run("grep", "NoNewPrivs", "/proc/self/status", user="alice", no_new_privs=True).stdout
    assert shown.split() == [b"NoNewPrivs:", b"1"]


def test_a_program_finds_the_instance_by_itself(system):
    done = system.run("qread", user="porpoise")
    assert (done.returncode, done.stderr) == (0, b"")


def test_processes_are_found_by_name(system):
    process = system.popen("sleep", "1000", user="eve")
    found = wait_for(lambda: [p for p in system.processes("sleep") if p["uids"][0] == 50003], "sleep")
    assert (found[0]["gids"], found[0]["groups"]) == ([50003] * 4, [50003])
    process.kill()


def test_all_of_it_ends_when_it_is_closed(system):
    left = system.popen("/bin/sh", "-c", "trap '' TERM HUP; sleep 1000 & wait")
    wait_for(lambda: system.processes("sleep"), "sleep")
    system.close()
    assert left.returncode is not None
    assert not system.root.exists()
    system.close = lambda: None


# The whole of pytest is killed, and has no time to clean up.
KILLED = """
import os, signal, system
def test_it(system):
    system.popen("sleep", "1000")
    print(system._first, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_all_of_it_ends_with_pytest(home, system):
    (home / "test_killed.py").write_text(KILLED)
    (home / "conftest.py").write_text((TOP / "testlab" / "conftest.py").read_text())
    env = dict(os.environ, PORPOISE_BUILD=str(BUILD), PYTHONPATH=str(TOP / "testlab"), TMPDIR=str(home))
    env.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-s", "-q", home / "test_killed.py"],
                          env=env, stdout=subprocess.PIPE, timeout=60)
    assert done.returncode == -signal.SIGKILL
    first = int(done.stdout.split()[-1])
    wait_for(lambda: not pathlib.Path(f"/proc/{first}/root/mnt").exists(), "the end of its first process")
