"""Other people's programs, each sending awkward mail through our sendmail as it would through any: attachments,
8-bit text, long lines, lines of dots, Bcc, many recipients. What arrives is what was meant. cron and bsd-mailx are in
test_clients_peers.py, since they cannot be installed beside no mail system."""

import email
import email.policy
import json

import pytest

from test_whole_path import named_environment

LONG = "x" * 5000
TEXT = f"fr\u00f6hlich\n.\n..\n.dot\nFrom here\n{LONG}\nend\n"
OCTETS = bytes(range(256)) * 40
MANY = [f"alice-{n}@here.test" for n in range(300)]


def parsed(octets):
    return email.message_from_bytes(octets, policy=email.policy.default)


@pytest.fixture
def names(running):
    """alice gets what is for alice-anything, too, in the order of arrival."""
    running.dot_file("alice", "default", "./Maildir/\n")
    return running


def got(running, name="alice", count=1):
    running.message(name, count)
    running.settle()
    return [parsed(f.read_bytes()) for f in running.messages(name)]


def text_of(message):
    return message.get_body(("plain",)).get_content().replace("\r\n", "\n")


def has_no_bcc(message, hidden="carl"):
    return message["Bcc"] is None and hidden not in message.as_string().split("\n\n")[0].replace(f"Delivered-To: {hidden}", "")


def succeeds(done):
    assert done.returncode == 0, (done.stdout or b"").decode() + done.stderr.decode()


# -- mutt


MUTT = ["/usr/bin/mutt", "-n", "-e", "set charset=utf-8", "-e", "set send_charset=utf-8", "-e", 'set sendmail="sendmail -oem -oi"',
        "-e", "set use_envelope_from=yes", "-e", "set from='Olive \u00d6wner <owner@here.test>'", "-e", "set copy=no"]


def test_mutt_8_bit_dots_long_lines_and_bcc(running, home):
    succeeds(running.run(*MUTT, "-s", "gr\u00fc\u00dfe", "-b", "carl@here.test", "-c", "bob@here.test", "--", "alice@here.test", input=TEXT))
    for name in ("alice", "bob", "carl"):
        message, = got(running, name)
        assert message["Subject"] == "gr\u00fc\u00dfe"
        assert message["From"].addresses[0].display_name == "Olive \u00d6wner"
        assert text_of(message) == TEXT
        assert has_no_bcc(message)


def test_mutt_sends_octets_with_allow_8bit(running, home, lab):
    """8-bit text as it is, -B8BITMIME on the command line."""
    lab.write(home / "octets", OCTETS)
    succeeds(running.run(*MUTT, "-e", "set allow_8bit", "-e", "set use_8bitmime", "-s", "x", "-a", home / "octets", "--",
                         "alice@here.test", input="fr\u00f6hlich\n"))
    message, = got(running)
    assert text_of(message) == "fr\u00f6hlich\n"
    assert next(message.iter_attachments()).get_payload(decode=True) == OCTETS


# -- s-nail


def nail(running, lab, home, *options, **more):
    return running.run("/usr/bin/s-nail", "-n", "-S", "v15-compat", "-S", f"mta={lab.bin}/sendmail", "-S", "sendwait",
                       "-S", "ttycharset=utf-8", *options, env=named_environment(running, lab, home), **more)


def test_s_nail_8_bit_attachment_and_many_recipients(names, lab, home):
    lab.write(home / "octets", OCTETS)
    succeeds(nail(names, lab, home, "-S", "sendcharsets=utf-8", "-s", "gr\u00fc\u00dfe", "-a", str(home / "octets"), "-b", "carl@here.test",
                  *MANY[:40], input=TEXT))
    messages = got(names, count=40)
    assert sorted(m["Delivered-To"] for m in messages) == sorted(MANY[:40])
    for message in messages:
        assert message["Subject"] == "gr\u00fc\u00dfe"
        assert text_of(message) == TEXT
        assert next(message.iter_attachments()).get_payload(decode=True) == OCTETS
        assert has_no_bcc(message)


def test_s_nail_as_cron_jobs_use_it(running, lab, home):
    """mail -s with -r for the sender and arguments of its own for the transport."""
    succeeds(nail(running, lab, home, "-r", "carol@here.test", "-S", "mta-arguments=-N never", "-s", "report", "alice@here.test", input="all well\n"))
    message, = got(running)
    assert message["Return-Path"] == "<carol@here.test>"
    assert text_of(message) == "all well\n"


def test_s_nail_is_told_of_a_failure(running, lab, home):
    done = nail(running, lab, home, "-S", "save=no", "-s", "x", "bob@far.example", input="x\n")
    assert done.returncode != 0
    assert b"bob@far.example is on another host" in done.stderr
    assert running.queued() == []


