"""The same on asyncio's loop: callbacks for two signals."""

import asyncio
import json
import os
import pwd
import signal
import sys

CLEAN = [number for number in signal.valid_signals() if number not in (signal.SIGKILL, signal.SIGSTOP)]


def tell(**event):
    print(json.dumps(event), flush=True)


class Init:
    def __init__(self, specs):
        self.specs = specs
        self.names = {}
        self.stopping = False
        self.over = asyncio.Event()

    async def run(self):
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self.reap)
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        for spec in self.specs:
            self.start(spec)
        await self.over.wait()

    def start(self, spec):
        os.chdir(spec.get("cwd") or "/")
        command = spec["command"]
        if user := spec.get("user"):  # posix_spawn knows no users: setpriv(1) becomes the command
            group = str(pwd.getpwnam(user).pw_gid)
            command = ["setpriv", "--reuid", user, "--regid", group, "--init-groups", "--", *command]
        environment = {**os.environ, **spec.get("env", {})}
        try:
            pid = os.posix_spawnp(
                command[0], command, environment, setsid=True, setsigmask=[], setsigdef=CLEAN
            )
        except OSError as error:
            print(f"{spec['name']}: {spec['command'][0]}: {error.strerror}", file=sys.stderr, flush=True)
            tell(event="exit", service=spec["name"], pid=None, code=127)
            return
        self.names[pid] = spec["name"]
        tell(event="start", service=spec["name"], pid=pid)

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            name = self.names.pop(pid, None)
            if name is None:
                continue
            if os.WIFSIGNALED(status):
                tell(event="exit", service=name, pid=pid, signal=os.WTERMSIG(status))
            else:
                tell(event="exit", service=name, pid=pid, code=os.WEXITSTATUS(status))
        self.look()

    def stop(self):
        self.stopping = True
        for pid in self.names:
            os.killpg(pid, signal.SIGTERM)
        self.look()

    def look(self):
        if self.stopping and not self.names:
            self.over.set()


with open(sys.argv[1]) as file:
    manifest = json.load(file)


async def main():
    await Init(manifest["services"]).run()


asyncio.run(main())
