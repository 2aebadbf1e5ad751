"""porpoise: init, run, status, retry, passwd and the tools behind it.

What `porpoise run` does with its parts is shown with parts of our own, small scripts in a private
folder of programs ($PORPOISE_BIN): they note what they were given and end as they are told.
"""

import contextlib
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import termios
import time
import warnings

import pytest

from conftest import processes_about, wait_for

HOST = "mx.here.test"


def text(done):
    """Exit code, standard output and standard error of a finished program."""
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def made(lab, home, *more, path=None):
    """A fresh instance in `home`, with nothing of the harness's."""
    path = path or home / "i"
    (home / "h").exists() or lab.folder(home / "h")
    done = lab.run("porpoise", "init", path, "--name", "ann", "--home", home / "h", "--host", HOST, *more)
    assert done.returncode == 0, done.stderr.decode()
    return path


# -- the command line


def test_help_names_every_command_and_tool(lab):
    code, out, err = text(lab.run("porpoise", "--help"))
    assert (code, err) == (0, "")
    for word in ("init", "run", "status", "retry", "passwd", "sendmail", "queue", "PORPOISE"):
        assert word in out


@pytest.mark.parametrize("command", ["init", "run", "status", "retry", "passwd"])
def test_each_command_has_help(lab, command):
    code, out, err = text(lab.run("porpoise", command, "--help"))
    assert (code, err) == (0, "")
    assert f"Usage: porpoise {command}" in out
    assert text(lab.run("porpoise", "help", command)) == (0, out, "")


def test_help_of_a_tool_is_its_own(lab):
    own = text(lab.run("maildirmake", "--help"))
    assert own[0] == 0
    assert text(lab.run("porpoise", "help", "maildirmake")) == own


@pytest.mark.parametrize(
    "line, complaint",
    [
        ([], "porpoise: no command given (try porpoise --help)"),
        (["--frobnicate"], "porpoise: unknown option --frobnicate (try porpoise --help)"),
        (["-x", "run"], "porpoise: unknown option -x (try porpoise --help)"),
        (["--instance"], "porpoise: --instance: want a folder (try porpoise --help)"),
        (["--instance", "", "run"], "porpoise: --instance: want a folder (try porpoise --help)"),
        (["--instance=", "run"], "porpoise: --instance: want a folder (try porpoise --help)"),
    ],
)
def test_a_wrong_line_is_one_line_and_100(lab, line, complaint):
    assert text(lab.run("porpoise", *line)) == (100, "", complaint + "\n")


@pytest.mark.parametrize(
    "line",
    [
        ["init", "--frobnicate"], ["init", "a", "b"], ["init", "--host"],
        ["run", "--frobnicate"], ["run", "operand"], ["run", "--log"],
        ["status", "--timeout", "soon"], ["status", "x"],
        ["retry", "--all"], ["passwd"], ["passwd", "a", "b"],
    ],
)
def test_a_wrong_option_of_a_command_is_one_line_and_100(lab, line):
    code, out, err = text(lab.run("porpoise", *line))
    assert (code, out) == (100, "")
    assert re.fullmatch(rf"porpoise {line[0]}: .+\n", err), err


def test_an_unknown_tool_is_told_what_there_is(lab):
    code, out, err = text(lab.run("porpoise", "frobnicate", "--help"))
    assert (code, out) == (100, "")
    assert err.startswith("porpoise: no command or tool frobnicate; there are: init run status retry try passwd ")
    assert err.count("\n") == 1
    named = err.split(": ", 2)[-1].split()
    assert "queue" in named and "porpoise" not in named


@pytest.mark.parametrize("name", ["../bin/queue", "/bin/sh", ".", "..", "", "queue/", "porpoise"])
def test_a_tool_is_a_name_in_the_private_folder(lab, name):
    code, _, err = text(lab.run("porpoise", name))
    assert code == 100 and err.startswith(f"porpoise: no command or tool {name};")


def test_a_tool_gets_its_arguments_as_they_are(lab, home):
    code, out, err = text(lab.run("porpoise", "maildirmake", "--", home / "a b"))
    assert (code, out, err) == (0, "", "")
    assert sorted(f.name for f in (home / "a b").iterdir()) == ["cur", "new", "tmp"]


def scripts(lab, home, **programs):
    """A private folder of programs: shell scripts, by name."""
    folder = lab.folder(home / "bin")
    for name, body in programs.items():
        lab.write(folder / name, "#!/bin/sh\n" + body, 0o755)
    return folder


def test_a_tool_finds_the_instance_given_before_it(lab, home):
    folder = scripts(lab, home, tell='echo "$PORPOISE"; echo "$@"; exit 7\n')
    env = lab.environment(PORPOISE_BIN=folder)
    done = lab.run("porpoise", "--instance", "rel/dir", "tell", "--x", "y", env=env, cwd=home)
    assert text(done) == (7, f"{home}/rel/dir\n--x y\n", "")


# -- init


def test_init_prints_what_it_wrote_and_what_is_next(lab, home):
    lab.folder(home / "h")
    code, out, err = text(
        lab.run("porpoise", "init", home / "i", "--name", "ann", "--home", home / "h", "--host", HOST)
    )
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"wrote {home}/i/"
    assert f"wrote {home}/i/control/me: {HOST}" in lines
    assert f"wrote {home}/h/Maildir/new/" in lines
    assert lines[-2:] == [
        f"next:  porpoise --instance {home}/i run",
        "then:  printf 'To: %s\\nSubject: hi\\n\\nhello\\n' ann | "
        f"porpoise --instance {home}/i sendmail -t",
    ]
    assert all(line.startswith("wrote ") for line in lines[:-2])
    for line in lines[:-2]:
        assert pathlib.Path(line.removeprefix("wrote ").split(": ")[0]).exists(), line


