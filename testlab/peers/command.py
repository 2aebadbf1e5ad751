"""usage: testlab/lab peers [--json] [NAME]... [--files FILE|ID...]

Runs the POP3 conversations against other servers, dovecot and courier (or those named), each in a private root
folder that testlab/peers/root builds where it is missing, and against our own programs; prints what came of each
and the scores. Everything runs in namespaces of its own, with loopback as its only network. Needs root.

Exit code 0: everything was as the conversations and testlab/conv/known say."""

import argparse
import json
import os
import pathlib
import subprocess
import sys

from crash.place import Place

from conv import known, loader, runner
from conv.command import run_ours
from conv.figures import Figures, record
from conv.text import ConvError

from .servers import HERE, PEERS

INSIDE = "PORPOISE_PEERS_INSIDE"


def parser():
    p = argparse.ArgumentParser(prog="testlab/lab peers", add_help=False)
    p.add_argument("names", nargs="*")
    p.add_argument("--files", nargs="+", default=[])
    p.add_argument("--json", action="store_true")
    p.add_argument("--help", action="store_true")
    return p


def run_peer(name, files, tell):
    """The records of all runs against one server."""
    listed, records = known.known(name), []
    with Place() as place:
        site = place.base / "site"
        site.mkdir(mode=0o755)
        server = PEERS[name](site, place.lab.uid)
        try:
            for conversation in map(loader.load, files):
                for transport in conversation.transports:
                    if transport in server.transports:
                        result = runner.run(conversation, server, transport, listed.get(conversation.id))
                        dead = () if server.is_alive() else (f"{name} has ended",)
                        records.append(record(name, conversation, transport, result, dead))
                        tell(records[-1], result)
        finally:
            server.close()
    return records


def teller(quiet):
    def tell(entry, result):
        if not quiet and entry["verdict"] != "passed":
            print(f"{entry['target']}: {entry['verdict']:9} {entry['id']} ({entry['way']}): {entry['reason']}", flush=True)
        if not quiet and entry["verdict"] == "failed":
            print("\n".join(f"    {line}" for line in result.transcript), flush=True)
    return tell


def main(arguments):
    options = parser().parse_args(arguments)
    if options.help:
        print(__doc__)
        return 0
    names = options.names or list(PEERS)
    for name in names:
        if name not in PEERS:
            print(f"lab peers: no {name}; there are {', '.join(PEERS)}", file=sys.stderr)
            return 100
    if os.geteuid() != 0:
        print("lab peers: needs root, to make and enter root folders", file=sys.stderr)
        return 100
    if INSIDE not in os.environ:
        built = subprocess.run([HERE / "root", *names], stdout=sys.stderr)
        if built.returncode != 0:
            return built.returncode
        inside = ["unshare", "--mount", "--net", "--propagation", "private", sys.executable, sys.argv[0], "peers"]
        os.execvpe("unshare", inside + arguments, {**os.environ, INSIDE: "1"})
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    try:
        return judge(options, names)
    except (ConvError, OSError) as error:
        print(f"lab peers: {error}", file=sys.stderr)
        return 100


def judge(options, names):
    by_id = {path.stem: path for path in loader.corpus()}
    files = [by_id.get(word, pathlib.Path(word)) for word in options.files] or loader.corpus()
    tell = teller(options.json)
    ours = argparse.Namespace(way="tcp", jobs=os.cpu_count(), controls=False, json=options.json)
    runs = {"porpoise": run_ours(ours, files, tell)}
    for name in names:
        runs[name] = run_peer(name, files, tell)
    figures = {name: Figures(records) for name, records in runs.items()}
    if options.json:
        print(json.dumps({name: {"figures": f.as_dict(), "runs": f.records} for name, f in figures.items()}, indent=1))
    else:
        for name, f in figures.items():
            print(f"== {name}: {f.text()}")
    return 0 if all(f.good for f in figures.values()) else 1
