# Right: one thread sleeps in wait(2), the main thread in sigwait(3).
import os
import signal
import sys
import threading

args = sys.argv[1:]
group = args[:1] == ["-g"]
command = args[1:] if group else args

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
child = os.fork()
if child == 0:
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127 if error.errno == 2 else 126)


def wait_for_all():
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


threading.Thread(target=wait_for_all).start()
while True:
    signal.sigwait({signal.SIGTERM})
    try:
        (os.killpg if group else os.kill)(child, signal.SIGTERM)
    except ProcessLookupError:
        pass
