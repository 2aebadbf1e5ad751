"""inject: what it makes of a message, and what reaches the queue. The table of addresses is in
libmail/address_test.cc, headers and options in inject/*_test.cc; here are the real program, its
environment and its exit codes."""

import os
import re
import resource
import subprocess

import pytest

import queue_file

DATE = r"Date: \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d -0000\n"
MESSAGE_ID = r"Message-ID: <\d{14}\.\d{6}\.\d+\.[0-9a-z]{13}@mx\.here\.test>\n"


@pytest.fixture
def print_(lab):
    """inject -n without any instance, as joe at mx.here.test."""

    def run(text, *args, **variables):
        env = lab.environment(HOME=lab.base / "nowhere", PORPOISE=None, USER="joe", NAME="Joe Doe",
                              QMAILDEFAULTHOST="mx.here.test", QMAILDEFAULTDOMAIN="here.test",
                              QMAILPLUSDOMAIN="test", QMAILIDHOST="mx.here.test")
        env.update({k: v for k, v in variables.items() if v is not None})
        for name in [k for k, v in variables.items() if v is None]:
            env.pop(name, None)
        return lab.run("inject", "-n", *args, input=text, env=env)

    return run


def split(done):
    """The header and the rest of what -n printed."""
    assert (done.returncode, done.stderr) == (0, b"")
    header, _, body = done.stdout.partition(b"\n\n")
    return header.decode() + "\n", body


@pytest.fixture
def captured(instance):
    """inject or sendmail with a queue that only keeps what it gets: (result, message, envelope)."""
    keep = instance.lab.folder(instance.folder / "keep")
    queue = instance.lab.write(instance.folder / "keeper",
                               f"#!/bin/sh\ncat >{keep}/m && cat <&1 >{keep}/e\n", 0o755)

    def run(*args, input=b"", **variables):
        done = instance.run(*args, input=input,
                            env=instance.environment(QMAILQUEUE=queue, **variables))
        message, envelope = keep / "m", keep / "e"
        if not envelope.exists():
            return done, None, None
        parts = envelope.read_bytes().split(b"\0")
        return done, message.read_bytes(), [p.decode() for p in parts if p]

    return run


# -- -n


def test_n_prints_what_would_be_sent_and_needs_no_instance(print_):
    done = print_("To: a b\nSubject: x\n\nbody")
    header, body = split(done)
    assert body == b"body\n"
    assert re.fullmatch(
        r"Return-Path: <joe@mx\.here\.test>\n" + DATE + MESSAGE_ID
        + r"From: Joe Doe <joe@mx\.here\.test>\n"
        r"To: a@mx\.here\.test, b@mx\.here\.test\nSubject: x\n", header), header


def test_n_knows_this_host_where_nothing_else_says(lab):
    env = lab.environment(HOME=lab.base / "nowhere", PORPOISE=None)
    done = lab.run("inject", "-n", "a@b.test", input="Subject: x\n", env=env)
    assert done.returncode == 0, done.stderr
    assert b"Return-Path: <anonymous@" in done.stdout


def test_n_to_a_full_disk_fails(lab, print_):
    with open("/dev/full", "wb") as full:
        env = lab.environment(USER="joe", QMAILDEFAULTHOST="mx.here.test")
        done = lab.run("inject", "-n", "a", input="Subject: x\n\nbody\n", env=env, stdout=full)
    assert done.returncode == 111
    assert done.stderr == b"inject: writing standard output: No space left on device\n"


def test_a_message_without_a_body_gets_none(print_):
    assert not print_("To: a@b.test\nSubject: x").stdout.endswith(b"\n\n")
    assert print_("To: a@b.test\n\n").stdout.endswith(b"To: a@b.test\n\n")


def test_a_line_that_is_no_field_begins_the_body(print_):
    assert print_("To: a@b.test\nno field\nX: y\n").stdout.endswith(
        b"To: a@b.test\n\nno field\nX: y\n")
    assert print_("just text", "a@b.test").stdout.endswith(b"shown: ;\n\njust text\n")


def test_crlf_messages_are_converted(print_):
    done = print_("To: a@b.test\r\nSubject: x\r\n y\r\n\r\nbody\r\n\r\nend\r\n")
    assert done.returncode == 0
    assert done.stdout.endswith(b"To: a@b.test\nSubject: x\n y\n\nbody\n\nend\n")


