"""An SMTP server on loopback that takes mail, refuses it or goes away, as a test tells it.

    with Sink() as sink:
        sink.answers["RCPT"] = lambda line: "450 4.2.0 later" if "bob" in line else None
        ... sink.port ... sink.messages ...

`answers` has, by stage, the reply to give, or a function of the line that gives one; None means
the usual reply. Stages: CONNECT (the greeting), EHLO, MAIL, RCPT, DATA, END (after the final
dot). The reply DROP closes the connection instead, and HANG says nothing for as long as the sink
lives. What was accepted with a 2yz reply at END is in `messages`, in order; `sessions` counts the
connections, `log` has every line that was heard. stop() and start() are the network going away
and coming back: the port stays the same."""

import dataclasses
import socket
import threading

DROP, HANG = "DROP", "HANG"


@dataclasses.dataclass
class Taken:
    sender: str
    recipients: list
    octets: bytes  # with LF line ends and dots undone


class Sink:
    def __init__(self):
        self.answers = {}
        self.messages = []
        self.sessions = 0
        self.log = []
        self.port = 0
        self._listener = None
        self._connections = set()
        self._lock = threading.Lock()
        self._gone = threading.Event()
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def stop(self):
        """From now on connections are refused, and those that are open break."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        try:
            listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        listener.close()
        with self._lock:
            open_ones = list(self._connections)
        for connection in open_ones:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self._gone.set()
        self.stop()

    def recipients(self):
        return sorted(r for m in self.messages for r in m.recipients)

    # -- the threads

    def _serve(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self.sessions += 1
                self._connections.add(connection)
            threading.Thread(target=self._session, args=(connection,), daemon=True).start()

    def _session(self, connection):
        try:
            with connection, connection.makefile("rb") as lines:
                self._talk(connection, lines)
        except (OSError, EOFError):
            pass
        finally:
            with self._lock:
                self._connections.discard(connection)

    def _reply(self, stage, line, usual):
        wanted = self.answers.get(stage)
        reply = wanted(line) if callable(wanted) else wanted
        return usual if reply is None else reply

    def _say(self, connection, stage, line, usual):
        return self._send(connection, self._reply(stage, line, usual))

    def _send(self, connection, reply):
        if reply == HANG:
            self._gone.wait()
        if reply in (DROP, HANG):
            raise EOFError
        connection.sendall(reply.encode() + b"\r\n")
        return reply[0] in "23"

    def _talk(self, connection, lines):
        self._say(connection, "CONNECT", "", "220 sink.test ESMTP")
        sender, recipients = "", []
        for octets in lines:
            line = octets.decode(errors="replace").rstrip("\r\n")
            with self._lock:
                self.log.append(line)
            verb = line[:4].upper()
            if verb in ("EHLO", "HELO"):
                self._say(connection, "EHLO", line, "250 sink.test")
            elif verb == "MAIL":
                if self._say(connection, verb, line, "250 2.1.0 ok"):
                    sender, recipients = line[line.find("<") + 1 : line.rfind(">")], []
            elif verb == "RCPT":
                if self._say(connection, verb, line, "250 2.1.5 ok"):
                    recipients.append(line[line.find("<") + 1 : line.rfind(">")])
            elif verb == "DATA":
                if self._say(connection, verb, line, "354 go on"):
                    self._data(connection, lines, Taken(sender, recipients, b""))
            elif verb == "QUIT":
                connection.sendall(b"221 2.0.0 bye\r\n")
                return
            else:
                connection.sendall(b"250 2.0.0 ok\r\n" if verb in ("RSET", "NOOP") else b"502 5.5.2 what\r\n")

    def _data(self, connection, lines, taken):
        body = []
        for line in lines:
            if line == b".\r\n":
                break
            body.append((line[1:] if line.startswith(b".") else line).replace(b"\r\n", b"\n"))
        else:
            raise EOFError
        taken.octets = b"".join(body)
        reply = self._reply("END", taken, "250 2.0.0 taken")
        if reply[0] == "2":
            with self._lock:
                self.messages.append(taken)
        self._send(connection, reply)
