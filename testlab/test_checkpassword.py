"""checkpassword by its interface: a record on descriptor 3, exit codes, what the program gets."""

import pytest

from conv import setups

RECORD = b"alice\0secret\0<1.2@h>\0"


@pytest.fixture
def site(instance):
    instance.lab.write(instance.path / "users" / "passwd", f"# people\nalice:{setups.SECRET}:x\n", 0o600)
    return instance


def check(site, record, *program, options=(), **more):
    """checkpassword with `record` on descriptor 3; None: without a descriptor 3."""
    if record is None:
        given = "3<&-"
    else:
        site.lab.write(site.folder / "record", record, 0o600)
        given = f"3<{site.folder}/record"
    script = f'exec "$@" {given}'
    return site.run("/bin/sh", "-c", script, "sh", site.lab.program("checkpassword"), *options,
                    *(program or ("/bin/echo", "in")), **more)


def test_the_right_password_becomes_the_program(site):
    done = check(site, RECORD)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"in\n", b"")


def test_the_program_is_at_home(site):
    done = check(site, RECORD, "/bin/sh", "-c", 'pwd; echo $USER $LOGNAME $HOME $SHELL; echo "$PATH"')
    home = site.home_of("alice")
    assert done.stdout.decode() == (
        f"{home}\nalice alice {home} /bin/sh\n{site.lab.bin}:/usr/local/bin:/usr/bin:/bin\n")


def test_the_program_has_no_descriptor_3(site):
    # dash's own and ls's are below 3, or the folder that ls reads
    done = check(site, RECORD, "/bin/sh", "-c", "echo x >&3")
    assert done.returncode == 2


def test_a_bare_name_is_found_beside_checkpassword(site):
    done = check(site, RECORD, "pop3d", "Maildir", input=b"QUIT\r\n")
    assert done.stdout == b"+OK 0 messages\r\n+OK bye\r\n"


def test_the_owner_may_log_in(site):
    site.lab.write(site.path / "users" / "passwd", f"OWNER:{setups.SECRET}\n", 0o600)
    assert check(site, b"owner\0secret\0x\0").stdout == b"in\n"


def test_what_follows_the_stamp_is_reserved(site):
    assert check(site, RECORD + b"more\0and more").stdout == b"in\n"


@pytest.mark.parametrize("record", [
    b"alice\0wrong\0x\0", b"alice\0\0x\0", b"alice\0secret \0x\0", b"alice\0Secret\0x\0", b"bob\0secret\0x\0",
    b"nobody\0secret\0x\0", b"\0secret\0x\0", b"alice:\0secret\0x\0", b"../alice\0secret\0x\0",
    b"# people\0secret\0x\0", b"alice-list\0secret\0x\0"])
def test_anything_else_is_wrong_and_tells_nothing(site, record):
    done = check(site, record)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_a_password_without_an_account_is_wrong(site):
    site.lab.write(site.path / "users" / "passwd", f"ghost:{setups.SECRET}\n", 0o600)
    done = check(site, b"ghost\0secret\0x\0")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


@pytest.mark.parametrize("record, text", [
    (None, b"checkpassword: reading descriptor 3: Bad file descriptor\n"),
    (b"", b"checkpassword: descriptor 3: want name NUL password NUL stamp NUL\n"),
    (b"alice\0secret", b"checkpassword: descriptor 3: want name NUL password NUL stamp NUL\n"),
    (b"alice\0secret\0stamp", b"checkpassword: descriptor 3: want name NUL password NUL stamp NUL\n"),
    (RECORD + b"x" * 512, b"checkpassword: reading descriptor 3: longer than 512 octets\n"),
])
def test_misuse_is_exit_2(site, record, text):
    done = check(site, record)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", text)


def test_nothing_to_become_is_exit_2(site):
    site.lab.write(site.folder / "record", RECORD, 0o600)
    done = site.run("/bin/sh", "-c", f"exec checkpassword 3<{site.folder}/record")
    assert (done.returncode, done.stderr) == (2, b"checkpassword: want a program to become\n")


def trouble(done):
    assert (done.returncode, done.stdout) == (111, b"")
    assert done.stderr.startswith(b"checkpassword: ") and done.stderr.count(b"\n") == 1
    return done.stderr.decode().removeprefix("checkpassword: ").rstrip()


def test_a_program_that_is_not_there_is_trouble(site):
    assert trouble(check(site, RECORD, "/no/such")) == "starting /no/such: No such file or directory"


def test_a_folder_that_is_no_instance_is_trouble(site):
    told = trouble(check(site, RECORD, "/bin/true", options=("--instance", site.home)))
    assert told.startswith(f"{site.home} is no porpoise instance")


def test_a_password_file_that_cannot_be_read_is_trouble(site):
    (site.path / "users" / "passwd").chmod(0)
    assert trouble(check(site, RECORD)) == "opening users/passwd: Permission denied"


def test_a_damaged_assign_file_is_trouble(site):
    site.lab.write(site.path / "users" / "assign", "=alice:nonsense\n.\n")
    assert trouble(check(site, RECORD)).startswith("users/assign line 1: ")


def test_somebody_elses_uid_is_trouble(site):
    other = site.lab.uid + 1
    site.lab.write(site.path / "users" / "assign", f"=alice:alice:{other}:{other}:{site.home}:::\n.\n")
    assert trouble(check(site, RECORD)) == (
        f"alice has uid {other} (users/assign line 1) and we run as uid {site.lab.uid}")


def test_uid_0_is_refused(site):
    site.lab.write(site.path / "users" / "assign", f"=alice:alice:0:0:{site.home}:::\n.\n")
    assert trouble(check(site, RECORD)) == "refusing to serve mail as uid 0"


def test_root_is_told_to_be_the_owner(site):
    if not site.lab.root:
        pytest.skip("needs root")
    assert trouble(check(site, RECORD, as_root=True)) == (
        f"instance {site.path} belongs to owner (uid {site.lab.uid}): run this as that user")


def test_a_home_that_is_not_there_is_trouble(site):
    site.home_of("alice").rename(site.folder / "away")
    assert trouble(check(site, RECORD)) == f"entering home {site.home_of('alice')}: No such file or directory"


def test_a_password_set_by_porpoise_passwd_is_right(site):
    done = site.run("porpoise", "passwd", "bob", input=b"a b\n")
    assert done.returncode == 0, done.stderr
    assert check(site, b"bob\0a b\0x\0").stdout == b"in\n"
    assert check(site, RECORD).stdout == b"in\n"
    assert check(site, b"bob\0a\0x\0").returncode == 1
