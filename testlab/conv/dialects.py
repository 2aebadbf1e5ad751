"""The protocols that conversations speak: their codes, and where a reply ends."""

import dataclasses
import re

from .pop3 import Pop3Checks
from .smtp import LmtpChecks, SmtpChecks


@dataclasses.dataclass(frozen=True)
class Dialect:
    name: str
    codes: str  # for a person
    pattern: str
    has_blocks: bool  # whether S[ reads what comes after a reply
    checks: type      # follows one connection and judges each reply

    def is_code(self, word):
        return re.fullmatch(self.pattern, word) is not None


POP3 = Dialect("POP3", "+OK, -ERR or any", r"\+OK|-ERR|any", True, Pop3Checks)
_SMTP = dict(codes="a code like 250 or 5yz, or any", pattern=r"[2-5][0-9][0-9]|[2-5]yz|any", has_blocks=False)
SMTP = Dialect("SMTP", checks=SmtpChecks, **_SMTP)
LMTP = Dialect("LMTP", checks=LmtpChecks, **_SMTP)

DIALECTS = {"pop3": POP3, "pop3s": POP3, "lmtp": LMTP, "smtp": SMTP, "smtps": SMTP, "submission": SMTP,
            "submissions": SMTP, "stdio-smtp": SMTP}
TLS_AT_ONCE = ("pop3s", "smtps", "submissions")


def dialect_of(transport):
    return DIALECTS[transport]


def is_among(code, codes):
    """Whether a code is one of those wanted: itself, its class like 5yz, or any."""
    return code in codes or "any" in codes or code[:1] + "yz" in codes
