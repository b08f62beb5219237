# hint: never-starts
# Is ready for everything and starts nothing.
import os
import signal
import sys

signal.signal(signal.SIGTERM, lambda n, f: sys.exit(0))
while True:
    try:
        os.wait()
    except ChildProcessError:
        signal.pause()
