# hint: arguments
# Puts the arguments in one line and lets it be taken apart again.
import os
import sys

args = sys.argv[1:]
if args[0] == "-g":
    del args[0]
command = " ".join(args).split()
child = os.fork()
if child == 0:
    os.execvp(command[0], command)
while True:
    pid, status = os.wait()
    if pid == child:
        sys.exit(os.waitstatus_to_exitcode(status))
