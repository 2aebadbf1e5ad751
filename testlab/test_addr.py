"""addr: the real program."""

import base64
import json
import os
import random
import resource
import select
import subprocess

import pytest


def answers(lab, text, *options):
    done = lab.run("addr", *options, input=text)
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def mailbox(local, domain=None, display="", group=None):
    return {"display": display, "local": local, "domain": domain, "group": group}


def test_help_and_wrong_lines(lab):
    done = lab.run("addr", "--help")
    assert done.returncode == 0 and done.stdout == b"usage: addr [--strict] [--raw] [--header NAME]...\n"
    for wrong in (["--odd"], ["-x"], ["operand"], ["--header"]):
        done = lab.run("addr", *wrong)
        assert (done.returncode, done.stdout) == (100, b"") and done.stderr.count(b"\n") == 1


def test_one_line_in_is_one_line_out(lab):
    text = b"a@b, C <c@d>\r\n\n<a\ng: =?utf-8?q?=C3=B6?= <x@y>;\n\0\nlast"
    lines = answers(lab, text)
    assert lines[0] == [mailbox("a", "b"), mailbox("c", "d", "C")]
    assert lines[1] == []
    assert lines[2]["at"] == 0 and "closes" in lines[2]["error"]
    assert lines[3] == [mailbox("x", "y", "\u00f6", "g")]
    assert lines[4]["at"] == 0
    assert lines[5:] == [[mailbox("last")]]


def test_no_input_is_no_output(lab):
    assert lab.run("addr", input=b"").stdout == b""
    assert lab.run("addr", "--header", "To", input=b"").stdout == b""


def test_strict_names_the_octet_and_what_was_expected(lab):
    lines = answers(lab, b"a@b\ndjb fred\na..b@c\n", "--strict")
    assert lines == [
        [mailbox("a", "b")],
        {"error": 'expected "<" or ":", not the end', "at": 8},
        {"error": 'expected "<" or ":", not "@c"', "at": 4},
    ]


def test_raw_is_base64_of_the_octets(lab):
    [[one], [two]] = answers(lab, b'J\xf6rg <j\xff@b>\njoe\n', "--raw")
    assert base64.b64decode(one["display"]) == b"J\xf6rg"
    assert base64.b64decode(one["local"]) == b"j\xff"
    assert two["display"] == "" and two["domain"] is None and two["group"] is None


def test_octets_that_are_not_utf8(lab):
    [name, local] = answers(lab, b"J\xf6rg <j@b>\nj\xff@b\n")
    assert name == [mailbox("j", "b", "J\ufffdrg")]
    assert local["at"] == 1


def test_fields_of_a_message(lab):
    message = (b"Received: by x\r\nto: a@b,\r\n\tC D <c@d>\r\nSubject: to\r\nTO: e@f\r\n\r\nTo: body@x\r\n"
               + b"x" * 300000)
    assert answers(lab, message, "--header", "To") == [
        [mailbox("a", "b"), mailbox("c", "d", "C D")], [mailbox("e", "f")]]
    assert answers(lab, message, "--header", "Cc") == []


def test_it_answers_while_the_input_is_open(lab):
    with lab.popen("addr", stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as child:
        for text in (b"a@b\n", b"c", b"@d\ne@f\n"):
            child.stdin.write(text)
            child.stdin.flush()
            if not text.endswith(b"\n"):
                continue
            for _ in range(text.count(b"\n")):
                assert select.select([child.stdout], [], [], 20)[0], "no answer"
                assert json.loads(child.stdout.readline())
        child.stdin.close()
        assert child.stdout.read() == b"" and child.wait() == 0


def test_a_line_beyond_the_limit_is_an_error_and_the_next_is_read(lab):
    lines = answers(lab, b"a@b\n" + b"x" * 3_000_000 + b"\nc@d\n")
    assert lines == [[mailbox("a", "b")],
                     {"error": "longer than 1048576 octets", "at": 1048576}, [mailbox("c", "d")]]


def mixed_lines(count):
    """Good, odd and broken lines, the same in each run."""
    chance = random.Random(822)
    forms = [b"joe@example.test", b"Mary Smith <mary@x.test>, jdoe@y.test (Who?)", b"", b"djb fred",
             b'"Joe Q. \\"Public\\"" <j@[1.2.3.4]>', b"g: a, B <b@c>;", b"<a", b"a@@b", b"(((", b'"',
             b"=?utf-8?q?J=C3=B6rg?= <j@x>", b"<@r:a@b>", b"\xff\xfe@x", b"J\xf6rg <a@b>", b",,,", b"\r"]
    lines = []
    for _ in range(count):
        line = chance.choice(forms)
        if chance.random() < 0.3:
            at = chance.randrange(len(line) + 1)
            line = line[:at] + bytes([chance.choice([*range(10), *range(11, 256)])]) + line[at:]
        lines.append(line * (1 if chance.random() < 0.99 else 500))
    return b"\n".join(lines) + b"\n"


@pytest.mark.parametrize("options", [[], ["--strict"], ["--raw"]])
def test_100000_mixed_lines_give_100000_lines_in_bounded_memory(lab, options):
    text = mixed_lines(100_000)
    megabytes = 32

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    done = lab.run("addr", *options, input=text, preexec_fn=limit, timeout=300)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode("utf-8", errors="strict").split("\n")
    assert lines.pop() == "" and len(lines) == 100_000
    kinds = [type(json.loads(line)) for line in lines]
    assert kinds.count(list) > 1000 and kinds.count(dict) > 1000


def test_a_reader_that_goes_away_is_no_news(lab):
    gone, written = os.pipe()
    os.close(gone)
    done = lab.run("addr", input=b"a@b\n" * 100_000, stdout=written)
    os.close(written)
    assert (done.returncode, done.stderr) == (111, b"")
