"""The lines of a conversation file that the client says (C) or the server must say (S)."""

import re

from . import steps
from .text import ConvError, Place, parse_matcher, parse_text


class SaidLines:
    """A part of the Loader."""

    # -- C

    def client(self, rest, after, place):
        self.need_connection(place)
        return steps.Send(place, parts=[steps.Line(parse_text(rest, after, self.known))])

    def client_octets(self, rest, after, place):
        self.need_connection(place)
        if not rest:
            raise ConvError(after, "C! wants octets")
        return steps.Send(place, parts=[steps.Line(parse_text(rest, after, self.known), end=b"")])

    def client_counted(self, rest, after, place):
        self.need_connection(place)
        found = re.match(r"([0-9]+):(?: (.*))?$", rest)
        if not found or int(found[1]) == 0:
            raise ConvError(after, 'want "COUNT: text"')
        text = parse_text(found[2] or "", after.right(len(found[1]) + 2), self.known, counted=True)
        return steps.Send(place, parts=[steps.Line(text, counter=i) for i in range(1, int(found[1]) + 1)])

    def client_fixture(self, rest, after, place, stuffed=False):
        self.need_connection(place)
        if rest.startswith("stuff "):
            raise ConvError(after, "for stuffing write C<stuff NAME")
        if not rest:
            raise ConvError(after, "C< wants the name of a message")
        self.check_fixture(rest, after)
        return steps.Send(place, parts=[steps.Fixture(rest, stuffed)])

    def client_stuffed(self, rest, after, place):
        return self.client_fixture(rest, after, place, stuffed=True)

    def client_group(self, rest, after, place):
        self.need_connection(place)
        if rest:
            raise ConvError(after, "C{ stands alone")
        group = steps.Send(place)
        for line, here in self.until("C}", place):
            if line[:2] not in ("C:", "C!", "C*", "C<"):
                raise ConvError(here, f'C{{ holds lines of C:, C!, C* and C<, not "{line}"')
            self.at -= 1
            step = self.step()
            group.parts += step.parts
            group.covers += step.covers
        group.covers += self.end_of_block("C}")
        if not group.parts:
            raise ConvError(place, "C{ holds nothing")
        return group

    def client_block(self, rest, after, place):
        raise ConvError(place, "C[ is for role client, which is not supported yet")

    def until(self, end, place):
        while self.at < len(self.lines):
            line, here = self.lines[self.at], Place(self.name, self.at + 1)
            if re.match(re.escape(end) + r"( {2,}##|$)", line):
                return
            self.at += 1
            yield line, here
        raise ConvError(place, f"no {end} ends this")

    def end_of_block(self, end):
        """The annotation of the line that ends a block, which is taken."""
        line, covers = self.without_annotation(self.lines[self.at], Place(self.name, self.at + 1))
        self.at += 1
        return covers

    # -- S

    def reply(self, rest, after, place):
        self.need_connection(place)
        word, _, rest2 = rest.partition(" ")
        codes = self.codes(word, after)
        after = after.right(len(word) + 1)
        tolerated = ()
        if rest2.partition(" ")[0] == "?":
            word, _, rest2 = rest2[2:].partition(" ")
            tolerated = self.codes(word, after.right(2))
            after = after.right(len(word) + 3)
        matcher = parse_matcher(rest2, after, self.known) if rest2 else None
        self.answered = True
        return steps.Reply(place, codes=codes, tolerated=tolerated, matcher=matcher)

    def codes(self, text, place):
        at = 0
        for word in text.split("|"):
            if not self.dialect.is_code(word):
                raise ConvError(place.right(at), f'want {self.dialect.codes}, not "{word}"')
            at += len(word) + 1
        return tuple(text.split("|"))

    def silence(self, rest, after, place):
        self.need_connection(place)
        kind, _, time = rest.partition(" ")
        if kind not in ("none", "eof", "eof?"):
            raise ConvError(after, "S- wants none, eof or eof?")
        return steps.Silence(place, kind=kind, seconds=self.duration(time, after.right(len(kind) + 1)))

    def server_octets(self, rest, after, place):
        self.need_connection(place)
        if not rest:
            raise ConvError(after, "S! wants octets")
        return steps.Octets(place, text=parse_text(rest, after, self.known))

    def block(self, rest, after, place):
        self.need_connection(place)
        if not self.dialect.has_blocks:
            raise ConvError(place, f"{self.dialect.name} has no multi-line data: a reply is one S:")
        if rest:
            raise ConvError(after, "S[ stands alone")
        block = steps.Block(place)
        for line, here in self.until("S]", place):
            line, covers = self.without_annotation(line, here)
            block.lines.append(self.block_line(line, here))
            block.covers += covers
        block.covers += self.end_of_block("S]")
        self.had_block = True
        return block

    def block_line(self, line, here):
        if line == "..." or line.startswith("... "):
            each = parse_matcher(line[4:], here.right(4), self.known) if line[4:] else None
            return steps.AnyLines(each)
        return parse_matcher(line, here, self.known)
