"""`porpoise init --system`, as real root on a machine that has no mail system yet."""

import pytest

FIRST = [
    "wrote account porpoise (uid N)", "wrote account porpoise-net (uid N)", "wrote account porpoise-alias (uid N)",
    "wrote /var/lib/porpoise/", "wrote /etc/porpoise/", "wrote /var/lib/porpoise/control -> /etc/porpoise",
    "wrote /var/lib/porpoise/users/", "wrote /var/lib/porpoise/run/", "wrote /var/lib/porpoise/queue/ of porpoise",
    "wrote /var/lib/porpoise/alias/ of porpoise-alias",
    *(f"wrote /var/lib/porpoise/queue/{name}/" for name in ("tmp", "incoming", "deferred", "deleted", "damaged")),
    "wrote /var/lib/porpoise/queue/trigger",
    *(f"wrote /var/lib/porpoise/alias/Maildir{name}/" for name in ("", "/tmp", "/new", "/cur")),
    "wrote /var/lib/porpoise/alias/.qmail-root: ./Maildir/", "wrote /var/lib/porpoise/alias/.qmail-postmaster: &root",
    "wrote /var/lib/porpoise/alias/.qmail-mailer-daemon: &root",
    "wrote /var/lib/porpoise/control/system: queue:porpoise:N:N", "wrote /var/lib/porpoise/control/defaultdomain: here.test",
    "wrote /var/lib/porpoise/control/locals: mx.here.test", "wrote /var/lib/porpoise/control/defaultdelivery: ./Maildir/",
    "wrote /var/lib/porpoise/control/me: mx.here.test",
    "next:  porpoise run",
    r"then:  printf 'To: %s\nSubject: hi\n\nhello\n' root | porpoise sendmail -t",
]
ACCOUNTS = ("porpoise", "porpoise-net", "porpoise-alias")


def init(system, *options, **more):
    return system.run("porpoise", "init", "--system", *options, **more)


def text(done):
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def entry(system, name):
    fields = system.run("getent", "passwd", name).stdout.decode().strip().split(":")
    return {"uid": int(fields[2]), "gid": int(fields[3]), "home": fields[5], "shell": fields[6]}


def made(system, *options):
    done = init(system, "--host", "mx.here.test", *options)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def ownership(system, path):
    return system.run("stat", "-c", "%U %a", f"/var/lib/porpoise/{path}").stdout.decode().strip()


def test_it_prints_each_thing_it_writes(bare_system):
    lines = made(bare_system).splitlines()
    for name in ACCOUNTS:
        uid, gid = entry(bare_system, name)["uid"], entry(bare_system, name)["gid"]
        lines = [line.replace(f"(uid {uid})", "(uid N)").replace(f":{name}:{uid}:{gid}", f":{name}:N:N") for line in lines]
    assert lines == FIRST


def test_accounts_have_no_home_no_shell_and_no_password(bare_system):
    made(bare_system)
    for name in ACCOUNTS:
        account = entry(bare_system, name)
        assert account["uid"] > 0 and account["gid"] > 0
        assert (account["home"], account["shell"]) == ("/nonexistent", "/usr/sbin/nologin")
        shadow = bare_system.run("getent", "shadow", name).stdout.decode().split(":")[1]
        assert shadow in ("!", "!!", "*")
        assert bare_system.run("id", "-Gn", name).stdout.decode().split() == [name]
    assert len({entry(bare_system, name)["uid"] for name in ACCOUNTS}) == 3


def test_accounts_that_exist_are_used(bare_system):
    bare_system.shell("useradd --system --no-create-home --uid 345 porpoise-net; groupadd --system --gid 346 porpoise")
    said = made(bare_system)
    assert "account porpoise-net" not in said
    assert "network:porpoise-net:345:" in (bare_system.controls / "system").read_text()
    assert entry(bare_system, "porpoise")["gid"] == 346


@pytest.mark.parametrize("umask", ["022", "077", "000"])
def test_everything_belongs_to_whom_it_should(bare_system, umask):
    done = bare_system.shell(f"umask {umask}; porpoise init --system --host mx.here.test")
    assert done.returncode == 0, done.stderr
    expected = {
        ".": "root 755", "control/.": "root 755", "users": "root 755", "run": "root 755", "queue": "porpoise 700",
        "queue/tmp": "porpoise 700", "queue/incoming": "porpoise 700", "queue/trigger": "porpoise 600",
        "alias": "porpoise-alias 755", "alias/.qmail-root": "porpoise-alias 644", "alias/Maildir/new": "porpoise-alias 700",
        "control/me": "root 644", "control/system": "root 644"}
    assert {path: ownership(bare_system, path) for path in expected} == expected


def test_a_second_run_changes_nothing(bare_system):
    made(bare_system)
    before = bare_system.shell("find /var/lib/porpoise/ /etc/porpoise/ -printf '%p %U %G %m %s %T@\\n' | sort").stdout
    said = made(bare_system, "--root-mail", "alice")
    assert said.splitlines()[0] == "/var/lib/porpoise is there already: nothing changed"
    after = bare_system.shell("find /var/lib/porpoise/ /etc/porpoise/ -printf '%p %U %G %m %s %T@\\n' | sort").stdout
    assert after == before


