"""What each program may answer when a call of its tree was made to fail: the EXIT STATUS of its
manual page, without those codes that say that the caller is to blame."""

from fault.points import JUMPS
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


def _may_fail(strike):
    """Patience is over after days of sleep; and with the same chance at the same time a name is taken already."""
    return strike.what in ("suspend", "-10s")


def check(program, outcome, strike):
    """I7: violations in how a program ended."""
    codes = frozenset().union(*(CODES[p] for p in DRIVERS.get(program, (program,))))
    code = outcome.code
    if strike.what == "suspend" and b"the clock was set" in outcome.stdout:
        return [Violation("I7", f"{program} takes sleep for a clock that was set")]
    if outcome.hung:
        return [Violation("I7", f"{program} still ran at the limit")]
    if program == "porpoise" and code == 1:  # it found what was to be found, and mended it
        return []
    if strike.what in JUMPS and code != 0 and not _may_fail(strike):
        return [Violation("I7", f"{program} answers a clock that was set with exit code {code}: {outcome.stderr!r}")]
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
