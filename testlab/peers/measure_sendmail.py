#!/usr/bin/python3
"""usage: testlab/peers/measure_sendmail.py [--only ROW] [--write] [NAME]...

Runs the cases of sendmail_cases.py on the sendmail of Debian's sendmail, postfix, exim4 and opensmtpd (or those
named), each in its private root with its stock configuration but for this: mail for far.test and everywhere else goes
to a sink on loopback that records it, here.test is local, names without a host are completed with far.test. The
caller is an ordinary user. Prints row, program and word; --write puts the words into sendmail_flags.tsv and what
was seen into sendmail_seen.tsv. Needs root; testlab/peers/root makes the roots that are missing."""

import argparse
import os
import pathlib
import shlex
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from peers.sendmail_cases import CASES, Mail, Outcome, numbered, word  # noqa: E402

TABLE, SEEN = HERE / "sendmail_flags.tsv", HERE / "sendmail_seen.tsv"
PROGRAMS = ("sendmail", "postfix", "exim4", "opensmtpd", "porpoise")
INSIDE = "PORPOISE_PEERS_INSIDE"
SINK = ("127.0.0.2", 2525)
PATIENCE = 4.0  # for a message that a success has promised
UID = 20001

PREPARE = r"""
set -e
useradd -u 20001 -m -c 'Test Er,,,' tester
useradd -u 20002 -m alice
printf '127.0.0.1 localhost\n127.0.0.1 mx.here.test\n127.0.0.2 far.test\n' > /etc/hosts
echo far.test > /etc/mailname
hostname mx.here.test
"""

SETUP = {
    "postfix": r"""
cat > /etc/postfix/main.cf <<'X'
compatibility_level = 3.6
myhostname = mx.here.test
myorigin = far.test
mydestination = here.test, localhost
relayhost = [127.0.0.2]:2525
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
smtp_host_lookup = native
maillog_file = /var/log/postfix.log
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
X
sed -i -E 's/^([a-z0-9]+ +(unix|inet|fifo) +[yn-] +[yn-] +)y /\1n /' /etc/postfix/master.cf
sed -i 's/^smtp      inet/2526      inet/' /etc/postfix/master.cf
echo 'postmaster: root' > /etc/aliases
newaliases
postfix start
""",
    "exim4": r"""
cat > /etc/exim4/update-exim4.conf.conf <<'X'
dc_eximconfig_configtype='smarthost'
dc_other_hostnames='here.test'
dc_local_interfaces='127.0.0.1'
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='true'
dc_relay_nets=''
dc_smarthost='127.0.0.2::2525'
CFILEMODE='644'
dc_use_split_config='false'
dc_hide_mailname='false'
dc_mailname_in_oh='false'
dc_localdelivery='mail_spool'
X
sed -i '1i MAIN_HARDCODE_PRIMARY_HOSTNAME = mx.here.test' /etc/exim4/exim4.conf.template
update-exim4.conf
exim4 -bd -oX 127.0.0.1.2526 &  # a child of process 1 does not go into the background
""",
    "sendmail": r"""
echo here.test > /etc/mail/local-host-names
sed -i 's/^MAILER_DEFINITIONS/define(`SMART_HOST'"'"', `relay:[127.0.0.2]'"'"')dnl\ndefine(`RELAY_MAILER_ARGS'"'"', `TCP $h 2525'"'"')dnl\ndefine(`confDOMAIN_NAME'"'"', `mx.here.test'"'"')dnl\nMASQUERADE_AS(`far.test'"'"')dnl\nFEATURE(`masquerade_envelope'"'"')dnl\nFEATURE(`allmasquerade'"'"')dnl\nFEATURE(`nocanonify'"'"')dnl\nMAILER_DEFINITIONS/' /etc/mail/sendmail.mc
sed -i 's/^FEATURE(`msp/define(`confDOMAIN_NAME'"'"', `mx.here.test'"'"')dnl\nMASQUERADE_AS(`far.test'"'"')dnl\nFEATURE(`masquerade_envelope'"'"')dnl\nFEATURE(`allmasquerade'"'"')dnl\nFEATURE(`nocanonify'"'"')dnl\nFEATURE(`msp/' /etc/mail/submit.mc
cd /etc/mail
m4 sendmail.mc > sendmail.cf
m4 submit.mc > submit.cf
cp service.switch-nodns service.switch
/usr/sbin/sendmail-mta -bd -Am
""",
    "opensmtpd": r"""
cat > /etc/smtpd.conf <<'X'
listen on 127.0.0.1 port 2526
action "local" mbox
action "relay" relay host smtp://127.0.0.2:2525
match from local for domain "here.test" action "local"
match from local for any action "relay"
X
smtpd
""",
}

