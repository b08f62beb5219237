# hint: no-own-group
# With -g it signals the child's group, which is its own.
import os
import signal
import sys

args = sys.argv[1:]
group = args[:1] == ["-g"]
command = args[1:] if group else args

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
child = os.fork()
if child == 0:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"pid1: {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def forward(signum, frame):
    try:
        os.kill(-os.getpgid(child) if group else child, signum)
    except ProcessLookupError:
        pass


signal.signal(signal.SIGTERM, forward)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

while True:
    pid, status = os.wait()
    if pid == child:
        break
sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
