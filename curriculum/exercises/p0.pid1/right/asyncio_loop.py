# Right: an asyncio event loop with signal handlers of the loop.
import asyncio
import os
import signal
import sys


async def main(command, group):
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    child = None

    def reap():
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == child and not over.done():
                over.set_result(os.waitstatus_to_exitcode(status))

    def forward():
        if child is not None and not over.done():
            os.kill(-child if group else child, signal.SIGTERM)

    loop.add_signal_handler(signal.SIGCHLD, reap)
    loop.add_signal_handler(signal.SIGTERM, forward)
    # posix_spawn leaves no moment between fork and exec in which Python runs.
    child = os.posix_spawnp(command[0], command, os.environ, setpgroup=0, setsigdef=[signal.SIGPIPE])
    code = await over
    return code if code >= 0 else 128 - code


arguments = sys.argv[1:]
in_group = arguments[0] == "-g"
if in_group:
    del arguments[0]
try:
    sys.exit(asyncio.run(main(arguments, in_group)))
except FileNotFoundError:
    print(arguments[0], "does not exist", file=sys.stderr)
    sys.exit(127)
except PermissionError:
    print(arguments[0], "may not be executed", file=sys.stderr)
    sys.exit(126)
