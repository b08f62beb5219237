# hint: not-its-child
# Starts a shell that starts the command: the shell is PID 1's child.
import os
import shlex
import signal
import sys

args = sys.argv[1:]
if args[0] == "-g":
    del args[0]
child = os.fork()
if child == 0:
    os.execv("/bin/sh", ["sh", "-c", shlex.join(args) + "; exit $?"])
signal.signal(signal.SIGTERM, lambda n, f: os.kill(child, n))
while True:
    pid, status = os.wait()
    if pid == child:
        sys.exit(os.WEXITSTATUS(status))
