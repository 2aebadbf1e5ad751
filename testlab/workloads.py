"""What the lab lets the real programs do while it kills them, fails their calls or cuts the power.

A workload is a class with `set_up(world)`, `run(world)` and, where the default does not do,
`recover(world)` and `finished(world)`. It acts through a World, of which each layer has its own:

  world.step(PROGRAM, ...)   runs one program to its end. The layer wraps it (strace, a fault, a
                             mark on the recorded disk), tells the ledger what is handed in before
                             it and, after exit code 0, what is acknowledged.
  world.quietly(PROGRAM, ..) runs one outside of what is observed: in set_up and recover only.
  world.instance             a personal instance (conftest.Instance), where the workload has one
  world.gate                 a file outside of the instance; while it is missing, mail for bob waits

To add one: a subclass with a name and a docstring that says what it is for, 5 to 20 messages, no
clock and no randomness of its own, no change of files but by programs; put it into WORKLOADS.
Everything below world.folder is observed, nothing else is. A workload that ends leaves an empty
queue: what is delivered then is the reference for all the states on the way."""

import os
import pathlib
import time

from conftest import FIRST_UID, Instance  # noqa: F401: FIRST_UID is for the layers
from invariants import Layout, Ledger
from system_world import ACCOUNTS, USERS, SystemInstance

OCTETS = (120, 5000, 400, 9000, 70_000, 800, 4096, 12_000)  # below and above a page, and a memfd


# Exit codes of commands that say more than yes and no, as those of the other programs: check-queue has mended
# all; could not mend all.
MEANT = {("porpoise", "check-queue"): {1: 0, 4: 111}}


def text(subject, octets=400):
    """A message that no cut can pass for another: each line says where it stands."""
    lines = [f"Subject: {subject}", "", f"This is {subject}."]
    while octets > 0:
        lines.append(f"{subject} has {octets:6} octets to go " + "x" * min(40, octets))
        octets -= len(lines[-1]) + 1
    lines += ["From here on it ends.", f"end of {subject}", ""]
    return "\n".join(lines).encode()


def acknowledged(code, output, hands_in, acknowledges=None):
    """The subjects that a step which ended so has promised to keep: see World.step."""
    if callable(acknowledges):
        return list(acknowledges(output))
    return list((hands_in if acknowledges is None else acknowledges) if code == 0 else ())


