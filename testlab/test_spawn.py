"""spawn: the real program, with this test in the place of send."""

import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from conftest import PATIENCE, processes_about, wait_for

MESSAGE = b"S: x\n\nhi\n"


class Spawn:
    """A running spawn and its socket."""

    def __init__(self, instance, *options, env=None):
        self.instance = instance
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.settimeout(PATIENCE)
        lab = instance.lab
        # bash, since the descriptor's number may have two digits
        self.process = instance.popen(
            "/bin/bash", "-c", f'exec "$0" "$@" 3<&{theirs.fileno()}', lab.program("spawn"),
            "--instance", instance.path, *options, pass_fds=(theirs.fileno(),),
            stderr=subprocess.PIPE, env=env)
        theirs.close()

    def send(self, slot, recipient, message=MESSAGE, sender="bob@x.test", progress=""):
        text = b"".join(str(f).encode() + b"\0" for f in (slot, sender, recipient, progress))
        if message is None:
            return self.ours.send(b"S" + text)
        fd = os.memfd_create("content")
        os.write(fd, message)
        os.fchmod(fd, 0o444)
        socket.send_fds(self.ours, [b"S" + text], [fd])
        os.close(fd)

    def receive(self):
        """(letter, slot, *rest) of the next message; None at the end."""
        text = self.ours.recv(20000)
        if not text:
            return None
        assert text.endswith(b"\0")
        slot, *rest = text[1:-1].decode().split("\0")
        return (chr(text[0]), int(slot), *rest)

    def report(self, slot, notes=None):
        """The report of `slot`: (letter, text, note)."""
        while True:
            kind, of, *rest = self.receive()
            if kind == "P" and notes is not None:
                notes.append(rest[0])
            if kind == "R":
                assert of == slot
                return tuple(rest)

    def deliver(self, recipient, slot=1, notes=None, **more):
        self.send(slot, recipient, **more)
        return self.report(slot, notes)

    def end(self):
        """Closes the socket; what it said, and its exit code."""
        self.ours.close()
        told = self.process.communicate(timeout=60)[1]
        return told.decode(), self.process.returncode


@pytest.fixture
def spawn(instance):
    made = []

    def start(*options, **more):
        made.append(Spawn(instance, *options, **more))
        return made[-1]

    yield start
    for one in made:
        one.process.kill()
        one.process.communicate()
        one.ours.close()


def local_of(instance):
    """The pids of running `local`s of this instance."""
    found = []
    for pid in processes_about(str(instance.folder)):
        try:
            if pathlib.Path(f"/proc/{pid}/comm").read_text() == "local\n":
                found.append(pid)
        except OSError:
            pass
    return found


# -- the command line


def test_help(lab):
    done = lab.run("spawn", "--help")
    assert done.returncode == 0 and done.stdout.startswith(b"usage: spawn ")


@pytest.mark.parametrize("args", [["x"], ["--what"], ["--delivery-seconds", "x"]])
def test_a_wrong_line_is_100(lab, args):
    assert lab.run("spawn", *args).returncode == 100


def test_without_a_socket_it_is_100(instance):
    done = instance.run("spawn")
    assert (done.returncode, done.stderr) == (
        100, b"spawn: descriptor 3 is not the socket of send\n")


def test_somebody_elses_instance_is_100(instance, spawn):
    owner = f"owner:{instance.lab.uid + 1}:{instance.lab.gid}:{instance.home}\n"
    instance.control("owner", owner)
    told, code = spawn().end()
    assert code == 100 and "run this as that user" in told


# -- deliveries


def test_a_message_is_delivered(instance, spawn):
    s = spawn()
    assert s.deliver("alice@here.test")[:2] == ("K", "did 1+0+0\n")
    [file] = instance.messages("alice")
    assert file.read_bytes() == (
        b"Return-Path: <bob@x.test>\nDelivered-To: alice@here.test\n" + MESSAGE)
    assert s.end() == ("", 0)