def test_init_again_keeps_everything(lab, home):
    path = made(lab, home)
    lab.write(path / "control" / "locals", "mine.test\n")
    before = {f: f.stat().st_mtime_ns for f in path.rglob("*")}
    code, out, _ = text(lab.run("porpoise", "init", path, "--name", "bob", "--home", home / "h"))
    assert code == 0
    assert out.splitlines()[0] == f"{path} is there already: nothing changed"
    assert {f: f.stat().st_mtime_ns for f in path.rglob("*")} == before
    assert (path / "control/owner").read_text() == f"ann:{lab.uid}:{lab.gid}:{home}/h\n"


def test_init_without_a_folder_makes_the_callers_own(lab, home):
    env = lab.environment(HOME=home, XDG_STATE_HOME=home / "state")
    done = lab.run("porpoise", "init", "--home", home, "--host", HOST, env=env)
    code, out, err = text(done)
    assert (code, err) == (0, "")
    assert out.splitlines()[-2] == "next:  porpoise run"
    assert (home / "state/porpoise/control/me").read_text() == HOST + "\n"
    env = lab.environment(HOME=home)
    assert lab.run("porpoise", "init", "--home", home, env=env).returncode == 0
    assert (home / ".local/state/porpoise/control/me").exists()


def test_init_follows_the_instance_option_and_variable(lab, home):
    lab.folder(home / "h")
    for n, (before, env) in enumerate(
        [(["--instance", home / "i0"], {}), ([], {"PORPOISE": home / "i1"})]
    ):
        done = lab.run("porpoise", *before, "init", "--home", home / "h", env=lab.environment(**env))
        assert done.returncode == 0, done.stderr
        assert (home / f"i{n}/control/me").exists()


def test_init_takes_the_callers_name_uid_and_home(lab, home):
    """Without a password entry: the uid in decimal, and $HOME."""
    done = lab.run("porpoise", "init", home / "i", env=lab.environment(HOME=home))
    who = subprocess.run(
        ["id", "-un"], capture_output=True, **({"user": lab.uid} if lab.root else {})
    )
    name = who.stdout.decode().strip() if who.returncode == 0 else str(lab.uid)
    if done.returncode == 0:
        owner = (home / "i/control/owner").read_text().split(":", 3)
        assert owner[:3] == [name, str(lab.uid), str(lab.gid)]
        if who.returncode != 0:
            assert owner[3] == f"{home}\n"
    else:  # a real user whose home is not there
        assert b"opening the home" in done.stderr


def test_init_gives_a_host_without_a_domain_one(lab, home):
    lab.folder(home / "h")
    done = lab.run("porpoise", "init", home / "i", "--home", home / "h")
    assert done.returncode == 0, done.stderr
    me = (home / "i/control/me").read_text().strip()
    assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", me)
    assert me.split(".")[0] == re.sub("[^a-z0-9-]", "-", socket.gethostname().lower().split(".")[0])


@pytest.mark.parametrize(
    "options, complaint",
    [
        (["--host", "no host"], '"no host" is no host name'),
        (["--name", "a b"], '"a b" cannot be a local name: give another with --name'),
        (["--home", "h"], "home h: want an absolute path on one line"),
        (["--owner", "nobody-here"], "--owner nobody-here: no such user"),
        (["--owner", "root"], "--owner root: nothing is ever delivered as root"),
        (["--system"], "--system: only root makes an instance for all users of a host"),
        (["--root-mail", "alice"], "--root-mail: only a system instance gets root's mail"),
    ],
)
def test_init_refuses_and_leaves_nothing(lab, home, options, complaint):
    done = lab.run("porpoise", "init", home / "i", *options, env=lab.environment(HOME=home))
    assert text(done) == (100, "", f"porpoise: {complaint}\n")
    assert not (home / "i").exists()


def test_init_refuses_somebody_elses_folder(lab, home):
    code, _, err = text(lab.run("porpoise", "init", "/usr", "--home", home))
    assert (code, err) == (100, f"porpoise: folder /usr belongs to uid 0, and we are uid {lab.uid}\n")


def test_init_names_a_folder_it_may_not_make(lab, home):
    code, _, err = text(lab.run("porpoise", "init", "/usr/porpoise-i", "--home", home))
    assert (code, err) == (100, "porpoise: making folder /usr/porpoise-i: Permission denied\n")


def test_init_names_a_home_that_is_not_there(lab, home):
    code, _, err = text(
        lab.run("porpoise", "init", home / "i", "--name", "ann", "--home", home / "none")
    )
    assert (code, err) == (
        100, f"porpoise: opening the home {home}/none of ann: No such file or directory\n",
    )
    assert not (home / "i/control/me").exists()


def test_init_by_an_ordinary_user_is_for_themselves(lab, home):
    done = lab.run("porpoise", "init", home / "i", "--owner", "daemon", "--home", home)
    assert text(done) == (
        100, "", "porpoise: --owner daemon: only root makes an instance for somebody else\n",
    )