@pytest.mark.parametrize("text", [
    "To: a@b.test\r\nSubject: x\n y\n\nbody\r\n\nend\r\n",
    "To: a@b.test\nSubject: x\r\n y\r\n\r\nbody\n\r\nend",
    "To: a@b.test\nSubject: x\n y\n\nbody\r\n\r\nend\r",
])
def test_a_mix_of_crlf_and_lf_is_converted(print_, text):
    assert print_(text).stdout.endswith(b"To: a@b.test\nSubject: x\n y\n\nbody\n\nend\n")


def test_a_cr_that_ends_no_line_is_content(print_):
    assert print_("To: a@b.test\n\nbo\rdy\r\r\n").stdout.endswith(
        b"To: a@b.test\n\nbo\rdy\r\n")


def test_octets_of_all_kinds_pass(print_):
    body = bytes(range(256)) * 1000 + b"\n"
    done = print_(b"To: a@b.test\nSubject: \xff\xfe \xc3\xbc\n\n" + body)
    assert done.stdout.endswith(b"Subject: \xff\xfe \xc3\xbc\n\n" + body)


# -- the environment


def test_the_environment_cannot_add_a_line(print_):
    evil = "x\nBcc: victim@here.test\n\nbody"
    header, _ = split(print_("To: a@b.test\n", NAME=evil))
    assert 'From: "x Bcc: victim@here.test  body" <joe@mx.here.test>\n' in header
    for variable in ("QMAILUSER", "MAILUSER", "USER", "QMAILSUSER"):
        done = print_("To: a@b.test\n", **{variable: evil})
        assert (done.returncode, done.stdout) == (100, b"")
        assert done.stderr.decode() == (
            f"inject: {variable} in the environment holds a control character\n")
    for variable in ("QMAILHOST", "MAILHOST", "QMAILSHOST", "QMAILDEFAULTHOST", "QMAILIDHOST",
                     "QMAILDEFAULTDOMAIN", "QMAILPLUSDOMAIN"):
        done = print_("To: a@b.test\n", **{variable: evil})
        assert (done.returncode, done.stdout) == (100, b"")
        assert done.stderr.decode().startswith(f"inject: {variable} in the environment: ")
        assert done.stderr.count(b"\n") == 1


def test_the_password_file_knows_who_has_no_name(lab, print_):
    """As root, who is in every password file; -n queues nothing."""
    if not lab.root:
        pytest.skip("needs a user that the password file knows")
    env = lab.environment(QMAILDEFAULTHOST="mx.here.test")
    done = lab.run("inject", "-n", "a@b.test", input="\n", env=env, as_root=True)
    assert b"From: root <root@mx.here.test>\n" in done.stdout


def test_the_owner_of_an_instance_is_known_without_a_password_entry(instance):
    env = instance.environment(USER=None, LOGNAME=None)
    done = instance.run("inject", "-n", "a@here.test", input="\n", env=env)
    assert b"\nFrom: owner@mx.here.test\n" in done.stdout


def test_control_files_complete_addresses(instance):
    instance.control("defaulthost", "box\n")
    instance.control("plusdomain", "plus.test\n")
    instance.control("idhost", "ids.test\n")
    done = instance.run("inject", "-n", input="To: a, b@c, d@e+\n")
    assert b"To: a@box.here.test, b@c.here.test, d@e.plus.test\n" in done.stdout
    assert b"@ids.test>\n" in done.stdout


def test_a_control_file_that_makes_no_sense_is_named(instance):
    instance.control("defaulthost", "two words\n")
    done = instance.run("inject", "-n", "a", input="\n")
    assert done.returncode == 100
    assert done.stderr == (b'inject: control/defaulthost: "two words" is no host name: an octet '
                           b"that cannot stand there\n")


# -- refusals: nothing is begun


@pytest.mark.parametrize("args, text, error", [
    ([], "Subject: x\n\nb\n", "no recipients: the message names none in To, Cc or Bcc"),
    (["-a"], "To: x\n", "no recipients: none were named"),
    (["-h", "x"], "Subject: x\n", "no recipients: the message names none in To, Cc or Bcc"),
    ([], "To: a\nBcc: <b\n", 'Bcc: octet 6: no ">" closes this "<": "<b"'),
    ([], "To: x, grp: a, g2: b;;, z\n", 'To: octet 18: a group inside a group: ": b;;, z"'),
    (["a"], "From: (\n", 'From: octet 7: no ")" closes this comment: "("'),
    ([""], "\n", "a recipient argument is empty"),
    (["-f", "a@b..c", "x"], "\n", 'sender "a@b..c": "b..c" is no host name: an empty part'),
    (["-x"], "", "unknown option -x (try --help)"),
    (["-f"], "", "an argument is missing after -f (try --help)"),
])
def test_what_cannot_be_sent_is_refused_before_anything_is_queued(captured, args, text, error):
    done, message, envelope = captured("inject", *args, input=text)
    assert (done.returncode, done.stderr.decode()) == (100, f"inject: {error}\n")
    assert message is None and envelope is None