# -- git send-email


def test_git_send_email_8_bit_cc_bcc_and_envelope_sender(running, home, lab):
    repository = lab.folder(home / "repository")
    script = f"""
      set -e
      git init -q . && git config user.name 'J\u00fcrgen \u00d6hm' && git config user.email jo@here.test
      printf '%s\\n.\\nfr\u00f6hlich\\n' '{LONG[:900]}' > story; git add story; git commit -q -m 'gr\u00fc\u00dfe, world' -m 'Cc: <bob@here.test>'
      git format-patch -q --root -o ../patches
      git send-email --quiet --confirm=never --sendmail-cmd=sendmail --envelope-sender=bounces@here.test \
          --to='"Alice, the first" <alice@here.test>' --bcc=carl@here.test ../patches/*.patch
    """
    lab.folder(home / "patches")
    succeeds(running.run("/bin/sh", "-c", script, cwd=repository))
    for name in ("alice", "bob", "carl"):
        message, = got(running, name)
        assert message["Subject"] == "[PATCH] gr\u00fc\u00dfe, world"
        assert message["From"].addresses[0].display_name == "J\u00fcrgen \u00d6hm"
        assert message["Return-Path"] == "<bounces@here.test>"
        assert "\n+fr\u00f6hlich\n" in text_of(message) and "+" + LONG[:900] + "\n" in text_of(message)
        assert has_no_bcc(message)


# -- PHP


PHP_MAIL = r"""
$to = getenv('TO'); $more = json_decode(getenv('MORE'), true);
$ok = mail($to, mb('grüße'), file_get_contents('php://stdin'), $more, getenv('PARAMETERS'));
function mb($s) { return '=?UTF-8?B?' . base64_encode($s) . '?='; }
exit($ok ? 0 : 1);
"""


def php(running, to, more, parameters="", command="sendmail -t -i", **options):
    env = running.environment(TO=to, MORE=json.dumps(more), PARAMETERS=parameters)
    return running.run("/usr/bin/php", "-n", "-d", f"sendmail_path={command}", "-r", PHP_MAIL, env=env, **options)


def test_php_mail_8_bit_dots_and_bcc(running):
    more = {"From": "Web <web@here.test>", "Bcc": "carl@here.test", "Content-Type": "text/plain; charset=UTF-8"}
    succeeds(php(running, "alice@here.test, Bob <bob@here.test>", more, "-fbounces@here.test", input=TEXT))
    for name in ("alice", "bob", "carl"):
        message, = got(running, name)
        assert message["Subject"] == "gr\u00fc\u00dfe"
        assert message["Return-Path"] == "<bounces@here.test>"
        assert text_of(message) == TEXT + "\n"  # PHP's own
        assert has_no_bcc(message)


def test_php_mail_with_crlf_in_everything(running):
    """As programs write it that believe in CR LF; PHP 8 writes its own header lines so."""
    succeeds(php(running, "alice@here.test", {"X-Mailer": "x"}, input="one\r\ntwo\r\n", command="sendmail -t -i -odb -oem"))
    raw = running.message("alice")
    assert b"\r" not in raw and raw.endswith(b"\n\none\ntwo\n\n")


def test_php_mail_says_false_when_it_was_not_taken(running):
    assert php(running, "bob@far.example", {}, input="x\n").returncode == 1
    assert running.queued() == []


# -- Python


def test_python_as_its_manual_does(running, lab):
    """EmailMessage and subprocess, with an attachment, Bcc and 300 recipients."""
    running.dot_file("alice", "default", "./Maildir/\n")
    message = email.message.EmailMessage(email.policy.default)
    message["From"] = "J\u00fcrgen \u00d6hm <jo@here.test>"
    message["To"] = ", ".join(MANY)
    message["Bcc"] = "carl@here.test"
    message["Subject"] = "gr\u00fc\u00dfe " * 30
    message.set_content(TEXT, cte="8bit")
    message.add_attachment(OCTETS, maintype="application", subtype="octet-stream", filename="\u00f6.bin")
    succeeds(running.run("sendmail", "-t", "-oi", input=message.as_bytes()))
    running.message("alice", 300)
    arrived, = got(running, "carl")
    assert arrived["Subject"] == message["Subject"]
    assert text_of(arrived) == TEXT
    assert next(arrived.iter_attachments()).get_payload(decode=True) == OCTETS
    assert has_no_bcc(arrived)
    assert len(arrived["To"].addresses) == 300

    def but_its_recipient(file):
        return file.read_bytes().partition(b"\nReceived: ")[2]

    files = running.messages("alice") + running.messages("carl")
    assert len({but_its_recipient(file) for file in files}) == 1
    assert len({file.read_bytes() for file in files}) == 301


