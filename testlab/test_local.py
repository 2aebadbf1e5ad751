"""local: the command line, the home, the message and which dot-file it follows: reference section 7 and what was mended."""

import os

import pytest

from local_box import DTLINE, MESSAGE, box, out  # noqa: F401: box is a fixture


# -- the command line


def test_help_is_on_standard_output(lab):
    done = lab.run("local", "--help")
    assert done.returncode == 0 and done.stdout.startswith(b"usage: local") and done.stderr == b""


@pytest.mark.parametrize("line", [
    [], ["-n"], ["joe", "/home", "joe", "", "", "h", "s"],
    ["joe", "/home", "joe", "", "", "h", "s", "./M/", "more"], ["-x"],
    ["--lock-seconds", "x", "joe", "/home", "joe", "", "", "h", "s", "d"],
    ["--program-seconds=-1", "joe", "/home", "joe", "", "", "h", "s", "d"]])
def test_a_wrong_line_is_100(lab, line):
    done = lab.run("local", *line)
    assert done.returncode == 100
    assert done.stdout == b"" and done.stderr.count(b"\n") == 1


def test_a_home_without_slash_is_100(lab):
    done = lab.run("local", "joe", "home", "joe", "", "", "h", "s", "d")
    assert out(done) == ("", 'local: home "home" does not begin with a slash\n', 100)


def test_nothing_is_delivered_as_root(lab, box):
    sudo = [] if lab.root else ["/usr/bin/sudo", "-n"]
    if sudo and (not os.path.exists(sudo[0]) or lab.run(*sudo, "true").returncode != 0):
        pytest.skip("needs root")
    box.maildir()
    done = box.deliver(before=sudo, **({} if sudo else {"as_root": True}))
    assert out(done) == ("", "local: nothing is delivered as root (#4.7.0)\n", 111)
    assert box.in_maildir() == []


# -- the home


def test_a_missing_home_waits(box):
    box.home.rmdir()
    assert out(box.deliver()) == (
        "", f"entering home {box.home}: No such file or directory (#4.3.0)\n", 111)


def test_a_home_that_cannot_be_entered_waits(box):
    box.home.chmod(0)
    assert out(box.deliver()) == (
        "", f"entering home {box.home}: Permission denied (#4.3.0)\n", 111)


def test_a_home_writable_by_everyone_waits(box):
    box.home.chmod(0o757)
    assert out(box.deliver()) == ("", f"home {box.home} is writable by everyone (#4.7.0)\n", 111)


def test_a_home_writable_by_its_group_is_fine(box):
    box.maildir()
    box.home.chmod(0o775)
    assert box.deliver().returncode == 0


def test_a_sticky_home_waits_but_may_be_looked_at(box):
    box.maildir()
    box.home.chmod(0o1755)
    assert out(box.deliver()) == (
        "", f"home {box.home} is being changed: its sticky bit is set (#4.2.1)\n", 111)
    done = box.deliver(options=["-n"])
    assert out(done) == (
        "maildir ./Maildir/\ndid 1+0+0\n",
        f"warning: home {box.home} is being changed: its sticky bit is set\n", 0)


# -- the message


def test_the_message_must_be_a_file(box):
    box.maildir()
    done = box.lab.run("local", "joe", box.home, "joe", "", "", "h", "s", "./Maildir/",
                       input=MESSAGE)
    assert out(done) == ("", "descriptor 0 is not a regular file (#4.3.0)\n", 111)


def test_a_message_that_was_here_before_is_looping(box):
    box.maildir()
    done = box.deliver(message=b"Received: x\n" + DTLINE + MESSAGE)
    assert out(done) == (
        "", "this message is looping: it already has my Delivered-To line (#5.4.6)\n", 100)
    assert box.in_maildir() == []


@pytest.mark.parametrize("message", [
    b"Delivered-To: JOE@here.test\n\nx\n", b"delivered-to: joe@here.test\n\nx\n",
    b"Delivered-To: joe@here.test.\n\nx\n", b"\nDelivered-To: joe@here.test\n"])
def test_only_the_same_line_in_the_header_is_a_loop(box, message):
    box.maildir()
    assert box.deliver(message=message).returncode == 0


# -- which dot-file


def test_without_a_dot_file_the_default_applies(box):
    box.maildir()
    assert out(box.deliver()) == ("did 1+0+0\n", "", 0)


def test_the_default_may_have_several_lines(box):
    box.maildir()
    assert out(box.deliver(default="|true\n./Maildir/\n")) == ("did 1+0+1\n", "", 0)


def test_an_empty_default_is_a_blank_first_line(box):
    assert out(box.deliver(default="")) == (
        "", "the first line of the default delivery is blank (#4.2.1)\n", 111)


def test_an_extension_without_dot_file_has_no_mailbox(box):
    assert out(box.deliver("list")) == ("", "sorry, no mailbox here by that name (#5.1.1)\n", 100)


