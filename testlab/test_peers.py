"""What needs the private roots of testlab/peers: the table in sendmail(8) measured again, and clients that cannot be
installed without a mail system: bsd-mailx, cron. Only ./check --peers runs these."""

import os
import subprocess
import sys

from conftest import TOP
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
