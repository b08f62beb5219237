# hint: not-found
# A command that does not exist ends in a traceback and exit code 1.
import os
import signal
import sys

args = sys.argv[1:]
group = args[:1] == ["-g"]
command = args[1:] if group else args
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.execvp(command[0], command)


def forward(signum, frame):
    try:
        os.kill(-child if group else child, signum)
    except ProcessLookupError:
        pass


signal.signal(signal.SIGTERM, forward)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

while True:
    pid, status = os.wait()
    if pid == child:
        break
sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