class World:
    """See above. `folder` is empty and belongs to the lab's user."""

    def __init__(self, lab, folder, gate):
        self.lab = lab
        self.folder = pathlib.Path(folder)
        self.gate = pathlib.Path(gate)
        self.ledger = Ledger()
        self.layout = Layout({})
        self.instance = None
        self.named_files = "0"  # PORPOISE_NAMED_FILES of every program
        self.codes = []  # (program, exit code, standard error) of each step

    # -- what a layer makes its own

    def execute(self, command, input, env):
        """Runs it as the lab's user; gives something with returncode, stdout and stderr."""
        return self.lab.run(*command, input=input, env=env, cwd=self.folder)

    def note(self, event, subject):
        raise NotImplementedError

    # -- what workloads use

    def make_instance(self):
        self.instance = Instance(self.lab, self.folder)
        mailboxes = {name: f"{name}/Maildir/" for name in Instance.NAMES}
        self.layout = Layout({"owner": "home/Maildir/", **mailboxes}, "instance/queue/")
        self.lab.write(self.folder / "bob" / ".qmail", f"|test -e {self.gate} || exit 111\n./Maildir/\n")

    def make_system(self):
        """A system instance; the world's lab must be root's. Mail for eve waits while the gate is missing."""
        self.instance = SystemInstance(self.lab, self.folder).make()
        mailboxes = {name: f"home/{name}/Maildir/" for name in USERS}
        mailboxes |= {"bob": "home/bob/mbox", "dave": "home/alice/Maildir/"}
        owners = {f"home/{name}/": uid for name, uid in USERS.items()}
        self.layout = Layout(mailboxes, "instance/queue/", {**owners, "instance/queue/": ACCOUNTS["porpoise"]})
        self.instance.dot_file("bob", "", "./mbox\n")
        self.instance.dot_file("carl", "", f"|{self.lab.bin}/preline -f {self.lab.bin}/maildir ./Maildir\n")
        self.instance.dot_file("dave", "", "&alice-dave@here.test\n")
        self.instance.dot_file("alice", "default", "./Maildir/\n")
        self.instance.dot_file("eve", "", f"./Maildir/\n|test -e {self.gate} || exit 111\n")

    def environment(self):
        env = {"PORPOISE_NO_SEND": "1", "PORPOISE_NAMED_FILES": self.named_files}
        return self.instance.environment(**env) if self.instance else self.lab.environment(**env)

    def open_gate(self):
        self.lab.write(self.gate, "")

    def close_gate(self):
        self.gate.unlink(missing_ok=True)

    def step(self, *command, input=b"", hands_in=(), acknowledges=None, removes=(), settles=()):
        """`acknowledges`: other subjects than `hands_in`; or what tells them from the program's output, which
        then holds whatever its exit code is."""
        for event, subjects in (("handed-in", hands_in), ("removing", removes)):
            for subject in subjects:
                self.note(event, subject)
        done = self.execute(command, input, self.environment())
        code = MEANT.get(command[:2], {}).get(done.returncode, done.returncode)
        self.codes.append((command[0], code, done.stderr))
        for subject in acknowledged(done.returncode, done.stdout, hands_in, acknowledges):
            self.note("acknowledged", subject)
        if done.returncode == 0:
            if settles and not (self.instance and self.instance.queued()):
                for subject in settles:
                    self.note("settled", subject)
        return done

    def quietly(self, *command, input=b""):
        done = self.lab.run(*command, input=input, env=self.environment(), cwd=self.folder)
        assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
        return done

    def start_again(self, attempt):
        """What brings on its way what the queue holds, in a recovery."""
        self.quietly("send", "--once", "--retry")

    # -- the usual steps

    def submit(self, number, *recipients, sender="carl@here.test", octets=None, by="sendmail"):
        subject = f"m{number:03}"
        octets = text(subject, OCTETS[number % len(OCTETS)] if octets is None else octets)
        self.ledger.message(subject, octets, sender, recipients)
        options = {"sendmail": ["-i", "-f", sender, "--"], "inject": ["-a", "-f", sender, "--"]}[by]
        return self.step(by, *options, *recipients, input=octets, hands_in=[subject])

    def send(self, *options, settles=()):
        return self.step("send", "--once", *options, settles=settles)

    def all(self):
        return list(self.ledger.messages)


def existing_instance(lab, folder, layout):
    """The instance that make_instance() or make_system() made in `folder`, seen again; the folder may be empty yet."""
    if layout.owners:
        return SystemInstance(lab, folder)
    instance = Instance.__new__(Instance)
    instance.lab, instance.folder, instance.path = lab, folder, folder / "instance"
    instance.home, instance.runner, instance.log_path = folder / "home", None, folder / "log"
    return instance


class Workload:
    name = ""
    is_roots = False  # needs to run as root

    def set_up(self, world):
        world.make_instance()

    def run(self, world):
        raise NotImplementedError

    def recover(self, world):
        """After the crash: what the machine's start would do, and then the tools must work.
        Raises AssertionError where one does not."""
        world.open_gate()
        for attempt in range(3):  # the first may find deliveries of the crashed one still ending
            world.start_again(attempt)
            if not world.instance.queued():
                break
        listing = world.quietly("qread")
        assert listing.stdout == b"" or world.instance.queued(), listing.stdout
        for name in ("alice", "bob"):
            self.pop3(world, world.folder / name / "Maildir")

    def pop3(self, world, maildir, *commands, by=("pop3d",)):
        """A session on a mailbox, as after the login; its UIDL listing names each message once."""
        script = "".join(f"{c}\r\n" for c in ("UIDL", *commands, "QUIT")).encode()
        answer = world.quietly(*by, maildir, input=script).stdout
        assert answer.startswith(b"+OK") and answer.rstrip().rpartition(b"\n")[2].startswith(b"+OK"), answer[-200:]
        names = [line.split()[1] for line in answer.split(b"\r\n") if line[:1].isdigit() and line.count(b" ") == 1]
        assert len(names) == len(set(names)), answer
        return answer


class SubmitAndDeliver(Workload):
    """Messages of all sizes through sendmail and inject, then delivered into a Maildir."""

    name = "deliver"

    def run(self, world):
        for number in range(6):
            world.submit(number, "alice@here.test", by="inject" if number % 3 == 2 else "sendmail")
        world.send(settles=world.all())


