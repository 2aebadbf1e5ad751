"""The judge is judged: what each rule finds, and what it lets pass."""

import struct

import pytest

import queue_file
from invariants import Checker, Layout, Ledger, Violation, check_answer, owned_wrongly
from queue_file import MAGIC, SEED, crc32c
from workloads import text

ID = "01k0rzc439wek26nv1x3"
OTHER = "01k0rzc439wek26nv1x4"


def record(kind, payload, identifier, sequence, offset, unsynced=0):
    head = MAGIC + kind + unsynced.to_bytes(3, "little") + struct.pack("<II", len(payload), sequence)
    place = identifier.encode() + struct.pack("<HQ", 0, offset)
    return head + struct.pack("<I", crc32c(crc32c(crc32c(SEED, place), head), payload)) + payload


def queued(subject, *recipients, identifier=ID, sender="carl@here.test", content=None, log=()):
    """A queue file, written from queue(5). `log`: (kind, payload[, unsynced])."""
    content = b"Received: (porpoise)\n" + text(subject) if content is None else content
    line = f"PORPOISE-QUEUE 1 id={identifier} gen=0000 len={len(content):012} "
    octets = f"{line}crc={crc32c(SEED, line.encode()):08x}\n".encode() + content
    envelope = f"A1\0U1\0C{crc32c(0, content):08x}\0F{sender}\0".encode()
    envelope += b"".join(f"T{r}\0".encode() for r in recipients) + b"\0"
    octets += record(b"E", envelope, identifier, 0, len(octets))
    for number, (kind, payload, *unsynced) in enumerate(log, 1):
        octets += record(kind, payload, identifier, number, len(octets), *unsynced)
    return octets


def delivered(subject, recipient="alice@here.test", octets=None):
    return f"Return-Path: <carl@here.test>\nDelivered-To: {recipient}\n".encode() + (octets or text(subject))


def notice(subject, recipient):
    return (f"Return-Path: <>\nDelivered-To: carl@here.test\nContent-Type: multipart/report; boundary=\"b1\"\n"
            f"Subject: failure notice\n\n--b1\nFinal-Recipient: rfc822; {recipient}\n\n--b1\n"
            f"Subject: {subject}\n\n--b1--\n").encode()


class Case:
    """One acknowledged message, m1, to alice unless told otherwise."""

    def __init__(self, *recipients, events=("handed-in", "acknowledged")):
        self.ledger = Ledger()
        self.ledger.message("m1", text("m1"), "carl@here.test", recipients or ["alice@here.test"])
        for event in events:
            self.ledger.note(event, "m1", 0)
        boxes = {"alice": "alice/", "bob": "bob/", "carl": "carl/", "mona": "mona/mbox"}
        self.checker = Checker(self.ledger, Layout(boxes, "q/"))

    def crashed(self, tree, position=0):
        return [f"{v.rule} {v.fact}" for v in self.checker.crashed(tree, position)[0]]

    def recovered(self, before, after, position=0):
        _, summary = self.checker.crashed(before, position)
        return [f"{v.rule} {v.fact}" for v in self.checker.recovered(after, summary, position)[0]]


LOST = "I1 m1 to alice@here.test was acknowledged and is lost: nowhere"
INCOMING = f"q/incoming/{ID}"
DEFERRED = f"q/deferred/{ID[-2:]}/{ID}"
DONE = [(b"D", b"t1\0r0\0")]


def test_crc32c_is_that_of_rfc_3720():
    assert crc32c(0, b"123456789") == 0xE3069283
    assert crc32c(0, bytes(32)) == 0x8A9136AA
    assert crc32c(crc32c(0, b"12345"), b"6789") == 0xE3069283


@pytest.mark.parametrize("tree", [
    {"alice/new/1": delivered("m1")},
    {"alice/cur/1:2,S": delivered("m1")},
    {"alice/new/1": delivered("m1"), "alice/cur/1:2,": delivered("m1")},  # on its way to cur/
    {INCOMING: queued("m1", "alice@here.test")},
    {DEFERRED: queued("m1", "alice@here.test", log=[(b"Z", b"t1\0r0\0wno\0")])},
    {INCOMING: queued("m1", "alice@here.test"), DEFERRED: queued("m1", "alice@here.test")},  # half moved
    {INCOMING: queued("m1", "alice@here.test", log=[(b"F", b"t1\0r0\0wno\0")])},  # its notice comes
    {"carl/new/1": notice("m1", "alice@here.test")},
    {f"q/incoming/{OTHER}": queued("", "carl@here.test", identifier=OTHER, sender="", content=notice("m1", "alice@here.test"))},
    {INCOMING: queued("m1", "alice@here.test") + MAGIC + b"Z torn"},
    {"alice/new/1": delivered("m1"), "alice/tmp/2": b"half", "q/tmp/3": b"half"},
])
def test_where_an_acknowledged_message_may_be(tree):
    assert Case().crashed(tree) == []


