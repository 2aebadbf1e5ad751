"""forward: the real program, into a real queue and through a foreign queue program."""

import re

import pytest

DTLINE = "Delivered-To: joe@here.test\n"
MESSAGE = b"S: x\n\nhi\n"


@pytest.fixture
def box(instance):
    return Box(instance)


class Box:
    def __init__(self, instance):
        self.instance = instance

    def forward(self, *args, input=MESSAGE, **more):
        env = self.instance.environment(**{"NEWSENDER": "bob@x.test", "DTLINE": DTLINE,
                                           "PORPOISE_NO_SEND": "1", **more})
        return self.instance.run("forward", *args, input=input, env=env)

    def foreign(self, code):
        """A queue program that writes down what it is given."""
        top = self.instance.folder
        return self.instance.lab.write(
            top / "queue-program",
            f"#!/bin/sh\ncat >{top}/message\ncat <&1 >{top}/envelope\nexit {code}\n", 0o755)


def test_help(lab):
    done = lab.run("forward", "--help")
    assert done.returncode == 0 and done.stdout.startswith(b"usage: forward ")


@pytest.mark.parametrize("args,more,text", [
    ([], {}, "usage: forward "), (["-x", "a@b"], {}, "usage: forward "),
    (["a@b", ""], {}, "an address is empty"),
    (["a@b"], {"NEWSENDER": None}, "NEWSENDER is not set; usage: "),
    (["a@b"], {"DTLINE": None}, "DTLINE is not set; usage: ")])
def test_a_wrong_call_is_100_and_queues_nothing(box, args, more, text):
    done = box.forward(*args, **more)
    assert done.returncode == 100 and done.stderr.decode().startswith("forward: " + text)
    assert box.instance.queued() == []


def test_the_message_is_queued_once_for_all(box):
    done = box.forward("alice@here.test", "-odd@here.test")
    assert done.returncode == 0, done.stderr
    [id] = box.instance.queued()
    assert done.stderr.decode() == f"forward: qp {id}\n"
    text = (box.instance.path / "queue" / "incoming" / id).read_bytes()
    assert DTLINE.encode() + MESSAGE in text


def test_addresses_are_taken_as_they_are(box):
    done = box.forward("alice", "Bob <bob@x>", "a b@c", QMAILQUEUE=box.foreign(0))
    assert (done.returncode, done.stderr) == (0, b"forward: qp -\n")
    assert (box.instance.folder / "message").read_bytes() == DTLINE.encode() + MESSAGE
    assert (box.instance.folder / "envelope").read_bytes() == (
        b"Fbob@x.test\0Talice\0TBob <bob@x>\0Ta b@c\0\0")


def test_the_null_sender_stays_null(box):
    box.forward("a@b", NEWSENDER="", QMAILQUEUE=box.foreign(0))
    assert (box.instance.folder / "envelope").read_bytes() == b"F\0Ta@b\0\0"


def test_reading_begins_where_the_descriptor_is(box):
    (box.instance.folder / "m").write_bytes(b"skipped\n" + MESSAGE)
    with open(box.instance.folder / "m", "rb", buffering=0) as stdin:
        stdin.seek(8)
        env = box.instance.environment(NEWSENDER="", DTLINE=DTLINE, QMAILQUEUE=box.foreign(0))
        assert box.instance.run("forward", "a@b", stdin=stdin, env=env).returncode == 0
    assert (box.instance.folder / "message").read_bytes() == DTLINE.encode() + MESSAGE


@pytest.mark.parametrize("code,expected", [(31, 100), (11, 100), (115, 100), (53, 111), (71, 111),
                                           (81, 111), (1, 111)])
def test_the_queues_code_decides(box, code, expected):
    done = box.forward("a@b", QMAILQUEUE=box.foreign(code))
    assert done.returncode == expected
    assert re.match(rb"forward: queue: .*\(#[45]\.\d\.\d\)", done.stderr)


def test_a_folder_that_is_no_instance_is_100(box):
    done = box.forward("--instance", box.instance.folder, "a@b")
    assert done.returncode == 100
    assert f"{box.instance.folder} is no porpoise instance" in done.stderr.decode()
