"""Kills, errors and full disks at every system call: see doc/testlab.md."""