def test_the_owner_gets_what_names_nobody_else(instance, spawn):
    instance.lab.write(instance.path / "alias" / ".qmail-sales-default", "|echo got $EXT $DEFAULT\n")
    s = spawn()
    assert s.deliver("owner@here.test")[0] == "K"
    assert s.deliver("Sales-North@here.test")[:2] == ("K", "got Sales-North North\ndid 0+0+1\n")
    assert s.deliver("nobody@here.test") == (
        "D", "sorry, no mailbox here by that name (#5.1.1)\n", "")


@pytest.mark.parametrize("recipient,report", [
    ("@here.test", ("D", "sorry, no mailbox here by that name (#5.1.1)", "")),
    ("alice", ("D", "the address has no domain (#5.1.3)", ""))])
def test_an_address_that_is_none_never_reaches_local(instance, spawn, recipient, report):
    assert spawn().deliver(recipient) == report


def test_root_and_others_get_nothing(instance, spawn):
    lab = instance.lab
    lab.write(instance.path / "users" / "assign",
              f"=toor:root:0:0:/root:::\n=eve:eve:{lab.uid + 1}:1:/home:::\n.\n")
    s = spawn()
    assert s.deliver("toor@here.test") == (
        "Z", "users/assign line 1: nothing is delivered as root (#4.7.0)", "")
    letter, text, _ = s.deliver("eve@here.test")
    assert letter == "Z" and text.startswith("users/assign line 2: user eve has uid ")


def test_a_damaged_table_waits_until_it_is_mended(instance, spawn):
    good = (instance.path / "users" / "assign").read_text()
    s = spawn()
    instance.lab.write(instance.path / "users" / "assign", "nonsense\n.\n")
    letter, text, _ = s.deliver("alice@here.test")
    assert letter == "Z" and text.startswith("users/assign line 1: want ")
    instance.lab.write(instance.path / "users" / "assign", good)
    assert s.deliver("alice@here.test")[0] == "K"


def test_the_default_delivery_is_the_instances(instance, spawn):
    s = spawn()
    instance.control("defaultdelivery", "|echo one\n|echo two\n")
    assert s.deliver("alice@here.test")[:2] == ("K", "one\ntwo\ndid 0+0+2\n")
    (instance.path / "control" / "defaultdelivery").unlink()
    assert s.deliver("alice@here.test")[:2] == ("K", "did 1+0+0\n")


def test_the_code_of_local_is_the_letter(instance, spawn):
    """71, 74, 75 and signals need another `local`."""
    folder = instance.lab.folder(instance.folder / "bin")
    instance.lab.write(folder / "local",
                       '#!/bin/sh\necho "said $4"\ncase $4 in kill) kill -9 $$;; esac\nexit $4\n',
                       0o755)
    s = spawn(env=instance.environment(PORPOISE_BIN=folder))
    for code in (0, 1, 64, 70, 71, 74, 75, 99, 100, 101, 111, 112, 127, 255):
        letter = "K" if code == 0 else "Z" if code in (71, 74, 75, 111) else "D"
        assert s.deliver(f"{code}@here.test") == (letter, f"said {code}\n", ""), code
    assert s.deliver("kill@here.test") == (
        "Z", "said kill\nlocal: killed by signal 9 (#4.3.0)\n", "")


def test_a_silent_failure_gets_words(instance, spawn):
    instance.dot_file("alice", "", "|exit 100\n")
    assert spawn().deliver("alice@here.test") == ("D", "local: exit code 100 (#5.3.0)\n", "")


def test_a_missing_local_waits(instance, spawn):
    s = spawn(env=instance.environment(PORPOISE_BIN=instance.folder))
    assert s.deliver("alice@here.test") == (
        "Z", f"starting {instance.folder}/local: No such file or directory (#4.3.0)", "")


def test_a_long_report_is_cut(instance, spawn):
    instance.dot_file("alice", "", "|head -c 1000000 /dev/zero | tr '\\0' x; exit 100\n")
    letter, text, _ = spawn().deliver("alice@here.test")
    assert letter == "D" and len(text) == 3000
    assert text.endswith("x\n(the report was longer)\n")


