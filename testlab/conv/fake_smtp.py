#!/usr/bin/python3
"""usage: fake_smtp.py FOLDER [--lmtp] [--bug NAME]

A small SMTP or LMTP server on standard input and output: what the lab's own tests run conversations
against, good or with a bug on purpose. alice, bob and carl at here.test have a Maildir and an mbox in
FOLDER, mail for away.test goes to FOLDER/sink, for slow.test it stays in FOLDER/queue, and mail for dead.test
comes back."""

import argparse
import os
import pathlib
import sys
import time

USERS = ("alice", "bob", "carl")
# What the octets of a reply become; the rest of the bugs are in the code.
REWRITES = {
    "bare-lf": lambda octets: octets.replace(b"\r\n", b"\n"),
    "two-replies": lambda octets: octets * 2,
    "long-line": lambda octets: octets.replace(b"\r\n", b" " + b"x" * 510 + b"\r\n"),
    "control-octet": lambda octets: octets.replace(b"\r\n", b"\x07\r\n"),
    "no-code": lambda octets: b"ok" + octets[3:],
    "odd-code": lambda octets: b"290" + octets[3:],
    "mixed-codes": lambda octets: b"251-" + octets[4:] + octets,
    "no-enhanced": lambda octets: octets[:4] + b"fine\r\n",
    "wrong-class": lambda octets: octets[:4] + b"5" + octets[5:],
    "mixed-enhanced": lambda octets: octets[:3] + b"-2.1.9 x\r\n" + octets,
}


class Server:
    def __init__(self, folder, lmtp=False, bug=None):
        self.folder, self.lmtp, self.bug = pathlib.Path(folder), lmtp, bug
        self.sender, self.params, self.recipients = None, "", []
        self.count = 0

    def say(self, text):
        octets = b"".join(line.encode() + b"\r\n" for line in text.split("\n"))
        if self.count == 2 and self.bug in REWRITES:  # the reply to MAIL, where files begin with EHLO
            octets = REWRITES[self.bug](octets)
        self.count += 1
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()
        with open(self.folder / "log", "a") as log:
            log.write(f"said {text[:3]}\n")

    def run(self):
        self.say("220 mx.here.test fake")
        while line := sys.stdin.buffer.readline():
            verb, _, rest = line.decode(errors="replace").strip().partition(" ")
            act = getattr(self, f"on_{verb.lower()}", None)
            if act is None:
                self.say("500 5.5.1 unknown command")
            elif act(rest) == "over":
                return

    def on_ehlo(self, rest):
        self.say("250-mx.here.test\n250-PIPELINING\n250 ENHANCEDSTATUSCODES")

    on_lhlo = on_ehlo

    def on_helo(self, rest):
        self.say("250 mx.here.test")

    def on_mail(self, rest):
        self.sender, _, self.params = rest.partition("<")[2].partition(">")
        self.recipients = []
        self.say("250 2.1.0 sender ok")

    def on_rcpt(self, rest):
        address = rest.partition("<")[2].partition(">")[0]
        local, _, domain = address.partition("@")
        known = local in USERS if domain == "here.test" else domain in ("away.test", "slow.test", "dead.test")
        if self.sender is None:
            self.say("503 5.5.1 MAIL first")
        elif not known:
            self.say("550 5.1.1 no such user")
        else:
            self.recipients.append(address)
            self.say("250 2.1.5 recipient ok")

    def on_data(self, rest):
        if not self.recipients:
            return self.say("554 5.5.1 no valid recipients")
        self.say("354 go on")
        lines = []
        while (line := sys.stdin.buffer.readline()) not in (b".\r\n", b""):
            if self.bug == "lf-dot-lf" and line == b".\n":
                break
            lines.append(line.removeprefix(b".").replace(b"\r\n", b"\n"))
        if not line:
            return "over"
        for number, recipient in enumerate(self.recipients):
            self.keep(recipient, b"".join(lines), number)
        replies = len(self.recipients) if self.lmtp else 1
        for _ in range(replies):
            self.say("250 2.0.0 stored")
        self.sender, self.recipients = None, []
        return None

    def keep(self, recipient, text, number):
        local, _, domain = recipient.partition("@")
        name = f"{time.time_ns()}.P{os.getpid()}N{number}"
        if domain == "here.test":
            trace = b"Return-Path: <%s>\nReceived: from client.test by mx.here.test\n" % self.sender.encode()
            (self.folder / local / "Maildir" / "new" / name).write_bytes(trace + text)
            with open(self.folder / local / "mbox", "ab") as mbox:
                mbox.write(b"From %s Thu Jan  1 00:00:00 1970\n" % self.sender.encode() + text + b"\n")
            return
        sender, params, to = self.sender, self.params, recipient
        if domain == "dead.test":
            sender, params, to, text = "", "", self.sender, b"Subject: returned\n\n" + text
        head = f"MAIL FROM:<{sender}>{params}\nRCPT TO:<{to}>\n\n"
        folder = "queue" if domain == "slow.test" else "sink"
        (self.folder / folder / name).write_bytes(head.encode() + text)

    def on_rset(self, rest):
        self.sender, self.recipients = None, []
        self.say("250 2.0.0 ok")

    def on_noop(self, rest):
        self.say("250 2.0.0 ok")

    def on_vrfy(self, rest):
        self.say("252 2.5.2 send some mail")

    def on_quit(self, rest):
        self.say("221 2.0.0 mx.here.test closes")
        return "over"


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--lmtp", action="store_true")
    parser.add_argument("--bug")
    options = parser.parse_args()
    try:
        Server(options.folder, options.lmtp, options.bug).run()
    except BrokenPipeError:
        os._exit(0)  # the client is gone, and what is unsaid stays so


def make(folder):
    """The folders that a server needs."""
    for name in ("sink", "queue", *(f"{user}/Maildir/{part}" for user in USERS for part in ("new", "cur", "tmp"))):
        (pathlib.Path(folder) / name).mkdir(parents=True)


if __name__ == "__main__":
    main()
