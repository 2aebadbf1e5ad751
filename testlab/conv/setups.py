"""Prepared situations: what `setup:` in the head of a conversation means to our target. Each gets
the target and uses put(), password(), maildir() and idle of it."""

import os
import shutil

# yescrypt at its lowest cost, so that the tests' time goes elsewhere.
SECRET = "$y$j75$testlabsalt0$A.Ikz7JX3TCrVlNHIJSNqK9N622cPMqXxJvlTdgsZdC"  # secret


def empty(target):
    pass


def two_messages(target):
    """alice: 120 octets and 200 octets, as sent."""
    target.put("alice", "new/1700000001.M1P1.mx.here.test", target.fixture("120-octets.eml"))
    target.put("alice", "new/1700000002.M1P1.mx.here.test", target.fixture("200-octets.eml"))


def two_messages_idle_2s(target):
    two_messages(target)
    target.set_idle(2)


def five_lines(target):
    """alice: a message with a body of five lines, and one without a body."""
    target.put("alice", "new/1700000001.M1P1.mx.here.test", target.fixture("five-lines.eml"))
    target.put("alice", "new/1700000002.M1P1.mx.here.test", target.fixture("header-only.eml"))


def equal_messages(target):
    """alice: three messages of the same octets, one of them seen."""
    for name in ("new/1700000001.M1P1.mx.here.test", "new/1700000002.M1P1.mx.here.test",
                 "cur/1700000003.M1P1.mx.here.test:2,S"):
        target.put("alice", name, target.fixture("120-octets.eml"))


def utf8_message(target):
    """alice: a message with UTF-8 in its header."""
    target.put("alice", "new/1700000001.M1P1.mx.here.test", target.fixture("utf8-subject.eml"))


def hostile_names(target):
    """alice: file names that are no unique ids as they are."""
    long = "L" * 69
    for name in (b"new/a name with spaces", b"new/" + b"x" * 200, b"new/caf\xc3\xa9", b"new/\xff\xfe",
                 f"new/{long}-1".encode(), f"new/{long}-2".encode(), f"new/{long}-3".encode(),
                 b"new/tab\there"):
        path = os.fsencode(target.maildir("alice")) + b"/" + name
        target.put("alice", os.fsdecode(name), target.fixture("120-octets.eml"))
        assert os.path.exists(path)


def name_with_line_end(target):
    target.put("alice", "new/line\nend", target.fixture("120-octets.eml"))


def hundred_thousand(target):
    """alice: 100,000 messages of 120 octets, named as our own deliveries name them."""
    text = target.fixture("120-octets.eml")
    wire = len(text.replace(b"\n", b"\r\n"))
    first = None
    for number in range(100_000):
        name = f"new/{1700000000 + number}.M1P1Q1R{number:016x}.h,S={len(text)},W={wire}"
        if number % 30_000 == 0:  # file systems bound the names of one file
            first = target.put("alice", name, text)
        else:
            os.link(first, target.maildir("alice") / name)


def odd_texts(target):
    """alice: texts that are hard to send: (1) large, a dot on every line, (2) no line end at the end,
    (3) bare CRs and NULs, (4) CRLF line ends, (5) only a dot, (6) empty, (7) a line of 100,000."""
    for number, octets in enumerate((
            b"Subject: dots\n\n" + b"".join(b".%d\n" % i for i in range(200_000)),
            b"Subject: no end\n\nlast",
            b"Subject: odd\n\na\rb\0c\n\0\n\r\rd\n",
            b"Subject: crlf\r\n\r\n.\r\nx\r\n",
            b".",
            b"",
            b"Subject: long\n\n" + b"x" * 100_000 + b"\n"), start=1):
        target.put("alice", f"new/{1700000000 + number}.M1P1.mx.here.test", octets)


def odd_passwords(target):
    """alice: "a b"; bob: " lead and trail "; carl: tab, 8-bit octets and a trailing space."""
    # "a b", " lead and trail ", "x\ty\xe9\xff "
    target.password("alice", "$y$j75$testlabsalt1$uVUQl2ZDbQdGhA.QNPfIh0sjppXaSdEXjzlFMdPEIc1")
    target.password("bob", "$y$j75$testlabsalt2$t4DXAwi0jrau2ktnVryCFkR0sGMxV8ie7J3KOBVyeX2")
    target.password("carl", "$y$j75$testlabsalt3$kZdteGotAhAtReGrsa8ZV8waAzzSJYh9ClO3nd3WlE2")


def no_maildir(target):
    shutil.rmtree(target.maildir("alice"))


def held(target):
    """Nothing is delivered: what is taken stays in the queue."""
    target.hold()


def relay_open(target):
    target.open_relay()


def size_limit_1m(target):
    target.limit("databytes", 1 << 20)


def rcpt_cap_3(target):
    target.limit("maxrecipients", 3)


def timeout_2s(target):
    target.set_idle(2)


def lists(target):
    """staff: alice and bob; moved: mail for it goes on to bob."""
    target.alias("staff", "&alice@here.test\n&bob@here.test\n")
    target.alias("moved", "&bob@here.test\n")


def circle(target):
    """alice forwards to bob, and bob to alice."""
    target.dot_file("alice", "", "&bob@here.test\n")
    target.dot_file("bob", "", "&alice@here.test\n")


def extensions(target):
    """alice-default, and the local part "a b"."""
    target.dot_file("alice", "default", "./Maildir/\n")
    target.alias("a b", "&alice@here.test\n")
    target.alias("a@b", "&alice@here.test\n")
    target.alias("j,s", "&alice@here.test\n")
    target.alias("abuse", "&alice@here.test\n")


def slow_delivery(target):
    """What is delivered to alice takes long."""
    target.dot_file("alice", "", "|sleep 5\n./Maildir/\n")


def mbox(target):
    """alice has an mbox."""
    target.dot_file("alice", "", "./Mailbox\n")


def full(target):
    """full: a mailbox that takes nothing any more."""
    target.alias("full", "|echo mailbox over quota; exit 100\n")


SETUPS = {
    "empty": empty,
    "held": held,
    "relay-open": relay_open,
    "size-limit-1m": size_limit_1m,
    "rcpt-cap-3": rcpt_cap_3,
    "timeout-2s": timeout_2s,
    "lists": lists,
    "circle": circle,
    "extensions": extensions,
    "slow-delivery": slow_delivery,
    "mbox": mbox,
    "full": full,
    "two-messages": two_messages,
    "two-messages-idle-2s": two_messages_idle_2s,
    "five-lines": five_lines,
    "equal-messages": equal_messages,
    "utf8-message": utf8_message,
    "hostile-names": hostile_names,
    "name-with-line-end": name_with_line_end,
    "hundred-thousand": hundred_thousand,
    "odd-texts": odd_texts,
    "odd-passwords": odd_passwords,
    "no-maildir": no_maildir,
}
