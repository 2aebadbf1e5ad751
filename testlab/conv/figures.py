"""What a run of conversations amounts to: figures, requirements, and whether it was one at all."""

import collections

from .runner import VERDICTS

# The first of these that was seen is what became of a requirement.
ORDER = ("failed", "tolerated", "passed", "unobserved", "known", "skipped")


def record(target, conversation, way, result, crashed=()):
    """One run as a plain dict, which can be written down."""
    verdict, reason = result.verdict, result.reason
    if crashed and verdict != "failed":
        verdict, reason = "failed", "; ".join(crashed)
    return {"target": target, "id": conversation.id, "way": way, "verdict": verdict, "reason": reason,
            "checks": result.checks, "known": len(result.known),
            "observed": [list(pair) for pair in result.observed]}


def requirements(records):
    """What became of each requirement, over all runs."""
    seen = collections.defaultdict(set)
    for entry in records:
        for row, verdict in entry.get("observed", ()):
            seen[row].add(verdict)
    return {row: next(v for v in ORDER if v in verdicts) for row, verdicts in sorted(seen.items())}


class Figures:
    def __init__(self, records):
        self.records = records
        self.runs = [r for r in records if "id" in r]
        self.controls = [r for r in records if "control" in r]
        self.count = collections.Counter(r["verdict"] for r in self.runs)
        self.checks = sum(r["checks"] for r in self.runs)

    @property
    def good(self):
        """A run that judged nothing is no success."""
        return self.checks > 0 and self.count["failed"] == 0 and all(c["caught"] for c in self.controls)

    def as_dict(self):
        return {"files": len({r["id"] for r in self.runs}), "runs": len(self.runs), "checks": self.checks,
                **{verdict: self.count[verdict] for verdict in VERDICTS},
                "known_failures": sum(r["known"] for r in self.runs),
                "controls": len(self.controls), "caught": sum(c["caught"] for c in self.controls),
                "requirements": dict(collections.Counter(requirements(self.runs).values()))}

    def text(self):
        f = self.as_dict()
        told = f"{f['files']} conversations, {f['runs']} runs, {f['checks']} checks: "
        told += f"{f['passed']} passed, {f['tolerated']} tolerated, {f['known']} as listed"
        told += f" ({f['known_failures']} steps), {f['skipped']} skipped, {f['failed']} failed"
        if self.controls:
            told += f"; controls caught {f['caught']} of {f['controls']}"
        rows = f["requirements"]
        told += "\nrequirements: " + ", ".join(f"{rows[v]} {v}" for v in ORDER if v in rows)
        return told + ("" if self.checks else "\nnothing was checked")
