"""Run a service and copy what it writes to PID 1's console, which a test can read when all is over.

usage: told.py NAME COMMAND…      Signals are handed on; the last line tells how the service ended.

sysvinit closes its console (init.c), systemd has none in a container: there the copy goes to /run/told.
"""

import os
import signal
import subprocess
import sys

name, *command = sys.argv[1:]
if os.path.exists("/proc/1/fd/1") and os.readlink("/proc/1/fd/1") != "/dev/null":
    console = os.open("/proc/1/fd/1", os.O_WRONLY | os.O_APPEND)
else:
    console = os.open("/run/told", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
    signal.signal(number, lambda received, frame: child.send_signal(received))
for line in child.stdout:
    os.write(console, line)
    os.write(1, line)
os.write(console, b"%s ended with %d\n" % (name.encode(), child.wait()))
