"""What is checked on every SMTP or LMTP reply without being asked (RFC 5321 section 4.2, RFC 2034)."""

import re

REPLY_OCTETS = 512
LINE = re.compile(rb"([0-9]{3})(?:([ -])(.*))?$", re.DOTALL)
ENHANCED = re.compile(rb"([245])\.(?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2})(?: |$)")

FORM = ("R821-4.2-reply-format",)
SIZE = ("R821-4.5.3-reply-512",)
SAME = ("R821-appE-multiline-form",)
AGREES = ("R2034-4-class-agrees",)
END = b"\r\n.\r\n"


class SmtpChecks:
    """Follows one connection: which sent octets each reply answers. Fault texts come with the
    requirements they break."""

    replies_per_recipient = False

    def __init__(self):
        self.forget(greeted=False)

    def forget(self, greeted=True):
        """TLS has begun: what was learnt before does not count."""
        self.stream = b""        # sent and not answered yet
        self.answers = "" if greeted else "greeting"  # what the next reply is for, where not a command
        self.due = 0             # replies that LMTP owes for a text
        self.accepted = 0        # recipients
        self.enhanced = False

    def sent(self, octets):
        self.stream += octets

    @staticmethod
    def read(wire, end):
        """The lines of one whole reply."""
        lines = [wire.line(end)]
        while lines[-1][3:4] == b"-" and len(lines) < 1000:
            lines.append(wire.line(end))
        return lines

    def reply(self, lines):
        """Code, text (lines joined with LF) and faults of a reply."""
        faults, texts, codes = [], [], []
        for line in lines:
            faults += self.line_faults(line)
            found = LINE.match(line.rstrip(b"\r\n"))
            if not found:
                return "", line.rstrip(b"\r\n"), faults + [(FORM, "no reply code")]
            codes.append(found[1].decode())
            texts.append(found[3] or b"")
        code = codes[0]
        if any(other != code for other in codes):
            faults.append((SAME, f"lines of one reply have the codes {' '.join(sorted(set(codes)))}"))
        if not re.match(r"[2-5][0-5]", code):
            faults.append((("R5321-4.2-codes-2-to-5",), f"no such code: {code}"))
        command, fault = self.take(code)
        faults += [fault] if fault else []
        faults += self.enhanced_faults(command, code, texts)
        self.learn(command, code, texts)
        return code, b"\n".join(texts), faults

    @staticmethod
    def line_faults(line):
        faults = []
        if not line.endswith(b"\r\n"):
            faults.append((FORM, "the reply does not end in CRLF"))
        if len(line) > REPLY_OCTETS:
            faults.append((SIZE, f"a reply line of {len(line)} octets"))
        if re.search(rb"[^\x20-\x7e\t]", line.rstrip(b"\r\n")):
            faults.append((FORM, "not printable US-ASCII"))
        return faults

    # -- which octets a reply answers

    def take(self, code):
        """The command (its line, or a name for what is none) that a reply answers, and a fault."""
        if self.answers == "greeting":
            self.answers = ""
            return b"greeting", None
        if self.answers == "text":
            return self.take_text(code)
        line, found, self.stream = self.stream.partition(b"\n")
        if not found:
            self.stream = line
            # A server may say at any time that it closes.
            return b"", None if code == "421" else ((), "a reply that nobody asked for")
        line = line.removesuffix(b"\r")
        chunk = re.match(rb"BDAT +([0-9]{1,18})\b", line, re.IGNORECASE)
        if chunk:
            self.stream = self.stream[int(chunk[1]) :]
        return line, None

    def take_text(self, code):
        if self.due == 0:
            at = 0 if self.stream.startswith(END[2:]) else self.stream.find(END)
            if at < 0:
                refused = code[0] in "45"  # and then the server closes
                return b"text", None if refused else ((), "a reply before the end of the text")
            self.stream = self.stream[at + len(END) - (2 if at == 0 and self.stream[:1] == b"." else 0) :]
            self.due = self.accepted if self.replies_per_recipient else 1
        self.due -= 1
        if self.due <= 0:
            self.answers, self.accepted = "", 0
        return b"text", None

    def learn(self, command, code, texts):
        words = command.upper().split()
        verb = words[0] if words else b""
        if verb in (b"EHLO", b"LHLO") and code == "250":
            self.enhanced = any(t.upper().split() == [b"ENHANCEDSTATUSCODES"] for t in texts[1:])
        if verb == b"RCPT" and code[0] == "2":
            self.accepted += 1
        elif verb in (b"MAIL", b"RSET", b"EHLO", b"LHLO", b"HELO") and code[0] == "2":
            self.accepted = 0
        elif verb == b"DATA" and code == "354":
            self.answers = "text"

    # -- enhanced status codes

    def enhanced_faults(self, command, code, texts):
        """RFC 2034 section 4: on every 2yz, 4yz and 5yz reply but the greeting and EHLO's own."""
        first = (command.upper().split() or [b""])[0]
        if not self.enhanced or code[0] == "3" or first in (b"GREETING", b"EHLO", b"LHLO", b"HELO", b""):
            return []
        told = [ENHANCED.match(text) for text in texts]
        if not all(told):
            return [(("R2034-4-prefix-2-4-5",), "no enhanced status code on each line")]
        if any(found[1].decode() != code[0] for found in told):
            return [(AGREES, "the class of an enhanced status code is not that of the reply")]
        if len({found[0].strip() for found in told}) > 1:
            return [(("R2034-4-each-line",), "lines of one reply have different enhanced status codes")]
        return []


class LmtpChecks(SmtpChecks):
    """RFC 2033: one reply to a text for each recipient that was accepted."""

    replies_per_recipient = True
