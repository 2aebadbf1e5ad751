"""Runs of conversations against our own programs, each in a fresh instance."""

from . import controls, known, loader, runner, target
from .figures import record
from .our_smtp import PorpoiseSmtp

SERVERS = (target.Porpoise, PorpoiseSmtp)


def ways(conversation):
    """Over TCP and over a socket pair; what is tagged large, over TCP only."""
    return ("tcp",) if "large" in conversation.tags else target.Porpoise.ways


def server_for(conversation):
    """Which of our servers runs it, and over which transport; None where none does."""
    return next(((server, transport) for server in SERVERS for transport in conversation.transports
                 if transport in server.transports), None)


def can_run(conversation):
    return server_for(conversation) is not None


def all_runs(files):
    """Every (conversation, way) that our programs can run."""
    return [(c, way) for c in map(loader.load, files) if can_run(c) for way in ways(c)]


def run_one(conversation, way, instance):
    """The Result, and the record of it."""
    server, transport = server_for(conversation)
    ours = server(instance, way)
    try:
        result = runner.run(conversation, ours, transport, known.known("porpoise").get(conversation.id))
    finally:
        crashed = ours.close()
    return result, record("porpoise", conversation, way, result, crashed)


def run_control(name, fresh):
    """Whether a bug on purpose is found; `fresh` makes an instance. Every file of the control must find it."""
    control = controls.CONTROLS[name]
    told = []
    for file in loader.corpus():
        if file.stem in control.files:
            instance = fresh()
            planted = controls.Planted(instance, "stdio", control)
            try:
                result = runner.run(loader.load(file), planted, "pop3")
            finally:
                planted.close()
                instance.close()
            told.append(f"{file.stem}: {result.verdict} {result.reason}")
    caught = len(told) == len(control.files) and all(" failed " in t and control.said in t for t in told)
    return {"control": name, "caught": caught, "told": told}
