"""The main job on real programs: from the shell and from other people's mail programs, through the
queue, into a Maildir, out by POP3. The steps of ./demo, each as a test."""

import email
import email.policy
import os
import poplib
import re
import shutil
import subprocess

import pytest

from conftest import TOP, wait_for


def parsed(octets):
    return email.message_from_bytes(octets, policy=email.policy.default)


def test_a_pipe_into_sendmail_t(running):
    done = running.run("sendmail", "-t", input="To: owner\nSubject: hi\n\nhello\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    message = parsed(running.message("owner"))
    assert message["Subject"] == "hi"
    assert message["To"] == "owner@mx.here.test"
    assert message["From"].addresses[0].addr_spec == "owner@mx.here.test"
    assert message["Delivered-To"] == "owner@mx.here.test"
    assert message["Return-Path"] == "<owner@mx.here.test>"
    assert message["Date"].datetime is not None
    assert re.fullmatch(r"<\S+@\S+>", message["Message-ID"])
    assert message.get_content() == "hello\n"
    running.settle()


def test_to_the_name_that_id_prints(running):
    """Also for a uid that has no password entry, where id prints the number."""
    done = running.run("/bin/sh", "-c", 'printf "To: $(id -un)\\nSubject: hi\\n\\nhello\\n" | sendmail -t',
                       env=running.environment(USER=None, LOGNAME=None))
    assert done.returncode == 0, done.stderr
    assert parsed(running.message("owner"))["Subject"] == "hi"


def test_git_send_email_sends_a_patch_series(running, home, lab):
    repository = lab.folder(home / "repository")
    script = """
      set -e
      git init -q . && git config user.name 'Fred Smith' && git config user.email fred@here.test
      for n in one two three; do
        printf 'From %s\\n.\\nfr\\303\\266hlich\\n' $n >> story; git add story; git commit -q -m "story: $n"
      done
      git format-patch -q --root -o ../patches
      git send-email --quiet --confirm=never --suppress-cc=all --sendmail-cmd=sendmail \
          --from='Fred Smith <fred@here.test>' --to=alice@here.test ../patches/*.patch
    """
    lab.folder(home / "patches")
    done = running.run("/bin/sh", "-c", script, cwd=repository)
    assert done.returncode == 0, done.stderr.decode()
    running.message("alice", 3)
    running.settle()
    got = [parsed(f.read_bytes()) for f in running.messages("alice")]
    assert sorted(m["Subject"] for m in got) == [f"[PATCH {n}/3] story: {w}" for n, w in ((1, "one"), (2, "two"), (3, "three"))]
    # what arrived is what git meant: the series applies
    for number, message in enumerate(sorted(running.messages("alice"), key=lambda f: f.read_bytes().split(b"Subject: ")[1])):
        lab.write(home / f"{number}.eml", message.read_bytes())
    again = lab.folder(home / "again")
    done = running.run("/bin/sh", "-c", "git init -q . && git config user.name x && git config user.email x@here.test && git am -q ../[0-2].eml && cmp story ../repository/story", cwd=again)
    assert done.returncode == 0, done.stderr.decode()


def test_mutt_sends_with_an_attachment(running, home, lab):
    lab.write(home / "octets", bytes(range(256)) * 40)
    done = running.run(
        "/usr/bin/mutt", "-n", "-e", 'set sendmail="sendmail -oem -oi"', "-e", "set use_envelope_from=yes",
        "-s", "from mutt", "-a", home / "octets", "--", "alice@here.test", "bob@here.test", input="See attached.\n")
    assert done.returncode == 0, done.stderr.decode()
    for name in ("alice", "bob"):
        message = parsed(running.message(name))
        assert message["Subject"] == "from mutt"
        attachment = next(message.iter_attachments())
        assert attachment.get_payload(decode=True) == bytes(range(256)) * 40


def named_environment(instance, lab, home):
    """s-nail wants a name for its uid: libnss-wrapper gives one without touching the host."""
    if not lab.root:
        return instance.environment()
    lab.write(home / "passwd", f"root:x:0:0:root:/:/bin/sh\nowner:x:{lab.uid}:{lab.gid}:Olive Owner:{instance.home}:/bin/sh\n")
    lab.write(home / "group", f"owner:x:{lab.gid}:\n")
    library = next(iter(sorted(__import__("pathlib").Path("/usr/lib").glob("*/libnss_wrapper.so"))))
    return instance.environment(LD_PRELOAD=library, NSS_WRAPPER_PASSWD=home / "passwd", NSS_WRAPPER_GROUP=home / "group")


def test_s_nail_sends(running, home, lab):
    done = running.run(
        "/usr/bin/s-nail", "-n", "-S", "v15-compat", "-S", f"mta={lab.bin}/sendmail", "-S", "sendwait", "-s", "from s-nail",
        "-b", "carl@here.test", "alice@here.test", input="Written in s-nail.\n",
        env=named_environment(running, lab, home))
    assert done.returncode == 0, done.stderr.decode()
    message = parsed(running.message("alice"))
    assert message["Subject"] == "from s-nail"
    assert "Written in s-nail." in message.get_content()
    assert b"carl" not in running.message("carl").split(b"\n\n")[0].replace(b"Delivered-To: carl@here.test", b"").lower()


def test_swaks_pipes_into_sendmail_programs_from_perl(running):
    """What a Perl program does: a pipe to `sendmail -oi -t`."""
    script = 'open(my $m, "|-", "sendmail", "-oi", "-t") or die; print $m "To: alice\\nSubject: perl\\n\\n.\\nline\\n"; close $m or die $?;'
    done = running.run("/usr/bin/perl", "-e", script)
    assert done.returncode == 0, done.stderr.decode()
    assert parsed(running.message("alice")).get_content() == ".\nline\n"


def test_a_cron_job_reports(running):
    """As cron calls it, with its odd -F and a From field of its own."""
    text = 'From: root (Cron Daemon)\nTo: alice\nSubject: Cron <root@mx> run-parts\nContent-Type: text/plain; charset=UTF-8\n\nout\n'
    done = running.run("sendmail", "-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "owner", input=text)
    assert done.returncode == 0, done.stderr
    message = parsed(running.message("alice"))
    assert message["Subject"] == "Cron <root@mx> run-parts"
    assert message["Return-Path"] == "<owner@mx.here.test>"


def test_a_list_address_pipes_into_a_program_and_forwards_a_copy(running):
    running.dot_file("alice", "list", "|sed -n 's/^Subject: //p' >> subjects\n&bob@here.test\n")
    running.submit("Subject: minutes\n\nAll agreed.\n", "alice-list@here.test")
    copy = running.message("bob")
    assert (running.home_of("alice") / "subjects").read_text() == "minutes\n"
    assert re.findall(rb"^Delivered-To: (\S+)$", copy, re.M) == [b"bob@here.test", b"alice-list@here.test"]
    assert copy.endswith(b"Subject: minutes\n\nAll agreed.\n")
    running.settle()


def test_what_must_wait_says_why_and_is_released_by_retry(running):
    maildir = running.home_of("alice") / "Maildir"
    maildir.rename(maildir.with_name("away"))
    running.submit("Subject: patience\n\nI can wait.\n", "alice@here.test")
    listing = wait_for(lambda: (lambda out: out if "next try" in out else None)(running.run("qread").stdout.decode()), "a reason in qread")
    assert "alice@here.test" in listing and "(#4.2.1)" in listing, listing
    maildir.with_name("away").rename(maildir)
    done = running.run("porpoise", "retry")
    assert done.returncode == 0, done.stderr
    assert running.message("alice").endswith(b"I can wait.\n")
    running.settle()
    assert running.run("qread").stdout == b""


def test_curl_and_poplib_read_the_mailbox(running):
    assert running.run("porpoise", "passwd", "alice", input="secret\n").returncode == 0
    for word in ("first", "second"):
        running.submit(f"Subject: {word}\n\n.{word}\n", "alice@here.test")
    running.message("alice", 2)
    running.settle()
    url = f"pop3://127.0.0.1:{running.pop3_port()}"
    listing = running.run("/usr/bin/curl", "-sS", "-u", "alice:secret", f"{url}/")
    assert re.fullmatch(rb"1 \d+\r\n2 \d+\r\n", listing.stdout), listing
    message = running.run("/usr/bin/curl", "-sS", "-u", "alice:secret", f"{url}/1").stdout
    assert message.replace(b"\r\n", b"\n") == running.messages("alice")[0].read_bytes()

    pop = poplib.POP3("127.0.0.1", running.pop3_port(), timeout=20)
    pop.user("alice")
    pop.pass_("secret")
    assert pop.stat() == (2, sum(len(f.read_bytes().replace(b"\n", b"\r\n")) for f in running.messages("alice")))
    assert b".second" in pop.retr(2)[1]
    pop.dele(1)
    pop.quit()
    assert b"Subject: second\n" in running.message("alice")


def test_mail_for_elsewhere_is_refused_at_once(running):
    done = running.run("sendmail", "-i", "alice@here.test", "x@away.test", input="Subject: x\n\n")
    assert done.returncode == 68
    assert b"x@away.test" in done.stderr
    assert running.queued() == [] and running.messages("alice") == []


def test_mail_to_nobody_comes_back(running):
    running.submit("Subject: lost\n\nbody\n", "nobody-here@here.test", sender="alice@here.test")
    notice = parsed(running.message("alice"))
    assert notice["Return-Path"] == "<>"
    assert notice.get_content_type() == "multipart/report"
    assert "nobody-here@here.test" in notice.get_body().get_content()
    running.settle()


def test_roots_mail_goes_where_alias_says(running):
    running.submit("Subject: disk\n\n", "root@here.test", "Postmaster@here.test")
    running.message("owner", 2)
    running.settle()


def test_without_a_daemon_a_submission_delivers_by_itself(instance):
    instance.submit("Subject: alone\n\n", "alice@here.test")
    assert b"Subject: alone\n" in instance.message("alice")
    instance.settle()
