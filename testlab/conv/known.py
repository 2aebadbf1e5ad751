"""Lists of what is known to fail, one a target (testlab/conv/known/NAME). A line is

    ID:LINE reason       the step at this line of the file ID fails, and the file goes on
    ID:LINE:end reason   the same, and the file ends there
    ID:skip reason       the file cannot be run

and is checked both ways: what is listed and holds, or runs, fails the run."""

import dataclasses
import pathlib
import re

from .loader import corpus
from .text import ConvError, Place

LISTS = pathlib.Path(__file__).resolve().parent / "known"
_LINE = re.compile(r"([^\s:]+):(?:([0-9]+)(:end)?|(skip))(?: +(.*))?$")


@dataclasses.dataclass(frozen=True)
class Failure:
    reason: str
    ends: bool = False


@dataclasses.dataclass
class Listed:
    """What is listed for one file."""

    lines: dict = dataclasses.field(default_factory=dict)  # line number to Failure
    skipped: str = ""


def known(target):
    """The list of a target, by file; empty where there is none."""
    file = LISTS / target
    return parse(str(file), file.read_text()) if file.exists() else {}


def parse(name, text):
    files = {path.stem: path for path in corpus()}
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        place = Place(name, number)
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if not match:
            raise ConvError(place, 'want "ID:LINE reason" or "ID:skip reason"')
        if match[1] not in files:
            raise ConvError(place, f"no conversation {match[1]}")
        if not match[5]:
            raise ConvError(place.right(len(line)), "want a reason")
        listed = found.setdefault(match[1], Listed())
        if match[4]:
            listed.skipped = match[5]
        elif int(match[2]) in listed.lines:
            raise ConvError(place, f"{match[1]}:{match[2]} is listed twice")
        else:
            check_step(files[match[1]], int(match[2]), place)
            listed.lines[int(match[2])] = Failure(match[5], bool(match[3]))
        if listed.skipped and listed.lines:
            raise ConvError(place, f"{match[1]} is listed as skipped and as run")
    return found


def check_step(path, number, place):
    lines = path.read_text().splitlines()
    if number > len(lines) or not re.match(r"S|= |@ ", lines[number - 1]):
        raise ConvError(place, f"line {number} of {path.stem} is no step that can fail")