@pytest.mark.parametrize("tree", [
    {},
    {"alice/tmp/1": delivered("m1")},
    {"bob/tmp/1": delivered("m1", "bob@here.test")},
    {f"q/tmp/{ID}": queued("m1", "alice@here.test")},
    {INCOMING: queued("m1", "bob@here.test")},  # not to her
    {"carl/new/1": notice("m1", "bob@here.test")},
])
def test_an_acknowledged_message_that_is_nowhere_is_lost(tree):
    assert Case().crashed(tree) == [LOST]


def test_recorded_as_delivered_and_not_there_is_lost():
    found = Case().crashed({INCOMING: queued("m1", "alice@here.test", log=DONE)})
    assert found == ["I1 m1 to alice@here.test was acknowledged and is lost: the queue says delivered, and it is in no mailbox"]


def test_each_recipient_counts():
    case = Case("alice@here.test", "bob-list@here.test")
    assert case.crashed({"alice/new/1": delivered("m1")}) == [LOST.replace("alice@", "bob-list@")]
    assert case.crashed({"alice/new/1": delivered("m1"), "bob/new/1": delivered("m1", "bob-list@here.test")}) == []


def test_before_the_acknowledgement_it_may_be_absent_and_after_removing_too():
    assert Case(events=["handed-in"]).crashed({}) == []
    assert Case().crashed({}, position=-1) == []
    assert Case(events=["handed-in", "acknowledged", "removing"]).crashed({}) == []


BODY = len(text("m1").partition(b"\n\n")[2])


@pytest.mark.parametrize("octets, why", [
    pytest.param(delivered("m1")[:-1], f"m1 is partial: {BODY - 1} of {BODY} octets of body", id="cut"),
    pytest.param(delivered("m1").replace(b"x", b"\0"), "m1 is partial: another body", id="zeros"),
    pytest.param(delivered("m1")[:60], "a message is partial: 60 octets that nobody handed in: "
                 "b'Return-Path: <carl@here.test>\\nDelivered-To: alice@here.test\\n'", id="header only"),
    pytest.param(b"\0" + delivered("m1"), "m1 is partial: no header field: b'\\x00Return-Path: <carl@here.test>'", id="zero first"),
    pytest.param(b"", "a message is partial: 0 octets that nobody handed in: b''", id="empty"),
    pytest.param(notice("m1", "alice@here.test")[:-4], "m1 is partial: a notice that is not whole (68 octets, about m1)", id="notice"),
    pytest.param(delivered("m1").replace(b"Subject: m1", b"Subject: m2"), "a message is partial: "
                 "525 octets that nobody handed in: b'Return-Path: <carl@here.test>\\nDelivered-To: alice@here.test\\n'", id="stranger"),
])
def test_what_is_partial_in_a_maildir(octets, why):
    assert Case(events=["handed-in"]).crashed({"alice/new/1": octets}) == ["I2 alice/new/1: " + why]


def broken(octets, at, new=b"#"):
    return octets[:at] + new + octets[at + 1 :]


WHOLE = queued("m1", "alice@here.test", log=[(b"Z", b"t1\0r0\0wno\0"), (b"N", b"t1\0n5\0a1\0")])
CONTENT = b"Received: (porpoise)\n" + text("m1")


@pytest.mark.parametrize("octets, why", [
    (b"", "the header is not whole"),
    (WHOLE[:79], "the header is not whole"),
    (broken(WHOLE, 60), "the header is not whole"),
    (broken(WHOLE, 79), "the header is not whole"),
    (WHOLE[:200], f"120 of {len(CONTENT)} octets of content"),
    (broken(WHOLE, 300), "the content is not what was accepted"),
    (WHOLE[: 80 + len(CONTENT)], "the envelope is not whole"),
    (WHOLE[: 80 + len(CONTENT) + 30], "the envelope is not whole"),
    (bytes(len(WHOLE)), "the header is not whole"),
])
def test_what_is_partial_in_the_queue(octets, why):
    assert Case(events=["handed-in"]).crashed({INCOMING: octets}) == [f"I2 {INCOMING}: partial: {why}"]


def test_a_bad_record_before_a_good_one_is_damage_unless_it_says_that_it_was_not_synced():
    def log(unsynced):
        octets = queued("m1", "alice@here.test", log=[(b"Z", b"t1\0r0\0wno\0"), (b"N", b"t1\0n5\0a1\0", unsynced)])
        return broken(octets, octets.index(b"wno"))
    with pytest.raises(queue_file.Damage, match="a bad record at octet"):
        queue_file.read(log(0))
    file = queue_file.read(log(1))
    assert (file.records, file.status) == (0, ["waiting"])
    assert file.torn > 0