def test_a_header_without_an_end_is_refused(captured):
    done, message, _ = captured("inject", input=b"To: a\nX: " + b"x" * (8 << 20) + b"\n\nbody\n")
    assert (done.returncode, message) == (100, None)
    assert done.stderr == b"inject: the header is longer than 8388608 octets\n"


def test_help(lab):
    done = lab.run("inject", "--help")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"usage: inject ")


def test_a_folder_for_a_message_is_refused(instance):
    folder = os.open("/", os.O_RDONLY)
    done = instance.run("inject", "alice", stdin=folder)
    os.close(folder)
    assert done.returncode == 100
    assert done.stderr == b"inject: reading standard input: Is a directory\n"
    assert instance.queued() == []


def test_no_instance(lab, home):
    done = lab.run("inject", "--instance", home / "none", "a", input="\n")
    assert done.returncode == 100
    assert done.stderr.decode().startswith(f"inject: {home}/none is no porpoise instance (")


def test_a_recipient_elsewhere_is_refused_at_once(instance):
    done = instance.run("inject", input="To: alice@here.test, bob@far.example\n")
    assert done.returncode == 100
    assert done.stderr.decode() == (
        f"inject: bob@far.example is on another host, and instance {instance.path} has no "
        "control/remote to send it there\n")
    assert instance.queued() == []


# -- into the queue


def test_the_envelope_is_in_written_order_and_bcc_is_hidden(captured):
    done, message, envelope = captured(
        "inject", "-H", "r1", input="To: a, g: b; h: c;\nCc: d@x.y\nBcc: hid\nSubject: x\n\nbody\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert envelope == ["Fowner@mx.here.test", "Tr1@mx.here.test", "Ta@mx.here.test",
                        "Tb@mx.here.test", "Tc@mx.here.test", "Td@x.y", "Thid@mx.here.test"]
    assert b"hid" not in message
    assert b"\nTo: a@mx.here.test, g: b@mx.here.test;, h: c@mx.here.test;\n" in message
    assert message.endswith(b"Subject: x\n\nbody\n")


def test_qmailinject_makes_verp_senders(captured):
    _, _, envelope = captured("inject", "a@x.y", input="\n", QMAILINJECT="r")
    assert envelope[0] == "Fowner-@mx.here.test-@[]"
    _, _, envelope = captured("inject", "a@x.y", input="\n", QMAILINJECT="rm")
    assert re.fullmatch(r"Fowner-\d+\.\d+-@mx\.here\.test-@\[\]", envelope[0])


def test_ten_thousand_recipients(captured):
    names = ", ".join(f"user{i}@here.test" for i in range(10_000))
    done, message, envelope = captured("inject", input=f"To: x, {names}\n\n")
    assert done.returncode == 0
    assert envelope[1:] == ["Tx@mx.here.test"] + [f"Tuser{i}@here.test" for i in range(10_000)]
    assert max(len(line) for line in message.splitlines()) <= 78


@pytest.mark.parametrize("script, code", [
    ("exit 31", 100), ("exit 53", 111), ("exit 11", 100), ("exit 71", 111), ("kill -9 $$", 111),
    ("printf Dno >&6; cat >/dev/null; cat <&1 >/dev/null; exit 82", 100),
    ("printf Zwait >&6; cat >/dev/null; cat <&1 >/dev/null; exit 82", 111),
])
def test_what_the_queue_says_is_passed_on(instance, script, code):
    queue = instance.lab.write(instance.folder / "q", f"#!/bin/sh\n{script}\n", 0o755)
    done = instance.run("inject", "a@x.y", input="To: x\n\nbody\n",
                        env=instance.environment(QMAILQUEUE=queue))
    assert done.returncode == code
    assert re.fullmatch(rb"inject: [^\n]+\n", done.stderr)