class DeferAndRetry(Workload):
    """Mail for bob waits while alice's copies are delivered; then all of bob's goes through."""

    name = "retry"

    def run(self, world):
        world.close_gate()
        for number in range(4):
            world.submit(number, "bob@here.test", *["alice@here.test"] * (number % 2))
        world.send()
        world.submit(4, "alice@here.test", "bob@here.test")
        world.send("--retry")
        world.open_gate()
        world.send("--retry", settles=world.all())


class Bounce(Workload):
    """Recipients that nobody has: each sender gets one notice, and what can be delivered is."""

    name = "bounce"

    def run(self, world):
        for number in range(4):
            others = ["bob@here.test"] * (number % 2)
            world.submit(number, f"nobody-{number}@here.test", *others, sender="alice@here.test")
        world.open_gate()
        world.send(settles=world.all())
        world.send(settles=world.all())


class Progress(Workload):
    """A dot-file whose second line waits: its first is not carried out again at the next attempt, since a note
    tells how far it had come."""

    name = "progress"

    def set_up(self, world):
        world.make_instance()
        world.instance.dot_file("carl", "", f"./Maildir/\n|test -e {world.gate} || exit 111\n")

    def run(self, world):
        world.close_gate()
        for number in range(3):
            world.submit(number, "carl@here.test", sender="bob@here.test")
        world.send()
        world.send("--retry")
        world.open_gate()
        world.send("--retry", settles=world.all())


class ManyRecipients(Workload):
    """One message to 40 addresses of three people, a part of them waiting, then another."""

    name = "many"

    def set_up(self, world):
        world.make_instance()
        for name in ("alice", "carl"):
            world.instance.dot_file(name, "default", "./Maildir/\n")
        world.instance.dot_file("bob", "default", f"|test -e {world.gate} || exit 111\n./Maildir/\n")

    def run(self, world):
        world.close_gate()
        names = ("alice", "bob", "carl", "alice")
        world.submit(1, *(f"{names[n % 4]}-{n}@here.test" for n in range(40)))
        world.send()
        world.submit(2, *(f"{names[n % 3]}-{n}@here.test" for n in range(6)))
        world.open_gate()
        world.send("--retry", settles=world.all())


class StartUpSweep(Workload):
    """A queue as a crash left it: new and waiting mail, a half-done move, a torn log, old and young
    leftovers. One start puts all of it in order."""

    name = "sweep"
    DAYS = 3 * 86400

    def set_up(self, world):
        world.make_instance()
        world.close_gate()
        queue = world.folder / "instance" / "queue"
        for number in range(5):
            subject, recipient = f"m{number:03}", ("bob" if number < 3 else "alice") + "@here.test"
            octets = text(subject, OCTETS[number])
            world.ledger.message(subject, octets, "carl@here.test", [recipient])
            world.quietly("sendmail", "-i", "-f", "carl@here.test", "--", recipient, input=octets)
            for event in ("handed-in", "acknowledged"):
                world.ledger.note(event, subject)
            if number == 2:
                world.quietly("send", "--once")
        waiting = sorted((queue / "deferred").glob("*/*"))
        assert len(waiting) == 3, waiting
        os.link(waiting[0], queue / "incoming" / waiting[0].name)
        with open(waiting[1], "ab") as file:
            file.write(b"\xf5PQ\nZ\0\0\0torn")
        for path in ("instance/queue/tmp/young", "alice/Maildir/tmp/young", "alice/Maildir/tmp/old"):
            world.lab.write(world.folder / path, b"left over\n", 0o600)
        now = time.time()
        os.utime(world.folder / "alice/Maildir/tmp/old", (now - self.DAYS, now - self.DAYS))
        world.ledger.leftovers = {
            "instance/queue/tmp/young": "young",  # the queue asks ctime too, which nobody can set
            "alice/Maildir/tmp/young": "young",
            "alice/Maildir/tmp/old": "old",
        }

    def run(self, world):
        world.open_gate()
        world.send("--retry")
        world.send("--retry", settles=world.all())  # the first one only moves what was half moved
        world.step("pop3d", world.folder / "alice" / "Maildir", input=b"QUIT\r\n")