def test_what_is_missing_is_made_again(bare_system):
    made(bare_system)
    bare_system.shell("rm -r /var/lib/porpoise/queue/damaged /var/lib/porpoise/alias/.qmail-root /etc/porpoise/locals")
    said = made(bare_system)
    assert [line for line in said.splitlines() if line.startswith("wrote")] == [
        "wrote /var/lib/porpoise/queue/damaged/", "wrote /var/lib/porpoise/alias/.qmail-root: ./Maildir/",
        "wrote /var/lib/porpoise/control/locals: mx.here.test"]
    assert ownership(bare_system, "alias/.qmail-root") == "porpoise-alias 644"
    assert ownership(bare_system, "queue/damaged") == "porpoise 700"


@pytest.mark.parametrize("harm, complaint", [
    ("chown root queue", "/var/lib/porpoise/queue belongs to uid 0; it has to belong to porpoise (uid N)"),
    ("chmod 755 queue", "/var/lib/porpoise/queue has mode 0755; it has to be 0700"),
    ("chown alice users", "/var/lib/porpoise/users belongs to uid 50001; it has to belong to root (uid 0)"),
    ("chmod g+w /etc/porpoise", "/var/lib/porpoise/control has mode 0775; it has to be 0755"),
    ("chmod 777 .", "/var/lib/porpoise has mode 0777; it has to be 0755"),
])
def test_what_is_wrong_is_told_and_not_mended(bare_system, harm, complaint):
    made(bare_system)
    uid = entry(bare_system, "porpoise")["uid"]
    bare_system.shell(f"cd /var/lib/porpoise && {harm}")
    assert text(init(bare_system)) == (100, "", f"porpoise: {complaint.replace('uid N', f'uid {uid}')}\n")


def test_accounts_that_are_others_now_are_told(bare_system):
    made(bare_system)
    bare_system.run("usermod", "--uid", "777", "porpoise-net")
    code, out, err = text(init(bare_system))
    assert (code, out) == (100, "")
    assert err.startswith("porpoise: instance /var/lib/porpoise: control/system and the password file do not agree; "
                          "it would have to say/queue:porpoise:")
    assert "network:porpoise-net:777:" in err


def test_it_may_be_anywhere_and_has_its_control_files_there(bare_system):
    done = init(bare_system, "/home/mail/here", "--host", "mx.here.test")
    assert done.returncode == 0, done.stderr
    assert (bare_system.root / "home/mail/here/control/me").read_text() == "mx.here.test\n"
    assert not bare_system.controls.exists()
    assert b"next:  porpoise --instance /home/mail/here run\n" in done.stdout


def test_root_mail_goes_to_whom_it_is_given(bare_system):
    made(bare_system, "--root-mail", "alice")
    alias = bare_system.instance / "alias"
    assert (alias / ".qmail-root").read_text() == "&alice\n"
    assert (alias / ".qmail-postmaster").read_text() == "&root\n"


def test_root_mail_may_go_to_an_address(bare_system):
    made(bare_system, "--root-mail", "ops@example.org")
    assert (bare_system.instance / "alias/.qmail-root").read_text() == "&ops@example.org\n"


@pytest.mark.parametrize("options, complaint", [
    (["--root-mail", "nobody-here"], "--root-mail nobody-here: no such user"),
    (["--root-mail", "root"], "--root-mail root: nothing is ever delivered as root"),
    (["--root-mail", "a b"], "--root-mail 'a b': want a user or an address"),
    (["--root-mail", ""], "--root-mail '': want a user or an address"),
    (["--owner", "alice"], "--owner, --name and --home: a system instance has no owner"),
    (["--host", "no host"], '"no host" is no host name'),
])
def test_what_makes_no_sense_is_refused_and_leaves_nothing(bare_system, options, complaint):
    assert text(init(bare_system, *options)) == (100, "", f"porpoise: {complaint}\n")
    assert not bare_system.instance.exists()
    assert bare_system.run("getent", "passwd", "porpoise").returncode != 0


def test_only_root_makes_one(bare_system):
    assert text(init(bare_system, user="alice")) == (
        100, "", "porpoise: --system: only root makes an instance for all users of a host\n")


def test_root_has_to_say_which_kind(bare_system):
    assert text(bare_system.run("porpoise", "init")) == (
        100, "", "porpoise: nothing is delivered as root: porpoise init --system makes an instance for all users, "
        "porpoise init --owner USER one for USER\n")


def test_a_personal_instance_is_not_taken_over(bare_system):
    assert bare_system.run("porpoise", "init", "/home/alice/mail", "--owner", "alice").returncode == 0
    assert text(init(bare_system, "/home/alice/mail"))[::2] == (
        100, "porpoise: folder /home/alice/mail belongs to uid 50001, and we are uid 0\n")


def test_a_full_folder_is_not_taken(bare_system):
    bare_system.shell("mkdir /var/lib/porpoise; touch /var/lib/porpoise/x")
    assert text(init(bare_system))[::2] == (
        100, "porpoise: folder /var/lib/porpoise is not empty, and no porpoise instance\n")


@pytest.mark.parametrize("harm", ["chown eve /etc/porpoise", "chmod 777 /etc/porpoise"])
def test_a_control_folder_of_somebody_elses_is_not_filled(bare_system, harm):
    bare_system.shell(f"mkdir /etc/porpoise; {harm}")
    code, _, err = text(init(bare_system))
    assert (code, err) == (100, "porpoise: /var/lib/porpoise/control is there already, and has to belong to root, "
                           "who alone may write to it\n")
    assert list(bare_system.controls.iterdir()) == []


def test_without_useradd_it_says_what_to_do(bare_system):
    code, _, err = text(bare_system.shell("mount -t tmpfs tmpfs /usr/sbin; porpoise init --system"))
    assert (code, err) == (100, "porpoise: account porpoise: there is no useradd; make it by other means, and try again\n")
