"""Every conversation of rfc-corpus/ that our programs can run, over TCP and over a socket pair, and the bugs on
purpose that they must find. What the runs amount to: $PORPOISE_CONVERSATIONS names a file that gets a line
of JSON for each, for `testlab/lab conv --figures`."""

import json
import os
import pathlib

import pytest

from conftest import Instance
from conv import controls, known, loader, ours, setups

FILES = loader.corpus()


def write_down(entry):
    if file := os.environ.get("PORPOISE_CONVERSATIONS"):
        with open(file, "a") as lines:
            lines.write(json.dumps(entry) + "\n")


@pytest.mark.parametrize("conversation, way", [
    pytest.param(conversation, way, id=f"{conversation.id}-{way}") for conversation, way in ours.all_runs(FILES)])
def test_conversation(conversation, way, instance):
    result, entry = ours.run_one(conversation, way, instance)
    write_down(entry)
    assert entry["verdict"] in ("passed", "tolerated", "known"), f'{entry["reason"]}\n{result.text()}'


@pytest.mark.parametrize("name", controls.CONTROLS)
def test_a_bug_on_purpose_is_found(name, lab, home):
    made = []

    def fresh():
        folder = lab.folder(home / str(len(made)))
        made.append(folder)
        return Instance(lab, folder)

    entry = ours.run_control(name, fresh)
    write_down(entry)
    assert entry["caught"], entry["told"]


def test_there_are_conversations_and_each_has_its_own_id():
    assert len(ours.all_runs(FILES)) >= 50
    assert len({path.stem for path in FILES}) == len(FILES)


def test_every_setup_that_a_file_names_exists():
    assert {loader.load(path).setup for path in FILES} <= set(setups.SETUPS)


def test_every_list_of_known_failures_can_be_read():
    names = sorted(path.name for path in pathlib.Path(known.LISTS).iterdir())
    assert "porpoise" in names
    for name in names:
        known.known(name)