class CheckQueue(Workload):
    """A queue that was hurt: a half-done move, a torn log, a damaged one, a bad header, leftovers, no folder for
    what is deleted, a schedule that is cut. One check-queue --repair mends it, and all goes through."""

    name = "check"

    def set_up(self, world):
        world.make_instance()
        world.close_gate()
        queue = world.folder / "instance" / "queue"
        path = {}
        for number in range(6):
            subject, recipient = f"m{number:03}", ("bob" if number < 3 else "alice") + "@here.test"
            octets = text(subject, OCTETS[number])
            world.ledger.message(subject, octets, "carl@here.test", [recipient])
            before = set(world.instance.queued())
            world.quietly("sendmail", "-i", "-f", "carl@here.test", "--", recipient, input=octets)
            for event in ("handed-in", "acknowledged"):
                world.ledger.note(event, subject)
            new, = set(world.instance.queued()) - before
            path[number] = queue / "incoming" / new
            if number == 2:
                for _ in range(2):  # the second attempt's records say that the first one's were synced
                    world.quietly("send", "--once", "--retry")
                path = {n: queue / "deferred" / p.name[-2:] / p.name for n, p in path.items()}
        os.link(path[0], queue / "incoming" / path[0].name)
        with open(path[1], "ab") as file:
            file.write(b"\xf5PQ\nZ\0\0\0torn")
        self.hurt(path[2], path[2].read_bytes().index(b"\xf5PQ\nZ") + 25)
        self.hurt(path[3], 5)
        world.lab.write(path[4].with_suffix(".anew"), path[4].read_bytes(), 0o600)
        os.truncate(queue / "schedule", 100)
        (queue / "deleted").rmdir()
        world.ledger.hurt = {path[2].name: "m002", path[3].name: "m003"}

    @staticmethod
    def hurt(path, at):
        octets = bytearray(path.read_bytes())
        octets[at] ^= 1
        path.write_bytes(octets)

    def run(self, world):
        world.open_gate()
        world.step("porpoise", "check-queue", "--repair")
        world.send("--retry", settles=world.all())

    def recover(self, world):
        porpoise = world.lab.program("porpoise")
        world.quietly("/bin/sh", "-c", f"{porpoise} check-queue --repair >/dev/null; test $? -le 1")
        super().recover(world)


class Pop3Deletion(Workload):
    """Sessions that mark some messages, one of which ends without QUIT; the others must stay."""

    name = "pop3"

    def set_up(self, world):
        world.make_instance()
        for number in range(10):
            subject = f"m{number:03}"
            world.ledger.message(subject, text(subject, OCTETS[number % 4]), "carl@here.test", ["alice@here.test"])
            world.quietly("maildir", world.folder / "alice" / "Maildir", input=world.ledger.messages[subject].octets)
            for event in ("handed-in", "acknowledged"):
                world.ledger.note(event, subject)

    def session(self, world, script, removes):
        world.step("pop3d", world.folder / "alice" / "Maildir", input=script, removes=removes)

    def run(self, world):
        self.session(world, b"DELE 1\r\nDELE 2\r\nRSET\r\nQUIT\r\n", [])
        self.session(world, b"DELE 3\r\nDELE 7\r\nRETR 1\r\nQUIT\r\n", ["m002", "m006"])
        self.session(world, b"DELE 1\r\nDELE 2\r\n", [])  # no QUIT: nothing may go
        world.submit(10, "alice@here.test")
        world.send(settles=["m010"])
        self.session(world, b"DELE 2\r\nDELE 9\r\nQUIT\r\n", ["m001", "m010"])


class MboxAppend(Workload):
    """Deliveries into an mbox, of which the first makes it, with From_ lines to be quoted."""

    name = "mbox"

    def set_up(self, world):
        world.make_instance()
        world.layout.mailboxes["carl"] = "carl/mbox"
        world.instance.dot_file("carl", "", "./mbox\n")

    def run(self, world):
        for number in range(5):
            world.submit(number, "carl@here.test", sender="alice@here.test")
            if number % 2 == 0:
                world.send(settles=world.all())
        world.send(settles=world.all())


class MaildirProgram(Workload):
    """maildir(1) by itself: exit 0 says that the message is in the mailbox."""

    name = "maildir"

    def set_up(self, world):
        world.layout = Layout({"alice": "Maildir/"})
        for part in ("", "tmp", "new", "cur"):
            world.lab.folder(world.folder / "Maildir" / part if part else world.folder / "Maildir", 0o700)

    def run(self, world):
        for number in range(8):
            subject = f"m{number:03}"
            octets = text(subject, OCTETS[number])
            world.ledger.message(subject, octets, "", ["alice@here.test"])
            world.step("maildir", world.folder / "Maildir", input=octets, hands_in=[subject])

    def recover(self, world):
        self.pop3(world, world.folder / "Maildir")


