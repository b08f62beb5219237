# Waits for every signal in one place, sigtimedwait, and keeps no handler, no pipe and no heap.
"""A supervisor that can be PID 1: supervisor.py MANIFEST.json"""

import json
import os
import select
import signal
import sys
import time

EVERY = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


def say(text):
    """For people; left out where the console is full."""
    if select.select([], [2], [], 0)[1]:
        os.write(2, f"supervisor: {text}\n".encode())


def send(pid, number):
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # before its setsid
        os.kill(pid, number)


def spawn(spec):
    """The PID of a new process of the service; 0 where there can be none now."""
    try:
        pid = os.fork()
    except OSError as error:
        say(f"{spec['name']}: {error}")
        return 0
    if pid == 0:
        try:
            os.setsid()
            for number in EVERY:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.execvp(spec["command"][0], spec["command"])
        except OSError as error:
            say(f"{spec['name']}: {error}")
        finally:
            os._exit(127)
    return pid


def wanted_again(spec, status):
    """Whether the policy wants a service again that has ended so."""
    policy = spec.get("restart", {}).get("policy", "always")
    return policy == "always" or (policy == "on-failure" and status != 0)


def reaped():
    """Each child that has ended, until there is none: PID and status."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def main(path):
    with open(path) as file:
        specs = json.load(file)["services"]
    signal.pthread_sigmask(signal.SIG_BLOCK, EVERY)
    starts = [(0.0, spec) for spec in specs]
    running, began, waits, kills = {}, {}, {}, []
    stopping = False
    while running or not stopping:
        now = time.monotonic()
        due, starts = [s for _, s in starts if _ <= now], [(t, s) for t, s in starts if t > now]
        for spec in due:
            pid = spawn(spec)
            if pid:
                running[pid], began[pid] = spec, now
            else:
                starts.append((now + 0.5, spec))
        for when, pid in kills:
            if when <= now and pid in running:
                send(pid, signal.SIGKILL)
        kills = [(when, pid) for when, pid in kills if when > now]
        times = [when for when, _ in (*starts, *kills)]
        got = signal.sigtimedwait(EVERY, max(0.0, min(times) - now)) if times else signal.sigwaitinfo(EVERY)
        if got is None:
            continue
        if got.si_signo == signal.SIGCHLD:
            for pid, status in reaped():
                spec = running.pop(pid, None)
                if spec is None or stopping or not wanted_again(spec, status):
                    continue
                now, name = time.monotonic(), spec["name"]
                waits[name] = 0.1 if now - began[pid] > 1.0 else min(1.0, 2 * waits.get(name, 0.05))
                starts.append((now + waits[name], spec))
        elif got.si_signo == signal.SIGTERM and not stopping:
            stopping, starts = True, []
            for pid, spec in running.items():
                send(pid, signal.SIGTERM)
                kills.append((time.monotonic() + spec.get("stop_grace", 5.0), pid))
    return 0


sys.exit(main(sys.argv[1]))
