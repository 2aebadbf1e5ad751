"""The lines of a conversation file that ask about the state behind the server (= PROBE TEST)."""

import re

from . import steps
from .text import ConvError, parse_matcher, parse_text

# What a probe looks at: several messages, of which an index takes one, or one text.
LISTS = ("queue", "maildir", "sink", "bounce")
TEXTS = ("mbox", "log", "conn")
FIELDS = ("sender", "rcpt", "body", "params")          # of a queued message
PARTS = ("headers", "body", "raw", "size", "envelope")  # of any other; and "header NAME"
_PROBE = re.compile(r"([a-z]+)(?:\[([^\]]*)\])?(?: (.*))?$")


class StateLines:
    """A part of the Loader."""

    def state(self, rest, after, place):
        found = _PROBE.match(rest)
        if not found or found[1] not in LISTS + TEXTS:
            raise ConvError(after, f'unknown probe "{rest}"')
        state = steps.State(place, probe=found[1])
        text, here, index = *self.rest_of(found, rest, after), found[2]
        index_place = after.right(found.start(2)) if index is not None else None
        if state.probe in ("maildir", "mbox", "conn"):
            if index is not None:
                raise ConvError(index_place, f"want {state.probe} NAME first")
            text, here, index, index_place = self.named(state, text, here)
        if index is not None:
            if state.probe in TEXTS:
                raise ConvError(index_place, f"{state.probe} has no messages to count")
            if not re.match(r"[0-9]+$", index):
                raise ConvError(index_place, f'want a number, not "{index}"')
            state.index = int(index)
        text, here = self.part(state, text, here)
        self.test(state, text, here)
        return state

    def named(self, state, text, here):
        """What comes after the name of a user or a connection, and an index in brackets."""
        found = re.match(r"([A-Za-z0-9._+-]+)(?:\[([^\]]*)\])?(?: (.*))?$", text)
        if not found:
            raise ConvError(here, f"{state.probe} wants a name")
        state.user = found[1]
        if state.probe == "conn" and state.user not in self.names:
            raise ConvError(here, f"no connection {state.user}")
        index_place = here.right(found.start(2)) if found[2] is not None else None
        return *self.rest_of(found, text, here), found[2], index_place

    @staticmethod
    def rest_of(found, text, here):
        """What follows, and its place: behind the end where nothing does."""
        return found[3] or "", here.right(len(text) + 1 if found[3] is None else found.start(3))

    @staticmethod
    def part(state, text, here):
        word, _, rest = text.partition(" ")
        known = FIELDS if state.probe == "queue" else PARTS + ("header",) if state.probe in LISTS else ()
        if word not in known:
            return text, here
        if word == "envelope" and state.probe == "maildir":
            raise ConvError(here, "a delivered message has no envelope")
        state.part = word
        if word == "header":
            state.field, _, after = rest.partition(" ")
            if not re.match(r"[!-9;-~]+$", state.field):
                raise ConvError(here.right(len(word) + 1), "header wants the name of a field")
            return after, here.right(len(word) + len(state.field) + 2)
        return rest, here.right(len(word) + 1)

    def test(self, state, text, here):
        word, _, rest = text.partition(" ")
        after = here.right(len(word) + 1)
        if word == "count":
            self.count(state, rest, after, here)
        elif word == "absent":
            if rest:
                raise ConvError(after, "absent stands alone")
            state.test = word
        elif state.probe in LISTS and state.index is None:
            raise ConvError(here, f"want count or absent, or one of the messages: {state.probe}[0]"
                            if not state.user else f"want count or absent, or one of the messages: "
                                                   f"{state.probe} {state.user}[0]")
        elif word == "is":
            state.test, state.operand = word, parse_text(rest, after, self.known)
        elif word == "is-octets":
            self.check_fixture(rest, after)
            state.test, state.operand = word, rest
        elif not word:
            raise ConvError(here, "want count, absent, is, is-octets or a matcher (~ = has lacks)")
        else:
            state.test, state.operand = "match", parse_matcher(text, here, self.known)

    @staticmethod
    def count(state, rest, after, here):
        found = re.match(r"(=|<|>|<=|>=) ([0-9]+)$", rest)
        if not found:
            raise ConvError(after, "count wants = < > <= or >= and a number")
        if state.index is not None or state.part != "raw":
            raise ConvError(here, "count is of all messages, not of one")
        state.test, state.operand = "count", (found[1], int(found[2]))
