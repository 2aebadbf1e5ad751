"""spawn of a system instance, as real root, with this test in the place of send."""

import os
import pathlib
import re
import subprocess

import pytest

from conftest import wait_for
from root_spawn import MESSAGE, RootSpawn, add_user
from system import system  # noqa: F401 (a fixture)


@pytest.fixture
def spawn(system):
    made = []

    def start(*options, **more):
        made.append(RootSpawn(system, *options, **more))
        return made[-1]

    yield start
    for one in made:
        one.close()


NO_MAILBOX = ("D", "sorry, no mailbox here by that name (#5.1.1)\n")
WHO = "|echo $(id -u) $(id -g) $(id -G) $USER $HOME $LOCAL $EXT\n"


def who(system, name):
    return system.uid(name)


# -- whose it is


def test_each_gets_it_as_themselves(system, spawn):
    s = spawn()
    for name in ("alice", "bob", "eve"):
        assert s.deliver(f"{name}@here.test") == ("K", "did 1+0+0\n")
        [file] = system.messages(name)
        assert file.read_bytes() == (
            f"Return-Path: <bob@x.test>\nDelivered-To: {name}@here.test\n".encode() + MESSAGE)
        st = file.stat()
        assert (st.st_uid, st.st_gid, st.st_mode & 0o777) == (who(system, name), who(system, name), 0o600)
    assert s.end() == ("", 0)


def test_a_program_runs_with_the_groups_of_a_login(system, spawn):
    system.dot_file("alice", "", WHO)
    assert spawn().deliver("Alice@here.test") == (
        "K", "50001 50001 50001 50010 alice /home/alice Alice\ndid 0+0+1\n")


def test_the_rest_after_a_hyphen_is_the_extension(system, spawn):
    system.dot_file("alice", "list-default", WHO)
    s = spawn()
    assert s.deliver("alice-List-X@here.test") == (
        "K", "50001 50001 50001 50010 alice /home/alice alice-List-X List-X\ndid 0+0+1\n")
    assert s.deliver("alice-other@here.test") == NO_MAILBOX


def test_the_longest_name_of_a_user_is_the_one(system, spawn):
    add_user(system, "alice-ext", 50200)
    s = spawn()
    assert s.deliver("alice-ext@here.test")[0] == "K"
    assert len(list((system.root / "home/alice-ext/Maildir/new").iterdir())) == 1
    assert not system.messages("alice")
    system.dot_file("alice", "ext-b", "./Maildir/\n")
    assert s.deliver("alice-ext-b@here.test") == NO_MAILBOX  # it is alice-ext's, who has no such file


@pytest.mark.parametrize("place,make", [
    ("/home/gone", False), ("/home/alice", False), ("/home/file/below", False)])
def test_whose_home_is_missing_or_anothers_is_no_user(system, spawn, place, make):
    system.write("home/file", "")
    add_user(system, "ghost", 50201, home=place, make=make)
    s = spawn()
    assert s.deliver("ghost@here.test") == NO_MAILBOX
    system.dot_file("alias", "ghost", WHO)
    assert s.deliver("ghost@here.test") == (
        "K", "50103 50103 50103 porpoise-alias /var/lib/porpoise/alias ghost ghost\ndid 0+0+1\n")
    assert not system.messages("alice")


def test_without_a_home_the_next_shorter_name_is_tried(system, spawn):
    add_user(system, "alice-ext", 50200, home="/home/gone", make=False)
    system.dot_file("alice", "ext", WHO)
    assert spawn().deliver("alice-ext@here.test") == (
        "K", "50001 50001 50001 50010 alice /home/alice alice-ext ext\ndid 0+0+1\n")


def test_a_home_that_cannot_be_looked_at_makes_its_mail_wait(system, spawn):
    system.make_folder("home/closed", mode=0o700)
    add_user(system, "far", 50202, home="/home/closed/far")
    assert spawn().deliver("far@here.test") == ("Z", "looking at home /home/closed/far: Permission denied (#4.3.0)\n")


@pytest.mark.parametrize("mode,text", [
    (0o1700, "home /home/alice is being changed: its sticky bit is set (#4.2.1)\n"),
    (0o702, "home /home/alice is writable by everyone (#4.7.0)\n")])
