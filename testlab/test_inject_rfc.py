"""What the RFCs require of an injector, where one golden case does not show it. The ids are those
of rfc-corpus/requirements.tsv."""

import json
import random
import re

import pytest

from conftest import TOP

DATE = rb"^Date: (\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(?::\d\d)? [+-]\d{4})$"


@pytest.fixture
def print_(lab):
    """The header that inject -n makes, or None where it refuses."""
    env = lab.environment(HOME=lab.base / "nowhere", PORPOISE=None, USER="joe", NAME="Joe Doe",
                          QMAILDEFAULTHOST="mx.here.test", QMAILDEFAULTDOMAIN="here.test")

    def run(text, *args, **variables):
        done = lab.run("inject", "-n", *args, input=text, env={**env, **variables})
        if done.returncode == 100:
            assert done.stdout == b"" and done.stderr.count(b"\n") == 1
            return None
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.partition(b"\n\n")[0].removesuffix(b"\n") + b"\n"

    return run


def bodies(header, name):
    """The bodies of all fields `name`, as they stand."""
    fields = re.findall(rb"^([^\s:]+)[ \t]*:((?:.|\n[ \t])*)$", header, re.M)
    return [body for found, body in fields if found.lower() == name.lower()]


def is_utf8(text):
    try:
        text.decode()
        return True
    except UnicodeDecodeError:
        return False


def strictly(lab, header, *names):
    """What the strict reader says of each of these fields of a header."""
    options = [word for name in names for word in ("--header", name)]
    done = lab.run("addr", "--strict", "--raw", *options, input=header + b"\n")
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


def corpus():
    """(kind of case, input) of every address case."""
    escapes = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", '"': b'"'}

    def octets(text):
        return re.sub(rb"\\(?:x([0-9a-f]{2})|(.))", lambda m: bytes([int(m[1], 16)]) if m[1]
                      else escapes[m[2].decode()], text.encode())

    for path in sorted((TOP / "rfc-corpus").glob("*/addresses.case")):
        for block in path.read_text().split("\n\n"):
            pairs = [line.split(": ", 1) for line in block.splitlines() if ": " in line]
            kinds = [value for key, value in pairs if key == "parse"]
            text = b"".join(octets(value[1:-1]) for key, value in pairs if key == "input")
            if kinds and kinds[0].startswith("address-list"):
                good = any(key == "expect" for key, _ in pairs)
                yield path.parent.name, kinds[0].endswith("strict") and good, text


# -- addresses


def test_all_valid_forms_are_taken(print_):
    """R1123-5.3.7-s54-gw-accept-822"""
    taken = 0
    for source, valid, text in corpus():
        if valid:
            assert print_(b"Cc: " + text + b"\n", "r@x.test") is not None, (source, text)
            # As recipients, too, where they name somebody.
            if b"@" in text and b"<>" not in text:
                assert print_(b"To: " + text + b"\nBcc: r@x.test\n") is not None, (source, text)
                taken += 1
    assert taken > 80


def test_what_passes_is_valid(lab, print_):
    """R1123-5.3.7-s54-gw-valid-822-out R822-6.2.7-route-discouraged R1123-5.2.18-s54-ua-no-invalid"""
    passed = 0
    for source, _, text in corpus():
        header = print_(b"To: " + text + b"\nBcc: r@x.test\n")
        # Octets of no known set pass as they are; RFC 822 has domains with literals among others.
        if header is None or not is_utf8(text) or re.search(rb"\]\.|\.\[", text):
            continue
        for answer in strictly(lab, header, "To", "Cc", "From"):
            assert isinstance(answer, list), (source, text, header, answer)
            passed += 1
    assert passed > 200


def test_whatever_the_name_what_is_made_is_valid(lab, print_):
    """R1123-5.2.18-s54-ua-no-invalid R822-3.4.1-no-quote-in-atom"""
    chance = random.Random(822)
    alphabet = 'ab,.;:<>()[]"\\@ \t\r\n\x01\x7f\u00f6\u2603=?_'
    for _ in range(100):
        name = "".join(chance.choices(alphabet, k=chance.randrange(1, 40)))
        user = "".join(c for c in chance.choices(alphabet, k=9) if c >= " " and c != "\x7f") or "u"
        header = print_("To: a@x.test\n", NAME=name, USER=user,
                        QMAILINJECT=chance.choice(["", "c", "u", "cu"]))
        made, = strictly(lab, header, "From")
        assert len(made) == 1, (name, user, header)


def test_addresses_leave_with_whole_hosts(lab, print_):
    """R1123-5.2.18-s54-ua-fqdn R1123-5.2.18-no-trailing-dot"""
    header = print_("To: a, b@c, G: d@e;\nCc: f\nReply-To: g@h\nErrors-To: i\nBcc: j\n")
    for answer in strictly(lab, header, "To", "Cc", "From", "Reply-To", "Errors-To"):
        assert answer
    assert not re.search(rb"@[^.>,;\s]+[>,;\s]|\.[>,;\s]", header.partition(b"\nTo:")[2]), header


# -- dates and message-ids


def test_dates(print_):
    """R5322-3.3-date-format R1123-5.2.14-s54-ua-4digit-year R1123-5.2.14-s54-ua-numeric-zone
    R1123-5.2.14-s54-ua-named-zone-exact"""
    for zone in ("UTC", "America/St_Johns", "XXX-14"):
        header = print_("To: a@x.test\n", TZ=zone)
        date, = re.findall(DATE, header, re.M)
        assert re.search(rb"\b(19|20)\d\d\b", date) and date.endswith(b" -0000")


# -- lines


def longest(text):
    return max(len(line) for line in text.splitlines())


def test_lines_that_are_made_are_short(print_):
    """R5322-2.1.1-line-998 R5322-2.1.1-line-78 R822-3.1.1-fold-insert R5322-3.2.2-no-ws-only-fold"""
    people = ", ".join(f"Somebody {i} <somebody{i}@x.test>" for i in range(70))
    assert len(people) > 2000
    header = print_(f"To: {people}\nCc: {people}, last\n")
    assert longest(header) <= 78
    for line in header.splitlines():
        assert line.strip(b" \t") and (line[:1] in b" \t" or re.match(rb"[!-9;-~]+:", line)), line
    for name in ("x" * 5000, "word " * 1000, "\u00f6" * 3000, '"' * 5000, "(" * 5000):
        for letters in ("", "c", "u", "cu"):
            assert longest(print_("To: a@x.test\n", NAME=name, QMAILINJECT=letters)) <= 998


def test_a_long_line_of_an_address_field_is_folded_also_where_nothing_else_changed(print_):
    """R822-3.1.1-fold-insert R5322-2.1.1-line-998"""
    people = ",".join(f"somebody{i}@x.test" for i in range(120))
    header = print_(f"To: {people}\n")
    assert longest(header) <= 78
    assert re.sub(rb"\s", b"", bodies(header, b"To")[0]) == people.encode()


def test_fields_that_are_made_hold_no_tabs(print_):
    """R822-3.4.2-tabs-discouraged"""
    assert b"\t" not in print_("To:\ta,\n\tb\n", NAME="a\tb", QMAILINJECT="c")