def test_mailqueue_is_qmailqueue_where_that_is_not_set(instance):
    queue = instance.lab.write(instance.folder / "q", "#!/bin/sh\nexit 31\n", 0o755)
    later = instance.lab.write(instance.folder / "l", "#!/bin/sh\nexit 71\n", 0o755)
    for more, code in [({}, 100), ({"QMAILQUEUE": ""}, 0), ({"QMAILQUEUE": later}, 111)]:
        env = instance.environment(MAILQUEUE=queue, PORPOISE_NO_SEND=1, **more)
        done = instance.run("inject", "alice", input="\n", env=env)
        assert done.returncode == code, (more, done.stderr)
    assert len(instance.queued()) == 1


# -- what is not taken can be kept


def save_to(instance, text, *args, path=None, **variables):
    path = path or instance.home / "dead.letter"
    return instance.run("inject", "--save-to", path, *args, input=text,
                        env=instance.environment(PORPOISE_NO_SEND=1, **variables)), path


def test_a_refused_message_is_kept_as_it_came(instance):
    body = bytes(range(256)) * 1000
    text = b"To: a\r\nBcc: <b\n\n" + body
    done, path = save_to(instance, text)
    assert done.returncode == 100
    assert done.stderr.decode() == ('inject: Bcc: octet 6: no ">" closes this "<": "<b" '
                                    f"(the message is kept in {path})\n")
    assert path.read_bytes() == text and path.stat().st_mode & 0o777 == 0o600
    done, path = save_to(instance, b"second\n")
    assert done.stderr.endswith(f" (the message is kept in {path}.1)\n".encode())
    assert (instance.home / "dead.letter.1").read_bytes() == b"second\n"
    assert path.read_bytes() == text
    assert instance.queued() == []


@pytest.mark.parametrize("args, text, code", [
    (["-a"], b"To: alice\n\nhi\n", 100),
    (["bob@far.example"], b"\nhi\n", 100),
    (["-f", "a b@c d", "alice"], b"\nhi\n", 100),
    (["alice"], b"X: " + b"x" * (9 << 20) + b"\n\nhi\n", 100),
], ids=["nobody", "elsewhere", "sender", "header"])
def test_whatever_the_reason_it_is_kept(instance, args, text, code):
    done, path = save_to(instance, text, *args)
    assert done.returncode == code
    assert path.read_bytes() == text
    assert done.stderr.count(b"\n") == 1


def test_a_message_that_the_queue_refuses_after_its_body_is_kept_whole(instance):
    queue = instance.lab.write(instance.folder / "q",
                               "#!/bin/sh\ncat >/dev/null; cat <&1 >/dev/null; exit 53\n", 0o755)
    text = b"To: alice\n\n" + b"line\n" * 200_000
    done, path = save_to(instance, text, QMAILQUEUE=queue)
    assert done.returncode == 111
    assert path.read_bytes() == text


def test_nothing_is_kept_of_what_is_queued_or_printed(instance):
    done, path = save_to(instance, "To: alice\n\nhi\n")
    assert (done.returncode, done.stderr) == (0, b"")
    done, path = save_to(instance, "To: <alice\n\nhi\n", "-n")
    assert done.returncode == 100
    assert list(instance.home.glob("dead.letter*")) == []
    assert list(instance.home.glob(".dead.letter*")) == []


def test_what_cannot_be_kept_is_told_too(instance):
    done, _ = save_to(instance, "To: <a\n\n", path="/proc/none")
    assert done.returncode == 100
    assert re.fullmatch(rb'inject: To: octet 5: no ">" closes this "<": "<a" '
                        rb"\(and the message could not be kept: [^\n]+\)\n", done.stderr)


# -- nobody


def test_a_message_to_nobody_may_be_fine(captured, instance):
    done, message, envelope = captured("inject", "--allow-no-recipients", input=b"Subject: x\n\n")
    assert (done.returncode, done.stderr) == (0, b"")
    assert envelope == ["Fowner@mx.here.test"] and message.endswith(b"Subject: x\n\n")
    instance.start()
    done = instance.run("inject", "--allow-no-recipients", "-a", input=b"Subject: x\n\n")
    assert (done.returncode, done.stderr) == (0, b"")
    instance.settle()


def test_it_is_queued_when_inject_says_so(instance):
    done = instance.run("inject", "--print-id", input="To: alice, bob@here.test\n\nbody\n",
                        env=instance.environment(PORPOISE_NO_SEND=1))
    assert done.returncode == 0, done.stderr
    message = done.stdout.decode().strip()
    assert instance.queued() == [message]
    octets = (instance.path / "queue/incoming" / message).read_bytes()
    kept = queue_file.read(octets)
    assert b"Fowner@mx.here.test\0" in octets
    assert kept.recipients == ["alice@mx.here.test", "bob@here.test"]
    assert kept.content.endswith(b"To: alice@mx.here.test, bob@here.test\n\nbody\n")