def as_root(lab, *args, **options):
    """A program run as root: only where the lab is."""
    return lab.run(*args, as_root=True, **options)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root beside the ordinary user")


@needs_root
def test_root_has_to_name_the_owner(lab, home):
    done = as_root(lab, "porpoise", "init", home / "i")
    assert text(done) == (
        100, "",
        "porpoise: nothing is delivered as root: porpoise init --system makes an instance for all users, "
        "porpoise init --owner USER one for USER\n",
    )
    assert not (home / "i").exists()


@needs_root
def test_root_makes_an_instance_as_its_owner(lab, home):
    done = as_root(lab, "porpoise", "init", home / "i", "--owner", lab.uid, "--home", home)
    assert done.returncode == 0, done.stderr
    owner = (home / "i/control/owner").read_text()
    assert owner == f"{lab.uid}:{lab.uid}:{lab.uid}:{home}\n"
    for file in [home / "i", *(home / "i").rglob("*"), *(home / "Maildir").rglob("*")]:
        assert (file.lstat().st_uid, file.lstat().st_gid) == (lab.uid, lab.uid), file


@needs_root
def test_root_makes_nothing_where_the_owner_could_not(lab, home):
    lab.folder(home / "h")
    there = home / "roots"
    there.mkdir(mode=0o755)
    done = as_root(lab, "porpoise", "init", there / "i", "--owner", lab.uid, "--home", home / "h")
    assert text(done) == (100, "", f"porpoise: making folder {there}/i: Permission denied\n")


@needs_root
@pytest.mark.parametrize("line", [["run"], ["status"], ["retry"], ["passwd", "ann"]])
def test_root_is_told_to_be_the_owner(lab, home, line):
    path = made(lab, home)
    done = as_root(lab, "porpoise", "--instance", path, *line)
    assert text(done) == (
        100, "",
        f"porpoise: instance {path} belongs to ann (uid {lab.uid}): run this as that user\n",
    )


@needs_root
def test_somebody_else_is_told_what_they_may_not_open(lab, home):
    path = made(lab, home)
    done = subprocess.run(
        [lab.bin / "porpoise", "--instance", path, "status"],
        user=lab.uid + 500, group=lab.uid + 500, extra_groups=[], capture_output=True, cwd="/",
    )
    assert text(done) == (100, "", f"porpoise: opening instance {path}: Permission denied\n")


# -- a folder that is none, and paths


COMMANDS = [["run"], ["status"], ["retry"], ["passwd", "ann"]]


@pytest.mark.parametrize("line", COMMANDS, ids=lambda l: l[0])
def test_a_folder_that_is_no_instance_is_one_line_and_100(lab, home, line):
    lab.folder(home / "empty")
    lab.write(home / "file", "")
    for path, why in [
        (home / "none", "No such file or directory"),
        (home / "file", "Not a directory"),
        (home / "empty", "it has no control/me"),
    ]:
        done = lab.run("porpoise", "--instance", path, *line)
        assert text(done) == (
            100, "",
            f"porpoise: {path} is no porpoise instance ({why}); make one with: porpoise init {path}\n",
        )


def test_the_option_may_come_before_or_after_the_command(lab, home):
    path = made(lab, home)
    for line in (["--instance", path, "status"], [f"--instance={path}", "status"],
                 ["status", "--instance", path], ["status", f"--instance={path}"]):
        done = lab.run("porpoise", *line)
        assert done.returncode == 1 and f"instance: {path}\n" in done.stdout.decode()


@pytest.mark.parametrize(
    "name, value, code, complaint",
    [
        ("owner", "ann\n", 100, "instance {i}: control/owner: want name:uid:gid:/home"),
        ("pop3port", "many\n", 111,
         'instance {i}: control/pop3port: "many" is neither a port nor none'),
        ("pop3port", "65536\n", 111,
         'instance {i}: control/pop3port: "65536" is neither a port nor none'),
        ("queuelifetime", "a week\n", 111,
         'instance {i}: control/queuelifetime: "a week" is not a number'),
        ("virtualdomains", "x\n", 111,
         'instance {i}: control/virtualdomains line 1: "x" has no colon'),
    ],
)
def test_a_wrong_control_file_is_named_by_run(lab, home, name, value, code, complaint):
    path = made(lab, home)
    lab.write(path / "control" / name, value)
    done = lab.run("porpoise", "--instance", path, "run")
    assert text(done)[::2] == (code, f"porpoise: {complaint.format(i=path)}\n")
    assert not (path / "run/pop3port").exists()


