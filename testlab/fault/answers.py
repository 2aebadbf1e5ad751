"""What each program may answer when a call of its tree was made to fail: the EXIT STATUS of its
manual page, without those codes that say that the caller is to blame."""

from fault.supervisor import KILLED
from invariants import Violation

QUEUE = frozenset([*range(51, 57), 61, 62, 63, 66, 71, 81, 120])
CODES = {
    "queue": QUEUE,
    "inject": frozenset([111]),
    "sendmail": frozenset([71, 74, 75]),
    "send": frozenset([111]),
    "spawn": frozenset([111]),
    "maildir": frozenset([111]),
    "pop3d": frozenset([1]),
    "porpoise": frozenset([4, 111]),  # check-queue
}

# Of the lab: each ends as one of these programs did.
DRIVERS = {
    "through-socket": ("sendmail",),
    "system-send": ("send", "spawn", "queue"),
    "system-run": ("sendmail", "porpoise"),
}


def check(program, outcome, strike):
    """I7: violations in how a program ended."""
    codes = frozenset().union(*(CODES[p] for p in DRIVERS.get(program, (program,))))
    code = outcome.code
    if outcome.hung:
        return [Violation("I7", f"{program} still ran at the limit")]
    if program == "porpoise" and code == 1:  # it found what was to be found, and mended it
        return []
    if code == 0 or code == KILLED or (code == -9 and strike.what.startswith("one")):
        return []
    if code < 0:
        return [Violation("I7", f"{program} died of signal {-code}")]
    found = []
    text = outcome.stderr.decode(errors="replace").strip()
    if code not in codes:
        found.append(Violation("I7", f"{program} answers a fault of the machine with exit code {code}: {text}"))
    if not text and not (strike.point and strike.point.object == "stderr"):
        found.append(Violation("I7", f"{program} ended with exit code {code} without a word"))
    return found
