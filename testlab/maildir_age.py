"""What orders the files of a Maildir."""

import re


def age(file):
    """Oldest first: seconds, then microseconds, which are not padded, so that the order of names is another."""
    told = re.match(r"(\d+)\.(?:M(\d+))?", file.name)
    return (int(told[1]), int(told[2] or 0), file.name) if told else (float("inf"), 0, file.name)