LOOP = r"""
set +e
echo ready > /site/ready
while read -r n; do
  cd /home/tester
  rm -f dead.letter
  timeout -k 1 8 setpriv --reuid 20001 --regid 20001 --clear-groups env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/home/tester USER=tester LOGNAME=tester /bin/sh /site/$n/run \
    < /site/$n/input > /site/$n/out 2> /site/$n/err
  echo $? > /site/$n/code.part
  [ ! -e dead.letter ] || : > /site/$n/dead
  mv /site/$n/code.part /site/$n/code
done
"""


class Sink(socketserver.ThreadingTCPServer):
    """Takes everything and keeps it, with the time of it."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        self.got = []
        super().__init__(SINK, Session)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def parameters(words):
    return {name.upper(): value for name, _, value in (w.partition("=") for w in words)}


class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        self.say("220 sink.test ESMTP")
        mail = None
        for raw in self.rfile:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            verb = line.split(":")[0].split(" ")[0].upper()
            if verb == "EHLO":
                self.say("250-sink.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES")
            elif verb == "MAIL":
                path, *words = line.partition(":")[2].split()
                mail = Mail(path.strip("<>"), parameters(words), [], b"")
                self.say("250 2.1.0 ok")
            elif verb == "RCPT":
                path, *words = line.partition(":")[2].split()
                mail.recipients.append((path.strip("<>"), parameters(words)))
                self.say("250 2.1.5 ok")
            elif verb == "DATA":
                self.say("354 go on")
                lines = []
                for text in self.rfile:
                    if text == b".\r\n":
                        break
                    lines.append(text[1:] if text.startswith(b".") else text)
                mail.data = b"".join(lines).replace(b"\r\n", b"\n")
                self.server.got.append((time.time(), mail))
                self.say("250 2.0.0 ok")
            elif verb == "QUIT":
                self.say("221 2.0.0 bye")
                return
            else:
                self.say("250 2.0.0 ok")


class Peer:
    def __init__(self, name, sink):
        self.name, self.sink = name, sink
        self.site = pathlib.Path(tempfile.mkdtemp(prefix="porpoise-peer-"))
        self.site.chmod(0o755)
        (self.site / "start").write_text(f"{PREPARE}{{\n{SETUP[name]}}} < /dev/null > /site/setup 2>&1\n{LOOP}")
        self.log = open(self.site / "log", "wb")
        self.process = subprocess.Popen(
            ["unshare", "--uts", HERE / "run", "--network", "--bind", self.site, "/site", name, "/bin/sh", "/site/start"],
            stdin=subprocess.PIPE, stdout=self.log, stderr=self.log)
        self.wait(lambda: (self.site / "ready").exists() and self.listens(), 60)

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", 25 if self.name == "sendmail" else 2526), 1).close()
        except OSError:
            return False
        return True

    def wait(self, condition, patience):
        end = time.monotonic() + patience
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.name}: {self.said()}")
            time.sleep(0.01)

    def said(self):
        files = [self.site / "setup", self.site / "log"]
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def run(self, number, case):
        """One case; `number` is its own."""
        del self.sink.got[:]
        folder = self.site / str(number)
        folder.mkdir()
        program = {"mailq": "/usr/bin/mailq", "newaliases": "/usr/bin/newaliases"}.get(case.program, "/usr/sbin/sendmail")
        (folder / "run").write_text(f"exec {program} {shlex.join(case.args)}\n")
        (folder / "input").write_bytes(numbered(case, number))
        self.process.stdin.write(b"%d\n" % number)
        self.process.stdin.flush()
        self.wait(lambda: (folder / "code").exists(), 30)
        ended = (folder / "code").stat().st_mtime
        outcome = Outcome(int((folder / "code").read_text()), (folder / "out").read_bytes(), (folder / "err").read_bytes())
        outcome.dead_letter = (folder / "dead").exists()
        self.gather(number, outcome, case, ended)
        return outcome

    def gather(self, number, outcome, case, ended):
        mark = b"Subject: probe %d\n" % number
        expected = outcome.code == 0 and case.octets
        end = time.monotonic() + (PATIENCE if expected else 0.6)
        while time.monotonic() < end and not self.sink.got:
            time.sleep(0.02)
        time.sleep(0.4)
        for at, mail in list(self.sink.got):
            head = mail.data.partition(b"\n\n")[0].replace(b"\r\n", b"\n").replace(b"\r", b"") + b"\n"
            if mark in head or (not case.octets and b"Subject: " not in head):
                outcome.mails.append(mail)
                outcome.at_exit = outcome.at_exit or at <= ended
            elif b"Subject: probe" not in head:
                outcome.notices.append(mail)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        subprocess.run(["rm", "-rf", str(self.site)], check=True)


def one_line(octets):
    text = octets.decode("utf-8", "replace").replace("\t", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines)[:160]


def seen(case, name, outcome):
    """A line of sendmail_seen.tsv: the facts behind a word."""
    sent = "; ".join(
        f"<{m.sender}>{''.join(f' {k}={v}' for k, v in m.parameters.items() if k not in ('SIZE', 'AUTH'))} -> "
        + ", ".join(a + "".join(f" {k}={v}" for k, v in p.items() if k != "ORCPT") for a, p in m.recipients)
        + f", From: {one_line(str(m.header['From']).encode())}" for m in outcome.mails)
    return [case.row, name, str(outcome.code), sent, str(len(outcome.notices)), "yes" if outcome.dead_letter else "",
            one_line(outcome.stdout), one_line(outcome.stderr)]


def measure(name, cases, sink):
    """{row: outcome}"""
    peer = Peer(name, sink)
    try:
        return {case.row: peer.run(number, case) for number, case in enumerate(CASES, 1) if case in cases}
    finally:
        peer.close()


def read_table():
    """(names of programs, {row: {program: word}})"""
    head, *lines = TABLE.read_text().splitlines()
    names = head.split("\t")[2:]
    return names, {(c := line.split("\t"))[0]: dict(zip(names, c[2:])) for line in lines}


def write(name, words, lines):
    """What was seen of one program, into both files."""
    table = read_table()[1] if TABLE.exists() else {}
    rows = [["row", "means", *PROGRAMS]]
    for case in CASES:
        cells = {**dict.fromkeys(PROGRAMS, "?"), **table.get(case.row, {}), name: words[case.row]}
        rows.append([case.row, case.means, *(cells[program] for program in PROGRAMS)])
    TABLE.write_text("".join("\t".join(row) + "\n" for row in rows))
    order = {case.row: n for n, case in enumerate(CASES)}
    kept = [line.split("\t") for line in SEEN.read_text().splitlines()[1:]] if SEEN.exists() else []
    all_lines = [line for line in kept if line[1] != name and line[0] in order] + lines
    all_lines.sort(key=lambda line: (order[line[0]], line[1]))
    head = ["row", "program", "code", "sent", "notices", "dead.letter", "stdout", "stderr"]
    SEEN.write_text("".join("\t".join(line) + "\n" for line in [head, *all_lines]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--only", action="append", metavar="ROW")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # nothing is left running
    names = options.names or list(SETUP)
    if os.geteuid() != 0:
        sys.exit("measure_sendmail.py: needs root, to make and enter root folders")
    if INSIDE not in os.environ:
        if subprocess.run([HERE / "root", *names], stdout=sys.stderr).returncode != 0:
            sys.exit(1)
        os.execvpe("unshare", ["unshare", "--mount", "--net", "--propagation", "private", sys.executable, *sys.argv],
                   {**os.environ, INSIDE: "1"})
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    cases = [case for case in CASES if not options.only or case.row in options.only]
    sink, by_row = Sink(), {case.row: case for case in cases}
    for name in names:
        outcomes = measure(name, cases, sink)
        words = {row: word(by_row[row], outcome) for row, outcome in outcomes.items()}
        lines = [seen(by_row[row], name, outcome) for row, outcome in outcomes.items()]
        for row, facts in zip(words, lines):
            print("\t".join([*facts[:2], words[row], *facts[2:]]), flush=True)
        if options.write and not options.only:
            write(name, words, lines)


if __name__ == "__main__":
    main()