def test_the_home_is_checked_as_ever(system, spawn, mode, text):
    system.home_of("alice").chmod(mode)
    assert spawn().deliver("alice@here.test") == ("Z", text)


# -- nothing as root


@pytest.mark.parametrize("name", ["root", "ROOT", "root-x", "toor"])
def test_roots_mail_goes_where_alias_says(system, spawn, name):
    add_user(system, "toor", 0, gid=50001, home="/root", make=False)
    for ext in ("root", "root-x", "toor"):
        system.dot_file("alias", ext, "|id -u\n")
    assert spawn().deliver(f"{name}@here.test") == ("K", "50103\ndid 0+0+1\n")


def test_nor_with_roots_group(system, spawn):
    add_user(system, "wheel", 50203, gid=0)
    group = system.root / "etc/group"
    group.write_text(group.read_text().replace("root:x:0:\n", "root:x:0:eve\n"))
    system.dot_file("eve", "", "|id -G\n")
    s = spawn()
    assert s.deliver("wheel@here.test") == NO_MAILBOX
    assert s.deliver("eve@here.test") == ("K", "50003\ndid 0+0+1\n")


@pytest.mark.parametrize("name", ["porpoise", "porpoise-net"])
def test_nor_as_who_has_the_queue_or_faces_the_network(system, spawn, name):
    passwd = system.root / "etc/passwd"
    passwd.write_text(passwd.read_text().replace("/nonexistent", "/home/own"))
    (system.root / "home/own").mkdir()
    os.chown(system.root / "home/own", who(system, name), who(system, name))
    assert spawn().deliver(f"{name}@here.test") == NO_MAILBOX


def test_no_way_back_and_nothing_of_spawns(system, spawn):
    system.dot_file("alice", "", "|cat /proc/self/status; ls -l /proc/self/fd; env; ulimit -c; ulimit -n; umask; pwd\n"
                    "|ps -o pid=,sid=,pgid= -p $$\n")
    letter, text = spawn(env=system.environment(SECRET="hidden", LD_LIBRARY_PATH="/nowhere")).deliver("alice@here.test")
    assert letter == "K", text
    for line in ("Uid:\t50001\t50001\t50001\t50001", "Gid:\t50001\t50001\t50001\t50001", "CapInh:\t0000000000000000",
                 "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t0",
                 "Seccomp:\t0", "SigBlk:\t0000000000000000"):
        assert line in text, text
    assert "CapBnd:\t0000000000000000" not in text  # sudo needs it
    assert "SECRET" not in text and "LD_LIBRARY_PATH" not in text
    assert {*re.findall(r" (\d+) -> ", text)} == {"0", "1", "2", "3"}  # 3: the folder that ls reads
    assert "\n0\n1024\n0077\n/home/alice\n" in text
    pid, sid, pgid = text.splitlines()[-2].split()
    assert sid == pgid


def test_what_local_itself_holds(system, spawn):
    """Of the queue, and of other deliveries, it has nothing."""
    system.dot_file("alice", "", "|: >began; exec sleep 60\n")
    s = spawn()
    s.send(1, "alice@here.test")
    wait_for(lambda: (system.home_of("alice") / "began").exists(), "the program")
    [local] = system.processes("local")
    at = system.root / f"proc/{local['pid']}/fd"
    links = {int(f.name): os.readlink(f) for f in at.iterdir()}
    assert all(f <= 4 or link == links[0] for f, link in links.items()), links  # the message anew, for the program
    assert links[0].startswith("/memfd:content") and links[1] == links[2] and links[1].startswith("pipe:")
    assert re.fullmatch(r"/var/lib/porpoise/run/deliveries/50001\.[0-9-]+", links[4])


def test_set_id_programs_of_users_work(system, spawn):
    (system.root / "home/id").write_bytes(pathlib.Path("/usr/bin/id").read_bytes())
    (system.root / "home/id").chmod(0o4755)
    system.dot_file("alice", "", "|/home/id -u\n")
    assert spawn().deliver("alice@here.test") == ("K", "0\ndid 0+0+1\n")


def test_what_spawn_itself_keeps_of_roots_power(system, spawn):
    s = spawn()
    assert s.deliver("alice@here.test")[0] == "K"
    [status] = [p["status"] for p in system.processes("spawn")]
    kept = 1 << 5 | 1 << 6 | 1 << 7  # to end processes, to become a group's, to become a user
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == kept
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0


