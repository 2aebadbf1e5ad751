"""POP3 in a system instance: who hears the client, who looks at passwords, who reads the mail."""

import socket

import pytest

from conftest import wait_for
from conv import setups

SECRET = setups.SECRET  # the hash of "secret"
GREETING = b"+OK mx.here.test POP3 ready\r\n"
WRONG = b"-ERR [AUTH] wrong name or password\r\n"
TROUBLE = b"-ERR [SYS/TEMP] login is not possible now\r\n"


class Client:
    def __init__(self, system):
        self.socket = socket.create_connection(("127.0.0.1", system.pop3_port()), timeout=30)
        self.lines = self.socket.makefile("rb")

    def __enter__(self):
        assert self.lines.readline() == GREETING
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def say(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.lines.readline()

    def login(self, name, password="secret"):
        assert self.say(f"USER {name}") == b"+OK\r\n"
        return self.say(f"PASS {password}")


@pytest.fixture
def site(system):
    system.write("var/lib/porpoise/users/passwd", f"bob:{SECRET}\nshared:{SECRET}\nroot:{SECRET}\n", mode=0o600)
    system.write("var/lib/porpoise/users/assign",
                 "=bob:bob:50002:50002:/home/bob:::\n=shared:shared:50001:50010:/home/alice:::\n.\n")
    system.write("home/bob/Maildir/new/1.a.b", "Subject: for bob\n\nhi\n", "bob", 0o600)
    return system.start()


def only(system, program):
    found = wait_for(lambda: system.processes(program), f"{program}; log:\n{system.log()}")
    assert len(found) == 1, found
    return found[0]


def test_a_user_reads_their_mail(site):
    with Client(site) as client:
        assert client.login("bob") == b"+OK 1 message\r\n"
        assert client.say("RETR 1").startswith(b"+OK")
        assert [client.lines.readline() for _ in range(4)] == [b"Subject: for bob\r\n", b"\r\n", b"hi\r\n", b".\r\n"]
        assert client.say("DELE 1").startswith(b"+OK")
        assert client.say("QUIT").startswith(b"+OK")
    assert site.messages("bob") == []


def test_before_the_login_only_the_network_identity_hears_the_client(site):
    with Client(site):
        popup = only(site, "popup")
        assert (popup["uids"], popup["gids"], popup["groups"]) == ([50102] * 4, [50102] * 4, [50102])
        assert popup["status"]["NoNewPrivs"] == "1"
        assert popup["status"]["Seccomp"] == "2"
        assert popup["status"]["CapEff"] == "0" * 16
        open_files = site.descriptors(popup["pid"])
        assert sorted(open_files) == [0, 1, 2, 3]
        assert open_files[2] == "/dev/null"
        assert only(site, "checkpassword")["uids"] == [0] * 4
        assert site.processes("pop3d") == []


def test_after_it_there_is_only_the_users_session(site):
    with Client(site) as client:
        client.login("bob")
        session = only(site, "pop3d")
        assert (session["uids"], session["gids"]) == ([50002] * 4, [50002] * 4)
        assert 0 not in session["groups"]
        assert session["status"]["CapEff"] == "0" * 16
        wait_for(lambda: not site.processes("popup"), "the end of popup")
        assert site.processes("checkpassword") == []
        open_files = site.descriptors(session["pid"])
        assert open_files[2] == "/dev/null"
        assert not [name for name in open_files.values() if "passwd" in name or name == str(site.log_path)]
        environ = (site.root / f"proc/{session['pid']}/environ").read_bytes().decode().strip("\0").split("\0")
        assert sorted(environ) == [
            "HOME=/home/bob", "LOGNAME=bob", "PATH=/mnt/bin:/usr/local/bin:/usr/bin:/bin", "SHELL=/bin/sh", "USER=bob"]


def test_wrong_names_and_passwords_are_answered_alike(site):
    with Client(site) as client:
        assert client.login("bob", "wrong") == WRONG
        assert client.login("nobody-here") == WRONG
        assert client.login("porpoise") == WRONG
        assert client.lines.readline() == b""  # the third was the last
    wait_for(lambda: not site.processes("checkpassword"), "the end of checkpassword")


def test_after_a_wrong_password_the_right_one_serves(site):
    with Client(site) as client:
        assert client.login("bob", "wrong") == WRONG
        assert client.login("bob") == b"+OK 1 message\r\n"


def test_commands_sent_ahead_reach_the_session(site):
    with Client(site) as client:
        client.socket.sendall(b"USER bob\r\nPASS secret\r\nSTAT\r\nQUIT\r\n")
        assert [client.lines.readline() for _ in range(4)] == [
            b"+OK\r\n", b"+OK 1 message\r\n", b"+OK 1 24\r\n", b"+OK bye\r\n"]


def test_a_client_that_leaves_leaves_nothing(site):
    with Client(site):
        only(site, "popup")
    for program in ("popup", "checkpassword"):
        wait_for(lambda: not site.processes(program), f"the end of {program}")


@pytest.mark.parametrize("line, why", [
    ("=bob:bob:0:50002:/home/bob:::", "refusing to serve mail as uid 0"),
    ("=bob:bob:50002:0:/home/bob:::", "refusing to serve mail as uid 0"),
    ("=bob:bob:50101:50101:/home/bob:::", "refusing to serve mail as porpoise"),
    ("=bob:bob:50102:50102:/home/bob:::", "refusing to serve mail as porpoise-net"),
    ("=bob:bob:50103:50103:/home/bob:::", "refusing to serve mail as porpoise-alias"),
    ("=bob:bob:50003:50003:/home/bob:::", "entering home /home/bob: Permission denied"),
    ("=bob:bob:50002:50002:/tmp:::", "home /tmp belongs to uid 0 and not to bob"),
    ("=bob:bob:50002:50002:/none:::", "entering home /none: No such file or directory"),
])
def test_accounts_that_nobody_may_be_are_trouble(site, line, why):
    site.write("var/lib/porpoise/users/assign", f"{line}\n.\n")
    with Client(site) as client:
        assert client.login("bob") == TROUBLE
    assert f"checkpassword: bob: {why}\n" in site.log()
    assert site.processes("pop3d") == []


@pytest.mark.parametrize("harm", ["chmod 644", "chown bob", "chmod 660"])
def test_a_password_file_that_others_may_touch_is_not_believed(site, harm):
    site.shell(f"{harm} /var/lib/porpoise/users/passwd")
    with Client(site) as client:
        assert client.login("bob") == TROUBLE
    assert "checkpassword: bob: users/passwd: want a file of root's with mode 0600\n" in site.log()


def test_root_is_never_served(site):
    with Client(site) as client:
        assert client.login("root") in (WRONG, TROUBLE)
    assert site.processes("pop3d") == []


def test_a_line_of_assign_may_give_any_home(site):
    with Client(site) as client:
        assert client.login("shared") == b"+OK 0 messages\r\n"
        assert only(site, "pop3d")["gids"] == [50010] * 4


def test_a_popup_that_dies_takes_its_checkpassword_along(site):
    with Client(site) as client:
        site.shell(f"kill -9 {only(site, 'popup')['pid']}")
        assert client.lines.readline() == b""
    wait_for(lambda: not site.processes("checkpassword"), "the end of checkpassword")


def test_a_checkpassword_that_dies_is_trouble(site):
    with Client(site) as client:
        site.shell(f"kill -9 {only(site, 'checkpassword')['pid']}")
        assert client.login("bob") == TROUBLE


def test_stopping_ends_sessions(site):
    with Client(site) as one, Client(site) as other:
        one.login("bob")
        only(site, "pop3d")
        assert site.stop() == 0
        assert other.lines.readline() == b""
    for program in ("popup", "checkpassword", "pop3d"):
        assert site.processes(program) == []


def test_many_idle_clients_keep_nobody_out(site):
    """Where they are too many, the oldest of them have to go, once they have had their time."""
    idle = [Client(site) for _ in range(60)]

    def logged_in():
        late = Client(site)
        served = late.lines.readline() == GREETING and late.login("bob")
        late.__exit__()
        return served

    assert wait_for(logged_in, "room for bob") == b"+OK 1 message\r\n"
    assert "pop3 turned-away" in site.log()
    assert len(site.processes("popup")) <= 50
    for client in idle:
        client.__exit__()


# -- users of the password file

@pytest.fixture
def plain(system):
    """No users/assign: who is who is in the password file alone."""
    names = ("alice", "bob", "eve-x", "root", "porpoise", "nobody", "ghost")
    system.write("var/lib/porpoise/users/passwd", "".join(f"{name}:{SECRET}\n" for name in names), mode=0o600)
    return system.start()


def test_users_of_the_password_file_read_their_mail(plain):
    for name in ("alice", "bob", "BOB"):
        with Client(plain) as client:
            assert client.login(name) == b"+OK 0 messages\r\n"
            session = only(plain, "pop3d")
            uid = plain.uid(name.lower())
            # The groups are those of a login.
            assert (session["uids"], session["gids"], session["groups"]) == ([uid] * 4, [uid] * 4, [uid, 50010])
            assert client.say("QUIT").startswith(b"+OK")
        wait_for(lambda: not plain.processes("pop3d"), "the end of the session")


@pytest.mark.parametrize("name", ["root", "porpoise", "ghost", "eve-x"])
def test_others_are_nobody_who_could_log_in(plain, name):
    with Client(plain) as client:
        assert client.login(name) == WRONG
    assert plain.processes("pop3d") == []


def test_a_user_without_a_home_is_not_served(plain):
    with Client(plain) as client:
        assert client.login("nobody") in (WRONG, TROUBLE)
    assert plain.processes("pop3d") == []


# -- checkpassword by itself

PROBE = """
import os, socket, subprocess, sys
reserved = os.open("/dev/null", os.O_RDONLY)  # 3
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
os.dup2(theirs.fileno(), 3); os.set_inheritable(3, True)
child = subprocess.Popen(["/mnt/bin/checkpassword", "--beside", "/bin/echo", "in"], pass_fds=[3], stdout=subprocess.PIPE)
os.close(3); theirs.close()
for record in eval(sys.argv[1]):
    try:
        ours.send(record)
        print(ours.recv(10))
    except OSError as error:
        print(error.strerror)
ours.close()
out = child.communicate()[0]
print(child.returncode, out)
"""


def probe(system, *records):
    done = system.run("/usr/bin/python3", "-c", PROBE, repr(list(records)))
    return done.stdout.decode().splitlines(), done.stderr.decode()


RIGHT = b"bob\0secret\0<1@x>\0"


def test_checkpassword_answers_one_octet_and_becomes_the_user(site):
    said, err = probe(site, b"bob\0wrong\0x\0", RIGHT)
    assert (said, err) == (["b'W'", "b'S'", "0 b'in\\n'"], "")


def test_no_more_guesses_than_a_few(site):
    said, _ = probe(site, *[b"bob\0wrong\0x\0"] * 5, RIGHT)
    assert said[:5] == ["b'W'"] * 5
    assert said[-1] == "0 b''"
    assert "b'S'" not in said


@pytest.mark.parametrize("record", [b"bob", b"\0", b"bob\0secret", b"bob\0secret\0x"])
def test_a_record_that_is_none_is_trouble(site, record):
    assert probe(site, record)[0] == ["b'T'", "0 b''"]


def test_a_record_that_is_too_long_ends_it(site):
    said, err = probe(site, RIGHT + b"x" * 600)
    assert said[-1] == "100 b''"
    assert err == "checkpassword: receiving a message: longer than 512 octets\n"


def test_only_root_checks_passwords(site):
    done = site.run("checkpassword", "--beside", "pop3d", "Maildir", user="porpoise-net")
    assert (done.returncode, done.stderr) == (
        100, b"checkpassword: instance /var/lib/porpoise is the system's: run this as root\n")


def test_popup_faces_nobody_as_root(site):
    done = site.run("popup", "--beside", "mx.here.test")
    assert (done.returncode, done.stderr) == (100, b"popup: refusing to talk to the network as root\n")


# -- porpoise passwd

def test_root_sets_passwords(site):
    for name in ("bob", "shared"):
        assert site.run("porpoise", "passwd", name, input="a new one\n").returncode == 0
    with Client(site) as client:
        assert client.login("bob", "a new one") == b"+OK 1 message\r\n"
    done = site.run("stat", "-c", "%U %a", "/var/lib/porpoise/users/passwd")
    assert done.stdout == b"root 600\n"


def test_passwords_are_for_mailboxes_only(site):
    for name in ("nobody-here", "root"):
        done = site.run("porpoise", "passwd", name, input="x\n")
        assert (done.returncode, done.stderr.decode()) == (
            100, f"porpoise: {name}: no mailbox of that name: neither in the password file nor in "
            "/var/lib/porpoise/users/assign\n")


def test_nobody_else_sets_passwords(site):
    done = site.run("porpoise", "passwd", "bob", user="bob", input="x\n")
    assert (done.returncode, done.stderr) == (
        100, b"porpoise: instance /var/lib/porpoise is the system's: run this as root\n")
