"""Conversations: dialogs with a mail server as data (rfc-corpus/*/*.conv), and how they are run.

  loader    a file into steps, or an error that names line and column
  text      texts with escapes, repeats and variables; matchers
  steps     the steps a file is made of
  wire      connections: TCP, or a program on a socket pair; replies and data blocks
  pop3      what is checked on every POP3 reply without being asked
  runner    runs a file against a target
  target    our POP3 programs as a target: how to connect, what a setup means, what a probe sees

The format is described in doc/conversations.md; what the loader does not know yet is an error
when a file is loaded, never skipped in silence.
"""
