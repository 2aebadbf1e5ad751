"""The lab's end of `fault serve` (serve.h): one process that traces runs, one after another."""

import collections
import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess

Outcome = collections.namedtuple("Outcome", "code struck hung lost points stdout stderr")
KILLED = 200  # the exit code of a tree that fault killed
PR_SET_PDEATHSIG = 1


class Trouble(Exception):
    """The tracer itself failed: no run, and so no verdict."""


def end_with_parent():
    """Ends this process when its parent ends, however that ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Supervisor:
    """`tool` is the program fault; `scratch` a folder of the user's for streams; `user` {} or what
    subprocess takes to become the lab's user."""

    def __init__(self, tool, scratch, user):
        self.scratch = pathlib.Path(scratch)
        self.process = subprocess.Popen([str(tool), "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **user)
        self.runs = 0
        self._said = {}
        self._ask([f"stdout {self.scratch}/out", f"stderr {self.scratch}/err", f"list {self.scratch}/list"], "")

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def _ask(self, lines, act):
        assert not any("\n" in line for line in lines), lines
        try:
            self.process.stdin.write(("\n".join([*lines, act] if act else lines) + "\n\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Trouble("fault serve has ended") from None
        answer = {}
        for line in iter(self.process.stdout.readline, b"\n"):
            if not line:
                raise Trouble("fault serve has ended")
            word, _, value = line.decode().rstrip("\n").partition(" ")
            answer[word] = value
        if act and "trouble" in answer:
            raise Trouble(f"{act}: {answer['trouble']}")
        return answer

    def set_back(self, pattern, world):
        self._ask([f"world {world}"], f"set-back {pattern}")

    def _how(self, key, lines):
        """The lines, unless they are what the supervisor has heard last."""
        if self._said.get(key) == lines:
            return []
        self._said[key] = lines
        return lines

    def run(self, act, command, *, input="/dev/null", env, cwd, at="", error=0, wall_us=0, by_us=(0, 0), limit=60, fsize=0):
        """Runs the command; `at` "NODE:INDEX" or "N"; `input` a file; `by_us` how far a jump takes the wall clock
        and the one that runs in suspend."""
        lines = self._how("args", ["args", *(f"arg {a}" for a in command)])
        lines = lines + self._how("env", ["envs", *(f"env {k}={v}" for k, v in env.items())])
        lines = lines + self._how("rest", [f"cwd {cwd}", f"limit {limit}", f"fsize {fsize}", f"stdin {input}"])
        lines = lines + [f"at {at}", f"error {error}", f"wall-us {wall_us}", f"wall-by-us {by_us[0]}", f"boot-by-us {by_us[1]}"]
        self.runs += 1
        answer = self._ask(lines, f"run {act}")
        return Outcome(
            int(answer["code"]), answer["struck"] == "1", answer["hung"] == "1", int(answer["lost"]), int(answer["points"]),
            self._read("out"), self._read("err"))

    def _read(self, name):
        path = self.scratch / name
        if os.stat(path).st_size == 0:
            return b""
        return path.read_bytes()

    def listing(self):
        return self._read("list").decode(errors="replace")
