"""send's settings: limits, retry rules, what a SIGHUP reads again, and the form of the log. The real
programs."""

import json
import signal
import subprocess

import pytest

import queue_file
from conftest import wait_for
from test_send import Send, alone, once, only, queued_file, sending, wait_deferred  # noqa: F401

FAR = "bob@far.test"


def script(instance, name, text):
    return instance.lab.write(instance.folder / name, f"#!/bin/sh\n{text}\n", 0o755)


def slow_mailbox(instance, name):
    """A dot-file whose program counts itself and waits for the gate."""
    begun = instance.lab.folder(instance.folder / f"begun-{name}", 0o777)
    gate = instance.folder / "gate"
    instance.dot_file(name, "", f"|touch {begun}/$$; while ! test -e {gate}; do sleep 0.02; done\n")
    return begun, gate


# -- limits


def test_a_slow_program_has_its_limit_and_delays_nobody_else(alone):
    alone.control("concurrencyrecipient", "2\n")
    begun, gate = slow_mailbox(alone, "alice")
    send = Send(alone).ready()
    for n in range(15):
        alone.submit(f"Subject: {n}\n\n", "alice@here.test")
    send.said("starting delivery 2")
    alone.submit("Subject: mine\n\n", "bob@here.test")
    alone.message("bob", 1)
    assert len(list(begun.iterdir())) == 2
    wait_for(lambda: "running=2\n" in send.ask("status"), "bob's delivery to be over")
    alone.lab.write(gate, "")
    alone.settle()
    assert len(list(begun.iterdir())) == 15


# R1123-5.3.1.1-s54-concurrency-limit R1123-5.3.1.1-s54-concurrent-send
def test_a_host_has_its_limit(alone):
    alone.control("concurrencyhost", "3\n")
    begun = alone.lab.folder(alone.folder / "begun", 0o777)
    gate = alone.folder / "gate"
    program = script(alone, "far",
                     f"touch {begun}/$5-$$; case $5 in *dead*) while ! test -e {gate}; do sleep 0.02; done;; esac")
    alone.control("remote", f"pipe {program} x\n")
    send = Send(alone).ready()
    for n in range(10):
        alone.submit(f"Subject: {n}\n\n", "bob@dead.test")
    send.said("starting delivery 3")
    alone.submit("Subject: other\n\n", "bob@well.test")
    wait_for(lambda: len(alone.queued()) == 10, "the other host's message to be gone")
    assert "remote_running=3\n" in send.ask("status")
    alone.lab.write(gate, "")
    alone.settle()


@pytest.mark.parametrize("name,value", [("concurrencyhost", "0"), ("concurrencyrecipient", "501"),
                                        ("concurrencyhost", "x"), ("retry", "* *")])
def test_a_setting_that_is_wrong_keeps_send_and_run_from_starting(alone, name, value):
    alone.control(name, value + "\n")
    for program in (["send", "--once"], ["porpoise", "run"]):
        done = alone.run(*program, "--instance", alone.path)
        assert done.returncode == 111
        assert f"control/{name}".encode() in done.stderr and done.stderr.count(b"\n") == 1


# -- SIGHUP


def test_hup_takes_other_limits_while_deliveries_run(sending):
    instance = sending.instance
    begun, gate = slow_mailbox(instance, "alice")
    for n in range(8):
        instance.submit(f"Subject: {n}\n\n", "alice@here.test")
    wait_for(lambda: len(list(begun.iterdir())) == 4, "four deliveries")
    instance.control("concurrencyrecipient", "6\n")
    instance.control("concurrencylocal", "30\n")
    sending.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(list(begun.iterdir())) == 6, "six deliveries")
    sending.said(r"status: local \d/30 remote 0/20")
    instance.control("concurrencylocal", "1\n")
    sending.process.send_signal(signal.SIGHUP)
    sending.said("status: local 6/1 remote 0/20")
    instance.lab.write(gate, "")
    instance.settle()


