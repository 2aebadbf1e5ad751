"""Connections as the client sees them: octets out, lines in, each with a time limit."""

import select
import socket
import ssl
import struct
import time


class Closed(Exception):
    """The server closed the connection where something was expected."""


class TooLate(Exception):
    """Nothing (more) came in time."""


class TlsFailed(Exception):
    """No TLS came about."""


class Wire:
    """One connection: a connected stream socket. TCP and socket pairs behave alike, but for reset().
    `process`: the program that serves it, where the target knows."""

    def __init__(self, connected, process=None):
        self.socket = connected
        self.socket.setblocking(False)
        self.process = process
        self.room = b""
        self.ended = False
        self.closed = False  # by us
        self.pace = None  # (octets, seconds) where sending is slow

    # -- TLS

    def start_tls(self, end):
        """The client's handshake, until the time `end`; whose certificate it is does not matter."""
        if self.room:
            raise TlsFailed(f"{len(self.room)} octets came before TLS")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket, do_handshake_on_connect=False)
        while True:
            try:
                self.socket.do_handshake()
                return
            except ssl.SSLWantReadError:
                wanted = ([self.socket], [], [])
            except ssl.SSLWantWriteError:
                wanted = ([], [self.socket], [])
            except (ssl.SSLError, OSError) as error:
                raise TlsFailed(getattr(error, "reason", None) or str(error)) from None
            if not any(select.select(*wanted, max(0, end - time.monotonic()))):
                raise TooLate()

    # -- out

    def send(self, octets, patience):
        if self.pace:
            count, seconds = self.pace
            for at in range(0, len(octets), count):
                self._send(octets[at : at + count], patience)
                time.sleep(seconds)
        else:
            self._send(octets, patience)

    def _send(self, octets, patience):
        """Reads meanwhile, so that two full buffers never wait for each other."""
        end = time.monotonic() + patience
        rest = memoryview(octets)
        while rest:
            readable, writable, _ = select.select(
                [] if self.ended else [self.socket], [self.socket], [], max(0, end - time.monotonic()))
            if readable:
                self._receive()
            if writable:
                try:
                    rest = rest[self.socket.send(rest) :]
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                    pass
                except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
                    raise Closed() from None
            if not readable and not writable:
                raise TooLate()

    def halfclose(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Closes so that the other side sees an error, where the transport knows one."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.socket.close()
        self.ended = self.closed = True

    # -- in

    def _receive(self):
        try:
            octets = self.socket.recv(1 << 16)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except (ConnectionResetError, ssl.SSLError):
            octets = b""
        self.room += octets
        self.ended = self.ended or not octets

    def wait(self, seconds):
        """Waits until something more is there, or the end; False where the time is over."""
        if self.ended:
            return True
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            self._receive()
            return True
        readable, _, _ = select.select([self.socket], [], [], max(0, seconds))
        if readable:
            self._receive()
        return bool(readable)

    def line(self, end):
        """The next line with its LF, until the time `end`."""
        at = 0  # what was searched already
        while (found := self.room.find(b"\n", at)) < 0:
            at = len(self.room)
            if self.ended:
                raise Closed()
            if not self.wait(end - time.monotonic()):
                raise TooLate()
        line, self.room = self.room[: found + 1], self.room[found + 1 :]
        return line

    def lines_to_dot(self, end):
        """Data lines with their LF, still stuffed, up to the lone dot, which is taken."""
        lines = []
        text, at = self.room, 0
        while True:
            found = text.find(b"\n", at)
            if found < 0:
                self.room = text[at:]
                lines.append(self.line(end))
                text, at = self.room, 0
            else:
                lines.append(text[at : found + 1])
                at = found + 1
            if lines[-1] in (b".\r\n", b".\n"):
                self.room = text[at:]
                return lines

    def exactly(self, count, end):
        while len(self.room) < count:
            if self.ended:
                raise Closed()
            if not self.wait(end - time.monotonic()):
                raise TooLate()
        octets, self.room = self.room[:count], self.room[count:]
        return octets