def test_a_wrong_users_assign_is_named_by_run(lab, home):
    path = made(lab, home)
    lab.write(path / "users/assign", "=bob:bob\n.\n")
    code, _, err = text(lab.run("porpoise", "--instance", path, "run"))
    assert code == 111 and err.startswith(f"porpoise: instance {path}: users/assign line 1: want ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["me", "owner", "pop3port", "locals", "concurrencylocal"])
def test_an_unreadable_control_file_is_named_by_run(lab, home, name):
    path = made(lab, home)
    file = path / "control" / name
    lab.write(file, "x\n", 0o000)
    if os.access(file, os.R_OK) and not lab.root:
        pytest.fail("a file of mode 0 can be read")
    code, out, err = text(lab.run("porpoise", "--instance", path, "run"))
    assert code == 111
    assert err.count("\n") == 1 and str(path) in err and f"control/{name}: Permission denied" in err


def test_a_log_that_cannot_be_opened_is_named(lab, home):
    path = made(lab, home)
    done = lab.run("porpoise", "--instance", path, "run", "--log", home / "none/log")
    assert text(done) == (100, "", f"porpoise: opening {home}/none/log: No such file or directory\n")


# -- run, with parts of our own


SEND = r"""#!/usr/bin/python3
import os, signal, socket, sys

def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())

def told(number, frame):
    tell("send got", signal.Signals(number).name)
    if number == signal.SIGTERM:
        sys.exit(0)

for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
    signal.signal(s, told)
fds = sorted(int(f) for f in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + f))
tell("send args", *sys.argv[1:], "fds", *fds, "instance", os.environ["PORPOISE"])
link = socket.socket(fileno=int(sys.argv[2]))
link.send(b"hello")
while True:
    signal.pause()
"""

SPAWN = r"""#!/usr/bin/python3
import os, signal, socket
link = socket.socket(fileno=3)
while True:
    octets = link.recv(100)
    os.write(1, b"spawn got " + (octets or b"the end") + b"\n")
    if not octets:
        break
"""

POPUP = r"""#!/usr/bin/python3
import os, socket, sys
line = socket.socket(fileno=os.dup(0))
nodelay = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
words = [*sys.argv[1:], "nodelay", nodelay, "instance", os.environ["PORPOISE"]]
os.write(1, (" ".join(map(str, words)) + "\r\n").encode())
if os.read(0, 100) == b"crash\r\n":
    os.kill(os.getpid(), 9)
os.write(2, b"popup saw the end\n")
"""

SLOW_SEND = SEND.replace("sys.exit(0)", "pass")


class Runner:
    """`porpoise run` in a fresh instance with parts of our own."""

    def __init__(self, lab, home, send=SEND, spawn=SPAWN, popup=POPUP, path=None, pop3port="0"):
        self.lab, self.home = lab, home
        self.path = path or made(lab, home)
        self.bin = lab.folder(home / "bin")
        for name, body in (("send", send), ("spawn", spawn), ("popup", popup)):
            if body is not None:
                lab.write(self.bin / name, body, 0o755)
        if pop3port is not None:
            lab.write(self.path / "control/pop3port", pop3port + "\n")
        self.log_path = home / "log"
        self.process = None

    def env(self):
        return self.lab.environment(PORPOISE_BIN=self.bin, PORPOISE=self.path)

    def start(self, *options):
        log = open(self.log_path, "ab")
        self.process = self.lab.popen(
            "porpoise", "run", *options, env=self.env(), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )
        log.close()
        return self

    def up(self, *options):
        """Started, and both parts have met."""
        self.start(*options)
        self.wait("spawn got hello")
        return self

    def log(self):
        """The log without the times."""
        text = self.log_path.read_text() if self.log_path.exists() else ""
        return re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (?=porpoise: )", "", text, flags=re.M)

    def wait(self, line, count=1):
        """Until the log has `line` (a pattern for a whole line) `count` times; the last match."""
        pattern = re.compile(f"^{line}$", re.M)

        def there():
            found = list(pattern.finditer(self.log()))
            return found[-1] if len(found) >= count else None

        return wait_for(there, f"{line!r} in the log:\n{self.log()}")

    def pid(self, part, count=1):
        return int(self.wait(rf"porpoise: started part={part} pid=(\d+)", count)[1])

    def port(self):
        return int(wait_for(lambda: (self.path / "run/pop3port").exists() and
                            (self.path / "run/pop3port").read_text(), "run/pop3port"))

    def tell(self, number):
        self.process.send_signal(number)
        return self

    def end(self, number=signal.SIGTERM):
        """Tells it to stop; its exit code."""
        self.tell(number)
        return self.process.wait(30)

    def nothing_left(self):
        wait_for(lambda: not processes_about(str(self.home)), "the end of every process")


@pytest.fixture
def runner(lab, home):
    made_here = []

    def make(**options):
        made_here.append(Runner(lab, home, **options))
        return made_here[-1]

    yield make
    for each in made_here:
        if each.process is not None and each.process.poll() is None:
            each.process.kill()
            each.process.wait()
    for pid in processes_about(str(home)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_run_joins_send_and_spawn_and_gives_them_nothing_else(runner):
    r = runner().up()
    assert f"\nsend args --spawner-fd 3 fds 0 1 2 3 instance {r.path}\n" in r.log()
    assert r.log().splitlines()[0] == f"porpoise: running instance={r.path} pid={r.process.pid}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_stops_when_told(runner, number):
    r = runner().up()
    port = r.port()
    assert r.end(number) == 0
    lines = r.log().splitlines()
    for line in ("porpoise: stopping", "send got SIGTERM", "spawn got the end"):
        assert lines.count(line) == 1, r.log()
    assert lines[-1] == "porpoise: stopped"
    assert not (r.path / "run/pop3port").exists()
    assert processes_about(str(r.home)) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_stop_waits_for_deliveries_under_way(runner):
    """spawn has one, shown by a file that it waits for."""
    busy = SPAWN.replace("if not octets:", "import time\n    while not octets and not os.path.exists("
                         "os.environ['PORPOISE'] + '/done'): time.sleep(0.01)\n    if not octets:")
    r = runner(spawn=busy).up().tell(signal.SIGTERM)
    r.wait("spawn got the end")
    assert r.process.poll() is None
    r.lab.write(r.path / "done", "")
    assert r.process.wait(30) == 0


def test_a_second_signal_does_not_wait(runner):
    r = runner(send=SLOW_SEND).up().tell(signal.SIGTERM)
    r.wait("send got SIGTERM")
    assert r.process.poll() is None
    assert r.end() == 0
    r.wait("porpoise: stopping at once")
    r.nothing_left()


def test_ctrl_c_at_the_terminal_is_for_run_alone(runner):
    r = runner().up()
    os.killpg(r.process.pid, signal.SIGINT)
    assert r.process.wait(30) == 0
    assert "send got SIGINT" not in r.log() and "send got SIGTERM" in r.log()


@pytest.mark.parametrize("name", ["SIGHUP", "SIGALRM"])
def test_hup_and_alrm_go_on_to_send(runner, name):
    r = runner().up().tell(getattr(signal, name))
    r.wait(f"send got {name}")
    assert r.process.poll() is None


def test_a_send_that_dies_starts_again_with_a_spawn_of_its_own(runner):
    r = runner().up()
    send, spawn = r.pid("send"), r.pid("spawn")
    os.kill(send, signal.SIGKILL)
    r.wait(rf'porpoise: ended part=send pid={send} how="killed by signal 9"')
    r.wait(rf'porpoise: ended part=spawn pid={spawn} how="exit code 0"')
    r.wait("spawn got hello", 2)
    assert r.pid("send", 2) != send and r.pid("spawn", 2) != spawn
    assert r.end() == 0


def test_a_spawn_that_dies_takes_send_with_it_and_both_start_again(runner):
    r = runner().up()
    spawn = r.pid("spawn")
    os.kill(spawn, signal.SIGKILL)
    r.wait(rf'porpoise: ended part=spawn pid={spawn} how="killed by signal 9"')
    r.wait("send got SIGTERM")
    r.wait("spawn got hello", 2)
    assert r.end() == 0


def test_a_part_that_always_fails_is_started_ever_more_seldom(runner):
    begin = time.monotonic()
    r = runner(send="#!/bin/sh\nexit 3\n").start()
    r.wait(r'porpoise: ended part=send pid=\d+ how="exit code 3"', 4)
    starts = r.log().count("started part=send")
    pauses = [0.25 * 2**n for n in range(starts - 1)]
    assert time.monotonic() - begin >= sum(pauses), "shorter pauses than it says"
    assert r.end() == 0


def test_a_stop_in_a_pause_ends_at_once(runner):
    r = runner(send="#!/bin/sh\nexit 3\n").start()
    r.wait(r'porpoise: ended part=send pid=\d+ how="exit code 3"', 3)
    starts = r.log().count("started part=send")
    assert r.end() == 0
    assert r.log().count("started part=send") - starts <= 1


def test_a_missing_program_is_named(runner):
    r = runner(send=None).start()
    assert r.process.wait(30) == 100
    assert f"porpoise: starting {r.bin}/send: No such file or directory\n" in r.log()
    assert not (r.path / "run/pop3port").exists()
    r.nothing_left()


def test_a_second_run_is_one_line_and_111(runner):
    r = runner().up()
    done = r.lab.run("porpoise", "run", env=r.env())
    assert text(done) == (
        111, "", f"porpoise: instance {r.path} is running already (pid {r.process.pid})\n",
    )
    assert (r.path / "run/pop3port").exists() and r.process.poll() is None


def test_nothing_survives_a_kill_and_the_next_run_is_as_new(runner):
    r = runner().up()
    connection = socket.create_connection(("127.0.0.1", r.port()))
    assert connection.recv(100)
    r.process.kill()
    r.process.wait()
    r.nothing_left()
    connection.close()
    r.start()
    r.wait("spawn got hello", 2)
    with socket.create_connection(("127.0.0.1", r.port())) as connection:
        assert connection.recv(100)
    assert r.end() == 0


def test_the_log_goes_to_a_file(runner, lab, home):
    lab.write(home / "own-log", "before\n")
    r = runner().start("--log", home / "own-log")
    wait_for(lambda: "spawn got hello" in (home / "own-log").read_text(), "the log")
    assert (home / "own-log").read_text().startswith("before\n2")
    assert r.end() == 0
    assert r.log() == ""


# -- its POP3 listener


def conversation(port, octets=b""):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        if octets:
            connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(1000), b""))


