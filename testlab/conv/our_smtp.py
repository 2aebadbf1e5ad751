"""Our SMTP server on standard input and output: sendmail -bs in a personal instance."""

from .target import Porpoise


class PorpoiseSmtp(Porpoise):
    profile = frozenset({"state", "relay"})
    transports = ("stdio-smtp",)
    log_name = "smtp.log"

    def __init__(self, instance, over="tcp"):
        self.variables_of_program = {}
        super().__init__(instance, over)

    def start(self, connected):
        return self.instance.popen("sendmail", "-bs", stdin=connected, stdout=connected, stderr=self.log,
                                   env=self.instance.environment(**self.variables_of_program), start_new_session=True)

    def set_idle(self, seconds):
        self.limit("timeoutsmtpd", seconds)

    def limit(self, name, value):
        self.instance.control(name, f"{value}\n")

    def hold(self):
        self.variables_of_program["PORPOISE_NO_SEND"] = 1

    def open_relay(self):
        """A TCP client is trusted too, and what is for other hosts stays in the queue to be looked at."""
        self.instance.control("remote", "pipe false\n")
        self.variables_of_program["RELAYCLIENT"] = ""
        self.hold()

    def alias(self, name, text):
        self.instance.lab.write(self.instance.path / "alias" / f".qmail-{name}", text)

    def dot_file(self, user, extension, text):
        self.instance.dot_file(user, extension, text)
