"""What must hold of mail, whatever happened: the judge of every layer of the lab.

A Ledger says what was handed in, to whom, and when it was acknowledged; a Layout says where queue
and mailboxes are; a tree is {path: octets}, from a folder (read_tree) or from a model of a disk.
Checker.crashed(tree, position) and Checker.recovered(tree, before, position) give the violations.

  I1  an acknowledged message is in the queue, in its mailbox, or reported to its sender
  I2  nothing partial stands in new/, cur/ or the visible part of the queue
  I3  a copy too many only where a crash fell between a delivery and its record, and only one
  I4  a message that was not acknowledged is whole or absent (what is partial is told as I2)
  I5  leftovers only in tmp/; sweeping takes the old ones and no other
  I6  after the restart the tools work, the queue empties, and old messages keep their names
  I7  an error is answered with a documented temporary failure, never with a yes
  I8  a file in a mailbox or in the queue belongs to whom that belongs
"""

import collections
import dataclasses
import functools
import os
import pathlib
import re

import queue_file

Violation = collections.namedtuple("Violation", "rule fact")


@dataclasses.dataclass(frozen=True)
class Message:
    subject: str
    octets: bytes
    sender: str
    recipients: tuple

    @functools.lru_cache(maxsize=None)
    def body_in_mbox(self):
        """(the body, the same with its From_ lines quoted and its last line ended)."""
        body = self.octets.partition(b"\n\n")[2]
        quoted = re.sub(rb"^(>*From )", rb">\1", body, flags=re.M) if b"From " in body else body
        return body, quoted if quoted.endswith(b"\n") else quoted + b"\n"


class Ledger:
    """What the lab knows. Positions are the layer's own (an index of calls, of disk writes, of
    runs); each event holds from its position on."""

    # handed-in: it may appear. acknowledged: it must not be lost. removing: the reader asked for
    # its removal. settled: its delivery was reported as done for good; nothing may repeat it.
    EVENTS = ("handed-in", "acknowledged", "removing", "settled")

    def __init__(self):
        self.messages = {}
        self.events = []
        self.leftovers = {}  # path: "old" or "young"
        self.hurt = {}  # id: subject, of queue files that were damaged and can be mended

    def message(self, subject, octets, sender, recipients):
        self.messages[subject] = Message(subject, octets, sender, tuple(recipients))
        return self.messages[subject]

    def note(self, event, subject, position=-1):
        assert event in self.EVENTS and subject in self.messages, (event, subject)
        self.events.append((position, event, subject))

    def at(self, position):
        known = {event: set() for event in self.EVENTS}
        for since, event, subject in self.events:
            if since <= position:
                known[event].add(subject)
        return known

    def as_json(self):
        return {
            "messages": [[m.subject, m.octets.decode("latin-1"), m.sender, m.recipients] for m in self.messages.values()],
            "events": self.events,
            "leftovers": self.leftovers,
            "hurt": self.hurt,
        }

    @classmethod
    def from_json(cls, saved):
        ledger = cls()
        for subject, octets, sender, recipients in saved["messages"]:
            ledger.message(subject, octets.encode("latin-1"), sender, recipients)
        ledger.events = [tuple(e) for e in saved["events"]]
        ledger.leftovers, ledger.hurt = saved["leftovers"], saved["hurt"]
        return ledger


@dataclasses.dataclass
class Layout:
    """Paths are relative to the tree and end in "/" for folders. `mailboxes`: the local part up to
    its first "-" -> a Maildir (ends in "/") or an mbox."""

    mailboxes: dict
    queue: str = ""  # "" where the tree has none
    owners: dict = dataclasses.field(default_factory=dict)  # area: uid, where several users have mail

    def areas(self):
        return [self.queue] * bool(self.queue) + list(self.mailboxes.values())

    def mailbox_of(self, address):
        return self.mailboxes.get(address.partition("@")[0].partition("-")[0])


def open_quietly(path):
    """For reading, and the file does not notice: sweepers look at the time of the last access."""
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOATIME))


