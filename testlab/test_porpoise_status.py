"""porpoise status and retry."""

import subprocess

import pytest

from porpoise_parts import SEND, made, queue_one, runner, scripts, text  # noqa: F401: runner is a fixture


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
