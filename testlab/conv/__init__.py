"""Conversations: dialogs with a mail server as data (rfc-corpus/), and how they are run.

  loader    a file into steps, or an error that names line and column; said_lines, control_lines and
            state_lines are its parts, steps what it makes
  text      texts with escapes, repeats and variables; matchers on them
  wire      connections: octets out, lines in, TLS; doors: ways to a program that serves one
  dialects  the protocols; pop3 and smtp: what is checked on every reply without being asked
  runner    runs a file against a target; states: what its state steps ask
  target    servers: our own, and any other; setups: what `setup:` means to them
  known     the lists of what is known to fail
  controls  bugs on purpose; fake_smtp: an SMTP server to try the lab itself on
  figures   what a run amounts to; ours, command: runs and the command line

The format is described in doc/conversations.md."""