def read_tree(root, layout=None):
    """{path: octets} of the regular files below `root`, of the layout's areas only if given."""
    root, tree = pathlib.Path(root), {}

    def walk(folder, prefix):
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    walk(entry.path, f"{prefix}{entry.name}/")
                elif entry.is_file(follow_symlinks=False):
                    with open_quietly(entry.path) as file:
                        tree[prefix + entry.name] = file.read()

    for area in [""] if layout is None else layout.areas():
        if (root / area).is_dir():
            walk(root / area, area)
        elif (root / area).is_file():
            tree[area] = (root / area).read_bytes()
    return tree


def owned_wrongly(root, layout):
    """I8: violations in whom the files of the layout's areas belong to."""
    found = []
    for area, uid in layout.owners.items():
        place = pathlib.Path(root) / area
        files = [f for f in place.rglob("*") if f.is_file()] if place.is_dir() else [place] if place.exists() else []
        for file in files:
            owner = file.lstat().st_uid
            if owner != uid:
                found.append(Violation("I8", f"{file.relative_to(root)} belongs to uid {owner}, not {uid}"))
    return found


# -- one file, looked at alone; the results depend on its octets only and are remembered

Mail = collections.namedtuple("Mail", "subject recipient notice names why")
# why: what is wrong with it, or ""; notice: it is a report about `subject`, of `names`

_FIELD = re.compile(rb"[!-9;-~]+:|[ \t]")
_SUBJECT = re.compile(rb"^Subject: (.*)$", re.M)
_DELIVERED = re.compile(rb"^Delivered-To: (\S+)$", re.M)
_BOUNDARY = re.compile(rb'boundary="?([^"\s;]+)')
_FINAL = re.compile(rb"^Final-Recipient: *rfc822; *(\S+)", re.M | re.I)


def look_at_mail(octets, messages):
    """What a file that should be one message is: of a mailbox, or the content of a queue file."""
    header, gap, body = octets.partition(b"\n\n")
    delivered = _DELIVERED.findall(header)  # the last one is the first recipient; others had it forwarded
    recipient = delivered[-1].decode(errors="replace") if delivered else None
    found = _SUBJECT.search(header)
    subject = found[1].decode(errors="replace") if found else None
    if subject not in messages and b"multipart/report" in header:
        return _look_at_notice(header, body, recipient, messages)
    if subject not in messages:
        return Mail(None, recipient, False, (), f"{len(octets)} octets that nobody handed in: {octets[:60]!r}")
    given_header, _, given_body = messages[subject].octets.partition(b"\n\n")
    lines = header.split(b"\n")
    why = ""
    if not gap or body != given_body:
        why = f"{len(body)} of {len(given_body)} octets of body" if len(body) != len(given_body) else "another body"
    elif not all(map(_FIELD.match, lines)):
        why = f"no header field: {next(line for line in lines if not _FIELD.match(line))[:60]!r}"
    elif missing := [line for line in given_header.split(b"\n") if line not in lines]:
        why = f"without the line {missing[0][:60]!r}"
    return Mail(subject, recipient, False, (), why)


def _look_at_notice(header, body, recipient, messages):
    about = [s.decode(errors="replace") for s in _SUBJECT.findall(body)]
    subject = next((s for s in about if s in messages), None)
    names = tuple(n.decode(errors="replace") for n in _FINAL.findall(body))
    boundary = _BOUNDARY.search(header)
    whole = boundary and body.rstrip(b"\n").endswith(b"--" + boundary[1] + b"--")
    why = "" if whole and subject else f"a notice that is not whole ({len(body)} octets, about {subject})"
    return Mail(subject, recipient, True, names, why)


def look_at_mbox(octets, messages):
    """(whole messages, [(at the end, what)] for what else is there)."""
    mails, rest = [], []
    pieces = octets.split(b"\n\nFrom ") if octets else []
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        entry = b"From " * (number > 0) + piece + b"\n\n" * (not last)
        mail, tail = _look_at_entry(entry, messages)
        if mail is None:
            rest.append((last, f"{len(entry)} octets {entry[:60]!r}"))
            continue
        mails.append(mail)
        if tail:
            rest.append((last, f"{len(tail)} octets behind {mail.subject}: {tail[:60]!r}"))
    return mails, rest