def test_a_connection_is_a_session_of_popup(runner):
    r = runner().up()
    assert conversation(r.port()).decode() == (
        f"{HOST} {r.bin}/checkpassword {r.bin}/pop3d Maildir nodelay 1 instance {r.path}\r\n"
    )
    r.wait("popup saw the end")


def test_the_port_is_the_one_chosen(runner):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    r = runner(pop3port=str(port)).up()
    assert r.port() == port
    assert f"porpoise: listening pop3=127.0.0.1:{port}\n" in r.log()


def test_a_chosen_port_that_is_taken_is_named(runner):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        r = runner(pop3port=str(port)).start()
        assert r.process.wait(30) == 111
    assert (
        f"porpoise: instance {r.path}: control/pop3port: listening on 127.0.0.1 port {port}: "
        "Address already in use\n" in r.log()
    )
    assert "started" not in r.log()


def test_without_a_choice_a_taken_port_gives_way(runner):
    try:
        other = socket.create_server(("127.0.0.1", 1100))
    except OSError:
        other = None  # somebody else has it: as good
    r = runner(pop3port=None).up()
    assert "porpoise: pop3 port=1100 is taken: any free one instead\n" in r.log()
    assert r.port() != 1100 and conversation(r.port()).startswith(HOST.encode())
    if other:
        other.close()


