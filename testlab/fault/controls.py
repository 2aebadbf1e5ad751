"""The bugs that this layer must find in every run, where, by which mode and which rule. They are
switched on in the programs of lab/plant (testlab/crash/plant.cc)."""

import collections

from fault.runs import Recording
from workloads import WORKLOADS

Control = collections.namedtuple("Control", "plant workload mode rules about", defaults=[""])
# about: only strikes at what has this in its name are tried

CONTROLS = [
    Control("sync-again", "maildir", "error", {"I1", "I2"}),
    Control("link-error-ignored", "maildir", "error", {"I1"}),
    Control("write-error-ignored", "maildir", "error", {"I1", "I2"}),
    Control("short-write-believed", "maildir", "short", {"I1", "I2"}),
    Control("named-too-early", "maildir", "kill", {"I2"}),
    Control("sync-again", "deliver", "error", {"I1", "I2"}),
    Control("link-error-ignored", "deliver", "full", {"I1"}),
    Control("named-too-early", "deliver", "kill", {"I2"}),
    Control("link-error-ignored", "smtp", "full", {"I1"}),
    Control("old-mail-removed", "retry", "clock", {"I1"}),
    Control("link-error-ignored", "deliver", "clock", {"I1"}),  # a clock set back gives a name again
    Control("link-error-ignored", "submit", "full", {"I1"}),
    Control("killed-is-done", "system", "kill", {"I1"}, "local"),
    Control("no-answer-is-nobody", "system", "error", {"I7"}, "passwd"),
    Control("link-error-ignored", "system", "full", {"I1"}, "Maildir/new"),
]


def wanted(name):
    """All of them, or the one of this name."""
    return [c for c in CONTROLS if name in ("", f"{c.plant}/{c.workload}/{c.mode}")]


def run(control, place):
    recording = Recording(WORKLOADS[control.workload](), place.lab, place.base / "run")
    try:
        for strike in recording.strikes(control.mode):
            if control.about not in str(strike):
                continue
            recording.strike(strike)
            found = [f for f in recording.findings if f.rule in control.rules]
            if found:
                return {"runs": recording.runs, "rule": found[0].rule, "strike": str(found[0].strike), "fact": found[0].fact}
        return {"runs": recording.runs}
    finally:
        recording.close()


def is_caught(result):
    return "rule" in result


def describe(control, result):
    where = f"{control.plant} in {control.workload} by {control.mode}"
    if is_caught(result):
        return f"control  {where}: caught by {result['rule']} in run {result['runs']}, {result['strike']}"
    return f"control  {where}: NOT CAUGHT ({result})"