# -- users/assign


def assign(system, *lines, **more):
    return system.write("var/lib/porpoise/users/assign", "\n".join([*lines, ".", ""]), **more)


def test_the_table_comes_before_the_password_file(system, spawn):
    assign(system, "=alice:virtual:50002:50002:/home/bob:-:virt:")
    system.dot_file("bob", "virt", WHO)
    s = spawn()
    assert s.deliver("alice@here.test") == ("K", "50002 50002 50002 virtual /home/bob alice virt\ndid 0+0+1\n")
    assert s.deliver("eve@here.test")[0] == "K"


def test_a_changed_table_counts_at_once(system, spawn):
    s = spawn()
    for uid, name in ((50002, "bob"), (50003, "eve")):
        assign(system, f"=x:{name}:{uid}:{uid}:/home/{name}:::")
        assert s.deliver("x@here.test")[0] == "K"
        assert len(system.messages(name)) == 1


@pytest.mark.parametrize("line,text", [
    ("=x:root:0:50001:/root:::", "users/assign line 1: nothing is delivered as root (#4.7.0)"),
    ("=x:alice:50001:0:/home/alice:::", "users/assign line 1: nothing is delivered with root's group (#4.7.0)"),
    ("=x:porpoise:50101:50001:/home/alice:::",
     "users/assign line 1: nothing is delivered as uid 50101, which is a part of the mail system's (#4.7.0)"),
    ("=x:net:50102:50001:/home/alice:::",
     "users/assign line 1: nothing is delivered as uid 50102, which is a part of the mail system's (#4.7.0)")])
def test_a_table_that_says_root_makes_its_mail_wait(system, spawn, line, text):
    assign(system, line)
    assert spawn().deliver("x@here.test") == ("Z", text)


@pytest.mark.parametrize("line", ["=x:a:4294967295:50001:/home/alice:::", "=x:a:50001:4294967295:/home/alice:::",
                                  "=x:a:-1:50001:/home/alice:::"])
def test_a_number_that_means_nobody_is_a_damaged_table(system, spawn, line):
    assign(system, line)
    letter, text = spawn().deliver("x@here.test")
    assert letter == "Z" and text.startswith("users/assign line 1: want "), text


@pytest.mark.parametrize("owner,mode,text", [
    ("eve", 0o644, "users/assign belongs to uid 50003; it has to belong to root (#4.3.0)"),
    ("porpoise", 0o644, "users/assign belongs to uid 50101; it has to belong to root (#4.3.0)"),
    ("root", 0o664, "users/assign has mode 0664: others than root may write to it (#4.3.0)"),
    ("root", 0o602, "users/assign has mode 0602: others than root may write to it (#4.3.0)")])
def test_a_table_that_is_not_roots_is_not_believed(system, spawn, owner, mode, text):
    assign(system, "=x:eve:50003:50003:/home/eve:::", user=owner, mode=mode)
    s = spawn()
    assert s.deliver("x@here.test") == ("Z", text)
    assert s.deliver("alice@here.test") == ("Z", text)  # who may be in it
    assign(system, "=x:eve:50003:50003:/home/eve:::")
    assert s.deliver("x@here.test")[0] == "K"


@pytest.mark.parametrize("name", ["defaultdelivery", "remote"])
def test_nor_is_a_control_file_that_says_what_to_run(system, spawn, name):
    system.control(name, "pipe /bin/true\n" if name == "remote" else "|id\n")
    system.own(f"etc/porpoise/{name}", "eve")
    s = spawn()
    s.send(1, "alice@here.test", letter=b"E" if name == "remote" else b"S")
    letter, text = s.report(1)
    assert letter == "Z" and f"control/{name} belongs to uid 50003; it has to belong to root" in text


def test_spawn_refuses_an_instance_that_is_laid_out_otherwise(system, spawn):
    system.own("var/lib/porpoise/users", "eve")
    told, code = spawn().end()
    assert code == 100 and "it has to belong to root" in told


# -- the password file that cannot be asked


