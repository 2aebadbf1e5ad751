"""What users ask of `sendmail`, as cases that any sendmail can be run on, and how what came of one is put into a
word. The table in man/sendmail.8, sendmail_flags.tsv and test_sendmail_flags.py are all made from these."""

import dataclasses
import email
import email.header
import email.policy
import email.utils
import re

PROBE = "Subject: probe\n\nbody\n"  # the number of the case goes behind "probe"
A, B, C = "a@far.test", "b@far.test", "c@far.test"
TO_A = f"To: {A}\n{PROBE}"


@dataclasses.dataclass
class Mail:
    """A message as it went out."""

    sender: str
    parameters: dict  # of the message: BODY, RET, ENVID
    recipients: list  # (address, parameters)
    data: bytes  # its lines end in LF

    @property
    def addresses(self):
        return [address for address, _ in self.recipients]

    @property
    def header(self):
        return email.message_from_bytes(self.data.partition(b"\n\n")[0] + b"\n\n")

    @property
    def body(self):
        return self.data.partition(b"\n\n")[2]


@dataclasses.dataclass
class Outcome:
    code: int
    stdout: bytes = b""
    stderr: bytes = b""
    mails: list = dataclasses.field(default_factory=list)  # the message, as often as it went out
    notices: list = dataclasses.field(default_factory=list)  # what else went out: errors, reports
    at_exit: bool = False  # it had gone out when the program ended
    dead_letter: bool = False

    @property
    def mail(self):
        return self.mails[0] if self.mails else None

    @property
    def addresses(self):
        return sorted(address for mail in self.mails for address in mail.addresses)


@dataclasses.dataclass
class Case:
    row: str  # as it stands in the table
    means: str  # what "yes" says
    args: tuple
    judge: object = None  # Outcome -> True, a word, or None: the option made no difference
    input: object = PROBE
    program: str = "sendmail"
    live: bool = False  # it is about when mail goes out
    waits: bool = False  # and something must go out

    @property
    def octets(self):
        return self.input if isinstance(self.input, bytes) else self.input.encode()


def word(case, outcome):
    """What came of it: "yes" (and other words of the case's judge), "ignored", an exit code, ..."""
    if outcome.code == 0 and case.judge is not None:
        said = case.judge(outcome)
        if said:
            return "yes" if said is True else said
    if outcome.code == 127:
        return "absent"
    if outcome.code != 0:
        return ("sent, " if outcome.mails else "") + str(outcome.code)
    if outcome.mails:
        return "ignored"
    if outcome.notices or outcome.dead_letter:
        return "by mail"
    return "nothing"


# -- judges


def to(*addresses):
    return lambda o: o.addresses == sorted(addresses)


def sent(o):
    return bool(o.mails)


def sender_is(address):
    return lambda o: o.mail and o.mail.sender == address


def from_name(o):
    """The full name in its From, decoded; None if that holds not exactly one address."""
    field = o.mail.header["From"] if o.mail else None
    if field is None:
        return None
    found = email.utils.getaddresses([str(field)])
    if len(found) != 1 or "@" not in found[0][1]:
        return None
    return str(email.header.make_header(email.header.decode_header(found[0][0])))


def from_is(name, address=None):
    def judge(o):
        if from_name(o) != name:
            return None
        return address is None or email.utils.parseaddr(str(o.mail.header["From"]))[1] == address
    return judge


def parameter(name, value):
    return lambda o: o.mail and o.mail.parameters.get(name) == value


def envelope_id(value):
    def judge(o):
        if o.mail and o.mail.parameters.get("ENVID") == value:
            return True
        return "VERP" if o.mail and A.replace("@", "=") in o.mail.sender else None
    return judge


def notify(value):
    return lambda o: o.mail and all(p.get("NOTIFY") == value for _, p in o.mail.recipients)


def body_is(octets):
    return lambda o: o.mail and o.mail.body == octets


def says(pattern):
    return lambda o: re.search(pattern, o.stdout + o.stderr, re.I | re.S) is not None


def told(pattern):
    return lambda o: says(pattern)(o) or (o.notices and "by mail")


def sent_and_says(pattern):
    return lambda o: bool(o.mails) and says(pattern)(o)


def which(**words):
    """One word for each set of recipients."""
    table = {tuple(sorted(v)): k.replace("_", " ") for k, v in words.items()}
    return lambda o: table.get(tuple(sorted(set(o.addresses))))


def dot(o):
    if not o.mails:
        return None
    return {b"one\n": "ends", b"one\n.\ntwo\n": "text"}.get(o.mail.body)


def bcc(o):
    return o.mails and ("stays" if any(m.header["Bcc"] for m in o.mails) else "goes")


def unsafe_name(o):
    """A newline in -F."""
    if not o.mails:
        return None
    return "injected" if o.mail.header["X-Evil"] else "harmless"


