"""Run a service and copy what it writes to PID 1's console, which a test can read when all is over.

usage: told.py NAME COMMAND…      Signals are handed on; the last line tells how the service ended.

sysvinit closes its console (init.c): there the copy goes to /run/told.
"""

import os
import signal
import subprocess
import sys

name, *command = sys.argv[1:]
try:
    console = os.open("/proc/1/fd/1", os.O_WRONLY | os.O_APPEND)
except FileNotFoundError:
    console = os.open("/run/told", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
    signal.signal(number, lambda received, frame: child.send_signal(received))
for line in child.stdout:
    os.write(console, line)
    os.write(1, line)
os.write(console, b"%s ended with %d\n" % (name.encode(), child.wait()))
