# hint: reaps-late
# Looks for dead children every two and a half seconds: in between they stay.
import os
import signal
import sys
import time

args = sys.argv[1:]
group = args[:1] == ["-g"]
command = args[1:] if group else args

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"pid1: {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)
try:
    os.setpgid(child, child)
except OSError:  # the child was faster
    pass


def forward(signum, frame):
    try:
        os.kill(-child if group else child, signum)
    except ProcessLookupError:
        pass


signal.signal(signal.SIGTERM, forward)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

status = None
while status is None:
    time.sleep(2.5)
    while True:
        try:
            pid, found = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
        if pid == child:
            status = found
sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