PRELOAD = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
typedef int Lookup(const char *, struct passwd *, char *, size_t, struct passwd **);
int getpwnam_r(const char *name, struct passwd *entry, char *room, size_t size, struct passwd **found) {
  if (strncmp(name, "slow", 4) == 0) for (;;) pause();
  if (strcmp(name, "down") == 0) { *found = 0; return ECONNREFUSED; }
  if (strcmp(name, "crash") == 0) abort();
  if (strcmp(name, "liar") == 0) name = "bob";  /* never known by the name that was asked for */
  int e = ((Lookup *)dlsym(RTLD_NEXT, "getpwnam_r"))(name, entry, room, size, found);
  return e;
}
"""


@pytest.fixture
def preload(system, lab):
    source, made = lab.base / "preload.c", system.root / "mnt/preload.so"
    source.write_text(PRELOAD)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(made), str(source)], check=True)
    return system.environment(LD_PRELOAD="/mnt/preload.so")


def test_a_directory_that_is_down_makes_mail_wait(system, spawn, preload):
    system.dot_file("alias", "default", "./Maildir/\n")
    s = spawn(env=preload)
    assert s.deliver("down@here.test") == ("Z", "looking up user down: Connection refused (#4.3.0)")
    assert s.deliver("down-x@here.test") == ("Z", "looking up user down: Connection refused (#4.3.0)")


def test_a_look_up_that_crashes_harms_nobody(system, spawn, preload):
    s = spawn(env=preload)
    assert s.deliver("crash@here.test") == ("Z", "the look-up of an account: killed by signal 6 (#4.3.0)")
    assert s.deliver("alice@here.test")[0] == "K"


def test_slow_look_ups_keep_nobody_waiting_and_are_ended(system, spawn, preload):
    s = spawn("--lookup-seconds", "1", env=preload)
    for slot in range(50):
        s.send(slot, f"slow{slot}@here.test")
    s.send(50, "alice@here.test")
    assert s.report(50) == ("K", "did 1+0+0\n")  # before all others
    text = "the look-up of an account took longer than 1 seconds (#4.3.0)"
    assert s.reports(50) == {slot: ("Z", text) for slot in range(50)}
    assert s.end() == ("", 0)


def test_a_look_up_has_no_privilege_and_cannot_be_watched(system, spawn, preload):
    s = spawn(env=preload)
    s.send(1, "slow@here.test")

    def lookups():
        return [p for p in system.processes("spawn") if p["uids"] == [50102] * 4]

    [found] = wait_for(lookups, "the look-up")
    status = found["status"]
    assert found["gids"] == [50102] * 4 and found["groups"] == [50102]
    assert int(status["CapPrm"], 16) == 0 and status["NoNewPrivs"] == "1"
    pid = found["pid"]
    assert {f.name for f in (system.root / f"proc/{pid}/fd").iterdir()} <= {"0", "1", "2"}
    # Not by others of its uid: the kernel shows them neither its memory nor its descriptors.
    for what in ("mem", "environ", "maps"):
        got = system.run("/bin/cat", f"/proc/{pid}/{what}", user="porpoise-net")
        assert got.returncode != 0 and got.stdout == b"", what
    got = system.run("/bin/ls", f"/proc/{pid}/fd", user="porpoise-net")
    assert got.returncode != 0 and got.stdout == b""


def test_a_burst_for_one_user_is_one_look_up(system, spawn):
    s = spawn(before=TRACE)
    for slot in range(20):
        assert s.deliver("alice@here.test", slot=slot)[0] == "K"
    s.end()
    asked = [call for uid, call in calls(system) if uid == 50102 and '"/etc/passwd"' in call]
    assert 1 <= len(asked) < 20  # two seconds later it is asked again


def test_a_look_up_ends_with_spawn(system, spawn, preload):
    s = spawn(env=preload)
    s.send(1, "slow@here.test")
    wait_for(lambda: len(system.processes("spawn")) == 2, "the look-up")
    s.process.kill()
    wait_for(lambda: not system.processes("spawn"), "nobody")


def test_told_to_end_spawn_waits_for_no_look_up(system, spawn, preload):
    s = spawn(env=preload)
    s.send(1, "slow@here.test")
    wait_for(lambda: len(system.processes("spawn")) == 2, "the look-up")
    s.process.terminate()
    assert s.report(1) == ("Z", "spawn was told to end (#4.3.0)")
    assert s.process.wait(20) == 0


def test_a_source_that_is_not_installed_is_no_outage(system, spawn):
    system.write("etc/nsswitch.conf", "passwd: files nosuch\ngroup: files nosuch\n")
    s = spawn()
    assert s.deliver("alice@here.test")[0] == "K"
    assert s.deliver("somebody@here.test") == NO_MAILBOX


def test_without_a_password_file_mail_waits_but_not_that_of_the_table(system, spawn):
    assign(system, "=x:eve:50003:50003:/home/eve:::")
    s = spawn()
    assert s.deliver("bob@here.test")[0] == "K"
    (system.root / "etc/passwd").unlink()
    assert s.deliver("alice@here.test") == ("Z", "looking up user alice: No such file or directory (#4.3.0)")
    assert s.deliver("x@here.test")[0] == "K"


# -- other hosts


def test_the_program_for_other_hosts_is_the_network_identitys(system, spawn):
    system.write("home/out", "#!/bin/sh\nid -u; id -G; env | sort; umask; pwd; cat; ls /proc/self/fd | tail -1; echo \"$@\"\n", mode=0o755)
    system.control("remote", "pipe /home/out\n")
    s = spawn(env=system.environment(SECRET="x"))
    assert s.deliver("joe@far.test", letter=b"E") == (
        "K", "50102\n50102\nHOME=/\nLOGNAME=porpoise-net\nPATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin\n"
        "PORPOISE=/var/lib/porpoise\nPWD=/\nUSER=porpoise-net\n0077\n/\nS: x\n\nhi\n3\n-f bob@x.test -- joe@far.test")


def test_a_program_for_other_hosts_that_it_may_not_execute_makes_mail_wait(system, spawn):
    system.write("home/out", "#!/bin/sh\n", mode=0o700)
    system.control("remote", "pipe /home/out\n")
    letter, text = spawn().deliver("joe@far.test", letter=b"E")
    assert letter == "Z" and "Permission denied" in text


# -- being killed


def test_the_next_spawn_lets_a_delivery_of_a_killed_one_finish(system, spawn):
    system.dot_file("alice", "", "|trap '' TERM; echo begin >>log; sleep 1.5; echo end >>log\n")
    system.dot_file("alice", "two", "|echo two >>log\n")
    log = system.home_of("alice") / "log"
    first = spawn()
    first.send(1, "alice@here.test")
    wait_for(lambda: log.exists() and log.read_text() == "begin\n", "the program")
    [spawner] = system.processes("spawn")
    [local] = system.processes("local")
    first.process.kill()
    second = spawn()
    second.send(1, "bob@here.test")
    assert second.report(1) == ("K", "did 1+0+0\n")  # nobody else waits
    second.send(2, "alice-two@here.test")
    assert second.report(2) == ("K", "did 0+0+1\n")
    assert not [p for p in system.processes("local") if p["pid"] == local["pid"]]
    assert log.read_text().splitlines()[-1] == "two"


def test_who_holds_on_to_a_mark_harms_only_its_own_mail(system, spawn):
    """A user may do what it likes with its processes: here it stops its local for good."""
    system.dot_file("eve", "", "|kill -STOP $PPID; sleep 600\n")
    first = spawn()
    first.send(1, "eve@here.test")
    wait_for(lambda: [p for p in system.processes("local") if p["status"]["State"].startswith("T")], "a stopped local")
    first.process.kill()
    second = spawn("--grace-seconds", "1")
    assert second.deliver("alice@here.test")[0] == "K"
    assert second.deliver("eve@here.test") == ("Z", "a delivery of an earlier spawn still runs (#4.3.0)\n")
    system.run("/bin/sh", "-c", "kill -KILL $(pidof local)", user="eve")
    system.dot_file("eve", "", "./Maildir/\n")
    assert second.deliver("eve@here.test")[0] == "K"


def test_when_send_is_gone_what_runs_is_finished_first(system, spawn):
    system.dot_file("alice", "", "|sleep 1; echo done >log\n")
    first = spawn()
    first.send(1, "alice@here.test")
    wait_for(lambda: system.processes("local"), "local")
    first.ours.close()
    second = spawn()
    second.send(1, "bob@here.test")
    assert second.report(1)[0] == "K"
    assert (system.home_of("alice") / "log").read_text() == "done\n"
    assert first.process.wait(20) == 0


def test_spawn_killed_tells_its_deliveries_to_end(system, spawn):
    system.dot_file("alice", "", "|: >began; exec tail -f /dev/null\n")
    s = spawn()
    s.send(1, "alice@here.test")
    wait_for(lambda: (system.home_of("alice") / "began").exists(), "the program")
    s.process.kill()
    wait_for(lambda: not system.processes("local") and not system.processes("tail"), "nobody")


def test_a_user_that_stops_its_delivery_stops_nobody_elses(system, spawn):
    system.dot_file("eve", "", "|kill -STOP $PPID; sleep 600\n")
    s = spawn("--delivery-seconds", "1", "--grace-seconds", "1")
    s.send(1, "eve@here.test")
    wait_for(lambda: [p for p in system.processes("local") if p["status"]["State"].startswith("T")], "a stopped local")
    s.send(2, "alice@here.test")
    assert s.report(2)[0] == "K"
    letter, text = s.report(1)
    assert letter == "Z" and "took longer than 1 seconds" in text


def test_many_at_once(system, spawn):
    s = spawn()
    names = ("alice", "bob", "eve")
    for slot in range(150):
        s.send(slot, f"{names[slot % 3]}@here.test")
    assert s.reports(150) == {slot: ("K", "did 1+0+0\n") for slot in range(150)}
    assert [len(system.messages(n)) for n in names] == [50, 50, 50]


def test_progress_goes_both_ways(system, spawn):
    system.dot_file("alice", "", "./Maildir/\n|exit 111\n")
    s = spawn()
    s.send(1, "alice@here.test")
    kind, _, note = s.receive()
    assert kind == "P" and s.receive()[0] == "R"
    s.send(1, "alice@here.test", progress=note)
    assert s.report(1)[0] == "Z"
    assert len(system.messages("alice")) == 1


# -- the trace


def calls(system):
    """Every system call of an strace -ff: (the uid it was made as, its text). None: not changed yet."""
    files = {f.name.split(".")[1]: f.read_text().splitlines() for f in (system.root / "mnt").glob("trace.*")}
    forked = {m[1] for lines in files.values() for l in lines if (m := re.match(r"(?:v?fork|clone3?)\(.*= (\d+)$", l))}
    todo = [(pid, None) for pid in files if pid not in forked]
    while todo:
        pid, uid = todo.pop()
        for line in files[pid]:
            if m := re.match(r"(?:v?fork|clone3?)\(.*= (\d+)$", line):
                todo.append((m[1], uid))
            if m := re.match(r"setresuid\((\d+), \1, \1\)\s+= 0", line):
                uid = int(m[1])
            yield uid, line


TRACE = ["/usr/bin/strace", "-ff", "-q", "-s", "200", "-o", "/mnt/trace"]


def test_nothing_of_a_users_is_opened_before_the_switch(system, spawn):
    """What names or opens a home, or anything in it, does so as its user; and with the power that
    spawn has kept it could do nothing else."""
    system.dot_file("alice", "", "./Maildir/\n|cat >copy\n")
    system.dot_file("bob", "x", "./Maildir/\n")
    add_user(system, "ghost", 50201, home="/home/eve", make=False)
    s = spawn(before=TRACE)
    for slot, name in enumerate(["alice", "bob-x", "eve", "ghost", "ghost-x", "nobody"]):
        s.send(slot, f"{name}@here.test")
    assert [letter for _, (letter, _) in sorted(s.reports(6).items())] == ["K", "K", "K", "D", "D", "D"]
    assert s.end()[1] == 0
    seen, became = set(), set()
    for uid, call in calls(system):
        became.add(uid)
        if call.startswith("execve(\"/mnt/bin/local\""):
            assert uid in (50001, 50002, 50003, 50103), call  # its arguments name the home
            continue
        # The password file itself says the homes, between colons.
        seen |= {(home, uid) for home in re.findall(r"\"(/home/\w+)[/\"]", call)}
    assert seen == {("/home/alice", 50001), ("/home/bob", 50002), ("/home/eve", 50003), ("/home/eve", 50201)}
    # The last two have no home of their own, and alias/ gets their mail.
    assert became == {None, 50001, 50002, 50003, 50102, 50103, 50201, 65534}


# -- when the kernel refuses a part of it, or only says that it has done it


SWITCH = ["setgroups", "setresgid", "setresuid", "getresuid", "getresgid", "prctl", "setsid", "chdir", "dup2", "close_range", "prlimit64",
          "execve", "fstat", "newfstatat", "getpriority", "clone", "pipe2", "seccomp", "capset"]


@pytest.mark.parametrize("call", SWITCH)
def test_a_switch_that_fails_is_no_delivery(system, spawn, call):
    """By strace, at every one of these calls in turn: nothing runs as anybody but the recipient, and spawn
    goes on."""
    who = system.write("mnt/who", "", mode=0o666)
    system.dot_file("alice", "", "|echo $(id -u) $(id -g) $(id -G) >>/mnt/who\n")
    for nth in range(1, 9):
        s = spawn(before=["/usr/bin/strace", "-f", "-q", "-o", "/dev/null", f"--inject={call}:error=EAGAIN:when={nth}"])
        s.send(1, "alice@here.test")
        try:
            kind, *rest = s.receive() or ("end",)
            while kind == "P":
                kind, *rest = s.receive()
        except ConnectionResetError:  # it did not begin
            kind = "end"
        assert kind == "end" or rest[1] in "KZ", (call, nth, rest)
        s.close()
    assert set(who.read_text().splitlines()) <= {"50001 50001 50001 50010"}


@pytest.mark.parametrize("call", ["setgroups", "setresgid", "setresuid"])
def test_a_switch_that_is_only_pretended_is_no_delivery(system, spawn, call):
    who = system.write("mnt/who", "", mode=0o666)
    system.dot_file("alice", "", "|echo $(id -u) $(id -g) $(id -G) >>/mnt/who\n")
    assign(system, "=x:alice:50001:50001:/home/alice:::")  # so that there is no look-up before
    s = spawn(before=["/usr/bin/strace", "-f", "-q", "-o", "/dev/null", f"--inject={call}:retval=0:when=1"])
    letter, text = s.deliver("x@here.test")
    assert (letter, who.read_text()) == ("Z", ""), text


# -- those who only ask


def test_try_says_what_spawn_does(system):
    system.dot_file("alice", "list", "&joe@far.test\n")
    done = system.run("porpoise", "try", "alice-list@here.test")
    assert done.returncode == 0, done
    assert b"account: alice, uid 50001, home /home/alice: the password file\n" in done.stdout
    add_user(system, "ghost", 50201, home="/home/alice", make=False)
    done = system.run("porpoise", "try", "ghost@here.test")
    assert done.returncode == 100 and b"uid 50103, home /var/lib/porpoise/alias: alias/\n" in done.stdout
    done = system.run("porpoise", "try", "alice-list@here.test", user="alice")
    assert done.returncode == 0 and b"cannot tell" not in done.stdout


def test_try_of_somebody_who_may_not_look_says_so(system):
    system.dot_file("alice", "list", "./Maildir/\n")
    done = system.run("porpoise", "try", "alice-list@here.test", user="eve")
    assert b"cannot tell: only root and alice see all of /home/alice\n" in done.stdout
    assert done.returncode == 111


def test_try_as_root_reads_nothing_as_root(system):
    system.dot_file("alice", "", "./Maildir/\n")
    done = system.run(*TRACE, f"{system.bin}/porpoise", "try", "alice@here.test")
    assert done.returncode == 0, done
    found = {uid for uid, call in calls(system) if "\"/home/alice" in call and not call.startswith("execve(")}
    assert found == {50001}


def test_rcpt_says_what_it_can(system):
    """sendmail -bs asks as whoever called it: what it may not see it takes."""
    system.dot_file("alice", "list", "./Maildir/\n")
    add_user(system, "ghost", 50201, home="/home/alice", make=False)
    script = "EHLO x\nMAIL FROM:<eve@here.test>\n" + "".join(
        f"RCPT TO:<{name}@here.test>\n" for name in ("alice", "alice-list", "eve-list", "nosuch", "postmaster", "porpoise")) + "QUIT\n"
    done = system.run("sendmail", "-bs", user="eve", input=script.replace("\n", "\r\n").encode())
    codes = [int(l[:3]) for l in done.stdout.decode().splitlines() if re.match(r"\d{3} ", l)]
    # alice; hers to know; eve has no such file; nobody; an alias; nobody, since it is the queue's
    assert codes[3:9] == [250, 250, 550, 550, 250, 550], done.stdout.decode()
