"""The block layer as a whole: namespaces around it, recordings, controls and figures."""

import collections
import concurrent.futures
import ctypes
import os
import pathlib
import shutil
import subprocess
import sys
import time

import workloads
from crash import block, controls
from crash.place import Place, lab_of

INSIDE = "PORPOISE_LAB_INSIDE"  # the folder of the lab, in our own namespaces

Job = collections.namedtuple("Job", "workload variant plant rules")

SAMPLE = dict(states=60, recover_every=12, subsets=4)
FULL = dict(states=0, recover_every=8, subsets=6)  # all of them
CONTROL_STATES = 120


def name_of(job):
    return ":".join(filter(None, (job.workload, job.variant, job.plant)))


def jobs(chosen, full, only_controls):
    found = []
    if not only_controls:
        for name in workloads.WORKLOADS:
            variants = ("unnamed", "named") if full else ("unnamed",)
            found += [Job(name, variant, None, None) for variant in variants]
    found += [Job(c.workload, "unnamed", c.plant, c.rules) for c in controls.ON_DISK]
    return [job for job in found if not chosen or job.workload in chosen]


def missing():
    """Why this layer cannot run here, or ""."""
    if os.geteuid() != 0:
        return "it needs root"
    for path in ("/dev/fuse", "/dev/loop-control", str(block.TOOLS / "blkrec"), str(block.TOOLS / "replay")):
        if not os.path.exists(path):
            return f"there is no {path}"
    for program in ("mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "losetup", "unshare"):
        if shutil.which(program) is None:
            return f"there is no {program}"
    return ""


def run_job(job, number, base, type_, seed, states, recover_every, subsets, only=None, keep=None):
    folder = pathlib.Path(base) / f"job-{number}"
    folder.mkdir()
    folder.chmod(0o755)
    bin_ = pathlib.Path(base) / (f"plant-{job.plant}" if job.plant else "bin")
    lab = lab_of(folder, bin_, workloads.FIRST_UID + 40 + number)
    lab.own(folder)
    saved = block.record(workloads.WORKLOADS[job.workload](), lab, folder, type_, "1" if job.variant == "named" else "0")
    if job.plant:
        states, recover_every = CONTROL_STATES, 0
    result = block.replay(folder, job.workload, lab, type_, seed, states, recover_every, only, subsets)
    result["codes"] = saved["codes"]
    if keep or (result["findings"] and not job.plant):
        place = pathlib.Path(keep or block.TOOLS.parent / "lab" / "kept")
        result["kept"] = str(place / name_of(job).replace(":", "-"))
        block.keep(folder, result["kept"])
    shutil.rmtree(folder)
    return result


def summarize(job, result, options):
    lines, good = [], True
    type_, seed, full = options.filesystem, options.seed, " --full" * options.full  # which counts the states
    rate = result["states"] / result["seconds"] if result["seconds"] else 0
    lines.append(f"{name_of(job):34} {type_:5} {result['states']:5} states {result['recoveries']:4} restarts "
                 f"{len(result['unmountable']):2} do not mount {len(result['findings']):3} findings "
                 f"({rate:.0f}/s; {result['replay']})")
    if result["states"] == 0:
        lines.append("    NOTHING WAS CHECKED")
        good = False
    if result["unmountable"]:  # the file system's own failure, or ours: somebody must look
        lines += [f"    {text}" for text in result["unmountable"][:5]]
        good = False
    for program, code, text in result["codes"]:
        if code != 0:
            lines.append(f"  {program}: exit code {code} though nothing failed: {text}")
            good = False
    if job.plant:
        caught = {rule for _, rule, _, _ in result["findings"]}
        if not caught & job.rules:
            lines.append(f"    NOT CAUGHT: {job.plant} (found {sorted(caught) or 'nothing'}, expected {sorted(job.rules)})")
            good = False
        return lines, good
    for state, rule, fact, left_out in result["findings"]:
        good = False
        lines += [f"  {rule}: {fact}", f"      {left_out}",
                  f"      again: testlab/lab crash block{full} --filesystem {type_} --seed {seed} "
                  f"--only {name_of(job)}:{state} --recording {result.get('kept')}"]
    return lines, good


def amount_of(options):
    amount = dict(FULL if options.full else SAMPLE)
    return {**amount, "states": options.states} if options.states else amount


def own_mounts():
    """Gives a worker mounts of its own: what replay copies of ours would keep alive what another
    worker takes down."""
    libc = ctypes.CDLL(None, use_errno=True)
    private = 0x4000 | 0x40000  # MS_REC | MS_PRIVATE
    if libc.unshare(0x20000) != 0 or libc.mount(b"none", b"/", None, private, None) != 0:  # CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "a mount namespace")


def inside(options):
    """In our namespaces: everything is done here."""
    base = os.environ[INSIDE]
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    if options.only:
        return one(options, base)
    amount = amount_of(options)
    todo = jobs(options.workload, options.full, options.controls)
    if not todo:
        print(f"lab: no such workload; there are {', '.join(workloads.WORKLOADS)}", file=sys.stderr)
        return 100
    begun = time.monotonic()
    good, figures = True, collections.Counter()
    with concurrent.futures.ProcessPoolExecutor(options.jobs, initializer=own_mounts) as pool:
        waiting = [(job, pool.submit(run_job, job, n, base, options.filesystem, options.seed, **amount, keep=options.keep))
                   for n, job in enumerate(todo)]
        for job, future in waiting:
            try:
                result = future.result()
            except Exception as error:  # a broken layer is a failure of the layer, named
                print(f"{name_of(job)}: {type(error).__name__}: {str(error)[:2000]}", flush=True)
                good = False
                continue
            lines, fine = summarize(job, result, options)
            good = good and fine
            print("\n".join(lines), flush=True)
            figures["control states" if job.plant else "states"] += result["states"]
            figures["restarts"] += result["recoveries"]
            figures["unmountable"] += len(result["unmountable"])
            figures["caught"] += bool(job.plant and fine)
            figures["controls"] += bool(job.plant)
    print(f"block: {figures['states']} states on {options.filesystem}, {figures['restarts']} restarts, "
          f"{figures['unmountable']} did not mount, controls caught {figures['caught']} of {figures['controls']}, "
          f"{figures['control states']} control states, seed {options.seed}, {time.monotonic() - begun:.0f} s")
    return 0 if good else 1


def one(options, base):
    """--only WORKLOAD:VARIANT:NUMBER, of a kept recording or of a new one."""
    workload, variant, *plant, number = options.only.split(":")
    job = Job(workload, variant, plant[0] if plant else None, set())
    if options.recording:
        folder = pathlib.Path(base) / "again"
        shutil.copytree(options.recording, folder)
        (folder / "disk").mkdir()
        lab = lab_of(folder, pathlib.Path(base) / (f"plant-{job.plant}" if job.plant else "bin"), workloads.FIRST_UID + 40)
        lab.own(folder)
        folder.chmod(0o755)
        result = block.replay(folder, workload, lab, options.filesystem, options.seed, 0, 1, number, amount_of(options)["subsets"])
    else:
        result = run_job(job, 0, base, options.filesystem, options.seed, 0, 1, amount_of(options)["subsets"], number, options.keep)
    for state, rule, fact, left_out in result["findings"]:
        print(f"{rule}: {fact}\n    {left_out}")
    print(f"{result['states']} state, {result['recoveries']} restarts, {len(result['findings'])} findings, "
          f"{len(result['unmountable'])} did not mount")
    return 1 if result["findings"] or not result["states"] else 0


def main(options):
    if os.environ.get(INSIDE):
        return inside(options)
    why = missing()
    if why:
        print(f"lab: the block layer cannot run: {why}", file=sys.stderr)
        return 111
    plants = {c.plant for c in controls.ON_DISK}
    with Place(worker=40, folder=os.environ.get("TMPDIR")) as place:
        for plant in plants:
            place.copy_with_plant(plant)
        # Everything inside ends with its first process, and that with us.
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                   sys.executable, "-B", *sys.argv]
        return subprocess.run(command, env={**os.environ, INSIDE: str(place.base)}).returncode
