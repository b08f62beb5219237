# hint: exit-zero
# A SIGCHLD handler takes the status that Popen.poll() then misses and reports as 0.
import os
import signal
import subprocess
import sys
import time


def reap(signum, frame):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


args = sys.argv[1:]
group = args[:1] == ["-g"]
signal.signal(signal.SIGCHLD, reap)
child = subprocess.Popen(args[1:] if group else args, start_new_session=True)
signal.signal(signal.SIGTERM, lambda n, f: os.kill(-child.pid if group else child.pid, n))
while child.poll() is None:
    time.sleep(0.2)
sys.exit(child.returncode)
