"""The same without a handler: signals are blocked, and sigtimedwait sleeps until one comes or a time does."""

import json
import os
import pwd
import signal
import sys
import time

SIGNALS = {signal.SIGCHLD, signal.SIGTERM}


class Service:
    def __init__(self, spec):
        self.spec, self.name, self.command = spec, spec["name"], spec["command"]
        restart = spec.get("restart") or {}
        self.policy = restart.get("policy", "always")
        self.first, self.most = restart.get("delay", 0.1), restart.get("max_delay", 30.0)
        self.factor = restart.get("factor", 1.0)
        self.failures = 0
        self.due = 0.0  # when to start it, None where it is not to be started
        self.starts = []

    def tell(self, event, **more):
        os.write(1, json.dumps({"event": event, "service": self.name, **more}).encode() + b"\n")

    def start(self):
        self.due, now = None, time.monotonic()
        self.starts = [*(s for s in self.starts if now - s < 1.0), now]
        if len(self.starts) > 5:
            self.tell("down", reason="limit")
            return 0
        pid = os.fork()
        if pid == 0:
            self.become()
        self.tell("start", pid=pid)
        return pid

    def become(self):
        try:
            os.setsid()
            for number in range(1, 32):
                if number not in (signal.SIGKILL, signal.SIGSTOP):
                    signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            if self.spec.get("user"):
                account = pwd.getpwnam(self.spec["user"])
                os.initgroups(account.pw_name, account.pw_gid)
                os.setgid(account.pw_gid)
                os.setuid(account.pw_uid)
            os.chdir(self.spec.get("cwd") or "/")
            os.execvpe(self.command[0], self.command, {**os.environ, **self.spec.get("env", {})})
        except OSError as error:
            os.write(2, f"{self.name}: {self.command[0]}: {error.strerror}\n".encode())
        os._exit(127)

    def ended(self, pid, status, stopping):
        if os.WIFSIGNALED(status):
            self.tell("exit", pid=pid, signal=os.WTERMSIG(status))
        else:
            self.tell("exit", pid=pid, code=os.WEXITSTATUS(status))
        if self.policy == "never" or (self.policy == "on-failure" and status == 0):
            self.tell("down", reason="policy")
            return
        if stopping:
            return
        now = time.monotonic()
        self.failures = 0 if now - self.starts[-1] >= self.most else self.failures
        wait = min(self.first * self.factor**self.failures, self.most)
        self.failures += 1
        self.tell("restart", delay=wait)
        self.due = now + wait


def send(pid, number):
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # before its setsid
        os.kill(pid, number)


def main(path):
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    with open(path) as file:
        services = [Service(spec) for spec in json.load(file)["services"]]
    running, stopping = {}, False
    while running or not stopping:
        for service in services:
            if not stopping and service.due is not None and service.due <= time.monotonic():
                pid = service.start()
                if pid:
                    running[pid] = service
        dues = [service.due for service in services if service.due is not None and not stopping]
        if dues:
            got = signal.sigtimedwait(SIGNALS, max(0.0, min(dues) - time.monotonic()))
        else:
            got = signal.sigwaitinfo(SIGNALS)
        if got is not None and got.si_signo == signal.SIGTERM:
            stopping = True
            for pid in running:
                send(pid, signal.SIGTERM)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                break
            if pid in running:
                running.pop(pid).ended(pid, status, stopping)
    return 0


sys.exit(main(sys.argv[1]))