def test_hup_with_a_wrong_file_keeps_the_old_value_and_takes_the_others(sending):
    instance = sending.instance
    instance.control("concurrencylocal", "many\n")
    instance.control("concurrencyremote", "7\n")
    instance.control("queuelifetime", "-1\n")
    instance.control("retry", "# first\nfar.test * waits=5x\n")
    instance.control("remote", "shell 'me'\n")
    sending.process.send_signal(signal.SIGHUP)
    sending.said("alert: unable to reread control/concurrencylocal, the old value stays: "
                 'control/concurrencylocal: "many" is not a number')
    sending.said("alert: unable to reread control/queuelifetime, the old value stays: ")
    sending.said("alert: unable to reread control/retry, the old value stays: control/retry line 2: waits: ")
    sending.said("alert: unable to reread control/remote, the old value stays: control/remote")
    sending.said("status: local 0/10 remote 0/7")
    instance.submit("Subject: still\n\n", "alice@here.test")
    instance.message("alice", 1)


def test_a_lifetime_that_was_shortened_counts_after_hup(sending):
    instance = sending.instance
    instance.dot_file("alice", "", "|echo out of paper; exit 111\n")
    instance.submit("Subject: old\n\n", "alice@here.test", sender="bob@here.test")
    identifier = only(instance)
    wait_deferred(instance, identifier)
    instance.control("queuelifetime", "0\n")
    sending.process.send_signal(signal.SIGHUP)
    sending.ask(f"retry {identifier}")
    assert "too long" in instance.message("bob").decode()


def test_a_channel_held_by_hup_holds_and_goes_on(sending):
    instance = sending.instance
    instance.control("concurrencylocal", "0\n")
    sending.process.send_signal(signal.SIGHUP)
    sending.said("status: local 0/0 remote 0/20")
    instance.submit("Subject: held\n\n", "alice@here.test")
    sending.said("new msg")
    assert instance.messages("alice") == []
    instance.control("concurrencylocal", "10\n")
    sending.process.send_signal(signal.SIGHUP)
    instance.message("alice", 1)


# -- retry rules


def next_of(instance, identifier):
    return queue_file.read(queued_file(instance, identifier).read_bytes())


def test_a_rule_says_when_the_next_attempt_is(alone):
    alone.control("retry", "local 4.3.* waits=3h\n")
    alone.dot_file("alice", "", "|echo not now; exit 111\n")
    alone.submit("Subject: x\n\n", "alice@here.test")
    log = once(alone, "--log-format", "json").stdout.decode()
    (waiting,) = [e for e in map(json.loads, log.splitlines()) if e["event"] == "waiting"]
    (delivery,) = [e for e in map(json.loads, log.splitlines()) if e["event"] == "delivery"]

    def seconds(stamp):
        import datetime
        return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()

    assert 10800 - 2 <= seconds(waiting["next"]) - seconds(delivery["time"]) <= 10800 * 17 / 16 + 2
    assert (waiting["attempts"], waiting["recipients"]) == (1, 1)


def test_a_rule_ends_the_life_of_what_it_fits(alone):
    alone.control("retry", "alice@here.test ~not_now lifetime=0\n")
    for name in ("alice", "carl"):
        alone.dot_file(name, "", "|echo Not now; exit 111\n")
    alone.submit("Subject: x\n\n", "alice@here.test", "carl@here.test", sender="bob@here.test")
    wait_for(lambda: once(alone) and alone.messages("bob"), "the notice")
    text = alone.message("bob").decode()
    assert "<alice@here.test>:\nNot now\n" in text and "carl" not in text.partition("Return-Path")[0].split("\n\n--")[0]
    assert len(alone.queued()) == 1


