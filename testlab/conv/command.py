"""usage: testlab/lab conv [OPTION]... [FILE|ID]...

Runs conversations (doc/conversations.md): those named, or every one of rfc-corpus/. Without --target against
our own programs, each run in a fresh instance; --controls adds the bugs on purpose, which must be found.

  --target WHERE     another server: HOST:PORT, or stdio:COMMAND or tcp:COMMAND for a program that serves
                     one connection on its standard input and output
  --transport T      what it speaks there (pop3, smtp, lmtp, ...; again for more; default pop3 and smtp)
  --name NAME        what target-skip and the list of known failures call it (default outside)
  --has WORD         a capability that it does not tell itself: state, relay, ... (again for more)
  --maildir PATH     its Maildirs, with {user} in the path; they are emptied before each file
  --mbox PATH        its mboxes, with {user} in the path
  --sink FOLDER      what it sent out, a file a message: MAIL and RCPT lines, an empty line, the message;
                     emptied before each file
  --queue FOLDER     what waits in its queue, in the same form
  --log FILE         its log
  --restart COMMAND  stops and starts it
  --way WAY          ours only over tcp or stdio
  --controls         the bugs on purpose too
  --jobs N           ours at once (default: one a processor)
  --json             the figures and every run as JSON on standard output
  --figures FILE     runs nothing: the figures of what a pytest run recorded there

Exit code 0: something was checked, nothing failed but what testlab/conv/known lists, and all of that did
fail; 1 otherwise; 100 for a fault in a file or the options."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import sys

from crash.place import Place

from . import controls, known, loader, ours, runner
from .dialects import DIALECTS
from .figures import Figures, record
from .target import Outside
from .text import ConvError


def parser():
    p = argparse.ArgumentParser(prog="testlab/lab conv", add_help=False)
    p.add_argument("files", nargs="*")
    p.add_argument("--transport", action="append", choices=list(DIALECTS))
    p.add_argument("--name", default="outside")
    p.add_argument("--has", action="append", default=[])
    for option in ("--target", "--maildir", "--mbox", "--sink", "--queue", "--log", "--restart", "--figures"):
        p.add_argument(option)
    p.add_argument("--way", choices=("tcp", "stdio"))
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    for option in ("--controls", "--json", "--help"):
        p.add_argument(option, action="store_true")
    return p


def named(words):
    """The files that are meant by paths and ids."""
    if not words:
        return loader.corpus()
    by_id = {path.stem: path for path in loader.corpus()}
    return [by_id.get(word, pathlib.Path(word)) for word in words]


def run_ours(options, files, tell):
    """The records of all runs."""
    runs = [(c, way) for c, way in ours.all_runs(files) if options.way in (None, way)]
    with Place() as place, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        def fresh():
            from conftest import Instance
            return Instance(place.lab, place.fresh())

        def one(conversation, way):
            instance = fresh()
            try:
                result, entry = ours.run_one(conversation, way, instance)
            finally:
                instance.close()
            tell(entry, result)
            return entry

        def control(name):
            entry = ours.run_control(name, fresh)
            tell_control(entry, options)
            return entry

        jobs = [pool.submit(one, *run) for run in runs]
        jobs += [pool.submit(control, name) for name in controls.CONTROLS if options.controls]
        return [job.result() for job in jobs]


def run_outside(options, files, tell):
    records, listed = [], known.known(options.name)
    transports = tuple(options.transport or ("pop3", "smtp"))
    for conversation in map(loader.load, files):
        for transport in conversation.transports:
            if transport not in transports:
                continue
            server = Outside(options.target, transports, options.name, options.has, options.maildir, options.mbox,
                             options.log, options.sink, options.queue, options.restart)
            try:
                result = runner.run(conversation, server, transport, listed.get(conversation.id))
            finally:
                crashed = server.close()
            records.append(record(options.name, conversation, transport, result, crashed))
            tell(records[-1], result)
    return records


def tell_control(entry, options):
    if not options.json:
        print(f"{'caught' if entry['caught'] else 'MISSED':9} control {entry['control']}")
        if not entry["caught"]:
            print("\n".join(f"    {line}" for line in entry["told"]))


def teller(options):
    def tell(entry, result):
        if options.json:
            return
        reason = f": {entry['reason']}" if entry["reason"] else ""
        print(f"{entry['verdict']:9} {entry['id']} ({entry['way']}){reason}", flush=True)
        if entry["verdict"] == "failed":
            print("\n".join(f"    {line}" for line in result.transcript), flush=True)
    return tell


def main(arguments):
    options = parser().parse_args(arguments)
    if options.help:
        print(__doc__)
        return 0
    try:
        if options.figures:
            lines = pathlib.Path(options.figures).read_text().splitlines()
            records = [json.loads(line) for line in lines]
        else:
            run = run_outside if options.target else run_ours
            records = run(options, named(options.files), teller(options))
    except (ConvError, OSError) as error:
        print(f"lab conv: {error}", file=sys.stderr)
        return 100
    figures = Figures(records)
    if options.json:
        print(json.dumps({"figures": figures.as_dict(), "runs": records}, indent=1))
    else:
        print(figures.text())
    return 0 if figures.good else 1