class SmtpSessions(Workload):
    """Sessions of sendmail -bs with several messages each, the last one cut off. Whatever the exit code, what
    was answered with 250 is acknowledged, and nothing else."""

    name = "smtp"
    GREETING = ("220", "250")
    MESSAGE = ("250", "250", "250", "354")  # up to the text

    def session(self, world, subjects, end="QUIT\r\n"):
        script = b"EHLO client.test\r\n"
        for subject in subjects:
            sent = world.ledger.messages[subject]
            script += f"RSET\r\nMAIL FROM:<{sent.sender}>\r\nRCPT TO:<{sent.recipients[0]}>\r\nDATA\r\n".encode()
            script += sent.octets.replace(b"\n", b"\r\n") + b".\r\n"
        world.step("sendmail", "-bs", input=script + end.encode(), hands_in=subjects,
                   acknowledges=lambda output: self.taken(output, subjects))

    def taken(self, output, subjects):
        """Those whose text was answered with 250. Once an answer is not the expected one, what follows it
        was said to something else."""
        lines = [line for line in output.decode(errors="replace").split("\r\n")[:-1] if line[3:4] != "-"]
        codes = iter([line[:3] for line in lines])
        found = []
        if tuple(next(codes, "") for _ in self.GREETING) != self.GREETING:
            return found
        for subject in subjects:
            if tuple(next(codes, "") for _ in self.MESSAGE) != self.MESSAGE:
                break
            if next(codes, "") == "250":
                found.append(subject)
        return found

    def run(self, world):
        for number in range(6):
            subject = f"m{number:03}"
            world.ledger.message(subject, text(subject, OCTETS[number]), "carl@here.test", ["alice@here.test"])
        self.session(world, ["m000"])
        self.session(world, ["m001", "m002", "m003"])
        world.send()
        self.session(world, ["m004", "m005"], end="MAIL FROM:<carl@here.test>\r\n")
        world.send(settles=world.all())


class ThroughTheSocket(Workload):
    """Messages of all sizes that a user who does not own the queue hands to `queue --serve` over run/submit: either
    side is struck. A second view of the instance is a system one, and the client's user namespace makes its user
    another one."""

    name = "submit"

    def set_up(self, world):
        world.make_instance()
        view, own = world.folder / "view", world.instance.path
        for part in ("", "control", "alias"):
            world.lab.folder(view / part if part else view)
        # The socket is the lab's doing, and not on the disk that fails.
        (view / "run").symlink_to(world.lab.folder(world.gate.with_name(world.gate.name + ".run")))
        for part in ("queue", "users"):
            (view / part).symlink_to(f"../instance/{part}")
        for file in (own / "control").iterdir():
            if file.name != "owner":
                world.lab.write(view / "control" / file.name, file.read_bytes())
        uid, gid = world.lab.uid, world.lab.gid
        parts = [f"{part}:lab-{part}:{uid + i}:{gid + i}\n" for i, part in enumerate(("queue", "network", "alias"))]
        world.lab.write(view / "control" / "system", "".join(parts))

    def run(self, world):
        for number in range(6):
            subject = f"m{number:03}"
            octets = text(subject, OCTETS[number] if number < 5 else 200_000)
            world.ledger.message(subject, octets, "carl@here.test", ["alice@here.test"])
            world.step(world.lab.driver("through-socket"), world.folder / "view", world.lab.bin, "carl@here.test", "alice@here.test",
                       input=octets, hands_in=[subject])
        world.send(settles=world.all())


class SystemWorkload(Workload):
    """Of a system instance: several users, each part as who it is."""

    is_roots = True

    def set_up(self, world):
        world.make_system()

    def start_again(self, world):
        raise NotImplementedError

    def recover(self, world):
        world.open_gate()
        self.start_again(world)
        listing = world.quietly(*world.instance.command("as", "porpoise", "qread"))
        assert listing.stdout == b"" or world.instance.queued(), listing.stdout
        for name in ("alice", "eve"):
            self.pop3(world, name)

    def pop3(self, world, name, *commands):
        return super().pop3(world, world.instance.home_of(name) / "Maildir", *commands,
                            by=world.instance.command("as", name, "pop3d"))


