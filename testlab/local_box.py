"""A home, and deliveries to it by the real `local`."""

import os

import pytest

from maildir_age import age

MESSAGE = b"From: bob@x.test\nSubject: hi\n\nhello\n"
DTLINE = b"Delivered-To: joe@here.test\n"
RPLINE = b"Return-Path: <bob@x.test>\n"


class Box:
    """A home, and deliveries to it."""

    def __init__(self, lab, home):
        self.lab = lab
        self.top = home
        self.home = lab.folder(home / "joe")
        self.programs = str(lab.bin)

    def dot(self, name, text, mode=0o644):
        return self.lab.write(self.home / name, text, mode)

    def maildir(self, name="Maildir"):
        for part in ("", "tmp", "new", "cur"):
            self.lab.folder(self.home / name / part if part else self.home / name, 0o700)

    def in_maildir(self, name="Maildir"):
        return sorted((self.home / name / "new").iterdir(), key=age)

    def deliver(self, ext=None, *, message=MESSAGE, options=(), sender="bob@x.test",
                default="./Maildir/", host="here.test", env=None, before=(), user="joe", **more):
        local, dash = (user, "") if ext is None else (f"{user}-{ext}", "-")
        source = self.top / "message"
        source.write_bytes(message)
        source.chmod(0o644)
        with open(source, "rb") as stdin:
            return self.lab.run(
                *before, self.lab.program("local"), *options, "--", user, self.home, local, dash,
                ext or "", host, sender, default,
                stdin=stdin, env=self.lab.environment(**(env or {})), **more)

    def with_notes(self, earlier=None, **more):
        """Delivers with progress notes: (result, [note, ...])."""
        ours, theirs = os.pipe()
        env = {"PORPOISE_PROGRESS_FD": theirs, "PORPOISE_PROGRESS": earlier}
        done = self.deliver(pass_fds=(theirs,), env={**env, **more.pop("env", {})}, **more)
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            notes = pipe.read()
        assert notes == b"" or notes.endswith(b"\0")
        return done, notes.decode().split("\0")[:-1]

    def instance(self):
        """As much of an instance as forwards through a foreign queue program need; what that
        program was given is in forwarded()."""
        where = self.lab.folder(self.top / "instance")
        for name in ("control", "queue"):
            self.lab.folder(where / name)
        self.lab.write(where / "control" / "me", "here.test\n")
        self.lab.write(where / "control" / "owner",
                       f"joe:{self.lab.uid}:{self.lab.gid}:{self.home}\n")
        self.lab.folder(self.top / "queued")
        script = self.lab.write(
            self.top / "queue-program",
            f"#!/bin/sh\ncd {self.top}/queued || exit 61\n"
            "n=$(($(ls | wc -l) / 2))\ncat >message.$n\ncat <&1 >envelope.$n\n"
            "[ ! -f ../code ] || exit $(cat ../code)\n", 0o755)
        return {"PORPOISE": where, "QMAILQUEUE": script}

    def forwarded(self):
        queued = self.top / "queued"
        return [((queued / f"message.{n}").read_bytes(), (queued / f"envelope.{n}").read_bytes())
                for n in range(len(list(queued.glob("envelope.*"))))]


@pytest.fixture
def box(lab, home):
    return Box(lab, home)


def out(done):
    return done.stdout.decode(), done.stderr.decode(), done.returncode
