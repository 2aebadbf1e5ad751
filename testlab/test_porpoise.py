"""porpoise: the command line, the tools behind it, and folders that are no instance."""

import os
import re

import pytest

from porpoise_parts import made, scripts, text


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


def test_a_tool_finds_the_instance_given_before_it(lab, home):
    folder = scripts(lab, home, tell='echo "$PORPOISE"; echo "$@"; exit 7\n')
    env = lab.environment(PORPOISE_BIN=folder)
    done = lab.run("porpoise", "--instance", "rel/dir", "tell", "--x", "y", env=env, cwd=home)
    assert text(done) == (7, f"{home}/rel/dir\n--x y\n", "")


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