def test_retry_explain_tells_rule_and_times(alone):
    alone.control("retry", "# mine\nfar.test 4.7.* waits=10m,1h lifetime=3h\n")
    done = alone.run("porpoise", "--instance", alone.path, "retry-explain", "--error", "451 4.7.1 x", FAR)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == (
        "address: bob@far.test\nroute: another host: far.test is in no list of local domains\n"
        "error: 451 4.7.1 x\nrule: control/retry line 2\nlifetime: 3h\n"
        "attempt 1: at once\nattempt 2: after 10m\nattempt 3: after 1h10m\nattempt 4: after 2h10m\n"
        "attempt 5: after 3h10m, the last one: then it is returned\n")
    done = alone.run("porpoise", "retry-explain", "--json", "alice", "--instance", alone.path)
    told = json.loads(done.stdout)
    assert (told["address"], told["line"], told["lifetime_s"]) == ("alice@mx.here.test", None, 604800)
    assert told["attempts_s"][:4] == [0, 100, 400, 900] and len(told["attempts_s"]) == 79


def test_retry_explain_names_what_is_wrong(alone):
    alone.control("retry", "far.test lifetime=3h\n")
    done = alone.run("porpoise", "--instance", alone.path, "retry-explain", FAR)
    assert done.returncode == 111
    assert done.stderr.decode() == ("porpoise: control/retry line 1: want a pattern, an error and at least one "
                                    "setting: * * lifetime=5d\n")
    assert alone.run("porpoise", "retry-explain").returncode == 100


# -- destinations


def test_the_log_tells_of_hosts_that_fail_and_that_are_well_again(alone):
    program = script(alone, "far", f"test -e {alone.folder}/up || {{ echo '451 4.4.1 no answer'; exit 75; }}")
    alone.control("remote", f"pipe {program}\n")
    send = Send(alone).ready()
    for n in range(5):
        alone.submit(f"Subject: {n}\n\n", FAR)
    for identifier in alone.queued():
        wait_deferred(alone, identifier)
    send.said("destination far.test: failing since=")
    alone.lab.write(alone.folder / "up", "")
    alone.submit("Subject: one more\n\n", FAR)
    send.said(r"destination far.test: well since=\S+Z text=451_4.4.1_no_answer")
    send.ask("retry")
    alone.settle()


# -- the log


def test_json_has_an_object_a_line_and_the_same_facts(alone):
    alone.submit("Subject: hi\n\nhello\n", "alice@here.test")
    identifier = only(alone)
    events = [json.loads(line) for line in once(alone, "--log-format=json").stdout.splitlines()]
    assert [e["event"] for e in events] == ["status", "new", "info", "start", "status", "delivery", "status",
                                           "end", "exit"]
    of = {e["event"]: e for e in events}
    assert of["info"]["id"] == identifier and of["info"]["recipients"] == 1 and of["info"]["bytes"] > 10
    assert of["start"] | {"time": ""} == {"time": "", "event": "start", "delivery": 1, "id": identifier,
                                          "channel": "local", "recipient": "alice@here.test", "attempt": 1}
    assert of["delivery"]["result"] == "success" and of["delivery"]["text"] == "did 1+0+0\n"
    assert of["delivery"]["ms"] >= 0 and of["end"]["ms"] >= of["delivery"]["ms"]


def test_porpoise_run_passes_the_format_on(alone):
    with open(alone.folder / "log", "wb") as log:
        process = alone.popen("porpoise", "run", "--instance", alone.path, "--log-format", "json",
                              stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        assert alone.run("porpoise", "status", "--wait", "--instance", alone.path).returncode == 0
        alone.submit("Subject: hi\n\n", "alice@here.test")
        alone.message("alice", 1)
        wait_for(lambda: '"event":"end"' in (alone.folder / "log").read_text(), "the end")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    for line in (alone.folder / "log").read_text().splitlines():
        assert {"time", "event"} <= json.loads(line).keys()


@pytest.mark.parametrize("program", [["send", "--once"], ["porpoise", "run"]])
def test_another_format_is_refused(alone, program):
    done = alone.run(*program, "--instance", alone.path, "--log-format", "xml")
    assert done.returncode == 100
    assert b'"xml" is neither plain nor json' in done.stderr