class SystemDelivery(SystemWorkload):
    """send, spawn as root, its look-ups and deliveries as the recipients: a Maildir, an mbox, a program, a forward,
    one that waits in the middle of its dot-file, one that nobody has. Users' mail comes in through run/submit."""

    name = "system"
    # Octets, recipients. A large one is copied beside all else, and would change the order; an address that comes twice
    # is looked up again or not, as time has it.
    MAIL = ((120, "alice"), (5000, "bob", "carl"), (400, "dave"), (9000, "eve"), (12_000, "alice-again"), (800, "nobody"))
    SENDER = "alice-notice@here.test"

    def set_up(self, world):
        super().set_up(world)
        world.close_gate()
        for number, (octets, *names) in enumerate(self.MAIL):
            subject, recipients = f"m{number:03}", [f"{name}@here.test" for name in names]
            octets = text(subject, octets)
            world.ledger.message(subject, octets, self.SENDER, recipients)
            world.quietly(*world.instance.command("as", "porpoise", "sendmail"), "-i", "-f", self.SENDER, "--",
                          *recipients, input=octets)
            for event in ("handed-in", "acknowledged"):
                world.ledger.note(event, subject)

    def run(self, world):
        world.step(*world.instance.command("send"))
        world.open_gate()
        world.step(*world.instance.command("send", "--retry"), settles=world.all())

    def start_again(self, world):
        for _ in range(3):
            world.quietly(*world.instance.command("send", "--retry"))
            if not world.instance.queued():
                break


class SystemRun(SystemWorkload):
    """porpoise run from its start to its end, with a message that a user hands in through run/submit: who submits,
    serves, schedules, spawns, looks up and delivers is each somebody else."""

    name = "run"
    MAIL = ((5000, "alice", "bob"), (400, "eve", "dave", "carl"), (70_000, "bob", "alice", "nobody"))

    def run(self, world):
        for number, (octets, user, *recipients) in enumerate(self.MAIL):
            subject, sender = f"m{number:03}", f"{user}@here.test"
            addresses = [f"{name}@here.test" for name in recipients]
            octets = text(subject, octets)
            world.ledger.message(subject, octets, sender, addresses)
            world.step(*world.instance.command("run", user, sender, *addresses), input=octets, hands_in=[subject],
                       acknowledges=lambda output, s=subject: [s] * (b"taken\n" in output), settles=[subject])

    def start_again(self, world):
        world.quietly(*world.instance.command("start"))


class Elsewhere(Workload):
    """Mail for another host goes to the program of control/remote: some beside local copies, some while
    the network is away, and some that is refused there."""

    name = "remote"

    def set_up(self, world):
        world.make_instance()
        far = world.lab.folder(world.folder / "far", 0o700)
        for part in ("tmp", "new", "cur"):
            world.lab.folder(far / part, 0o700)
        world.layout.mailboxes["dave"] = "far/"
        script = world.lab.write(
            world.folder / "outgoing",
            f"#!/bin/sh\ncase $4 in nobody*) exit 67;; esac\ntest -e {world.gate} || exit 75\n"
            f"exec {world.lab.bin}/maildir {far}\n", 0o755)
        world.instance.control("remote", f"pipe {script}\n")

    def run(self, world):
        world.close_gate()
        world.submit(0, "dave@far.test")
        world.submit(1, "dave@far.test", "alice@here.test")
        world.submit(2, "dave@far.test", "nobody@far.test", sender="alice@here.test")
        world.send()
        world.open_gate()
        world.submit(3, "dave@far.test", "alice@here.test")
        world.send("--retry", settles=world.all())
        world.send("--retry", settles=world.all())


WORKLOADS = {w.name: w for w in (
    MaildirProgram, SubmitAndDeliver, DeferAndRetry, Bounce, ManyRecipients, StartUpSweep, CheckQueue, Pop3Deletion,
    MboxAppend, ThroughTheSocket, Elsewhere, SmtpSessions, Progress, SystemDelivery, SystemRun)}


def that_run_here():
    """The names of those that need no more rights than we have."""
    return [name for name, w in WORKLOADS.items() if not w.is_roots or os.geteuid() == 0]


def lab_for(workload, lab):
    return lab.as_root() if workload.is_roots else lab