def test_a_record_of_another_place_or_message_is_not_taken():
    tail = record(b"D", b"t1\0r0\0", ID, 1, 5)
    assert queue_file.read(queued("m1", "alice@here.test") + tail).status == ["waiting"]
    octets = queued("m1", "alice@here.test")
    tail = record(b"D", b"t1\0r0\0", OTHER, 1, len(octets))
    assert queue_file.read(octets + tail).status == ["waiting"]


def test_unknown_kinds_and_fields_are_skipped():
    file = queue_file.read(queued("m1", "a@x", "b@x", "c@x", log=[(b"Y", b"z\0"), (b"D", b"t1\0qq\0r1-2\0")]))
    assert file.status == ["waiting", "delivered", "delivered"]


def test_names_that_do_not_belong_in_the_queue():
    whole = queued("m1", "alice@here.test")
    assert Case(events=[]).crashed({"q/incoming/x": whole, f"q/deferred/zz/{ID}": whole, f"q/damaged/{ID}": whole}) == [
        "I5 q/incoming/x: stray in the queue", f"I5 q/deferred/zz/{ID}: stray in the queue", f"I5 q/damaged/{ID}: damaged in the queue"]
    assert Case(events=[]).crashed({f"q/incoming/{OTHER}": whole}) == [f"I2 q/incoming/{OTHER}: the header has another id"]


def test_two_copies_without_a_crash_before():
    twice = {"alice/new/1": delivered("m1"), "alice/new/2": delivered("m1")}
    assert Case().crashed(twice) == ["I3 m1 to alice@here.test is there 2 times without any crash before"]


def test_one_more_copy_after_a_crash_only_where_the_queue_did_not_know():
    once = {"alice/new/1": delivered("m1")}
    twice = {**once, "alice/new/2": delivered("m1")}
    three = {**twice, "alice/new/3": delivered("m1")}
    waiting = {**once, INCOMING: queued("m1", "alice@here.test")}
    done = {**once, INCOMING: queued("m1", "alice@here.test", log=DONE)}
    assert Case().recovered(waiting, twice) == []
    assert Case().recovered(waiting, three) == [
        "I3 m1 to alice@here.test is there 3 times, 2 at most: 1 at the crash, when the queue said waiting"]
    assert Case().recovered(done, twice) == [
        "I3 m1 to alice@here.test is there 2 times, 1 at most: 1 at the crash, when the queue said delivered"]
    assert Case().recovered(once, twice) == [
        "I3 m1 to alice@here.test is there 2 times, 1 at most: 1 at the crash, when the queue said nothing"]
    settled = Case(events=["handed-in", "acknowledged", "settled"])
    assert len(settled.recovered(waiting, twice)) == 1


def test_notices_come_once_or_after_a_crash_twice():
    tree = {f"carl/new/{n}": notice("m1", "alice@here.test") for n in range(3)}
    assert Case().recovered({}, tree) == ["I3 3 notices about m1 to alice@here.test"]
    del tree["carl/new/2"]
    assert Case().recovered({"carl/new/0": tree["carl/new/0"]}, tree) == []


def test_after_the_restart_the_queue_is_empty_and_names_stay():
    case = Case()
    tree = {"alice/new/1": delivered("m1")}
    assert case.recovered({}, {INCOMING: queued("m1", "alice@here.test")}) == [f"I6 {ID} is still queued after the restart"]
    assert case.recovered(tree, {"alice/new/2": delivered("m1")}) == ["I6 alice/1 has lost its name"]
    assert case.recovered(tree, {"alice/cur/1:2,S": delivered("m1")}) == []


def test_sweeping_takes_what_is_old_and_nothing_else():
    case = Case()
    case.ledger.leftovers = {"alice/tmp/old": "old", "alice/tmp/young": "young"}
    message = {"alice/new/1": delivered("m1")}
    assert case.recovered(message, {**message, "alice/tmp/young": b""}) == []
    assert case.recovered(message, {**message, "alice/tmp/old": b""}) == [
        "I5 alice/tmp/old is old and was not swept", "I5 alice/tmp/young is young and was swept"]


def mbox_entry(subject):
    quoted = text(subject).replace(b"\nFrom ", b"\n>From ")
    return b"From carl@here.test Sat Nov 21 10:00:00 2026\nDelivered-To: mona@here.test\n" + quoted + b"\n"