# -- limits


def small():
    resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))


def larger():
    resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))


def test_memory_does_not_grow_with_the_body(instance):
    """200 MB through an address space of 64 MB."""
    big = instance.popen("/bin/sh", "-c", "echo To: a@b.test; echo; head -c 200000000 /dev/zero",
                         stdout=subprocess.PIPE)
    done = instance.popen("inject", "-n", stdin=big.stdout, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, preexec_fn=small)
    big.stdout.close()
    octets = 0
    while piece := done.stdout.read(1 << 20):
        octets += len(piece)
    assert (done.wait(), done.stderr.read()) == (0, b"")
    assert octets > 200_000_000
    assert big.wait() == 0


@pytest.mark.parametrize("args", [[], ["--save-to", "kept"]])
def test_a_body_of_100_mb_is_queued_in_little_memory(instance, args):
    big = instance.popen("/bin/sh", "-c", "echo To: alice; echo; head -c 100000000 /dev/zero",
                         stdout=subprocess.PIPE)
    done = instance.run("inject", *args, stdin=big.stdout, preexec_fn=small,
                        env=instance.environment(PORPOISE_NO_SEND=1))
    big.stdout.close()
    assert (done.returncode, done.stderr, big.wait()) == (0, b"", 0)
    message, = instance.queued()
    path = instance.path / "queue/incoming" / message
    assert path.stat().st_size > 100_000_000
    path.unlink()
    assert list(instance.home.glob("*kept*")) == []


@pytest.mark.parametrize("text, error", [
    ("X: " + "x" * (10 << 20) + "\n\n", "the header is longer than 8388608 octets"),
    ("X: y\n" * (2 << 20), "the header has more than 100000 fields"),
    ("To: " + "a," * 100_001 + "\n", "To: octet 200005: more than 100000 addresses: \"a,\""),
    ("To: " + "a," * 60_000 + "\n" + "Cc: " + "a," * 60_000 + "\n", "more than 100000 recipients"),
    (("Reply-To: " + "a," * 99_000 + "\n") * 40, "the completed header is longer than 33554432 octets"),
], ids=["octets", "fields", "addresses", "recipients", "completed"])
def test_a_header_beyond_a_limit_is_refused_in_bounded_memory(captured, instance, text, error):
    """Of 10 MB, in an address space of 256 MB."""
    env = instance.environment(QMAILDEFAULTHOST="a-host-with-a-long-name.here.test")
    done = instance.run("inject", input=text, env=env, preexec_fn=larger)
    assert (done.returncode, done.stderr.decode()) == (100, f"inject: {error}\n")
    assert instance.queued() == []


def test_a_header_at_its_limit_is_taken_in_bounded_memory(instance):
    text = "".join(f"To: user{i}@here.test\n" for i in range(10_000))
    text += "X: " + "x" * ((8 << 20) - len(text) - 5) + "\n\nhi\n"
    done = instance.run("inject", input=text, preexec_fn=larger,
                        env=instance.environment(PORPOISE_NO_SEND=1))
    assert (done.returncode, done.stderr) == (0, b"")
    message, = instance.queued()
    kept = queue_file.read((instance.path / "queue/incoming" / message).read_bytes())
    assert len(kept.recipients) == 10_000


# -- what is wrong outside


def test_a_closed_standard_output_is_no_matter_unless_it_is_needed(instance):
    env = instance.environment(PORPOISE_NO_SEND=1)
    for args, code in [(["inject", "alice"], 0), (["inject", "--print-id", "alice"], 0)]:
        done = instance.run("/bin/sh", "-c", 'exec "$@" >&-', "sh", instance.lab.program(args[0]),
                            *args[1:], input="\nhi\n", env=env)
        assert (done.returncode, done.stderr) == (code, b"")
    assert len(instance.queued()) == 2


def test_a_closed_standard_input_is_an_empty_message(instance):
    env = instance.environment(PORPOISE_NO_SEND=1)
    done = instance.run("/bin/sh", "-c", 'exec "$@" <&-', "sh", instance.lab.program("inject"),
                        "alice", env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(instance.queued()) == 1
