"""porpoise init: what it makes, for whom, and what it refuses."""

import os
import pathlib
import re
import socket
import subprocess

import pytest

from porpoise_parts import HOST, made, text


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
