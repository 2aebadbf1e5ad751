#!/usr/bin/python3
"""replay's child: judges each disk while it is mounted.

block_check.py FOLDER WORKLOAD BIN UID RECOVER-EVERY RESULT; the states come on standard input."""

import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import invariants  # noqa: E402
import workloads  # noqa: E402
from crash import block  # noqa: E402
from crash.place import lab_of  # noqa: E402

MOST_FINDINGS = 20


class Judge:
    def __init__(self, folder, workload, lab, recover_every):
        self.workload = workloads.WORKLOADS[workload]()
        self.world = block.BlockWorld(workloads.lab_for(self.workload, lab), folder / "disk" / "world", folder / "gate")
        block.attach(self.world, json.loads((folder / "recording.json").read_text()))
        self.checker = invariants.Checker(self.world.ledger, self.world.layout)
        self.recover_every = recover_every
        self.result = {"states": 0, "recoveries": 0, "unmountable": [], "seconds": 0.0, "findings": []}

    def state(self, line):
        number, position, left_out = line.split(" ", 2)
        if left_out.startswith("!"):
            self.result["unmountable"].append(f"state {number}: {left_out[1:]}")
            return
        begun = time.perf_counter()
        tree = invariants.read_tree(self.world.folder, self.world.layout)
        violations, summary = self.checker.crashed(tree, int(position))
        violations += invariants.owned_wrongly(self.world.folder, self.world.layout)
        self.result["states"] += 1
        if self.recover_every and self.result["states"] % self.recover_every == 0:
            violations = violations + self.recovered(summary, int(position))
        self.result["seconds"] += time.perf_counter() - begun
        if len(self.result["findings"]) < MOST_FINDINGS:
            self.result["findings"] += [[number, v.rule, v.fact, f"at record {position}: {left_out}"] for v in violations]

    def recovered(self, summary, position):
        self.result["recoveries"] += 1
        try:
            self.workload.recover(self.world)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            return [invariants.Violation("I6", f"after the restart: {str(error)[:500]}")]
        tree = invariants.read_tree(self.world.folder, self.world.layout)
        return self.checker.recovered(tree, summary, position)[0]


def main(folder, workload, bin_, uid, recover_every, result):
    folder = pathlib.Path(folder)
    judge = Judge(folder, workload, lab_of(folder, bin_, int(uid)), int(recover_every))
    for line in sys.stdin:
        judge.state(line.rstrip("\n"))
        print("done", flush=True)
    pathlib.Path(result).write_text(json.dumps(judge.result))


if __name__ == "__main__":
    main(*sys.argv[1:])
