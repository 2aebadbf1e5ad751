"""The trace layer as a whole: which recordings, which controls, and the figures."""

import collections
import concurrent.futures
import pathlib
import sys
import time

import invariants
import workloads
from crash import controls, crash_states, trace, trace_log
from crash.place import Place

TRIES = 3  # two processes at once may be shown in an order that cannot have been

Job = collections.namedtuple("Job", "workload variant plant rules")
# variant: "unnamed", "named" (files that have a temporary name), "eio-CALL-N"

SAMPLE = dict(states=1200, recoveries=5)
FULL = dict(states=12_000, recoveries=20)


def jobs(chosen=None, full=False):
    """The recordings of the product: each workload, with unnamed and with named files, and some
    in which a sync fails."""
    found = []
    for name in workloads.WORKLOADS:
        found += [Job(name, variant, None, None) for variant in ("unnamed", "named")]
    found += [Job(name, f"eio-{call}-{n}", None, None) for name, (call, n) in controls.FAILING]
    return that_run_here(found, chosen)


def that_run_here(found, chosen):
    return [job for job in found if job.workload in (chosen or workloads.that_run_here())]


def control_jobs(chosen=None):
    found = []
    for c in controls.CONTROLS:
        variant = f"eio-{c.fail[0]}-{c.fail[1]}" if c.fail else "unnamed"
        found.append(Job(c.workload, variant, c.plant, c.rules))
    return that_run_here(found, chosen)


def name_of(job):
    return ":".join(filter(None, (job.workload, job.variant, job.plant)))


def make_recording(job, place):
    for left in reversed(range(TRIES)):
        try:
            fail = job.variant.split("-")[1:] if job.variant.startswith("eio-") else None
            named = "1" if job.variant == "named" else "0"
            return trace.record(workloads.WORKLOADS[job.workload](), place.lab, place.fresh(), named, fail)
        except trace_log.TraceError:
            if left == 0:
                raise


def run_job(job, seed, states, recoveries, worker=0, only=None, keep=None):
    """Records and judges; {model: Run}."""
    with Place(worker, job.plant) as place:
        recording = make_recording(job, place)
        if keep:
            recording.keep(pathlib.Path(keep) / name_of(job).replace(":", "-"))
        finished = trace.finished(recording)
        results = {}
        for model in crash_states.MODELS:
            if job.plant and model == "ordered" or only and only[0] != model:
                continue
            results[model] = trace.check(
                recording, model, seed, per_point=1 << 30, recoveries=0 if job.plant else recoveries,
                only=only and only[1], budget=SAMPLE["states"] if job.plant else states)
        if not job.plant and not only:
            check_end(recording, job, next(iter(results.values())), finished)
        return results


def check_end(recording, job, run, finished):
    """What must hold of a run that nothing disturbed, and of its answers."""
    world = recording.world
    if job.variant.startswith("eio-"):
        for program, code, text in world.codes:
            for v in invariants.check_answer(code, text):
                run.findings.append(("answer", v.rule, f"{program}: {v.fact}", []))
        return
    run.findings += [("end", v.rule, v.fact, []) for v in finished]
    for program, code, text in world.codes:
        if code != 0:
            run.findings.append(("answer", "I7", f"{program}: exit code {code} though nothing failed: {text!r}", []))


def summarize(job, results, seed):
    """(lines, good)"""
    lines, good = [], True
    for model, run in results.items():
        rate = run.states / run.seconds if run.seconds else 0
        lines.append(f"{name_of(job):32} {model:8} {run.operations:5} operations {run.states:7} states "
                     f"{run.recoveries:4} restarts {rate:7.0f}/s {len(run.findings):3} findings")
        if run.operations == 0 or run.states == 0:
            lines.append("    NOTHING WAS CHECKED")
            good = False
        if job.plant:
            caught = {rule for _, rule, _, _ in run.findings}
            if not caught & job.rules:
                lines.append(f"    NOT CAUGHT: {job.plant} (found {sorted(caught) or 'nothing'}, expected {sorted(job.rules)})")
                good = False
            continue
        for state, rule, fact, left_out in run.findings:
            good = False
            lines += [f"  {rule}: {fact}", *(f"      {line}" for line in left_out[:12])]
            lines.append(f"      again: testlab/lab crash trace --seed {seed} --only {name_of(job)}:{model}:{state}")
    return lines, good


def run_all(todo, seed, states, recoveries, workers, keep=None, say=print):
    """Runs the jobs, at most `workers` at once; (good, figures)."""
    figures = collections.Counter()
    good = True
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        waiting = [(job, pool.submit(run_job, job, seed, states, recoveries, 20 + n, None, keep)) for n, job in enumerate(todo)]
        for job, future in waiting:
            try:
                results = future.result()
            except Exception as error:  # a broken layer is a failure of the layer, named
                say(f"{name_of(job)}: {type(error).__name__}: {str(error)[:2000]}")
                good = False
                continue
            lines, fine = summarize(job, results, seed)
            good = good and fine
            say("\n".join(lines))
            for model, run in results.items():
                kind = "control" if job.plant else model
                figures[f"{kind} states"] += run.states
                figures["restarts"] += run.recoveries
                figures["recordings"] += model == "strict"
            figures["controls caught"] += bool(job.plant and fine)
            figures["controls"] += bool(job.plant)
    return good, figures


def main(options):
    if options.only:
        return one(options)
    amount = dict(FULL if options.full else SAMPLE)
    if options.states:
        amount["states"] = options.states
    todo = control_jobs(options.workload)
    if not options.controls:
        todo = jobs(options.workload) + todo
    if not todo:
        print(f"lab: no such workload; there are {', '.join(workloads.WORKLOADS)}", file=sys.stderr)
        return 100
    begun = time.monotonic()
    good, figures = run_all(todo, options.seed, workers=options.jobs, keep=options.keep, **amount)
    print(f"trace: {figures['strict states']} states under strict, {figures['ordered states']} under ordered, "
          f"{figures['restarts']} restarts, controls caught {figures['controls caught']} of {figures['controls']}, "
          f"{figures['control states']} control states, seed {options.seed}, {time.monotonic() - begun:.0f} s")
    return 0 if good else 1


def one(options):
    """--only WORKLOAD:VARIANT[:PLANT]:MODEL:POINT.NUMBER"""
    parts = options.only.split(":")
    if len(parts) not in (4, 5):
        print("lab: a state is WORKLOAD:VARIANT[:PLANT]:MODEL:POINT.NUMBER", file=sys.stderr)
        return 100
    job = Job(parts[0], parts[1], parts[2] if len(parts) == 5 else None, set())
    results = run_job(job._replace(plant=job.plant), options.seed, None, 1, only=parts[-2:], keep=options.keep)
    run = results[parts[-2]]
    for state, rule, fact, left_out in run.findings:
        print(f"{rule}: {fact}", *(f"    {line}" for line in left_out), sep="\n")
    print(f"{run.states} state, {run.recoveries} restarts, {len(run.findings)} findings")
    if run.states == 0:
        print("lab: there is no such state in this recording: the run went another way", file=sys.stderr)
        return 1
    return 1 if run.findings else 0
