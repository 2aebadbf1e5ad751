"""`porpoise run` of a system instance: who runs what, with what, and what happens when it ends."""

import re
import signal
import socket
import subprocess

import pytest

from conftest import wait_for

QUEUE, NETWORK = 50101, 50102


def text(done):
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def one(system, program):
    found = wait_for(lambda: system.processes(program), f"{program}; log:\n{system.log()}")
    assert len(found) == 1, found
    return found[0]


def files_of(system, pid):
    """What its descriptors are, without numbers of inodes."""
    return {fd: re.sub(r":\[[0-9]+\]", "", name) for fd, name in system.descriptors(pid).items()}


def environment_of(system, pid):
    whole = (system.root / "proc" / str(pid) / "environ").read_bytes().decode()
    return sorted(whole.strip("\0").split("\0"))


# -- who

def test_each_part_is_who_it_should_be_and_nothing_more(running_system):
    for program, uid in (("send", QUEUE), ("queue", QUEUE)):
        part = one(running_system, program)
        assert (part["uids"], part["gids"], part["groups"]) == ([uid] * 4, [uid] * 4, [uid]), program
        assert part["status"]["NoNewPrivs"] == "1"
        assert {part["status"][f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
    assert one(running_system, "spawn")["uids"] == [0] * 4


def test_a_part_gets_an_environment_from_nothing(system):
    env = system.environment(SECRET="of root's", PORPOISE_NAMED_FILES="1", LD_LIBRARY_PATH="/tmp")
    with open(system.log_path, "ab") as log:
        system.runner = system.popen("porpoise", "run", env=env, stdout=log, stderr=log)
    for program in ("send", "queue", "spawn"):
        assert environment_of(system, one(system, program)["pid"]) == [
            "PATH=/usr/local/bin:/usr/bin:/bin", "PORPOISE=/var/lib/porpoise"], program


def test_a_part_gets_the_descriptors_it_needs(running_system):
    for program in ("send", "queue"):
        files = files_of(running_system, one(running_system, program)["pid"])
        assert (files[0], files[3]) == ("/dev/null", "socket")
        # What it has opened itself is below the instance, or no file.
        others = {name for fd, name in files.items() if fd > 2 and name.startswith("/")}
        assert all(name.startswith("/var/lib/porpoise") for name in others), (program, others)


def test_a_part_has_a_session_of_its_own(running_system):
    pids = [one(running_system, program)["pid"] for program in ("send", "queue", "spawn")]
    sessions = [(running_system.root / f"proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[3] for pid in pids]
    assert sessions == [str(pid) for pid in pids]


def test_the_sockets_are_for_everybody_and_roots(running_system):
    done = running_system.shell("cd /var/lib/porpoise/run && stat -c '%n %U %a %F' submit control")
    assert done.stdout == b"submit root 666 socket\ncontrol root 666 socket\n"


# -- who may not

def test_nobody_but_root_runs_it(system):
    for user in ("alice", "porpoise", "porpoise-net"):
        assert text(system.run("porpoise", "run", user=user)) == (
            100, "", "porpoise: instance /var/lib/porpoise is the system's: run this as root\n")


def test_a_second_one_is_refused(running_system):
    code, out, err = text(running_system.run("porpoise", "run"))
    assert (code, out) == (111, "")
    assert re.fullmatch(r"porpoise: instance /var/lib/porpoise is running already \(pid [0-9]+\)\n", err)


@pytest.mark.parametrize("harm, complaint", [
    ("chown eve users", "/var/lib/porpoise/users belongs to uid 50003; it has to belong to root (uid 0)"),
    ("chown eve /etc/porpoise", "/var/lib/porpoise/control belongs to uid 50003; it has to belong to root (uid 0)"),
    ("chmod 777 run", "/var/lib/porpoise/run has mode 0777; it has to be 0755"),
    ("chmod 755 queue", "/var/lib/porpoise/queue has mode 0755; it has to be 0700"),
    ("chown root queue", "/var/lib/porpoise/queue belongs to uid 0; it has to belong to porpoise (uid 50101)"),
    ("chown eve alias",
     "/var/lib/porpoise/alias belongs to uid 50003; it has to belong to porpoise-alias (uid 50103)"),
    ("chmod g+w .", "/var/lib/porpoise has mode 0775; it has to be 0755"),
    ("mv users /home/users; ln -s /home/users users", "/var/lib/porpoise/users is no folder"),
])
@pytest.mark.parametrize("part", ["run", "checkpassword"])
def test_another_layout_is_refused(system, harm, complaint, part):
    system.shell(f"cd /var/lib/porpoise && {harm}")
    program = ("porpoise", "run") if part == "run" else ("checkpassword", "--beside", "pop3d")
    done = system.run(*program)
    assert text(done) == (100, "", f"{program[0]}: {complaint}\n")
    assert system.processes("send") == []


# -- what ends, and what comes back

def test_a_part_that_dies_is_started_again(running_system):
    for program in ("queue", "send", "spawn"):
        before = one(running_system, program)["pid"]
        running_system.shell(f"kill -9 {before}")
        wait_for(lambda: [p for p in running_system.processes(program) if p["pid"] != before], f"a new {program}")
        assert f'ended part={program} pid={before} how="killed by signal 9"' in running_system.log()
    assert running_system.run("porpoise", "status", "--wait").returncode == 0
    assert one(running_system, "send")["uids"] == [QUEUE] * 4


def test_term_ends_all_of_it(running_system):
    assert running_system.stop() == 0
    for program in ("send", "queue", "spawn", "porpoise"):
        assert running_system.processes(program) == []
    assert not (running_system.instance / "run/submit").exists()
    assert not (running_system.instance / "run/control").exists()
    assert text(running_system.run("porpoise", "status", user="alice")) == (
        1, "instance: /var/lib/porpoise\nrun: not running\nsend: not running\n"
        "queue: for root and porpoise to see\npop3: not running\n", "")


def test_parts_end_with_a_run_that_is_killed(running_system):
    running_system.stop(signal.SIGKILL)
    for program in ("send", "queue", "spawn"):
        wait_for(lambda: not running_system.processes(program), f"the end of {program}")


def test_it_starts_again_where_one_was_killed(running_system):
    running_system.stop(signal.SIGKILL)
    running_system.start()
    assert running_system.run("porpoise", "status", user="alice").returncode == 0


def test_hup_and_alrm_reach_send(running_system):
    running_system.control("virtualdomains", "no colon\n")
    running_system.runner.send_signal(signal.SIGHUP)
    wait_for(lambda: "unable to reread" in running_system.log() or "virtualdomains" in running_system.log(), "an alert")
    running_system.runner.send_signal(signal.SIGALRM)
    assert running_system.run("porpoise", "status", "--wait").returncode == 0


def test_hup_reaches_the_serving_side_of_queue(running_system):
    """It reads its limits again, with nobody there to be served."""
    before = one(running_system, "queue")["pid"]
    running_system.control("submitlimits", "* hourly=nonsense\n")
    running_system.runner.send_signal(signal.SIGHUP)
    wait_for(lambda: "queue: control/submitlimits line 1: want" in running_system.log(), "a word about it")
    running_system.control("submitlimits", "50001 hourly=1\n")
    running_system.runner.send_signal(signal.SIGHUP)
    done = wait_for(lambda: (d := running_system.run("sendmail", "bob", user="alice", input=b"\nhi\n")).returncode and d, "the limit")
    assert done.returncode == 75 and b"within an hour" in done.stderr
    assert one(running_system, "queue")["pid"] == before


def test_a_wrong_control_file_keeps_it_from_starting(system):
    system.control("pop3port", "nonsense\n")
    code, _, err = text(system.run("porpoise", "run"))
    assert (code, err) == (
        111, 'porpoise: instance /var/lib/porpoise: control/pop3port: "nonsense" is neither a port nor none\n')
    assert not (system.instance / "run/submit").exists()


def test_a_missing_program_keeps_it_from_starting(system):
    code, _, err = text(system.run("porpoise", "run", env=system.environment(PORPOISE_BIN="/tmp")))
    assert (code, err.splitlines()[-1]) == (100, "porpoise: starting /tmp/spawn: No such file or directory")
    assert not (system.instance / "run/submit").exists()
    wait_for(lambda: not system.processes("queue"), "the end of queue")


def test_a_part_that_cannot_start_is_tried_again_after_pauses(system):
    system.shell("mkdir /tmp/bin; cp /mnt/bin/* /tmp/bin; rm /tmp/bin/queue")
    with open(system.log_path, "ab") as log:
        system.runner = system.popen("/tmp/bin/porpoise", "run", stdout=log, stderr=log)
    wait_for(lambda: system.log().count("ended part=queue") >= 2, "two attempts")
    assert "porpoise: starting /tmp/bin/queue: No such file or directory\n" in system.log()
    assert 'how="exit code 111"' in system.log()
    # The rest runs, and it does once it is there.
    assert system.run("porpoise", "status", "--wait").returncode == 0
    system.shell("cp /mnt/bin/queue /tmp/bin/queue")
    wait_for(lambda: system.processes("queue"), "queue")


# -- run/control

def test_everybody_may_ask_whether_it_runs(running_system):
    for user in ("root", "porpoise", "alice", 54321):
        code, out, err = text(running_system.run("porpoise", "status", user=user))
        assert (code, err) == (0, "")
        assert re.fullmatch(
            r"instance: /var/lib/porpoise\nrun: running, pid [0-9]+\nsend: running, pid [0-9]+\n"
            r"queue: 0 messages\npop3: 127.0.0.1:[0-9]+\n", out)


def test_only_root_and_the_owner_retry_all_there_is(running_system):
    for user in ("root", "porpoise"):
        assert text(running_system.run("porpoise", "retry", user=user)) == (0, "0 messages due\n", "")
    for user in ("alice", "porpoise-net", 54321):
        assert text(running_system.run("porpoise", "retry", user=user)) == (
            100, "", "porpoise: only root and porpoise retry all there is: name your messages\n")


def test_with_nothing_running_a_retry_says_what_to_do(system):
    for user in ("root", "alice"):
        assert text(system.run("porpoise", "retry", user=user)) == (
            111, "", "porpoise: instance /var/lib/porpoise: no send runs; porpoise run, as root, starts it\n")


ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(10)
s.connect("/var/lib/porpoise/run/control")
s.sendall(sys.argv[1].encode()); s.shutdown(socket.SHUT_WR)
print(s.makefile().read(), end="")
"""


def test_strangers_commands_are_refused(running_system):
    for command in ("stop\n", "retry ../../etc/passwd\n", "retry \n", "retry " + "0" * 20 + "\n", "\n", "\0\n"):
        asked = ASK.replace("sys.argv[1]", repr(command))
        done = running_system.run("/usr/bin/python3", "-c", asked, user="eve")
        assert done.stdout.startswith(b"-ERR "), (command, done)


# Many connections of one user, that say nothing, half a line, or too much, and read nothing.
FLOOD = """
import socket, sys, time
held = []
for i in range(300):
    s = socket.socket(socket.AF_UNIX); s.setblocking(False)
    try:
        s.connect("/var/lib/porpoise/run/control")
        s.send([b"", b"pi", b"status\\n" * 1000, b"x" * 5000][i % 4])
    except OSError:
        pass
    held.append(s)
print("held", flush=True)
time.sleep(1000)
"""


def test_many_connections_of_one_user_block_nobody(running_system):
    flood = running_system.popen("/usr/bin/python3", "-c", FLOOD, user="eve", stdout=subprocess.PIPE)
    assert flood.stdout.readline() == b"held\n"
    for user in ("root", "alice", "porpoise"):
        assert running_system.run("porpoise", "status", user=user).returncode == 0
    flood.kill()
    flood.stdout.close()


# -- sockets that somebody else has bound

ACTIVATE = "/usr/bin/systemd-socket-activate"
HAND_MADE = """
import os, socket, sys
names, program = sys.argv[1], sys.argv[2:]
for i, name in enumerate(names.split(":")):
    if name == "pop3":
        s = socket.socket(); s.bind(("127.0.0.1", 0))
    elif name == "udp":
        s = socket.socket(type=socket.SOCK_DGRAM)
    else:
        s = socket.socket(socket.AF_UNIX); s.bind("/var/lib/porpoise/run/" + name)
        os.chmod("/var/lib/porpoise/run/" + name, 0o666)
    if name != "udp" and name != "deaf": s.listen()
    os.dup2(s.fileno(), 3 + i)
    os.set_inheritable(3 + i, True)
    s.detach()
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(names.split(":"))), LISTEN_FDNAMES=names)
os.execvp(program[0], program)
"""


def activated(system, names, **options):
    return system.popen("/usr/bin/python3", "-c", HAND_MADE, names, "/mnt/bin/porpoise", "run", **options)


def test_sockets_that_are_given_are_used(system):
    inode = "stat -c %i /var/lib/porpoise/run/submit /var/lib/porpoise/run/control"
    with open(system.log_path, "ab") as log:
        system.runner = activated(system, "submit:control:pop3", stdout=log, stderr=log)
    assert system.run("porpoise", "status", "--wait").returncode == 0, system.log()
    before = system.shell(inode).stdout
    with socket.create_connection(("127.0.0.1", system.pop3_port())) as client:
        assert client.recv(100) == b"+OK mx.here.test POP3 ready\r\n"
    assert environment_of(system, one(system, "send")["pid"]) == [
        "PATH=/usr/local/bin:/usr/bin:/bin", "PORPOISE=/var/lib/porpoise"]
    assert system.stop() == 0
    # They stay for the next start; who knocks meanwhile waits.
    assert system.shell(inode).stdout == before


def test_what_is_not_given_is_bound(system):
    with open(system.log_path, "ab") as log:
        system.runner = activated(system, "control", stdout=log, stderr=log)
    assert system.run("porpoise", "status", "--wait").returncode == 0, system.log()
    assert (system.instance / "run/submit").exists()
    assert system.stop() == 0
    assert not (system.instance / "run/submit").exists()
    assert (system.instance / "run/control").exists()


@pytest.mark.parametrize("names, complaint", [
    ("smtp", "a socket called smtp was given; want submit, control and pop3"),
    ("udp", "descriptor 3 (udp) is no stream socket that listens"),
    ("deaf", "descriptor 3 (deaf) is no stream socket that listens"),
])
def test_other_sockets_are_refused(system, names, complaint):
    process = activated(system, names, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err.decode()) == (100, b"", f"porpoise: {complaint}\n")


def test_sockets_of_another_process_are_not_ours(system):
    system.runner = system.popen("porpoise", "run", env=system.environment(LISTEN_PID="1", LISTEN_FDS="2"))
    assert system.run("porpoise", "status", "--wait").returncode == 0
    assert (system.instance / "run/submit").exists()


def test_systemd_socket_activate_starts_it(system):
    run = "/var/lib/porpoise/run"
    with open(system.log_path, "ab") as log:
        system.runner = system.popen(ACTIVATE, "-l", f"{run}/submit", "-l", f"{run}/control",
                                     "--fdname=submit:control", "/mnt/bin/porpoise", "run", stdout=log, stderr=log)
    wait_for(lambda: (system.instance / "run/control").exists(), "the sockets")
    assert system.processes("send") == []
    # Whoever knocks first starts it, and is served.
    assert system.run("porpoise", "status", "--wait").returncode == 0, system.log()
    assert one(system, "send")["uids"] == [QUEUE] * 4
    assert system.stop() == 0
