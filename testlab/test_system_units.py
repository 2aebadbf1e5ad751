"""The units of a system instance: systemd takes them, and they say what the programs want."""

import configparser
import os
import shutil
import subprocess

import pytest

from conftest import TOP

UNITS = TOP / "packaging" / "systemd"
SYSTEM = ["porpoise-control.socket", "porpoise-pop3.socket", "porpoise-submit.socket", "porpoise.service"]


def unit(name):
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str
    parser.read(UNITS / name)
    return parser


def test_no_unit_is_forgotten():
    assert sorted(u.name for u in UNITS.iterdir() if "retry" not in u.name) == SYSTEM


def test_the_units_are_what_systemd_takes(home, lab):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    for name in SYSTEM:
        (home / name).write_text((UNITS / name).read_text().replace("/usr/lib/porpoise/bin/", f"{lab.bin}/"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *(home / name for name in SYSTEM)], capture_output=True,
                          env=dict(os.environ, SYSTEMD_LOG_LEVEL="warning"))
    said = [line for line in done.stderr.decode().splitlines() if "porpoise" in line]
    assert (done.returncode, said) == (0, []), done.stderr


@pytest.mark.parametrize("name", ["submit", "control"])
def test_sockets_are_where_and_as_the_programs_make_them(name):
    socket = unit(f"porpoise-{name}.socket")["Socket"]
    assert socket["ListenStream"] == f"/var/lib/porpoise/run/{name}"
    assert socket["FileDescriptorName"] == name
    assert socket["SocketMode"] == "0666"
    assert socket["DirectoryMode"] == "0755"


def test_pop3_is_offered_to_this_host_only():
    assert unit("porpoise-pop3.socket")["Socket"]["ListenStream"].startswith("127.0.0.1:")


def test_nothing_is_taken_from_users_programs():
    service = unit("porpoise.service")["Service"]
    for option in ("NoNewPrivileges", "CapabilityBoundingSet", "ProtectHome", "ProtectSystem", "PrivateTmp",
                   "RestrictSUIDSGID", "SystemCallFilter", "User", "PrivateUsers", "RestrictNamespaces"):
        assert option not in service