def test_none_is_no_listener(runner):
    r = runner(pop3port="none").up()
    assert not (r.path / "run/pop3port").exists() and "pop3" not in r.log()
    assert r.end() == 0


def test_a_session_that_crashes_is_logged_and_hurts_nobody(runner):
    r = runner().up()
    conversation(r.port(), b"crash\r\n")
    r.wait(r'porpoise: ended part=popup pid=\d+ how="killed by signal 9"')
    assert conversation(r.port()).startswith(HOST.encode())


def test_sessions_beyond_the_limit_are_turned_away(runner):
    r = runner(popup="#!/bin/sh\nread line\n").up()
    inside = [socket.create_connection(("127.0.0.1", r.port())) for _ in range(50)]
    wait_for(lambda: subprocess.run(
        ["pgrep", "-c", "-P", str(r.process.pid)], capture_output=True).stdout.strip() == b"52",
        "50 sessions")
    assert conversation(r.port()) == b"-ERR [SYS/TEMP] too many sessions, try again later\r\n"
    r.wait("porpoise: pop3 turned-away sessions=50")
    inside.pop().close()
    wait_for(lambda: b"-ERR" not in conversation(r.port()), "room for another")
    for connection in inside:
        connection.close()


def test_a_stop_ends_sessions(runner):
    r = runner().up()
    connection = socket.create_connection(("127.0.0.1", r.port()))
    assert connection.recv(1000)
    assert r.end() == 0
    assert connection.recv(1000) == b""
    r.nothing_left()


def test_a_popup_that_is_missing_turns_away_and_mail_goes_on(runner):
    r = runner(popup=None).up()
    assert conversation(r.port()).startswith(b"-ERR [SYS/TEMP] ")
    r.wait(f"porpoise: starting {r.bin}/popup: No such file or directory")
    assert r.end() == 0


# -- status


# Answers on run/control as send does.
ANSWERING_SEND = SEND.replace("while True:\n    signal.pause()", r"""
os.chdir(os.environ["PORPOISE"] + "/run")
if os.path.exists("control"):
    os.unlink("control")
door = socket.socket(socket.AF_UNIX)
door.bind("control")
door.listen()
tell("send answers")
while True:
    client = door.accept()[0]
    line = client.makefile().readline().rstrip()
    tell("send asked", line)
    answer = {"ping": f"+OK send {os.getpid()}", "retry": "+OK 3 messages due",
              "retry 1jbxh9pyhdc1yek59gk3": "+OK 1 messages due"}
    client.sendall((answer.get(line, f"-ERR no such message: {line[6:]}") + "\n").encode())
    client.close()
""")
KNOWN, UNKNOWN = "1jbxh9pyhdc1yek59gk3", "1jbxh9pyhdc1yek59gk4"


def test_status_of_what_does_not_run_is_1(lab, home):
    path = made(lab, home)
    done = lab.run("porpoise", "--instance", path, "status")
    assert text(done) == (
        1,
        f"instance: {path}\nrun: not running\nsend: not running\nqueue: 0 messages\npop3: not running\n",
        "",
    )
    lab.write(path / "control/pop3port", "none\n")
    done = lab.run("porpoise", "--instance", path, "status")
    assert done.returncode == 1 and done.stdout.endswith(b"\npop3: none\n")


def test_status_of_what_runs_is_0(runner):
    r = runner(send=ANSWERING_SEND).up()
    r.wait("send answers")
    done = r.lab.run("porpoise", "status", env=r.env())
    assert text(done) == (
        0,
        f"instance: {r.path}\nrun: running, pid {r.process.pid}\nsend: running, pid {r.pid('send')}\n"
        f"queue: 0 messages\npop3: 127.0.0.1:{r.port()}\n",
        "",
    )


def test_status_counts_what_is_queued(lab, home):
    path = made(lab, home)
    for n in range(1, 3):
        queue_one(lab, path)
        done = lab.run("porpoise", "--instance", path, "status")
        assert f"\nqueue: {n} message{'s' * (n > 1)}\n" in done.stdout.decode()


def test_status_waits_until_all_is_ready(runner):
    r = runner(send=ANSWERING_SEND)
    waiting = r.lab.popen("porpoise", "status", "--wait", env=r.env(), stdout=subprocess.PIPE)
    r.start()
    out, _ = waiting.communicate(timeout=30)
    assert waiting.returncode == 0
    assert f"\npop3: 127.0.0.1:{r.port()}\n" in out.decode()


def test_status_does_not_wait_for_ever(lab, home):
    path = made(lab, home)
    done = lab.run("porpoise", "--instance", path, "status", "--wait", "--timeout", "0")
    assert text(done) == (
        111, "", f"porpoise: instance {path} is not ready after 0 s: send does not answer\n",
    )


def test_status_does_not_believe_what_a_killed_run_left(runner):
    r = runner(send=ANSWERING_SEND).up()
    r.wait("send answers")
    r.process.kill()
    r.process.wait()
    r.nothing_left()
    assert (r.path / "run/pop3port").exists() and (r.path / "run/control").exists()
    done = r.lab.run("porpoise", "status", env=r.env())
    assert done.returncode == 1
    assert b"\nrun: not running\nsend: not running\n" in done.stdout
    assert done.stdout.endswith(b"\npop3: not running\n")


