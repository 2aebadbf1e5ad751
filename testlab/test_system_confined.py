"""What somebody could do who has taken over a part of a system instance: each is made to try."""

import platform
import shutil
import socket

import pytest

from conv import setups
from conftest import TOP, wait_for

SCRIPT = TOP / "testlab" / "made_to_call.py"
READ, WRITE, CREATE = "0", "1", str(0o101)


@pytest.fixture
def site(system):
    if platform.machine() != "x86_64":
        pytest.skip("made_to_call.py knows the registers of x86-64")
    shutil.copy(SCRIPT, system.root / "root")
    system.write("var/lib/porpoise/users/passwd", f"bob:{setups.SECRET}\n", mode=0o600)
    system.write("home/bob/notes", "of bob\n", "bob")
    return system.start()


@pytest.fixture(params=["popup", "send", "queue", "pop3d"])
def part(site, request):
    """A part that runs, and a function that makes it call."""
    if request.param not in ("popup", "pop3d"):
        site.submit("Subject: x\n\nx\n", "bob", user="alice")  # so that it has begun to serve
        yield request.param, caller(site, request.param)
        return
    with socket.create_connection(("127.0.0.1", site.pop3_port()), timeout=30) as client:
        said = client.makefile("rb")
        assert said.readline().startswith(b"+OK")
        if request.param == "pop3d":
            client.sendall(b"USER bob\r\nPASS secret\r\n")
            assert [said.readline()[:3] for _ in range(2)] == [b"+OK"] * 2
        yield request.param, caller(site, request.param)
        # It is none the worse for it.
        client.sendall(b"QUIT\r\n")
        assert said.readline().startswith(b"+OK")


def caller(site, program):
    pid = wait_for(lambda: site.processes(program), program)[0]["pid"]

    def call(name, *arguments):
        done = site.run("/usr/bin/python3", "/root/made_to_call.py", str(pid), name, *arguments)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()
    return call


def means(site):
    """What this kernel can do: where it lacks something, send says so."""
    return "no Landlock" not in site.log(), "no seccomp" not in site.log()


def test_the_lab_can_make_it_call(site, part):
    name, call = part
    assert int(call("getpid")) > 0
    # popup has no descriptor free.
    assert call("memfd_create", "x", "0") == "EMFILE" if name == "popup" else int(call("memfd_create", "x", "0")) > 0


def test_it_opens_no_file_of_others(site, part):
    name, call = part
    if not means(site)[0]:
        pytest.skip("this kernel has no Landlock")
    refused = "EMFILE" if name == "popup" else "EACCES"
    for path in ("/etc/passwd", "/etc/hostname", "/proc/self/maps", "/", "/var/lib/porpoise/alias/.qmail-root",
                 "/mnt/bin/popup", "/home/bob/notes", "/tmp"):
        assert call("open", path, READ) == refused, (name, path)
    for path in ("/tmp/made-by-a-part", "/var/lib/porpoise/run/made", "/home/bob/made"):
        assert call("open", path, CREATE, "384") == refused, (name, path)
    assert call("mkdir", "/tmp/made-by-a-part", "448") == "EACCES"
    assert call("unlink", "/tmp/made-by-a-part") in ("EACCES", "ENOENT")
    assert not (site.root / "tmp/made-by-a-part").exists()


def test_it_starts_no_program(site, part):
    name, call = part
    landlock, seccomp = means(site)
    if not seccomp:
        pytest.skip("this kernel has no seccomp")
    # send starts bounce, and with it processes; where there is Landlock, nothing else.
    refused = "EACCES" if name == "send" else "EPERM"
    if name != "send":
        assert call("fork") == "EPERM"
    if name != "send" or landlock:
        assert call("execve", "/bin/sh", "0", "0") == refused


def test_it_makes_no_socket_signals_nobody_and_becomes_nobody(site, part):
    _, call = part
    if not means(site)[1]:
        pytest.skip("this kernel has no seccomp")
    for family in ("1", "2", "10", "16"):
        assert call("socket", family, "1", "0") == "EPERM"
    assert call("kill", "1", "9") == "EPERM"
    assert call("ptrace", "16", "1") == "EPERM"
    assert call("setuid", "0") == "EPERM"
    assert call("unshare", str(0x10000000)) == "EPERM"


def test_pop3d_has_its_maildir_and_nothing_else_of_its_user(site):
    if not means(site)[0]:
        pytest.skip("this kernel has no Landlock")
    with socket.create_connection(("127.0.0.1", site.pop3_port()), timeout=30) as client:
        client.sendall(b"USER bob\r\nPASS secret\r\n")
        call = caller(site, "pop3d")
        assert int(call("open", "/home/bob/Maildir/new", READ)) > 0
        assert call("open", "/home/bob/notes", READ) == "EACCES"
        assert call("unlink", "/home/bob/notes") == "EACCES"
    assert (site.home_of("bob") / "notes").exists()


def test_send_reads_no_file_that_a_control_file_leads_to(site):
    if not means(site)[0]:
        pytest.skip("this kernel has no Landlock")
    (site.controls / "virtualdomains").symlink_to("/etc/hostname")
    site.run("porpoise", "retry")
    wait_for(lambda: "unable to reread the routing tables" in site.log(), "an alert")
    assert "control/virtualdomains: Permission denied" in site.log()


def test_bounce_reads_no_file_that_a_control_file_leads_to(site):
    if not means(site)[0]:
        pytest.skip("this kernel has no Landlock")
    (site.controls / "bouncefrom").symlink_to("/etc/hostname")
    site.submit("Subject: x\n\nx\n", "nobody-here", user="alice")
    wait_for(lambda: "control/bouncefrom: Permission denied" in site.log(), "bounce's complaint")
    # The notice waits; with the file mended it is written.
    (site.controls / "bouncefrom").unlink()
    assert len(site.queued()) >= 1
