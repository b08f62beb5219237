# hint: blocked-in-child
# Waits for blocked signals, and its child inherits the mask.
import os
import signal
import sys

args = sys.argv[1:]
group = args[:1] == ["-g"]
command = args[1:] if group else args
wanted = {signal.SIGTERM, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
child = os.fork()
if child == 0:
    os.setsid()
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"pid1: {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)
while True:
    if signal.sigwait(wanted) == signal.SIGTERM:
        os.kill(-child if group else child, signal.SIGTERM)
        continue
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
        if pid == child:
            sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