# -- retry


def queue_one(lab, path):
    """A message in the queue that nobody attempts; its id."""
    before = set((path / "queue/incoming").iterdir())
    envelope = os.pipe()
    os.write(envelope[1], b"Fme@here.test\0Tann@here.test\0\0")
    os.close(envelope[1])
    done = lab.run(
        "queue", "--instance", path, input="Subject: hi\n\nhello\n", stdout=envelope[0],
        env=lab.environment(PORPOISE_NO_SEND="1"),
    )
    os.close(envelope[0])
    assert done.returncode == 0, done.stderr
    return (set((path / "queue/incoming").iterdir()) - before).pop().name


def test_retry_asks_send(runner):
    r = runner(send=ANSWERING_SEND).up()
    r.wait("send answers")
    assert text(r.lab.run("porpoise", "retry", env=r.env())) == (0, "3 messages due\n", "")
    assert text(r.lab.run("porpoise", "retry", KNOWN, env=r.env())) == (0, "1 message due\n", "")
    assert text(r.lab.run("porpoise", "retry", KNOWN, KNOWN, env=r.env())) == (
        0, "2 messages due\n", "")
    r.wait(f"send asked retry {KNOWN}", 3)


def test_retry_of_an_unknown_message_is_100(runner):
    r = runner(send=ANSWERING_SEND).up()
    r.wait("send answers")
    assert text(r.lab.run("porpoise", "retry", UNKNOWN, env=r.env())) == (
        100, "", f"porpoise: no such message: {UNKNOWN}\n",
    )


@pytest.mark.parametrize("word", ["x", "", KNOWN + "x", KNOWN + "\nretry", KNOWN.upper()])
def test_retry_of_what_is_no_id_is_100(lab, home, word):
    path = made(lab, home)
    code, out, err = text(lab.run("porpoise", "--instance", path, "retry", word))
    assert (code, out) == (100, "")
    assert err == f"porpoise: {word.replace(chr(10), '/')}: no message id (qread shows them)\n"


def test_retry_without_send_tries_in_the_foreground(lab, home):
    path = made(lab, home)
    ids = [queue_one(lab, path), queue_one(lab, path)]
    folder = scripts(lab, home, send='echo "send $@"; exit 5\n')
    env = lab.environment(PORPOISE_BIN=folder, PORPOISE=path)
    said = "porpoise: no send runs, so this tries them itself\n"
    assert text(lab.run("porpoise", "retry", env=env)) == (
        5, f"2 messages due\nsend --instance {path} --once --retry\n", said,
    )
    assert text(lab.run("porpoise", "retry", ids[1], env=env)) == (
        5, f"1 message due\nsend --instance {path} --once --retry {ids[1]}\n", said,
    )
    assert text(lab.run("porpoise", "retry", ids[1], UNKNOWN, env=env)) == (
        100, "", f"porpoise: no such message: {UNKNOWN}\n",
    )


def test_retry_of_an_empty_queue_starts_nothing(lab, home):
    path = made(lab, home)
    env = lab.environment(PORPOISE_BIN=scripts(lab, home), PORPOISE=path)
    assert text(lab.run("porpoise", "retry", env=env)) == (0, "0 messages due\n", "")


# -- passwd


def is_password(path, name, password):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import crypt
    for line in (path / "users/passwd").read_text().splitlines():
        if line.split(":")[0] == name:
            return crypt.crypt(password, line.split(":")[1]) == line.split(":")[1]
    return False


def test_passwd_takes_the_first_line_of_standard_input(lab, home):
    path = made(lab, home)
    for given, password in [("secret\nmore\n", "secret"), ("with blank \r\n", "with blank "), ("x", "x")]:
        done = lab.run("porpoise", "--instance", path, "passwd", "ann", input=given)
        assert text(done) == (0, "", "")
        assert is_password(path, "ann", password)
    assert (path / "users/passwd").stat().st_mode & 0o777 == 0o600
    assert len((path / "users/passwd").read_text().splitlines()) == 1


def test_passwd_is_for_those_who_can_log_in(lab, home):
    path = made(lab, home)
    bob = f"bob:{lab.uid}:{lab.gid}:{home}"
    lab.write(path / "users/assign", f"=bob:{bob}:::\n+list-:{bob}:-:list-:\n.\n")
    assert lab.run("porpoise", "--instance", path, "passwd", "bob", input="s\n").returncode == 0
    for name in ("carl", "list-x", "ann-x", "postmaster", "root", ""):
        done = lab.run("porpoise", "--instance", path, "passwd", name, input="s\n")
        assert text(done) == (
            100, "",
            f"porpoise: {name}: no mailbox of that name in {path} "
            "(the owner is ann; others: users/assign)\n",
        )
    assert not is_password(path, "carl", "s")


@pytest.mark.parametrize(
    "given, complaint",
    [
        ("", "no password given: nothing changed"),
        ("\nsecret\n", "no password given: nothing changed"),
        ("x" * 249 + "\n", "the password is longer than 248 octets: nothing changed"),
        ("x" * 100000, "the password is longer than 248 octets: nothing changed"),
    ],
)
def test_passwd_refuses_what_is_no_password(lab, home, given, complaint):
    path = made(lab, home)
    done = lab.run("porpoise", "--instance", path, "passwd", "ann", input=given)
    assert text(done) == (100, "", f"porpoise: {complaint}\n")
    assert not (path / "users/passwd").exists()