def test_the_names_in_their_order(box):
    names = [".qmail-a-b-c", ".qmail-a-b-default", ".qmail-a-default", ".qmail-default"]
    for name in names:
        box.dot(name, f'|echo "{name} ${{DEFAULT-unset}}"\n')
    seen = []
    for name in names:
        seen.append(box.deliver("a-b-C").stdout.decode().splitlines()[0])
        (box.home / name).unlink()
    assert seen == [".qmail-a-b-c unset", ".qmail-a-b-default C", ".qmail-a-default b-C",
                    ".qmail-default a-b-C"]
    assert box.deliver("a-b-C").returncode == 100


def test_dots_in_an_extension_are_colons(box):
    box.dot(".qmail-a:b", "|echo it\n")
    assert box.deliver("A.b").stdout == b"it\ndid 0+0+1\n"


def test_an_inherited_default_is_not_seen(box):
    box.dot(".qmail-a", '|echo "${DEFAULT-unset}"\n')
    assert box.deliver("a", env={"DEFAULT": "old"}).stdout.startswith(b"unset\n")


def test_a_name_of_another_kind_is_passed_over(box):
    box.lab.folder(box.home / ".qmail-a")
    os.mkfifo(box.lab.own(box.home) / ".qmail-default", 0o644)
    assert box.deliver("a").returncode == 100
    (box.home / ".qmail-default").unlink()
    box.dot(".qmail-default", "|echo default\n")
    assert box.deliver("a").stdout.startswith(b"default\n")


def test_an_unreadable_dot_file_is_not_passed_over(box):
    box.dot(".qmail-a", "|true\n", 0)
    box.dot(".qmail-default", "|true\n")
    assert out(box.deliver("a")) == ("", "opening .qmail-a: Permission denied (#4.3.0)\n", 111)


def test_a_dot_file_writable_by_everyone_waits(box):
    box.dot(".qmail", "|true\n", 0o646)
    assert out(box.deliver()) == ("", ".qmail is writable by everyone (#4.7.0)\n", 111)


def test_an_empty_dot_file_means_the_default_and_is_never_for_forwarding_only(box):
    box.maildir()
    box.dot(".qmail-a", "", 0o755)
    assert out(box.deliver("a")) == ("did 1+0+0\n", "", 0)


# -- lines


@pytest.mark.parametrize("text", ["\n|true\n", " \t\n|true\n", "\0|true\n"])
def test_a_blank_first_line_waits(box, text):
    box.dot(".qmail", text)
    assert out(box.deliver()) == ("", "the first line of .qmail is blank (#4.2.1)\n", 111)


def test_comments_blanks_and_unknown_words_do_nothing(box):
    box.dot(".qmail", "# a\n\n+other\n|true  \t\n")
    assert out(box.deliver()) == ("did 0+0+1\n", "", 0)


def test_only_comments_throw_the_message_away_and_n_says_so(box):
    box.dot(".qmail", "# nothing\n")
    assert out(box.deliver()) == ("did 0+0+0\n", "", 0)
    assert out(box.deliver(options=["-n"])) == (
        "did 0+0+0\n",
        "warning: .qmail has no delivery line: the message would be thrown away\n", 0)


def test_a_cr_counts_and_n_says_so(box):
    box.dot(".qmail", "./Maildir/\r\n")
    done = box.deliver(options=["-n"])
    assert done.stdout == b"mbox ./Maildir/\r\ndid 1+0+0\n"
    assert done.stderr == b"warning: .qmail line 1 ends in a CR, which counts\n"


def test_a_forward_to_nobody_waits(box):
    box.dot(".qmail", "|true\n&\n")
    assert out(box.deliver()) == ("", ".qmail line 2 forwards to no address (#4.2.1)\n", 111)


@pytest.mark.parametrize("line", ["|true", "./Maildir/", "./Mailbox", "/tmp/Mailbox"])
def test_a_forward_only_file_names_no_file_or_program(box, line):
    box.maildir()
    box.dot(".qmail", f"&a@b\n{line}\n", 0o744)
    words = ("names a file or program, but .qmail is for forwarding only (#4.7.0)\n", 111)
    assert out(box.deliver()) == ("", ".qmail line 2 " + words[0], 111)
    box.dot(".qmail", f"{line}\n+list\n{line}\n", 0o644)
    done = box.deliver(options=["-n"])
    assert done.returncode == 111 and done.stderr.decode() == ".qmail line 3 " + words[0]


def test_n_shows_and_does_nothing(box):
    box.dot(".qmail", "# x\n|false\n&a@b\nc@d\n./Mailbox\n./Maildir/\n")
    done = box.lab.run("local", "-n", "joe", box.home, "joe", "", "", "h", "s", "d", input=b"")
    assert out(done) == ("program false\nforward a@b\nforward c@d\nmbox ./Mailbox\n"
                         "maildir ./Maildir/\ndid 2+2+1\n", "", 0)
    assert [f.name for f in box.home.iterdir()] == [".qmail"]


def test_capital_n_takes_it_back(box):
    box.maildir()
    assert box.deliver(options=["-nN"]).returncode == 0
    assert len(box.in_maildir()) == 1
