# hint: exec-not-fork
# Replaces itself with the command instead of starting a child.
import os
import sys

args = sys.argv[1:]
if args[0] == "-g":
    del args[0]
os.execvp(args[0], args)
