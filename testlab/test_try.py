"""porpoise try ADDRESS: where mail would go, by what, and what would be done with it."""

import pytest


def attempt(instance, address, code, **options):
    done = instance.run("porpoise", "try", address, **options)
    assert (done.returncode, done.stderr) == (code, b""), done.stderr + done.stdout
    return done.stdout.decode().splitlines()


def test_a_local_name_without_a_dot_file(instance):
    home = instance.home_of("alice")
    assert attempt(instance, "alice", 0) == [
        "address: alice@mx.here.test",
        "route: local: control/locals: mx.here.test",
        f"account: alice, uid {instance.lab.uid}, home {home}: users/assign line 1",
        "dot-file: none: the default delivery",
        "line 1: maildir ./Maildir/",
        "did 1+0+0",
    ]
    assert instance.queued() == [] and instance.messages("alice") == []


def test_each_line_of_the_dot_file_is_shown_and_none_is_run(instance):
    mark = instance.folder / "mark"
    instance.dot_file("bob", "default", f"# mine\n|touch {mark}\n&eve@far.test\n./Mail/box\n./Maildir/\n")
    lines = attempt(instance, "Bob <bob-Lists@HERE.test>", 0)
    assert lines[3:] == [
        f"dot-file: {instance.home_of('bob')}/.qmail-default",
        f"line 2: program touch {mark}",
        "line 3: forward eve@far.test",
        "line 4: mbox ./Mail/box",
        "line 5: maildir ./Maildir/",
        "did 2+1+1",
    ]
    assert lines[0] == "address: bob-Lists@HERE.test"
    assert not mark.exists()


def test_a_virtual_domain_shows_the_address_it_becomes(instance):
    instance.control("virtualdomains", "shop.test:bob-shop\n")
    instance.dot_file("bob", "shop-default", "./Maildir/\n")
    lines = attempt(instance, "sales@shop.test", 0)
    assert lines[:3] == [
        "address: sales@shop.test",
        "routed as: bob-shop-sales@shop.test",
        "route: local: control/virtualdomains: shop.test:bob-shop",
    ]
    assert lines[3].endswith(": users/assign line 4")
    assert lines[4] == f"dot-file: {instance.home_of('bob')}/.qmail-shop-default"


def test_what_nobody_has_is_100(instance):
    lines = attempt(instance, "nobody@here.test", 100)
    assert lines[-2] == f"account: owner, uid {instance.lab.uid}, home {instance.path}/alias: alias/"
    assert lines[-1] == "sorry, no mailbox here by that name (#5.1.1)"
    assert attempt(instance, "alice-x", 100)[-1] == "sorry, no mailbox here by that name (#5.1.1)"


def test_an_alias_is_shown(instance):
    assert attempt(instance, "postmaster", 0)[3:5] == [
        f"dot-file: {instance.path}/alias/.qmail-postmaster",
        "line 1: forward owner",
    ]


@pytest.mark.parametrize("mode, why", [
    (0o666, ".qmail is writable by everyone (#4.7.0)"),
    (0o000, "opening .qmail: Permission denied (#4.3.0)")])
def test_a_permission_that_holds_mail_up_is_said(instance, mode, why):
    instance.dot_file("alice", "", "./Maildir/\n", mode)
    assert attempt(instance, "alice", 111)[-1] == why


def test_a_home_that_is_missing_or_open_to_all_is_said(instance):
    home = instance.home_of("alice")
    home.chmod(0o777)
    assert attempt(instance, "alice", 111)[-1] == f"home {home} is writable by everyone (#4.7.0)"
    home.rename(home.parent / "elsewhere")
    assert attempt(instance, "alice", 111)[-1] == f"entering home {home}: No such file or directory (#4.3.0)"


def test_a_file_line_in_a_dot_file_for_forwarding_is_said(instance):
    instance.dot_file("alice", "", "&bob\n./Maildir/\n", 0o700)
    lines = attempt(instance, "alice", 111)
    assert lines[3:] == [
        f"dot-file: {instance.home_of('alice')}/.qmail, for forwarding only",
        "line 1: forward bob",
        ".qmail line 2 names a file or program, but .qmail is for forwarding only (#4.7.0)",
    ]


def test_an_account_that_is_not_ours_is_said(instance):
    table = instance.path / "users" / "assign"
    instance.lab.write(table, table.read_text().replace("=alice:alice:", "=alice:alice:1").replace(":1:", ":1:"))
    assert attempt(instance, "alice", 111)[-1].startswith("waits: users/assign line 1: user alice has uid 1")


def test_another_host_shows_the_program_and_what_it_would_get(instance):
    instance.control("remote", "pipe sh -x\n")
    assert attempt(instance, '"a b"@far.test', 0) == [
        'address: a b@far.test',
        "route: another host: far.test is in no list of local domains",
        'control/remote: /usr/bin/sh -x -f SENDER -- "a b"@far.test',
    ]
    instance.control("remote", "qmail /bin/sh\n")
    assert attempt(instance, "bob@far.test", 0)[-1] == "control/remote: /bin/sh far.test SENDER bob@far.test"


def test_another_host_without_a_program(instance):
    assert attempt(instance, "bob@far.test", 100)[-1] == (
        "fails: this instance has no control/remote to send it there")
    instance.control("remote", "pipe /nowhere/x\n")
    assert attempt(instance, "bob@far.test", 111)[-1] == (
        "waits: control/remote: /nowhere/x is no program that can be run")
    instance.control("remote", "msmtp\n")
    assert attempt(instance, "bob@far.test", 111)[-1].startswith('waits: control/remote: "msmtp" is no style')


def test_a_list_has_the_worst_answer(instance):
    instance.dot_file("bob", "", "x", 0o666)
    assert len(attempt(instance, "alice, carl", 0)) == 12
    attempt(instance, "alice, nobody", 100)
    attempt(instance, "nobody, bob, alice", 111)


@pytest.mark.parametrize("address", ["", "<a@b", "<>", "a@b..c"])
def test_what_is_no_address_is_one_line_and_100(instance, address):
    done = instance.run("porpoise", "try", address)
    assert (done.returncode, done.stdout) == (100, b"")
    assert done.stderr.startswith(b"porpoise: ") and done.stderr.count(b"\n") == 1


def test_a_table_that_is_damaged_is_111_and_named(instance):
    instance.lab.write(instance.path / "users" / "assign", "nonsense\n.\n")
    done = instance.run("porpoise", "try", "alice")
    assert done.returncode == 111 and b"users/assign line 1" in done.stderr


def test_usage(instance):
    for words in ([], ["a", "b"], ["--bogus", "a"]):
        done = instance.run("porpoise", "try", *words)
        assert done.returncode == 100 and done.stderr.count(b"\n") == 1
    done = instance.run("porpoise", "try", "--help")
    assert done.returncode == 0 and b"ADDRESS" in done.stdout


def test_only_the_owner(instance):
    if not instance.lab.root:
        pytest.skip("needs a second uid")
    done = instance.run("porpoise", "try", "alice", as_root=True)
    assert done.returncode == 100 and b"belongs to owner" in done.stderr
