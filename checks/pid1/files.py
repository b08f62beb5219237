"""What is laid into the sandboxes of the suite: commands that behave as they are told."""

from __future__ import annotations

from helpers.filetree import FileTree

__all__ = [
    "CLEANS",
    "DEAF",
    "EATS",
    "FILLED",
    "HEARS",
    "STALLED",
    "TALKS",
    "TERMINAL",
    "TYPIST",
    "tools",
]

HEARS = "/opt/lab/pid1/hears"
TERMINAL = "/opt/lab/pid1/terminal"
TYPIST = "/opt/lab/pid1/typist"
STALLED = "/opt/lab/pid1/stalled"
FILLED = "/opt/lab/pid1/filled"
DEAF = "/opt/lab/pid1/deaf"
EATS = "/opt/lab/pid1/eats"
TALKS = "/opt/lab/pid1/talks"
CLEANS = "/opt/lab/pid1/cleans"

# Says the number of every signal it gets, in order; after SIGTERM number $3 it ends with $2. Fault
# signals that
# kill(2) sends are signals like any other. SIGCHLD is left out: who sends it means something else.
_HEARS = """#!/usr/bin/python3
import os, signal, sys
tag, status, wanted = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
out = os.open(sys.argv[4], os.O_WRONLY | os.O_CREAT | os.O_APPEND) if len(sys.argv) > 4 else 1
say = lambda word: os.write(out, f"{tag}:{word}\\n".encode())
every = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, every)
say("ready")
terms = 0
while True:
    number = signal.sigwaitinfo(every).si_signo
    say(f"got {number}")
    terms += number == signal.SIGTERM
    if terms >= wanted:
        os._exit(status)
"""

# Becomes its arguments with the terminal whose name stands in /tmp/terminal as its controlling terminal, as a
# shell or a container runtime with `-t` does it (tty_ioctl(4), TIOCSCTTY).
_TERMINAL = """#!/usr/bin/python3
import fcntl, os, signal, sys, termios, time
while True:
    try:
        name = open("/tmp/terminal").read()
        if name:
            break
    except OSError:
        pass
    time.sleep(0.01)
if os.getsid(0) != os.getpid():
    os.setsid()
fd = os.open(name, os.O_RDWR)
fcntl.ioctl(fd, termios.TIOCSCTTY, 0)
for number in (0, 1, 2):
    os.dup2(fd, number)
os.close(fd)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""

# Holds the other end of that terminal: what it reads is typed, what the terminal shows it writes.
_TYPIST = """#!/usr/bin/python3
import os, select
ours, theirs = os.openpty()
with open("/tmp/terminal.new", "w") as file:
    file.write(os.ttyname(theirs))
os.rename("/tmp/terminal.new", "/tmp/terminal")
while True:
    for fd in select.select([0, ours], [], [])[0]:
        data = os.read(fd, 4096)
        if not data:
            raise SystemExit
        os.write(ours if fd == 0 else 1, data)
"""

# Becomes its arguments with a full pipe that nobody reads as its output and error output.
_STALLED = """#!/bin/sh
mkfifo /run/stalled
exec 3<>/run/stalled
dd if=/dev/zero of=/run/stalled bs=4096 oflag=nonblock 2>/dev/null
exec "$@" >&3 2>&3 3>&-
"""

# Uses up every process there may be, then becomes its arguments; without any it takes what gets free, too.
_FILLED = """#!/usr/bin/python3
import os, sys, time
while True:
    try:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
    except OSError:
        if sys.argv[1:]:
            os.execv(sys.argv[1], sys.argv[1:])
        time.sleep(0.002)
"""

# A service `NAME` that does not hear SIGTERM, nor do its children (signal(7): what is ignored stays so).
_DEAF = """#!/bin/sh
trap '' TERM
echo "$1 up $$" >>/run/said
while :; do sleep 600; done
"""

# A service `NAME` that takes more memory than there is as soon as /run/eat is there: once.
_EATS = """#!/bin/sh
echo "$1 up $$" >>/run/said
until [ -e /run/eat ]; do sleep 0.1; done
[ -e /run/ate ] || { : >/run/ate; exec python3 -c 'x = bytearray(1 << 30); input()'; }
while :; do sleep 600; done
"""

# Writes more than a pipe holds (64 KiB, pipe(7)) to its output, says that it has, and stays.
_TALKS = """#!/bin/sh
echo "$1 up $$" >>/run/said
seq -f "$1 line %06.0f" 8000
echo "$1 wrote" >>/run/said
while :; do sleep 600; done
"""

# A service `NAME SECONDS` that cleans up so long at its first SIGTERM; further ones, which its whole group
# may get, do not cut that short: what is ignored stays so in the sleep (signal(7)).
_CLEANS = """#!/bin/sh
trap 'trap "" TERM; echo "$1 TERM" >>/run/said; sleep "$2"; echo "$1 cleaned" >>/run/said; exit 0' TERM
echo "$1 up $$" >>/run/said
while :; do sleep 600 & wait $!; done
"""


def tools() -> FileTree:
    """All of them."""
    tree = FileTree()
    for path, text in (
        (HEARS, _HEARS),
        (TERMINAL, _TERMINAL),
        (TYPIST, _TYPIST),
        (STALLED, _STALLED),
        (FILLED, _FILLED),
        (DEAF, _DEAF),
        (EATS, _EATS),
        (TALKS, _TALKS),
        (CLEANS, _CLEANS),
    ):
        tree.script(path, text)
    return tree
