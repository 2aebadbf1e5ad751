"""A system instance of the lab's, for workloads: in a folder, with users that only its programs know of.

drivers/system_step.cc starts them there, in a mount namespace with the password file of etc/. Its names: system-send,
system-run, system-start, system-as."""

import os
import pathlib

from system import ACCOUNTS

USERS = {"alice": 50001, "bob": 50002, "eve": 50003, "carl": 50004, "dave": 50005}


class SystemInstance:
    """As conftest.Instance, for what workloads use of it. `lab` runs as root."""

    def __init__(self, lab, folder):
        self.lab, self.folder = lab, pathlib.Path(folder)
        self.path = self.folder / "instance"

    def make(self):
        self._make_names()
        self._make_folders()
        parts = zip(("queue", "network", "alias"), ACCOUNTS.items())
        self.control("system", "".join(f"{p}:{name}:{uid}:{uid}\n" for p, (name, uid) in parts))
        self.control("locals", "mx.here.test\nhere.test\n")
        self.control("defaultdomain", "here.test\n")
        self.control("defaultdelivery", "./Maildir/\n")
        self.control("concurrencylocal", "1\n")  # deliveries take turns: a point is found again
        self.control("pop3port", "0\n")
        self.control("me", "mx.here.test\n")
        return self

    def _make_names(self):
        etc = self.lab.folder(self.folder / "etc")
        users = {**USERS, **ACCOUNTS}
        homes = {name: self.home_of(name) if name in USERS else "/nonexistent" for name in users}
        lines = [f"{name}:x:{uid}:{uid}::{homes[name]}:/bin/sh\n" for name, uid in users.items()]
        self.lab.write(etc / "passwd", "root:x:0:0:root:/root:/bin/sh\n" + "".join(lines))
        self.lab.write(etc / "group", "root:x:0:\n" + "".join(f"{name}:x:{uid}:\n" for name, uid in users.items()))
        self.lab.write(etc / "nsswitch.conf", "passwd: files\ngroup: files\n")

    def _make_folders(self):
        for name in ("", "control", "users", "run"):
            self.lab.folder(self.path / name if name else self.path)
        self.folder_of("porpoise-alias", self.path / "alias", 0o755)
        for name in ("", "tmp", "incoming", "deferred", "deleted", "damaged"):
            self.folder_of("porpoise", self.path / "queue" / name)
        os.mkfifo(self.path / "queue" / "trigger", 0o600)
        self.own("porpoise", self.path / "queue" / "trigger")
        self.lab.folder(self.folder / "home")
        for name in USERS:
            self.folder_of(name, self.home_of(name))
            for part in ("", "tmp", "new", "cur"):
                self.folder_of(name, self.home_of(name) / "Maildir" / part)

    def own(self, user, path):
        uid = {**USERS, **ACCOUNTS}[user]
        os.chown(path, uid, uid)
        return path

    def folder_of(self, user, path, mode=0o700):
        return self.own(user, self.lab.folder(path, mode))

    def control(self, name, text):
        return self.lab.write(self.path / "control" / name, text)

    def home_of(self, name):
        return self.folder / "home" / name

    def dot_file(self, name, extension, text):
        file = ".qmail" + (f"-{extension}" if extension else "")
        return self.own(name, self.lab.write(self.home_of(name) / file, text))

    def environment(self, **more):
        return self.lab.environment(PORPOISE=self.path, HOME="/", **more)

    def queued(self):
        """The ids that are in the queue now."""
        queue = self.path / "queue"
        return sorted({f.name for f in [*(queue / "incoming").iterdir(), *(queue / "deferred").glob("*/*")]})

    def command(self, act, *arguments):
        """To start something as one of system_step's names."""
        return (self.lab.driver("system-step", f"system-{act}"), self.path, self.lab.bin, *arguments)
