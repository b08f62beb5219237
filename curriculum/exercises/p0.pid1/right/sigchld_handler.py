# Right: a SIGCHLD handler reaps, a pipe filled by set_wakeup_fd wakes the main program.
import os
import select
import signal
import subprocess
import sys

args = sys.argv[1:]
group = args[:1] == ["-g"]
command = args[1:] if group else args
code = None


def reap(signum, frame):
    global code
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid == child.pid:
            code = os.waitstatus_to_exitcode(status)


def forward(signum, frame):
    try:
        (os.killpg if group else os.kill)(child.pid, signum)
    except ProcessLookupError:
        pass


reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
signal.set_wakeup_fd(writing)
try:
    child = subprocess.Popen(command, start_new_session=True)
except OSError as error:
    print(f"pid1: cannot execute {command[0]}: {error.strerror}", file=sys.stderr)
    sys.exit(127 if isinstance(error, FileNotFoundError) else 126)
signal.signal(signal.SIGTERM, forward)
signal.signal(signal.SIGCHLD, reap)
reap(None, None)  # a child may have died before the handler was there
while code is None:
    select.select([reading], [], [])
    try:
        os.read(reading, 4096)
    except BlockingIOError:
        pass
# os._exit: Popen does not know that the child has been reaped, and would wait for it.
os._exit(code if code >= 0 else 128 - code)