def _look_at_entry(entry, messages):
    line, _, text = entry.partition(b"\n")
    if not line.startswith(b"From "):
        return None, b""
    header, _, body = text.partition(b"\n\n")
    found = _SUBJECT.search(header)
    message = messages.get(found[1].decode(errors="replace")) if found else None
    if message:
        given, quoted = message.body_in_mbox()
        if body.startswith(quoted):
            mail = look_at_mail(header + b"\n\n" + given, messages)
            return (None if mail.why else mail), body[len(quoted) :].removeprefix(b"\n")
    mail = look_at_mail(text[:-1].replace(b"\n>From ", b"\nFrom "), messages)
    return (None if mail.why else mail), b""


# -- the whole tree

class Summary:
    """What a tree holds, and what is wrong with it whatever was acknowledged."""

    def __init__(self):
        self.copies = collections.Counter()  # (subject, recipient): whole messages in its mailbox
        self.notices = collections.Counter()  # (subject, recipient): reports about it, delivered
        self.status = {}  # (subject, recipient): what the queue says of it
        self.waits = collections.Counter()  # (subject, recipient): in how many queue files it waits
        self.queued_notices = set()  # (subject, recipient): a report that waits
        self.names = set()  # base names in Maildirs, with their folder
        self.queued = set()  # ids
        self.found = []  # what crashed() said of it
        self.fragments = []  # (mbox, at its end, what): an append that a crash has cut
        self.wrong = []

    def waiting(self, key):
        return self.status.get(key) == queue_file.WAITING


def _base(name):
    return name.partition(":")[0]


