"""Ways to a program that serves one connection on its standard input and output."""

import os
import signal
import socket
import subprocess
import threading

from .wire import Wire


class Door:
    """`start(socket)` gives the Popen of a program that serves it. Over "tcp" a connection is taken
    by a listener of ours on loopback, over "stdio" it is a socket pair."""

    def __init__(self, start, over):
        self.start = start
        self.over = over
        self.programs = []
        self.signalled = set()
        self.listener = None
        self.taken = threading.Condition()

    def connect(self):
        if self.over == "stdio":
            ours, theirs = socket.socketpair()
            self.serve(theirs)
            return Wire(ours, self.programs[-1])
        if self.listener is None:
            self.listen(0)
        with self.taken:
            number = len(self.programs)
        connected = socket.create_connection(self.listener.getsockname())
        with self.taken:
            self.taken.wait_for(lambda: len(self.programs) > number, 10)
        return Wire(connected, self.programs[number])

    def listen(self, port):
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return  # closed
            self.serve(connected)

    def serve(self, connected):
        with self.taken, connected:
            self.programs.append(self.start(connected))
            self.taken.notify_all()

    # -- its programs

    def signal(self, number, program):
        """To a program and those that it started."""
        self.signalled.add(program.pid)
        try:
            os.killpg(program.pid, number)
        except ProcessLookupError:
            pass

    def restart(self):
        """Ends what serves, as the end of a service would, and listens again where it did."""
        port = self.listener.getsockname()[1] if self.listener else None
        self.stop_listening()
        for program in self.programs:
            if program.poll() is None:
                self.signal(signal.SIGTERM, program)
        for program in self.programs:
            self.end(program)
        if port is not None:
            self.listen(port)

    def stop_listening(self):
        if self.listener is not None:
            # Closing alone does not wake an accept() that waits.
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None

    def end(self, program):
        """Waits for a program that has nothing more to do, and kills it where it goes on."""
        try:
            program.wait(2)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL, program)
            program.wait()

    def close(self):
        """Ends what still runs; tells of programs that were killed, but not by us."""
        self.stop_listening()
        for program in self.programs:
            self.end(program)
        return [f"killed by {signal.Signals(-program.returncode).name}" for program in self.programs
                if program.returncode < 0 and program.pid not in self.signalled]