def accents(o):
    field = o.mail and re.search(rb"^From: (.*)$", o.mail.data, re.M)
    if not field:
        return None
    if "J\u00fcrgen".encode() in field[1]:
        return "as it is"
    return "encoded" if from_name(o) == "J\u00fcrgen" else "mangled"


def line_ends(o):
    if not o.mails:
        return None
    return "CR LF" if b"\r" in o.mail.data else "LF"


def held(o):
    return not o.mails and not o.notices


DOT = f"To: {A}\nSubject: probe\n\none\n.\ntwo\n"
EIGHT = f"To: {A}\nSubject: probe\n\nJ\u00fcrgen\n"
BAD_TO = f"To: {A}, <bad\n{PROBE}"
IN = ("-i", A)

CASES = [
    # -- recipients
    Case("address", "arguments are the recipients", ("-i", A, B), to(A, B)),
    Case("no address, no -t", "", ("-i",), input=TO_A),
    Case("address -i", "options may follow addresses", (A, "-i"), to(A)),
    Case("-- -a@host", "after -- an address may begin with a dash", ("-i", "--", "-a@far.test"), to("-a@far.test")),
    Case("a@host,b@host", "one argument may be a list", ("-i", f"{A},{B}"), to(A, B)),
    Case("'Name <a@host>'", "an argument may be as in a header", ("-i", f"Name <{A}>"), to(A)),
    Case("a@host a@host", "", ("-i", A, A), lambda o: {1: "once", 2: "twice"}.get(len(o.addresses))),
    Case("a@host '<b'", "", ("-i", A, "<b"), lambda o: "rest sent" if o.addresses == [A] else None),
    Case("a@host ''", "", ("-i", A, ""), lambda o: "rest sent" if o.addresses == [A] else None),
    Case("Bcc: without -t", "what becomes of the field", IN, bcc, f"Bcc: {B}\n{PROBE}"),
    # -- -t
    Case("-t", "To, Cc and Bcc are the recipients", ("-t", "-i"), to(A, B, C), f"To: {A}\nCc: {B}\nBcc: {C}\n{PROBE}"),
    Case("-ti, -it", "letters may be joined", ("-ti",), to(A), TO_A),
    Case("-t: Bcc", "what becomes of the field", ("-t", "-i"), bcc, f"To: {A}\nBcc: {B}\n{PROBE}"),
    Case("-t c@host", "what arguments do beside the header", ("-t", "-i", B, C),
         which(added=(A, B, C), taken_off=(A,), only=(B, C), unheeded=(A, B)), f"To: {A}, {B}\n{PROBE}"),
    Case("-t: Resent-To", "which recipients count", ("-t", "-i"),
         which(resent=(B,), both=(A, B), original=(A,)), f"Resent-From: {C}\nResent-To: {B}\nTo: {A}\n{PROBE}"),
    Case("-t: only Bcc", "enough", ("-t", "-i"), to(A), f"Bcc: {A}\n{PROBE}"),
    Case("-t: empty group and Bcc", "enough", ("-t", "-i"), to(A), f"To: undisclosed-recipients:;\nBcc: {A}\n{PROBE}"),
    Case("-t: no recipient", "", ("-t", "-i"), input=PROBE),
    Case("-t: To: a@host, <bad", "", ("-t", "-i"), lambda o: "rest sent" if A in o.addresses else None, BAD_TO),
    Case("-oee -t: the same", "", ("-oee", "-t", "-i"), lambda o: "rest sent" if A in o.addresses else None, BAD_TO),
    Case("-oem -t: the same", "", ("-oem", "-t", "-i"), lambda o: "rest sent" if A in o.addresses else None, BAD_TO),
    # -- the text
    Case("no input at all", "a message of nothing goes out", IN, lambda o: len(o.mails + o.notices) == 1, ""),
    Case("a dot", "what a line of a dot does", (A,), dot, DOT),
    Case("-i", "a line of a dot is text", ("-i", A), body_is(b"one\n.\ntwo\n"), DOT),
    Case("-oi", "the same", ("-oi", A), body_is(b"one\n.\ntwo\n"), DOT),
    Case("-O IgnoreDots=true", "the same", ("-O", "IgnoreDots=true", A), body_is(b"one\n.\ntwo\n"), DOT),
    Case("CR LF", "what lines that end in CR LF become", ("-t", "-i"), line_ends,
         f"To: {A}\r\nSubject: probe\r\n\r\none\r\ntwo\r\n"),
    Case("8-bit text", "it arrives as it was", IN, body_is("J\u00fcrgen\n".encode()), EIGHT),
    # -- sender
    Case("-f b@host", "envelope sender", ("-i", "-f", B, A), sender_is(B)),
    Case("-fb@host", "the same", ("-i", f"-f{B}", A), sender_is(B)),
    Case("-r b@host", "the same", ("-i", "-r", B, A), sender_is(B)),
    Case("-f '<b@host>'", "the same", ("-i", "-f", f"<{B}>", A), sender_is(B)),
    Case("-f 'Name <b@host>'", "the same", ("-i", "-f", f"Name <{B}>", A), sender_is(B)),
    Case("-f '<>'", "null sender", ("-i", "-f", "<>", A), sender_is("")),
    Case("-f ''", "null sender", ("-i", "-f", "", A), sender_is("")),
    Case("-f b", "a host is added", ("-i", "-f", "b", A), sender_is(B)),
    Case("-f b@host -f c@host", "the last counts", ("-i", "-f", B, "-f", C, A), sender_is(C)),
    Case("-f b@host: From", "a From that is made has it", ("-i", "-f", B, A),
         lambda o: o.mail and email.utils.parseaddr(str(o.mail.header["From"]))[1] == B),
    Case("-f at the end", "", ("-i", "-f"), input=TO_A),
    # -- full name
    Case("-F 'Some One'", "the name in a From that is made", ("-i", "-F", "Some One", A), from_is("Some One")),
    Case("-F 'Some One' -f b@host", "both count", ("-i", "-F", "Some One", "-f", B, A), from_is("Some One", B)),
    Case("-f b@host -F 'Some One'", "both count", ("-i", "-f", B, "-F", "Some One", A), from_is("Some One", B)),
    Case("-FCronDaemon", "the name in a From that is made", ("-i", "-FCronDaemon", A), from_is("CronDaemon")),
    Case("-F ''", "no name", ("-i", "-F", "", A), from_is("")),
    Case("-F 'a, \"b\" (c'", "quoted so that it is this name", ("-i", "-F", 'a, "b" (c', A), from_is('a, "b" (c')),
    Case("-F J\u00fcrgen", "what becomes of letters that are not ASCII", ("-i", "-F", "J\u00fcrgen", A), accents),
    Case("-F with a newline", "what becomes of it", ("-i", "-F", f"x <{B}>\nX-Evil: y", A), unsafe_name),
    # -- body and notices
    Case("-B8BITMIME", "BODY=8BITMIME", ("-i", "-B8BITMIME", A), parameter("BODY", "8BITMIME"), EIGHT),
    Case("-B 7BIT", "accepted", ("-i", "-B", "7BIT", A), sent),
    Case("-B nonsense", "", ("-i", "-B", "nonsense", A)),
    Case("-N never", "NOTIFY=NEVER", ("-i", "-N", "never", A), notify("NEVER")),
    Case("-N success,failure", "NOTIFY=SUCCESS,FAILURE", ("-i", "-N", "success,failure", A), notify("SUCCESS,FAILURE")),
    Case("-N nonsense", "", ("-i", "-N", "nonsense", A)),
    Case("-R hdrs", "RET=HDRS", ("-i", "-R", "hdrs", A), parameter("RET", "HDRS")),
    Case("-R nonsense", "", ("-i", "-R", "nonsense", A)),
    Case("-V id", "ENVID=id", ("-i", "-V", "id", A), envelope_id("id")),
    Case("-V 'i+d x'", "it arrives in xtext", ("-i", "-V", "i+d x", A), envelope_id("i+2Bd+20x")),
    # -- when it goes out
    Case("-odb", "accepted", ("-i", "-odb", A), sent),
    Case("-odi", "it has gone out when the program ends", ("-i", "-odi", A), lambda o: o.mails and o.at_exit, live=True, waits=True),
    Case("-odq", "it stays in the queue", ("-i", "-odq", A), held, live=True),
    Case("-odd", "it stays in the queue", ("-i", "-odd", A), held, live=True),
    # -- errors
    *[Case(f"-o{e}", "accepted", ("-i", f"-o{e}", A), sent) for e in ("em", "ee", "ep", "ew", "eq")],
    *[Case(f"-{e}", "accepted", ("-i", f"-{e}", A), sent) for e in ("em", "ee")],
    Case("-e m", "accepted, two words", ("-i", "-e", "m", A), to(A)),
    # -- modes
    Case("-bm", "accepted", ("-i", "-bm", A), sent),
    Case("-bs", "speaks SMTP", ("-bs",), says(rb"^220 "), b"QUIT\r\n"),
    Case("-bp", "lists the queue", ("-bp",), lambda o: True, ""),
    Case("mailq", "the same", (), lambda o: True, "", program="mailq"),
    Case("-bv alice@here.test", "says where it goes", ("-bv", "alice@here.test"), told(rb"alice.*(deliver|verified)"), ""),
    Case("-bv nosuch@here.test", "", ("-bv", "nosuch@here.test"), told(rb"nosuch"), ""),
    Case("-bv '<a'", "", ("-bv", "<a"), told(rb"<a"), ""),
    Case("-bt alice@here.test", "shows how it is routed", ("-bt", "alice@here.test"), says(rb"alice.*(deliver|router|control)"), ""),
    Case("-bd", "becomes a daemon", ("-bd",), None, ""),
    Case("-bD", "the same, in front", ("-bD",), None, ""),
    Case("-bi", "rebuilds the aliases", ("-bi",), lambda o: True, ""),
    Case("newaliases", "the same", (), lambda o: True, "", program="newaliases"),
    Case("-bh", "host status", ("-bh",), None, ""),
    Case("-bz", "", ("-bz",), None, ""),
    # -- the queue
    Case("-q", "a run of the queue", ("-q",), lambda o: True, ""),
    Case("-q30m", "runs of the queue", ("-q30m",), lambda o: True, ""),
    Case("-qf", "a run of the queue", ("-qf",), lambda o: True, ""),
    Case("-qRfar.test", "of what goes there", ("-qRfar.test",), lambda o: True, ""),
    Case("-q -v", "a run of the queue", ("-q", "-v"), lambda o: True, ""),
    Case("-q a@host", "the address counts, -q does not", ("-q", A), sent),
    # -- the others
    Case("-v", "tells what is done", ("-i", "-v", A), sent_and_says(rb".")),
    Case("-m, -om", "accepted", ("-i", "-m", "-om", A), sent),
    Case("-n", "accepted", ("-i", "-n", A), sent),
    Case("-G", "accepted", ("-i", "-G", A), sent),
    Case("-U", "accepted", ("-i", "-U", A), sent),
    Case("-x", "accepted", ("-i", "-x", A), sent),
    Case("-h 5", "accepted, two words", ("-i", "-h", "5", A), to(A)),
    Case("-L tag", "accepted, two words", ("-i", "-L", "tag", A), to(A)),
    Case("-O DeliveryMode=b", "accepted, two words", ("-i", "-O", "DeliveryMode=b", A), to(A)),
    Case("-ODeliveryMode=b", "accepted", ("-i", "-ODeliveryMode=b", A), to(A)),
    Case("-O Nonsense=b", "accepted, two words", ("-i", "-O", "Nonsense=b", A), to(A)),
    Case("-X /dev/null", "accepted, two words", ("-i", "-X", "/dev/null", A), to(A)),
    Case("-C /dev/null", "accepted, two words", ("-i", "-C", "/dev/null", A), to(A)),
    Case("-Ac", "accepted", ("-i", "-Ac", A), to(A)),
    Case("-Am", "accepted", ("-i", "-Am", A), to(A)),
    Case("-p SMTP:host", "accepted, two words", ("-i", "-p", "SMTP:host.test", A), to(A)),
    Case("-D /dev/null", "accepted, two words", ("-i", "-D", "/dev/null", A), to(A)),
    Case("-d0.1", "accepted", ("-i", "-d0.1", A), to(A)),
    Case("-oQ/tmp", "accepted: any -o", ("-i", "-oQ/tmp", A), to(A)),
    Case("-o7", "accepted: any -o", ("-i", "-o7", A), to(A)),
    Case("-oT5d", "accepted: any -o", ("-i", "-oT5d", A), to(A)),
    Case("-Mrm id", "", ("-Mrm", "x"), None, ""),
    Case("-E", "accepted", ("-i", "-E", A), to(A)),
    Case("-J", "accepted", ("-i", "-J", A), to(A)),
    Case("-Z", "", ("-i", "-Z", A)),
    Case("--nonsense", "", ("-i", "--nonsense", A)),
    # -- as programs call it
    Case("cron", "-FCronDaemon -i -odi -oem -oi -t -f b", ("-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "b"),
         lambda o: to(A)(o) and sender_is(B)(o), f"From: b (Cron Daemon)\n{TO_A}"),
    Case("mutt", "-oem -oi -f b@host -- a@host", ("-oem", "-oi", "-f", B, "--", A), lambda o: to(A)(o) and sender_is(B)(o)),
    Case("PHP", "-t -i", ("-t", "-i"), to(A), TO_A.replace("\n", "\r\n")),
    Case("git", "-i a@host b@host", ("-i", A, B), to(A, B), f"From: {C}\n{TO_A}"),
    Case("mailx", "-i -m a@host", ("-i", "-m", A), to(A)),
    Case("smartd", "-oi -t -f b@host", ("-oi", "-t", "-f", B), lambda o: to(A)(o) and sender_is(B)(o), TO_A),
    Case("nosuch@here.test", "how one hears that nobody has this name", ("-i", "-f", B, "nosuch@here.test"),
         lambda o: "by notice" if o.notices else None, live=True, waits=True),
]


def numbered(case, number):
    """Its input, with its number behind "probe", so that what comes late is known."""
    return case.octets.replace(b"Subject: probe", b"Subject: probe %d" % number)
