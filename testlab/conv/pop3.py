"""What is checked on every POP3 reply without being asked (RFC 1939 section 3, RFC 2449)."""

import re

STATUS = re.compile(rb"(\+OK|-ERR)(?: (.*))?$", re.DOTALL)
# RFC 2449 section 8.1, RFC 3206, RFC 6856
RESPONSE_CODES = (b"IN-USE", b"LOGIN-DELAY", b"SYS/TEMP", b"SYS/PERM", b"AUTH", b"UTF8")
RESPONSE_OCTETS = 512


class Pop3Checks:
    """Follows one connection. fault texts come with the requirements they break."""

    def __init__(self):
        self.unanswered = [b""]  # the greeting is nobody's answer
        self.partial = b""
        self.answered = b""  # the command that the last reply was for
        self.ok = False
        self.sizes = {}  # message number to what LIST told

    def sent(self, octets):
        *lines, self.partial = (self.partial + octets).split(b"\n")
        self.unanswered += [line.removesuffix(b"\r") for line in lines]

    def forget(self):
        """TLS has begun: what was sent before does not count."""
        self.__init__()
        self.unanswered = []

    @staticmethod
    def read(wire, end):
        """The lines of one whole reply: the status line."""
        return [wire.line(end)]

    def reply(self, lines):
        """Status, text and faults of a status line."""
        line, faults = lines[0], []
        if not line.endswith(b"\r\n"):
            faults.append((("R1939-3-command-form",), "the reply does not end in CRLF"))
        if len(line) > RESPONSE_OCTETS:
            faults.append((("R1939-3-response-512", "R2449-3-line-lengths"),
                           f"a reply of {len(line)} octets"))
        text = line.rstrip(b"\r\n")
        found = STATUS.match(text)
        if not found:
            faults.append((("R1939-3-status-upper",), "neither +OK nor -ERR"))
            return "", text, faults
        if re.search(rb"[^\x20-\x7e]", text):
            faults.append((("R1939-3-response-512",), "not printable US-ASCII"))
        if not self.unanswered:
            faults.append(((), "a reply that nobody asked for"))
        else:
            self.answered = self.unanswered.pop(0)
        status, text = found[1].decode(), found[2] or b""
        self.ok = status == "+OK"
        faults += self.code_faults(status, text)
        if self.ok:
            self.learn(self.answered, text)
        return status, text, faults

    @staticmethod
    def code_faults(status, text):
        if status != "-ERR" or not text.startswith(b"["):
            return []
        found = re.match(rb"\[([A-Z0-9/-]+)\] ", text)
        if found and found[1] in RESPONSE_CODES:
            return []
        return [(("R2449-6.4-capa-resp-codes", "R2449-8-resp-code-place"), "an unknown response code")]

    def learn(self, command, text):
        words, told = command.upper().split(), text.split()
        if len(words) == 2 and words[0] == b"LIST" and len(told) >= 2 and told[1].isdigit():
            self.sizes[words[1]] = int(told[1])
        if words == [b"RSET"] or words[:1] == [b"USER"]:
            self.sizes = {}

    def block(self, lines):
        """The data lines without their ends and without stuffing, and faults."""
        faults = []
        if any(not line.endswith(b"\r\n") for line in lines):
            faults.append((("R1939-3-multiline-end", "R1939-11-crlf-text"), "a data line ends in a bare LF"))
        data = [line.removesuffix(b"\n").removesuffix(b"\r") for line in lines[:-1]]
        if any(line.startswith(b".") and not line.startswith(b"..") for line in data):
            faults.append((("R1939-3-byte-stuffing",), "a data line begins with a single dot"))
        data = [line.removeprefix(b".") for line in data]
        words = self.answered.upper().split()
        if words == [b"LIST"]:
            told = [line.split() for line in data]
            self.sizes.update({t[0]: int(t[1]) for t in told if len(t) >= 2 and t[1].isdigit()})
        elif len(words) == 2 and words[0] == b"RETR" and words[1] in self.sizes:
            octets = sum(len(line) for line in lines[:-1]) - sum(l.startswith(b".") for l in lines[:-1])
            if octets != self.sizes[words[1]]:
                faults.append((("R1939-11-size-as-sent",),
                               f"{octets} octets, and LIST told {self.sizes[words[1]]}"))
        return data, faults
