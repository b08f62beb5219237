# hint: orphans-stay
# The usual subprocess program: Popen.wait() knows one child only.
import os
import signal
import subprocess
import sys

args = sys.argv[1:]
group = args[:1] == ["-g"]
command = args[1:] if group else args
try:
    child = subprocess.Popen(command, process_group=0)
except FileNotFoundError:
    print(f"{command[0]}: not found", file=sys.stderr)
    sys.exit(127)
except OSError:
    print(f"{command[0]}: cannot be executed", file=sys.stderr)
    sys.exit(126)
signal.signal(signal.SIGTERM, lambda n, f: os.kill(-child.pid if group else child.pid, n))
code = child.wait()
sys.exit(code if code >= 0 else 128 - code)