class Checker:
    def __init__(self, ledger, layout, syncs_failed=False, restarted=False):
        """`syncs_failed`: what a program took back after a failed sync may return with a crash, and
        be delivered again besides; I3 is not judged then. `restarted`: what is looked at went on by itself
        after one of its processes was killed."""
        self.ledger = ledger
        self.layout = layout
        self.syncs_failed = syncs_failed
        self.restarted = restarted
        self.senders = {s: m.sender for s, m in ledger.messages.items()}
        self._looks = {}  # (kind, octets): what look_at_* said
        self._roles = {}  # path: (kind, place, name)
        self._known = {}

    # -- one file

    def _role(self, path):
        role = self._roles.get(path)
        if role is None:
            role = self._roles[path] = self._find_role(path)
        return role

    def _find_role(self, path):
        queue = self.layout.queue
        if queue and path.startswith(queue):
            place, _, name = path[len(queue) :].rpartition("/")
            first = place.partition("/")[0]
            if first in ("incoming", "deferred"):
                if name.endswith(".anew") and queue_file.is_id(name[:-5]):
                    return ("anew", place, name)
                right = "incoming" if first == "incoming" else f"deferred/{queue_file.folder_of(name)}"
                good = queue_file.is_id(name) and place == right
                return ("queued" if good else "stray", place, name)
            kept = first == "damaged" and name.partition(".")[0] not in self.ledger.hurt
            return ("damaged" if kept else "other", place, name)
        for mailbox in self.layout.mailboxes.values():
            if path == mailbox:
                return ("mbox", mailbox, "")
            if mailbox.endswith("/") and path.startswith(mailbox):
                place, _, name = path[len(mailbox) :].rpartition("/")
                return ("mail" if place in ("new", "cur") else "other", mailbox, _base(name))
        return ("other", "", path)

    def _look(self, kind, octets):
        key = (kind, octets)
        seen = self._looks.get(key)
        if seen is None:
            if len(self._looks) > 50_000:
                self._looks.clear()
            seen = self._looks[key] = self._look_afresh(kind, octets)
        return seen

    def _look_afresh(self, kind, octets):
        if kind == "mail":
            return look_at_mail(octets, self.ledger.messages)
        if kind == "mbox":
            return look_at_mbox(octets, self.ledger.messages)
        try:
            file = queue_file.read(octets)
        except queue_file.Damage as damage:
            return str(damage)
        return file, look_at_mail(file.content, self.ledger.messages)

    # -- the tree

    def summary(self, tree):
        sum_ = Summary()
        for path, octets in tree.items():
            kind, place, name = self._role(path)
            if kind == "mail":
                self._add_mail(sum_, path, place, name, self._look("mail", octets))
            elif kind == "queued":
                self._add_queued(sum_, path, name, self._look("queued", octets))
            elif kind == "mbox":
                self._add_mbox(sum_, path, self._look("mbox", octets))
            elif kind == "anew":  # whole, and not yet in its message's place: then it counts for nothing
                looked = self._look("queued", octets)
                if isinstance(looked, str) and name[:-5] not in self.ledger.hurt:
                    sum_.wrong.append(Violation("I2", f"{path}: partial: {looked}"))
            elif kind != "other":
                sum_.wrong.append(Violation("I5", f"{path}: {kind} in the queue"))
        return sum_

    def _count(self, sum_, mail, default):
        if mail.notice:
            for name in mail.names:
                sum_.notices[mail.subject, name] += 1
        else:
            recipients = self.ledger.messages[mail.subject].recipients
            recipient = mail.recipient or next((r for r in recipients if self.layout.mailbox_of(r) == default), None)
            sum_.copies[mail.subject, recipient] += 1

    def _add_mail(self, sum_, path, place, name, mail):
        if mail.why:
            sum_.wrong.append(Violation("I2", f"{path}: {mail.subject or 'a message'} is partial: {mail.why}"))
        elif (place, name) not in sum_.names:  # in new/ and cur/ at once: one message
            sum_.names.add((place, name))
            self._count(sum_, mail, place)

    def _add_mbox(self, sum_, path, looked):
        mails, rest = looked
        for mail in mails:
            self._count(sum_, mail, path)
        sum_.fragments += [(path, last, what) for last, what in rest]

    def _add_queued(self, sum_, path, name, looked):
        if isinstance(looked, str):
            if name not in self.ledger.hurt:
                sum_.wrong.append(Violation("I2", f"{path}: partial: {looked}"))
            return
        file, mail = looked
        if file.id != name or mail.why:
            sum_.wrong.append(Violation("I2", f"{path}: {mail.why or 'the header has another id'}"))
            return
        half_moved = name in sum_.queued
        sum_.queued.add(name)
        if mail.notice:
            sum_.queued_notices.update((mail.subject, n) for n in mail.names if queue_file.WAITING in file.status)
            return
        for recipient, status in zip(file.recipients, file.status):
            key = (mail.subject, mail.recipient or recipient)  # forwarded: still on its way to the first one
            if not sum_.waiting(key):
                sum_.status[key] = status
            sum_.waits[key] += status == queue_file.WAITING and not half_moved

    # -- the judgements

    def _at(self, position):
        known = self._known.get(position)
        if known is None:
            self._known.clear()
            known = self._known[position] = self.ledger.at(position)
        return known

    def _is_safe(self, sum_, key):
        if sum_.copies[key] or sum_.notices[key] or key in sum_.queued_notices:
            return True
        status = sum_.status.get(key)
        if status == queue_file.FAILED:  # its notice is still to be written, or there is no sender
            return True
        return status == queue_file.WAITING

    def _lost(self, sum_, known):
        for subject in known["acknowledged"] - known["removing"]:
            for recipient in self.ledger.messages[subject].recipients:
                key = (subject, recipient)
                if not self._is_safe(sum_, key):
                    status = sum_.status.get(key)
                    where = f"the queue says {status}, and it is in no mailbox" if status else "nowhere"
                    yield Violation("I1", f"{subject} to {recipient} was acknowledged and is lost: {where}")

    def crashed(self, tree, position):
        """(violations, summary) of a tree right after a crash, before anything of ours has run."""
        sum_ = self.summary(tree)
        found = list(sum_.wrong)
        found += [self._fragment(f) for f in sum_.fragments if not f[1]]
        hurt = self.ledger.hurt.values()
        found += [v for v in self._lost(sum_, self._at(position)) if v.fact.partition(" ")[0] not in hurt]
        for (subject, recipient), count in sum_.copies.items():
            if count > 1 + self.restarted and not self.syncs_failed:
                found.append(Violation("I3", f"{subject} to {recipient} is there {count} times without any crash before"))
        sum_.found = found
        return found, sum_

    def recovered(self, tree, before, position):
        """(violations, summary) of a tree after everything was started again and has come to rest;
        `before` is the summary of the same tree right after the crash. What was found wrong there
        is not told again."""
        known = self._at(position)
        sum_ = self.summary(tree)
        found = list(sum_.wrong)
        if len(sum_.fragments) > len(before.fragments):  # what the crash cut stays, and nothing else
            found += [self._fragment(f) for f in sum_.fragments]
        found += self._lost(sum_, known)
        if not self.syncs_failed:
            found += self._repeated(sum_, before, known)
        for identifier in sorted(sum_.queued):
            found.append(Violation("I6", f"{identifier} is still queued after the restart"))
        for place, name in sorted(before.names - sum_.names):
            if not known["removing"]:
                found.append(Violation("I6", f"{place}{name} has lost its name"))
        found += self._left_over(tree)
        return [v for v in found if v not in before.found], sum_

    @staticmethod
    def _fragment(fragment):
        path, _, what = fragment
        return Violation("I2", f"{path}: partial: {what}")

    def _repeated(self, sum_, before, known):
        for (subject, recipient), count in sum_.copies.items():
            key = (subject, recipient)
            again = before.waits[key] * (subject not in known["settled"])
            allowed = max(1, before.copies[key] + again)
            if count > allowed:
                said = before.status.get(key, "nothing")
                yield Violation("I3", f"{subject} to {recipient} is there {count} times, {allowed} at most: "
                                      f"{before.copies[key]} at the crash, when the queue said {said}")
        for (subject, recipient), count in sum_.notices.items():
            if count > before.notices[subject, recipient] + 1:
                yield Violation("I3", f"{count} notices about {subject} to {recipient}")

    def _left_over(self, tree):
        for path in tree:
            if self._role(path)[0] == "anew":
                yield Violation("I5", f"{path} was not swept")
        for path, age in self.ledger.leftovers.items():
            if age == "old" and path in tree:
                yield Violation("I5", f"{path} is old and was not swept")
            if age == "young" and path not in tree:
                yield Violation("I5", f"{path} is young and was swept")

    def finished(self, tree, position):
        """Violations of a tree after a run that nothing disturbed: each message exactly once."""
        found, sum_ = self.recovered(tree, Summary(), position)
        return found


# -- answers

# What a program may answer when the machine is at fault: 111, or the queue protocol's temporary
# codes (51 to 66, 71, 81), or sendmail's EX_TEMPFAIL and EX_OSERR family.
TEMPORARY = frozenset([111, 75, 71, 72, 73, 74, 81, 82, 91, 120, *range(51, 67)])
PERMANENT = frozenset([100])


def check_answer(code, text, sync_failed=False):
    """I7: violations in how a program ended after an error was put in its way. `code` below zero: a
    signal. `sync_failed`: the error hit a sync, so that 0 would be a promise that nobody can keep."""
    found = []
    if code < 0:
        found.append(Violation("I7", f"died of signal {-code}"))
    elif code == 0 and sync_failed:
        found.append(Violation("I7", "said yes after a failed sync"))
    elif code != 0 and code not in TEMPORARY | PERMANENT:
        found.append(Violation("I7", f"exit code {code} is not documented"))
    elif code != 0 and not text.strip():
        found.append(Violation("I7", f"exit code {code} without a word"))
    return found