def test_python_with_smtp_policy(running):
    """CR LF all through, raw UTF-8 in the header."""
    message = email.message.EmailMessage(email.policy.SMTPUTF8)
    message["From"] = "J\u00fcrgen <jo@here.test>"
    message["To"] = "alice@here.test"
    message["Subject"] = "gr\u00fc\u00dfe"
    message.set_content("fr\u00f6hlich\n", cte="8bit")
    octets = message.as_bytes()
    assert b"\r\n" in octets and "gr\u00fc\u00dfe".encode() in octets
    succeeds(running.run("sendmail", "-t", "-i", "-B8BITMIME", input=octets))
    raw = running.message("alice")
    assert b"\r" not in raw and "Subject: gr\u00fc\u00dfe\n".encode() in raw and raw.endswith("fr\u00f6hlich\n".encode())


# -- Perl


PERL_LITE = r"""
use utf8; use MIME::Lite; use Encode;
MIME::Lite->send('sendmail', 'sendmail -t -oi -oem');
my $m = MIME::Lite->new(From => 'web@here.test', To => 'alice@here.test', Cc => 'Bob <bob@here.test>', Bcc => 'carl@here.test',
  Subject => Encode::encode('MIME-Header', "gr\x{fc}\x{df}e"), Type => 'multipart/mixed');
local $/; my $text = <STDIN>;
$m->attach(Type => 'text/plain; charset=UTF-8', Data => $text, Encoding => 'quoted-printable');
$m->attach(Type => 'application/octet-stream', Data => join('', map { chr } 0 .. 255) x 40, Encoding => 'base64', Filename => 'octets');
$m->send or die;
"""
PERL_TOOLS = r"""
use MIME::Entity;
my $m = MIME::Entity->build(From => 'web@here.test', To => 'alice@here.test', Cc => 'bob@here.test', Bcc => 'carl@here.test',
  Subject => '=?UTF-8?Q?gr=C3=BC=C3=9Fe?=', Type => 'multipart/mixed');
local $/; my $text = <STDIN>;
$m->attach(Type => 'text/plain; charset=UTF-8', Data => $text, Encoding => 'quoted-printable');
$m->attach(Type => 'application/octet-stream', Data => join('', map { chr } 0 .. 255) x 40, Encoding => 'base64', Filename => 'octets');
open(my $pipe, '|-', 'sendmail', '-t', '-oi') or die; $m->print($pipe); close $pipe or die;
"""


@pytest.mark.parametrize("script", [PERL_LITE, PERL_TOOLS], ids=["MIME-Lite", "MIME-tools"])
def test_perl_sends_parts(running, script):
    succeeds(running.run("/usr/bin/perl", "-e", script, input=TEXT))
    for name in ("alice", "bob", "carl"):
        message, = got(running, name)
        assert message["Subject"] == "gr\u00fc\u00dfe"
        assert text_of(message) == TEXT
        assert next(message.iter_attachments()).get_payload(decode=True) == OCTETS
        assert has_no_bcc(message)


# -- swaks


def swaks(running, *options):
    command = f"{running.lab.program('sendmail')} -bs"
    return running.run("/usr/bin/swaks", "--pipe", command, "--suppress-data", *options)


def test_swaks_through_bs(running, lab, home):
    lab.write(home / "octets", OCTETS)
    succeeds(swaks(running, "--from", "web@here.test", "--to", "alice@here.test,bob@here.test", "--header", "Subject: swaks",
                   "--attach-type", "application/octet-stream", "--attach", f"@{home / 'octets'}", "--body", "fr\u00f6hlich\n.\nx"))
    for name in ("alice", "bob"):
        message, = got(running, name)
        assert message["Subject"] == "swaks"
        assert next(message.iter_attachments()).get_payload(decode=True) == OCTETS


def test_swaks_is_refused_nobody(running):
    done = swaks(running, "--from", "web@here.test", "--to", "nosuch@here.test")
    assert done.returncode == 24, done.stdout.decode()  # swaks: no recipient was taken
    assert running.queued() == []


# -- cron


def test_without_home_the_password_file_tells_it(running, lab, home):
    """As cron calls sendmail: the caller's own instance is found all the same."""
    if not lab.root:
        pytest.skip("needs a password file of its own")
    env = named_environment(running, lab, home)
    lab.folder(running.home / ".local")
    lab.folder(running.home / ".local" / "state")
    (running.home / ".local" / "state" / "porpoise").symlink_to(running.path)
    env = {k: v for k, v in env.items() if k not in ("HOME", "PORPOISE")}
    succeeds(running.run("sendmail", "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "alice", input="x\n", env=env))
    running.message("alice")
