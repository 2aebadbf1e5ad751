"""Dovecot and Courier as targets of conversations: started in their root folders, on loopback, with the test
site of doc/conversations.md."""

import os
import pathlib
import shutil
import socket
import subprocess
import time

from conv import setups
from conv.target import Target
from conv.wire import Wire

HERE = pathlib.Path(__file__).resolve().parent
USERS = ("alice", "bob", "carl")
PATIENCE = 20.0


class Peer(Target):
    """`site`: a folder with the users' homes, which the server sees as /site; `uid`: whose they are. One server
    serves all files, each with fresh homes."""

    profile = frozenset({"state"})
    transports = ("pop3", "pop3s")
    PORTS = {"pop3": 110, "pop3s": 995}

    def __init__(self, site, uid):
        super().__init__()
        self.site = pathlib.Path(site)
        self.uid = uid
        self.passwords = dict.fromkeys(USERS, setups.SECRET)
        self.output = open(self.site / "output", "wb")
        self.process = None
        self.written = int(time.time()) - 100_000
        self.prepare()
        self.write_passwords()
        self.start()

    def prepare(self):
        """Writes its configuration."""

    def start(self):
        self.process = subprocess.Popen(
            [HERE / "run", "--network", "--bind", self.site, "/site", self.name, "/bin/sh", "/site/start"],
            stdin=subprocess.PIPE, stdout=self.output, stderr=self.output)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.PORTS["pop3"]), 1) as connected:
                    if connected.recv(3) == b"+OK":
                        return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.name} does not start: {self.log_text().decode(errors='replace')}")
            time.sleep(0.05)

    def stop(self):
        """All of it ends with the first process of its namespace."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.PORTS["pop3"]), 1).close()
            except OSError:
                return
            time.sleep(0.02)

    def restart(self):
        self.stop()
        self.start()

    def close(self):
        self.stop()
        self.output.close()

    def is_alive(self):
        return self.process.poll() is None

    def connect(self, transport):
        return Wire(socket.create_connection(("127.0.0.1", self.PORTS[transport])))

    # -- the site

    def setup(self, name):
        for user in USERS:
            # The session before may be at its end still.
            while (self.site / user).exists():
                shutil.rmtree(self.site / user, ignore_errors=True)
            for part in ("", "Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"):
                folder = self.site / user / part
                folder.mkdir(mode=0o700)
                os.chown(folder, self.uid, self.uid)
        wanted = dict.fromkeys(USERS, setups.SECRET)
        if self.passwords != wanted:
            self.passwords = wanted
            self.write_passwords()
        super().setup(name)

    def maildir(self, user):
        return self.site / user / "Maildir"

    def password(self, user, hashed):
        self.passwords[user] = hashed
        self.write_passwords()

    def write_passwords(self):
        raise NotImplementedError

    def write(self, name, text):
        """A file of the site, whole at once."""
        (self.site / f"{name}.part").write_text(text)
        (self.site / f"{name}.part").chmod(0o644)
        # Some look for another time or size only, and both may be the same.
        self.written += 1
        os.utime(self.site / f"{name}.part", (self.written, self.written))
        (self.site / f"{name}.part").rename(self.site / name)

    def log_text(self):
        files = [self.site / name for name in ("output", "log")]
        return b"".join(file.read_bytes() for file in files if file.exists())


class Dovecot(Peer):
    name = "dovecot"
    LOOKS_EVERY = 1.2  # seconds, at least: how soon it may look at its passwords again
    changed = 0.0

    def prepare(self):
        self.write("start", "exec dovecot -F -c /site/dovecot.conf\n")
        self.write("dovecot.conf", f"""
protocols = pop3
listen = 127.0.0.1
log_path = /site/log
ssl = yes
ssl_cert = </etc/dovecot/private/dovecot.pem
ssl_key = </etc/dovecot/private/dovecot.key
ssl_dh = </usr/share/dovecot/dh.pem
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:~/Maildir
first_valid_uid = {self.uid}
mail_max_userip_connections = 100
passdb {{
  driver = passwd-file
  args = /site/passwd
}}
userdb {{
  driver = passwd-file
  args = /site/passwd
}}
# many bad logins come from one address
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
""")

    def connect(self, transport):
        time.sleep(max(0, self.changed + self.LOOKS_EVERY - time.monotonic()))
        return super().connect(transport)

    def write_passwords(self):
        self.changed = time.monotonic()
        self.write("passwd", "".join(
            f"{user}:{{CRYPT}}{hashed}:{self.uid}:{self.uid}::/site/{user}::\n"
            for user, hashed in self.passwords.items()))


class Courier(Peer):
    """Its table of users is made inside, by a command that the start script waits for."""

    name = "courier"

    def prepare(self):
        self.write("start", r"""
set -e
cd /etc/courier
sed -i 's/^authmodulelist=.*/authmodulelist="authuserdb"/' authdaemonrc
sed -i 's/^MAXPERIP=.*/MAXPERIP=100/; s/^MAXDAEMONS=.*/MAXDAEMONS=100/; s/^ADDRESS=.*/ADDRESS=127.0.0.1/' pop3d
sed -i 's/^POP3_STARTTLS=.*/POP3_STARTTLS=YES/; s/^SSLADDRESS=.*/SSLADDRESS=127.0.0.1/' pop3d-ssl
table() {
  cp /site/userdb userdb
  chmod 600 userdb
  makeuserdb
  cp /site/userdb /site/userdb.done
}
mkdir -p /run/courier/authdaemon
chown courier: /run/courier/authdaemon
table
authdaemond start
/usr/sbin/pop3d start
/usr/sbin/pop3d-ssl start
while read -r line; do table; done
sleep infinity
""")

    def write_passwords(self):
        text = "".join(
            f"{user}\thome=/site/{user}|mail=/site/{user}/Maildir|uid={self.uid}|gid={self.uid}|pop3pw={hashed}\n"
            for user, hashed in self.passwords.items())
        self.write("userdb", text)
        if self.process is None:
            return
        self.process.stdin.write(b"again\n")
        self.process.stdin.flush()
        done, end = self.site / "userdb.done", time.monotonic() + PATIENCE
        while not done.exists() or done.read_text() != text:
            if time.monotonic() > end:
                raise RuntimeError("courier does not take new passwords")
            time.sleep(0.02)


PEERS = {peer.name: peer for peer in (Dovecot, Courier)}
