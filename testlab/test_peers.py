"""What needs the private roots of testlab/peers: the table in sendmail(8) measured again, and clients that cannot be
installed without a mail system: bsd-mailx, cron. Only ./check --peers runs these."""

import email
import email.policy
import os
import subprocess
import sys

from conftest import TOP, wait_for
from peers.measure_sendmail import PROGRAMS, read_table

PEERS = TOP / "testlab" / "peers"

if os.environ.get("PORPOISE_PEERS"):
    import pytest

    @pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "porpoise"])
    def test_the_others_do_what_the_table_says(name):
        done = subprocess.run([sys.executable, PEERS / "measure_sendmail.py", name], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found = {(cells := line.split("\t"))[0]: cells[2] for line in done.stdout.splitlines()}
        assert found == {row: cells[name] for row, cells in read_table()[1].items()}

    # Our sendmail in the place of the root's, an instance where sendmail looks for the caller's own.
    SCRIPT = """
      set -e
      useradd -u {uid} -U -d /site/home -s /bin/sh -c 'Test Er' tester
      ln -sf /site/bin/sendmail /usr/sbin/sendmail
      ln -sf /site/bin/sendmail /usr/lib/sendmail
      as() {{ setpriv --reuid {uid} --regid {uid} --clear-groups env -i PATH=/usr/bin:/bin HOME=/site/home USER=tester LOGNAME=tester \
        LANG=C.UTF-8 "$@"; }}
      as /site/bin/porpoise init --host mx.here.test > /dev/null
      cd /site/home
      {what}
    """

    OUTPUT = "fr\u00f6hlich\n.\n..\nlast\n"

    def in_root(lab, home, what, input="", files=()):
        """Runs the shell commands `what` in the root, until the message is there; gives it."""
        site = lab.folder(home / "site")
        lab.folder(site / "home")
        for name in files:
            lab.write(site / "home" / name, files[name])
        subprocess.run(["cp", "-a", lab.bin, site / "bin"], check=True)
        (site / "script").write_text(SCRIPT.format(uid=lab.uid, what=what))
        subprocess.run([PEERS / "root", "bsd-mailx"], check=True)
        process = subprocess.Popen([PEERS / "run", "--bind", site, "/site", "bsd-mailx", "/bin/sh", "/site/script"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            process.stdin.write(input.encode())
            process.stdin.close()
            new = site / "home" / "Maildir" / "new"
            found = wait_for(lambda: (list(new.iterdir()) if new.exists() else []) or process.poll() and [None], "the message")
            assert found != [None], process.stdout.read().decode()
            return email.message_from_bytes(found[0].read_bytes(), policy=email.policy.default)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def test_bsd_mailx_sends(lab, home):
        message = in_root(lab, home, "as mail -s 'from mailx' -r bounces@mx.here.test tester; sleep 60",
                          OUTPUT.replace("\n.\n", "\n"))
        assert message["Subject"] == "from mailx"
        assert message["Return-Path"] == "<bounces@mx.here.test>"
        assert message["To"] == "tester@mx.here.test"
        assert message.get_payload(decode=True).endswith(OUTPUT.replace("\n.\n", "\n").encode())

    def test_cron_reports(lab, home):
        """A job's output, with Debian's cron calling sendmail as it does."""
        message = in_root(lab, home, """
          cp /site/home/crontab /var/spool/cron/crontabs/tester
          chown tester:crontab /var/spool/cron/crontabs/tester
          chmod 600 /var/spool/cron/crontabs/tester
          env -u HOME cron  # as systemd starts it
          sleep 60
        """, files={"crontab": "@reboot cat /site/home/output\n", "output": OUTPUT})
        assert message["Subject"] == "Cron <tester@vm> cat /site/home/output"
        assert message["To"] == "tester@mx.here.test"
        assert message["From"].addresses[0].addr_spec == "root@mx.here.test"
        assert message.get_payload(decode=True) == OUTPUT.encode()
