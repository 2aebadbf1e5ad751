"""Reads a queue file, from queue(5) alone: nothing of the product's code is used.

read(octets) gives a QueueFile or raises Damage. A torn tail of the log is no damage: a crash may
leave one, and the record says itself (its `unsynced` count) what may be missing before it."""

import struct

HEADER_OCTETS = 80
HEAD_OCTETS = 20
MAGIC = b"\xf5PQ\n"
SEED = 0x50515545
MAX_UNSYNCED = 0xFFFFFF
ALPHABET = frozenset("0123456789abcdefghjkmnpqrstvwxyz")
WAITING, DELIVERED, FAILED, CANCELLED = "waiting", "delivered", "failed", "cancelled"


def _tables():
    first = []
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        first.append(crc)
    tables = [first]
    for _ in range(7):
        last = tables[-1]
        tables.append([last[i] >> 8 ^ first[last[i] & 255] for i in range(256)])
    return tables


_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7 = _tables()
_WORDS = struct.Struct("<II")


def crc32c(crc, octets):
    """CRC-32C (Castagnoli), continued from `crc`; eight octets a step."""
    crc ^= 0xFFFFFFFF
    whole = len(octets) & ~7
    for low, high in _WORDS.iter_unpack(memoryview(octets)[:whole]):
        low ^= crc
        crc = (_T7[low & 255] ^ _T6[low >> 8 & 255] ^ _T5[low >> 16 & 255] ^ _T4[low >> 24]
               ^ _T3[high & 255] ^ _T2[high >> 8 & 255] ^ _T1[high >> 16 & 255] ^ _T0[high >> 24])
    for octet in octets[whole:]:
        crc = crc >> 8 ^ _T0[(crc ^ octet) & 255]
    return crc ^ 0xFFFFFFFF


class Damage(Exception):
    """What a queue file must never be, under a visible name, whatever happened."""


def is_id(name):
    return len(name) == 20 and name[0] in "01" and ALPHABET.issuperset(name)


def folder_of(identifier):
    """The name of its folder in deferred/."""
    return identifier[-2:]


class QueueFile:
    def __init__(self):
        self.id = ""
        self.generation = 0
        self.content = b""
        self.sender = ""
        self.parameters = {}  # of the message: BODY, RET, ENVID
        self.recipients = []
        self.recipient_parameters = []  # one a recipient: NOTIFY, ORCPT
        self.status = []  # one a recipient
        self.uid = None  # who handed it in
        self.notice_about = None  # the id that this message, a notice, reports about
        self.open_intents = {}  # id of the notice: indexes of recipients
        self.noticed = set()
        self.records = 0
        self.torn = 0  # octets behind the last good record


def _fields(payload, end=None):
    at = 0
    while at < len(payload) and payload[at : at + 1] != end:
        stop = payload.find(b"\0", at)
        if stop <= at:
            raise Damage(f"a field without its end at octet {at} of a payload")
        yield payload[at : at + 1], payload[at + 1 : stop]
        at = stop + 1
    if end is not None:
        yield end, payload[at:]


def _record(octets, at, file):
    """(kind, unsynced, sequence, payload, end) of the good record at `at`, else None."""
    head = octets[at : at + HEAD_OCTETS]
    if len(head) < HEAD_OCTETS or head[:4] != MAGIC:
        return None
    size, sequence, crc = struct.unpack_from("<III", head, 8)
    payload = octets[at + HEAD_OCTETS : at + HEAD_OCTETS + size]
    if size < 1 or len(payload) < size:
        return None
    place = file.id.encode() + struct.pack("<HQ", file.generation, at)
    if crc32c(crc32c(crc32c(SEED, place), head[:16]), payload) != crc:
        return None
    return head[4:5], int.from_bytes(head[5:8], "little"), sequence, payload, at + HEAD_OCTETS + size


def _header(octets):
    line = octets[:HEADER_OCTETS]
    file = QueueFile()
    try:
        text = line.decode("ascii")
        file.id = text[20:40]
        file.generation = int(text[45:49], 16)
        length = int(text[54:66])
        want = f"PORPOISE-QUEUE 1 id={file.id} gen={file.generation:04x} len={length:012} "
        want += f"crc={crc32c(SEED, want.encode()):08x}\n"
    except (ValueError, UnicodeDecodeError):
        raise Damage("the header is not whole") from None
    if text != want or not is_id(file.id):
        raise Damage("the header is not whole")
    file.content = octets[HEADER_OCTETS : HEADER_OCTETS + length]
    if len(file.content) < length:
        raise Damage(f"{len(file.content)} of {length} octets of content")
    return file


def _envelope(file, payload):
    crc = None
    for letter, text in _fields(payload, b"F"):
        if letter == b"C":
            crc = int(text, 16)
        elif letter == b"U":
            file.uid = int(text)
        elif letter == b"N":
            file.notice_about = text.decode()
        elif letter == b"F":
            parts = text.split(b"\0")
            if parts[-2:] != [b"", b""]:
                raise Damage("the envelope has no end")
            file.sender = parts[0][1:].decode(errors="replace")
            _recipients(file, [p.decode(errors="replace") for p in parts[1:-2]])
    if crc != crc32c(0, file.content):
        raise Damage("the content is not what was accepted")
    file.status = [WAITING] * len(file.recipients)


def _recipients(file, parts):
    for part in parts:
        name, _, value = part[1:].partition("=")
        if part[:1] == "T":
            file.recipients.append(part[1:])
            file.recipient_parameters.append({})
        elif part[:1] == "R":
            file.recipient_parameters[-1][name] = value
        else:
            file.parameters[name] = value


def _apply(file, kind, payload):
    recipients, notice = [], None
    for letter, text in _fields(payload):
        if letter == b"r":
            first, _, last = text.partition(b"-")
            recipients += range(int(first), int(last or first) + 1)
        elif letter == b"i":
            notice = text.decode()
    becomes = {b"D": DELIVERED, b"F": FAILED, b"C": CANCELLED}.get(kind)
    for i in recipients:
        if becomes and i < len(file.status):
            file.status[i] = becomes
    if kind == b"I":
        file.open_intents[notice] = recipients
    elif kind == b"Q":
        file.open_intents.pop(notice, None)
        file.noticed.add(notice)


def _check_tail(file, octets, end):
    """A good record behind a bad one is damage unless it says that the bad one was not synced."""
    at = octets.find(MAGIC, end)
    while at >= 0:
        good = _record(octets, at, file)
        if good and good[1] < MAX_UNSYNCED and good[2] > file.records + 1 + good[1]:
            raise Damage(f"a bad record at octet {end}, a good one behind it at {at}")
        at = octets.find(MAGIC, at + 1)


def read(octets):
    file = _header(octets)
    at = HEADER_OCTETS + len(file.content)
    envelope = _record(octets, at, file)
    if not envelope or envelope[0] != b"E" or envelope[2] != 0:
        raise Damage("the envelope is not whole")
    _envelope(file, envelope[3])
    at = envelope[4]
    while (record := _record(octets, at, file)) and record[2] == file.records + 1:
        _apply(file, record[0], record[3])
        file.records += 1
        at = record[4]
    file.torn = len(octets) - at
    _check_tail(file, octets, at)
    return file