def test_local_sees_nothing_of_ours(instance, spawn):
    folder = instance.lab.folder(instance.folder / "bin")
    instance.lab.write(folder / "local", "#!/bin/sh\nexec /usr/bin/env\n", 0o755)
    s = spawn(env=instance.environment(PORPOISE_BIN=folder, SECRET="1", QMAILQUEUE="/bin/false"))
    _, text, _ = s.deliver("alice@here.test", progress="a note")
    seen = set(text.splitlines())
    assert seen == {"PATH=/usr/local/bin:/usr/bin:/bin", f"PORPOISE={instance.path}",
                    "PORPOISE_PROGRESS_FD=3", "PORPOISE_PROGRESS=a note",
                    f"PORPOISE_BIN={folder}", "PWD=/"}


def test_many_at_once_do_not_wait_for_each_other(instance, spawn):
    fifo = instance.folder / "fifo"
    os.mkfifo(fifo)
    os.chmod(fifo, 0o666)
    instance.dot_file("alice", "", f"|read x <{fifo}\n")
    s = spawn()
    for slot in range(20):
        s.send(slot, "alice@here.test")
    s.send(100, "bob@here.test")
    assert s.report(100)[0] == "K"  # while twenty wait
    with open(fifo, "w") as gate:
        wait_for(lambda: len(local_of(instance)) == 20, "twenty deliveries")
        gate.write("x\n" * 20)
        gate.flush()
        done = set()
        while len(done) < 20:
            kind, slot, *rest = s.receive()
            if kind == "R":
                assert rest[0] in "KZ"
                done.add(slot)
    assert done == set(range(20))


def test_a_background_grandchild_holds_nothing(instance, spawn):
    instance.dot_file("alice", "", "|sleep 1000 & echo $! >child; echo early\n")
    s = spawn()
    assert s.deliver("alice@here.test")[:2] == ("K", "early\ndid 0+0+1\n")
    child = int((instance.home_of("alice") / "child").read_text())
    assert pathlib.Path(f"/proc/{child}").exists()
    assert s.end() == ("", 0)
    os.kill(child, signal.SIGKILL)


# -- progress


def test_notes_come_at_once_and_the_last_with_the_report(instance, spawn):
    instance.dot_file("alice", "", "|true\n|echo x >>second; test -f mended\n")
    s = spawn()
    notes = []
    letter, text, note = s.deliver("alice@here.test", notes=notes)
    assert (letter, text) == ("Z", ".qmail line 2: exit code 1 (#4.3.0)\n")
    assert notes == [note] and note.endswith(" done=1")
    # An attempt that adds nothing leaves what was done before.
    notes = []
    assert s.deliver("alice@here.test", progress=note, notes=notes)[2] == note
    assert notes == []
    instance.lab.write(instance.home_of("alice") / "mended", "")
    assert s.deliver("alice@here.test", progress=note)[0] == "K"
    assert (instance.home_of("alice") / "second").read_text() == "x\n" * 3


# -- time and the end


def test_a_delivery_that_takes_too_long_is_ended(instance, spawn):
    instance.dot_file("alice", "", "|true\n|sleep 1000\n")
    letter, text, note = spawn("--delivery-seconds", "1").deliver("alice@here.test")
    assert letter == "Z" and note.endswith(" done=1")
    assert text == ("the delivery was told to end (#4.3.0)\n"
                    "the delivery took longer than 1 seconds and was ended (#4.3.0)\n")


def test_when_send_is_gone_what_runs_is_finished(instance, spawn):
    instance.dot_file("alice", "", "|touch began; while [ ! -f go ]; do sleep 0.01; done\n./Maildir/\n")
    home = instance.home_of("alice")
    s = spawn()
    s.send(1, "alice@here.test")
    wait_for(lambda: (home / "began").exists(), "the delivery")
    s.ours.close()
    second = spawn()
    second.send(7, "bob@here.test")
    time.sleep(0.2)  # room for a mistake to show; nothing depends on it
    assert instance.messages("bob") == [] and s.process.poll() is None
    instance.lab.write(home / "go", "")
    assert s.process.wait(60) == 0
    assert len(instance.messages("alice")) == 1
    assert second.report(7)[0] == "K"
    assert second.end() == ("", 0)