@pytest.mark.parametrize("octets", [b"a\0b\n", b"a\rb\n"])
def test_passwd_refuses_what_pop3_cannot_carry(lab, home, octets):
    path = made(lab, home)
    done = lab.run("porpoise", "--instance", path, "passwd", "ann", input=octets)
    assert done.returncode == 100 and done.stderr.count(b"\n") == 1
    assert not (path / "users/passwd").exists()


class Terminal:
    """`porpoise passwd ann` at a terminal of its own."""

    def __init__(self, lab, path):
        self.master, slave = pty.openpty()
        lab.root and os.fchown(slave, lab.uid, -1)
        self.process = lab.popen(
            "porpoise", "--instance", path, "passwd", "ann",
            stdin=slave, stdout=slave, stderr=slave,
        )
        self.slave = slave
        self.shown = ""

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def wait(self, words):
        while words not in self.shown:
            self.shown += os.read(self.master, 1000).decode()
        wait_for(lambda: not self.echoes(), "a terminal without echo")

    def type(self, words):
        os.write(self.master, words.encode())

    def end(self):
        code = self.process.wait(30)
        os.write(self.slave, b"END")
        while not self.shown.endswith("END"):
            self.shown += os.read(self.master, 1000).decode()
        os.close(self.slave)
        os.close(self.master)
        return code


def test_passwd_asks_twice_at_a_terminal_without_echo(lab, home):
    path = made(lab, home)
    terminal = Terminal(lab, path)
    terminal.wait("POP3 password for ann: ")
    terminal.type("secret\n")
    terminal.wait("again: ")
    terminal.type("secret\n")
    assert terminal.process.wait(30) == 0 and terminal.echoes()
    assert terminal.end() == 0 and "secret" not in terminal.shown
    assert is_password(path, "ann", "secret")


def test_passwd_refuses_two_that_differ(lab, home):
    path = made(lab, home)
    terminal = Terminal(lab, path)
    terminal.wait("POP3 password for ann: ")
    terminal.type("secret\n")
    terminal.wait("again: ")
    terminal.type("secrets\n")
    assert terminal.end() == 100
    assert "porpoise: the two passwords differ: nothing changed" in terminal.shown
    assert not (path / "users/passwd").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_passwd_restores_the_echo_when_it_is_ended(lab, home, number):
    terminal = Terminal(lab, made(lab, home))
    terminal.wait("POP3 password for ann: ")
    terminal.process.send_signal(number)
    assert terminal.process.wait(30) == -number
    assert terminal.echoes()


# -- the whole, with the real parts


def test_a_path_of_300_octets_works(lab, home):
    deep = home
    for _ in range(3):
        deep = lab.folder(deep / ("d" * 100))
    path = made(lab, home, path=deep / "i")
    assert len(str(path)) > 300
    lab.write(path / "control/pop3port", "0\n")
    env = lab.environment(PORPOISE=path, HOME=home / "h")
    with lab.popen("porpoise", "run", env=env, stdout=subprocess.DEVNULL) as process:
        try:
            done = lab.run("porpoise", "status", "--wait", env=env)
            assert done.returncode == 0, done.stderr
            done = lab.run("sendmail", "ann", env=env, input="Subject: hi\n\nhello\n")
            assert done.returncode == 0, done.stderr
            new = home / "h/Maildir/new"
            wait_for(lambda: list(new.iterdir()), "the message")
            assert lab.run("porpoise", "passwd", "ann", env=env, input="secret\n").returncode == 0
            port = int((path / "run/pop3port").read_text())
            assert b"+OK 1 " in conversation(port, b"USER ann\r\nPASS secret\r\nSTAT\r\nQUIT\r\n")
        finally:
            process.terminate()
            assert process.wait(30) == 0


def test_the_real_parts_start_stop_and_leave_nothing(instance):
    instance.start()
    assert instance.stop() == 0
    assert processes_about(str(instance.folder)) == []
    assert not (instance.path / "run/pop3port").exists()
    assert "porpoise: stopped" in instance.log().splitlines()[-1]


def test_the_real_parts_do_not_survive_a_kill(instance):
    instance.start()
    lab = instance.lab
    assert lab.run("porpoise", "passwd", "owner", env=instance.environment(), input="s\n").returncode == 0
    connection = socket.create_connection(("127.0.0.1", instance.pop3_port()))
    connection.sendall(b"USER owner\r\nPASS s\r\nSTAT\r\n")
    octets = b""
    while b"+OK 0 0" not in octets:
        octets += connection.recv(1000)
    instance.stop(signal.SIGKILL)
    wait_for(lambda: not processes_about(str(instance.folder)), "the end of every process")
    connection.close()
    instance.start()
    assert instance.stop() == 0


def test_a_real_send_that_is_killed_comes_back_and_loses_nothing(instance):
    instance.start()
    pid = int(re.search(r"send: running, pid (\d+)", instance.run("porpoise", "status").stdout.decode())[1])
    os.kill(pid, signal.SIGKILL)
    instance.submit("Subject: hi\n\nhello\n", "alice@here.test")
    assert instance.message("alice").endswith(b"Subject: hi\n\nhello\n")
    assert instance.stop() == 0