def test_mbox_messages_are_found_whole_among_what_a_crash_left():
    case = Case("mona@here.test")
    entry = mbox_entry("m1")
    assert case.crashed({"mona/mbox": entry}) == []
    assert case.crashed({"mona/mbox": entry + entry[:100]}) == []  # a torn append
    assert case.crashed({"mona/mbox": entry + bytes(50)}) == []
    assert case.crashed({"mona/mbox": b""}) == ["I1 m1 to mona@here.test was acknowledged and is lost: nowhere"]
    assert case.crashed({"mona/mbox": entry[:-10]})[0].startswith("I1")
    assert case.crashed({"mona/mbox": entry[:100] + b"\n\n" + entry})[0].startswith("I2 mona/mbox: partial: ")
    assert case.crashed({"mona/mbox": entry[:-1]}) == []  # only its empty line is missing
    torn, mended = {"mona/mbox": entry + entry[:100]}, {"mona/mbox": entry + entry[:100] + b"\n\n" + entry}
    waiting = {f"q/incoming/{ID}": queued("m1", "mona@here.test")}
    assert case.recovered({**torn, **waiting}, mended) == []
    assert case.recovered({"mona/mbox": entry, **waiting}, mended)[0].startswith("I2 mona/mbox: partial: 102 octets")
    assert case.crashed({"mona/mbox": entry + entry}) == ["I3 m1 to mona@here.test is there 2 times without any crash before"]


FORWARDED = delivered("m1", octets=delivered("m1", recipient="dave@here.test"), recipient="alice-dave@here.test")


def test_what_was_forwarded_is_its_first_recipients():
    case = Case("dave@here.test")
    assert case.crashed({"alice/new/1": FORWARDED}) == []
    assert case.crashed({"alice/new/1": delivered("m1")}) == [
        "I1 m1 to dave@here.test was acknowledged and is lost: nowhere"]
    on_its_way = queued("m1", "alice-dave@here.test", content=delivered("m1", recipient="dave@here.test"))
    assert case.crashed({INCOMING: on_its_way}) == []


def test_forwarded_again_only_where_the_queue_did_not_know():
    first = queued("m1", "dave@here.test", identifier=OTHER)
    done = queued("m1", "dave@here.test", identifier=OTHER, log=DONE)
    again = queued("m1", "alice-dave@here.test", content=delivered("m1", recipient="dave@here.test"))
    twice = {"alice/new/1": FORWARDED, "alice/new/2": FORWARDED}
    case = Case("dave@here.test")
    assert case.recovered({f"q/incoming/{OTHER}": first, INCOMING: again}, twice) == []
    before = {f"q/deferred/{OTHER[-2:]}/{OTHER}": done, INCOMING: again}
    assert case.recovered(before, twice) == [
        "I3 m1 to dave@here.test is there 2 times, 1 at most: 0 at the crash, when the queue said waiting"]


def test_a_half_done_move_is_one_message():
    file = queued("m1", "alice@here.test")
    twice = {"alice/new/1": delivered("m1"), "alice/new/2": delivered("m1")}
    assert [f.partition(" is ")[0] for f in Case().recovered({INCOMING: file, DEFERRED: file}, twice)] == [
        "I3 m1 to alice@here.test"]


def test_what_goes_on_after_a_kill_may_deliver_once_more():
    case = Case()
    case.checker.restarted = True
    copies = {f"alice/new/{n}": delivered("m1") for n in range(3)}
    assert [f.partition(" is ")[2] for f in case.crashed(copies)] == ["there 3 times without any crash before"]
    del copies["alice/new/2"]
    assert case.crashed(copies) == []


def test_whose_a_file_is(tmp_path):
    (tmp_path / "alice" / "new").mkdir(parents=True)
    (tmp_path / "alice" / "new" / "1").write_text("x")
    (tmp_path / "mbox").write_text("x")
    own = (tmp_path / "mbox").stat().st_uid
    assert owned_wrongly(tmp_path, Layout({}, owners={"alice/": own, "mbox": own, "not-there/": 7})) == []
    assert owned_wrongly(tmp_path, Layout({}, owners={"alice/": own + 1, "mbox": own + 2})) == [
        Violation("I8", f"alice/new/1 belongs to uid {own}, not {own + 1}"),
        Violation("I8", f"mbox belongs to uid {own}, not {own + 2}")]


def test_answers():
    assert check_answer(0, b"") == []
    assert check_answer(111, b"local: no room\n") == []
    assert [v.fact for v in check_answer(0, b"", sync_failed=True)] == ["said yes after a failed sync"]
    assert [v.fact for v in check_answer(-11, b"")] == ["died of signal 11"]
    assert [v.fact for v in check_answer(3, b"x")] == ["exit code 3 is not documented"]
    assert [v.fact for v in check_answer(111, b"\n")] == ["exit code 111 without a word"]


def test_the_ledger_survives_json():
    case = Case()
    again = Ledger.from_json(__import__("json").loads(__import__("json").dumps(case.ledger.as_json())))
    assert again.messages == {"m1": case.ledger.messages["m1"]} and again.at(0) == case.ledger.at(0)