def test_a_killed_spawn_takes_its_deliveries_along_before_the_next_begins(instance, spawn):
    instance.dot_file("alice", "", "|touch began; sleep 1000\n")
    s = spawn()
    s.send(1, "alice@here.test")
    wait_for(lambda: (instance.home_of("alice") / "began").exists(), "the delivery")
    s.process.kill()
    second = spawn()
    assert second.deliver("bob@here.test")[0] == "K"
    assert local_of(instance) == []


def test_one_that_waits_for_the_lock_ends_with_send(instance, spawn):
    instance.dot_file("alice", "", "|touch began; while [ ! -f go ]; do sleep 0.01; done\n")
    home = instance.home_of("alice")
    s = spawn()
    s.send(1, "alice@here.test")
    wait_for(lambda: (home / "began").exists(), "the delivery")
    assert spawn().end() == ("", 0)
    instance.lab.write(home / "go", "")
    assert s.report(1)[0] == "K"


def test_sigterm_ends_the_deliveries_and_reports_them(instance, spawn):
    instance.dot_file("alice", "", "|touch began; sleep 1000\n")
    s = spawn()
    s.send(1, "alice@here.test")
    wait_for(lambda: (instance.home_of("alice") / "began").exists(), "the delivery")
    s.process.terminate()
    assert s.report(1) == ("Z", "the delivery was told to end (#4.3.0)\n", "")
    assert s.receive() is None
    assert s.process.wait(60) == 0


def test_a_key_in_the_terminal_ends_nothing(instance, spawn):
    s = spawn()
    assert s.deliver("alice@here.test")[0] == "K"
    s.process.send_signal(signal.SIGINT)
    s.process.send_signal(signal.SIGHUP)
    assert s.deliver("alice@here.test")[0] == "K"


# -- nonsense


def test_nonsense_harms_nothing(instance, spawn):
    s = spawn()
    for text in (b"x", b"S", b"S1\0", b"S1\0a\0b\0c", b"S-1\0a\0b@c\0\0", b"R1\0K\0x\0\0",
                 b"\0" * 100, b"S" + b"9" * 100 + b"\0a\0b@c\0\0", b"S1\0" + b"a" * 20000,
                 os.urandom(1000)):
        s.ours.send(text)
    assert s.deliver("alice@here.test")[0] == "K"
    told, code = s.end()
    assert code == 0 and told.count("makes no sense") == 9 and told.count("longer than") == 1


def test_a_delivery_without_its_message_waits(spawn):
    assert spawn().deliver("alice@here.test", message=None) == (
        "Z", "the message did not come with its delivery (#4.3.0)", "")


def test_a_slot_in_use_is_not_given_twice(instance, spawn):
    instance.dot_file("alice", "", "|touch began; while [ ! -f go ]; do sleep 0.01; done\n")
    home = instance.home_of("alice")
    s = spawn()
    s.send(1, "alice@here.test")
    wait_for(lambda: (home / "began").exists(), "the delivery")
    s.send(1, "bob@here.test")
    assert s.deliver("carl@here.test", slot=2)[0] == "K"
    instance.lab.write(home / "go", "")
    assert s.report(1)[:2] == ("K", "did 0+0+1\n")
    assert instance.messages("bob") == []
    assert s.end() == ("spawn: slot 1 is in use already\n", 0)


def test_an_endless_flood_of_notes_is_survived(instance, spawn):
    folder = instance.lab.folder(instance.folder / "bin")
    instance.lab.write(folder / "local",
                       "#!/bin/sh\nhead -c 30000000 /dev/zero | tr '\\0' n >&3\n"
                       "head -c 1000000 /dev/zero >&3\nprintf 'last\\0' >&3\n", 0o755)
    s = spawn(env=instance.environment(PORPOISE_BIN=folder))
    assert s.deliver("alice@here.test") == ("K", "", "last")
