"""Every workload, struck at its system calls: a seeded sample, with PORPOISE_FULL=1 all of them.
The tool itself, testlab/fault, is tested here too: what it claims of a run is what happened."""

import json
import os
import re
import subprocess
import sys

import pytest

from conftest import TOP, processes_about, wait_for
from fault import answers, controls, points
from fault.runs import TOOL
from fault.supervisor import KILLED, Supervisor, Trouble
from workloads import WORKLOADS, that_run_here

FULL = bool(os.environ.get("PORPOISE_FULL"))
LAB = [sys.executable, str(TOP / "testlab" / "lab"), "fault"]
SAMPLE = 60  # runs of each workload


def lab_fault(tmp_path, *options):
    """The command, in a process of its own; its figures."""
    figures = tmp_path / "figures"
    done = subprocess.run([*LAB, "--jobs", "1", "--json", figures, *options], capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(figures.read_text()), done.stdout


def needs_its_rights(workload):
    if workload not in that_run_here():
        pytest.skip("needs root: a system instance has several users")


# -- the programs

@pytest.mark.parametrize("workload", sorted(WORKLOADS))
def test_a_call_that_fails_or_is_the_last_one_loses_nothing(tmp_path, workload):
    needs_its_rights(workload)
    modes = [o for mode in points.MODES for o in ("--mode", mode)]
    how_many = ["--full"] if FULL else ["--points", SAMPLE]
    figures, _ = lab_fault(tmp_path, "--workload", workload, *modes, *map(str, how_many))
    result, = figures["results"]
    assert result["findings"] == []
    assert result["runs"] >= (result["strikes"] if FULL else min(SAMPLE, result["strikes"]))
    assert result["unreached"] <= result["runs"] // 10, "points must be found again"
    assert result["points"] > 50 and result["judged"] > 3


@pytest.mark.parametrize("workload", ["retry", "bounce", "many", "sweep", "deliver", "check", "progress"])
def test_a_clock_that_jumps_loses_returns_and_forgets_nothing(tmp_path, workload):
    how_many = ["--full"] if FULL else ["--points", SAMPLE // 3]
    figures, _ = lab_fault(tmp_path, "--workload", workload, "--mode", "clock", *map(str, how_many))
    result, = figures["results"]
    assert result["findings"] == []
    assert result["runs"] >= SAMPLE // 3 and result["unreached"] <= result["runs"] // 2  # how often a loop looks is no promise


@pytest.mark.parametrize("workload", ["maildir", "deliver"])
def test_the_same_with_named_temporary_files(tmp_path, workload):
    how_many = ["--full"] if FULL else ["--points", SAMPLE // 2]
    figures, _ = lab_fault(tmp_path, "--workload", workload, "--named", "--mode", "kill", "--mode", "error", *map(str, how_many))
    assert figures["results"][0]["findings"] == []


@pytest.mark.parametrize("control", controls.CONTROLS, ids=lambda c: f"{c.plant}-{c.workload}-{c.mode}")
def test_a_bug_that_was_planted_is_found(tmp_path, control):
    needs_its_rights(control.workload)
    figures, shown = lab_fault(tmp_path, "--controls", f"{control.plant}/{control.workload}/{control.mode}")
    assert [controls.is_caught(r) for r in figures["controls"]] == [True], shown


def test_a_layer_that_struck_nothing_fails(tmp_path):
    done = subprocess.run([*LAB, "--workload", "maildir", "--points", "0", "--mode", "kill"], capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr


def test_what_programs_may_answer_is_in_their_manual_pages():
    for program, codes in answers.CODES.items():
        page, = (TOP / "man").glob(f"{program}.[18]")
        section = page.read_text().partition(".Sh EXIT STATUS")[2].partition(".Sh ")[0]
        assert section, page
        for code in codes:
            assert re.search(rf"\b{code}\b", section), f"{page.name} does not say what {code} means"


def test_nothing_stays_when_the_lab_is_killed(lab):
    place = lab.folder(lab.base / "killed-lab")
    env = dict(os.environ, TMPDIR=str(place), PORPOISE_FAULT_FOLDER=str(place))
    run = subprocess.Popen([*LAB, "--workload", "deliver", "--mode", "kill", "--mode", "blocks", "--full", "--jobs", "2"],
                           stdout=subprocess.DEVNULL, env=env)
    try:
        wait_for(lambda: len(list(place.glob("*/run/patterns/7"))) == 2, "two runs to begin")
    finally:
        run.kill()
        run.wait()
    wait_for(lambda: not list(place.iterdir()) and not processes_about(str(place)), "everything to go")


# -- the tool

@pytest.fixture
def tool(lab, home):
    user = {"user": lab.uid, "group": lab.gid, "extra_groups": []} if lab.root else {}
    scratch = lab.folder(home / "scratch")
    copy = lab.write(home / "fault", TOOL.read_bytes(), 0o755)
    made = Supervisor(copy, scratch, user)
    made.home = home
    yield made
    made.close()


def run(tool, act, *command, at="", **options):
    env = {"PATH": "/usr/bin:/bin"}
    return tool.run(act, list(command), env=env, cwd=tool.home, at=at, **options)


COPY = 'printf one > one; printf two > two'


def listed(tool, script):
    assert run(tool, "list", "/bin/sh", "-c", script).code == 0
    return points.parse(tool.listing())


def test_the_list_names_each_call_and_what_it_is_about(lab, tool):
    lab.own(tool.home)
    made = [p for p in listed(tool, COPY) if p.changes]
    assert [(p.at, p.program, p.kind, p.object.replace(str(tool.home), "")) for p in made] == [
        (made[0].at, "dash", "create", "/one"), (made[1].at, "dash", "write", "/one"),
        (made[2].at, "dash", "create", "/two"), (made[3].at, "dash", "write", "/two")]
    assert [made[1].at, made[3].at] == ["0:write:1", "0:write:2"]


@pytest.mark.parametrize("act, left", [("before", "one"), ("after", "onetwo")])
def test_a_tree_is_killed_just_there(lab, tool, act, left):
    outcome = run(tool, act, "/bin/sh", "-c", COPY, at="0:write:2")
    assert (outcome.code, outcome.struck) == (KILLED, True)
    assert (tool.home / "one").read_text() + (tool.home / "two").read_text() == left


@pytest.mark.parametrize("act, left", [("one-before", ""), ("one-after", "out\n")])
def test_one_process_is_killed_and_the_others_go_on(tool, act, left):
    script = "/bin/echo out > file; echo $? > code"
    outcome = run(tool, act, "/bin/sh", "-c", script, at="0.1:write:1")
    assert (outcome.code, outcome.struck) == (0, True)
    assert (tool.home / "file").read_text() == left
    assert (tool.home / "code").read_text() == "137\n"


def test_a_call_fails_once_or_from_there_on(tool):
    script = "printf one > one; printf two > two; printf three > three"
    assert run(tool, "error", "/bin/sh", "-c", script, at="0:write:2", error=28).code == 0
    assert [(tool.home / n).read_text() for n in ("one", "two", "three")] == ["one", "", "three"]
    assert run(tool, "error-from", "/bin/sh", "-c", script, at="0:write:2", error=28).code != 0
    assert [(tool.home / n).read_text() for n in ("one", "two", "three")] == ["one", "", ""]


def test_half_of_a_write_is_written(tool):
    outcome = run(tool, "shorten", "/usr/bin/dd", "if=/dev/zero", "of=file", "bs=1000", "count=1", "status=none", at="0:write:1")
    assert outcome.struck
    assert (tool.home / "file").stat().st_size in (500, 1000)  # dd writes the rest, or says so


def python(lab, tool, script):
    """A command that runs this text."""
    return "/usr/bin/python3", str(lab.write(tool.home / "script.py", script))


def test_octets_that_a_failed_sync_covered_are_lost(lab, tool):
    command = python(lab, tool, """
import os
file = os.open("file", os.O_CREAT | os.O_WRONLY)
os.write(file, b"kept")
os.fsync(file)
os.write(file, b"lost")
try:
    os.fsync(file)
except OSError:
    os.fsync(file)
""")
    outcome = run(tool, "error", *command, at="0:fsync:2", error=5)
    assert (outcome.code, outcome.struck, outcome.lost) == (0, True, 1)
    assert (tool.home / "file").read_bytes() == b"kept\0\0\0\0"


def test_names_that_a_failed_sync_covered_are_lost(lab, tool):
    command = python(lab, tool, """
import os
folder = os.open(".", os.O_RDONLY)
os.mkdir("kept")
os.fsync(folder)
os.mkdir("lost")
try:
    os.fsync(folder)
except OSError:
    os.fsync(folder)
""")
    outcome = run(tool, "error", *command, at="0:fsync:2", error=5)
    assert (outcome.code, outcome.lost) == (0, 1)
    assert (tool.home / "kept").exists() and not (tool.home / "lost").exists()


def test_a_failed_sync_is_told_to_all_who_had_it_open(lab, tool):
    command = python(lab, tool, """
import os
folder = os.open(".", os.O_RDONLY)
if os.fork() == 0:
    try:
        os.fsync(os.open(".", os.O_RDONLY))
    except OSError:
        os._exit(7)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
for _ in range(2):
    try:
        os.fsync(folder)
        print("synced")
    except OSError as no:
        print(no.errno)
""")
    outcome = run(tool, "error", *command, at="0.1:fsync:1", error=5)
    assert (outcome.code, outcome.struck, outcome.stdout) == (0, True, b"5\nsynced\n")


def test_clock_and_chance_are_given(lab, tool):
    command = python(lab, tool, "import os, time; print(int(time.time()) // 1000, os.urandom(8).hex())")
    first, again = (run(tool, "none", *command, wall_us=10**15).stdout for _ in range(2))
    assert first == again and first.startswith(b"1000000 ")
    assert run(tool, "none", *command, wall_us=2 * 10**15).stdout.startswith(b"2000000 ")


CLOCKS = """
import os, time
def now():
    return int(time.time()) // 1000, int(time.clock_gettime(time.CLOCK_BOOTTIME)) // 1000, int(time.monotonic()) // 1000
before, jump = now(), open("jump", "w")
after = now()
print(*(b - a for a, b in zip(before, after)))
"""


def test_clocks_jump_from_a_reading_on_for_all_that_runs(lab, tool):
    lab.own(tool.home)
    options = {"at": f"file:{tool.home}/jump", "wall_us": 10**15, "by_us": (5 * 10**9, 3 * 10**9)}
    outcome = run(tool, "jump", *python(lab, tool, CLOCKS), **options)
    assert (outcome.code, outcome.struck, outcome.stdout) == (0, True, b"5 3 0\n")
    assert outcome.points >= 6, "readings"
    (tool.home / "jump").unlink()
    options["by_us"] = (-9 * 10**14, 0)
    assert run(tool, "jump", *python(lab, tool, CLOCKS), **options).stdout == b"-900000 0 0\n"


def test_readings_are_listed_and_strike_where_they_are_named(lab, tool):
    command = "/bin/sh", "-c", "date +%s; date +%s"
    assert run(tool, "list", *command, wall_us=10**15).code == 0
    readings = [p for p in points.parse(tool.listing()) if p.kind == "clock" and p.object == "wall"]
    nodes = sorted({p.node for p in readings if p.program == "date"})
    assert len(nodes) == 2
    at = next(p.at for p in readings if p.node == nodes[1])
    outcome = run(tool, "jump", *command, at=at, wall_us=10**15, by_us=(10**15, 0))
    assert outcome.struck
    assert [int(second) // 10**6 for second in outcome.stdout.split()] == [1000, 2000]


@pytest.mark.parametrize("what, wall, boot", [("+10y", 10 * points.YEAR, 0), ("-10y~", -10 * points.YEAR, 0),
                                              ("1970", points.DAY - 10**9, 0), ("suspend", 3 * points.DAY, 3 * points.DAY)])
def test_a_jump_takes_the_clocks_where_its_name_says(what, wall, boot):
    strike = points.Strike(1, what, "0:clock_gettime:1", None)
    assert strike.jumps_by(10**15) == (wall * 10**6, boot * 10**6)
    assert (strike.act, strike.lasts) == ("jump", not what.endswith("~"))


def test_a_point_that_is_not_there_is_not_struck(tool):
    outcome = run(tool, "before", "/bin/true", at="0:write:9")
    assert (outcome.code, outcome.struck) == (0, False)


def test_what_runs_too_long_is_told_and_ended(tool):
    outcome = run(tool, "none", "/bin/sh", "-c", f"sleep 1000 & exit 3 # {tool.home}", limit=1)
    assert (outcome.code, outcome.hung) == (3, True)
    wait_for(lambda: not processes_about(f"PWD={tool.home}"), "the sleeper's end")


def test_a_supervisor_that_is_killed_takes_everything_along(lab, tool):
    lines = [f"cwd {tool.home}", "args", "arg /bin/sleep", "arg 1000", "envs", f"env MARK={tool.home}", "run none"]
    tool.process.stdin.write(("\n".join(lines) + "\n\n").encode())
    tool.process.stdin.flush()
    wait_for(lambda: processes_about(f"MARK={tool.home}"), "the sleeper")
    tool.process.kill()
    wait_for(lambda: not processes_about(f"MARK={tool.home}"), "the sleeper's end")
    with pytest.raises(Trouble):
        run(tool, "none", "/bin/true")


def test_a_program_that_cannot_be_started_says_127(tool):
    assert run(tool, "none", "/nonexistent").code == 127


@pytest.mark.parametrize("arguments, code", [
    ((), 202), (("before", "1"), 202), (("later", "1", "/bin/true"), 202), (("before", "99999", "/bin/true"), 201),
    (("none", "1", "/bin/true"), 202), (("28", "0:write:1", "/bin/echo", "x"), 1), (("before", "1", "/bin/true"), 200)])
def test_the_command_line(lab, home, arguments, code):
    copy = lab.write(home / "fault", TOOL.read_bytes(), 0o755)
    assert lab.run(copy, *arguments).returncode == code
