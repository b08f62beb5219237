"""Which s6-rc runs in a sandbox: the image's own, or the manager of `labs/s6rc`, which is carried along."""

from __future__ import annotations

from dataclasses import dataclass

from helpers.engines.base import Sandbox
from helpers.errors import LabError

__all__ = ["CARRIED", "Manager", "manager"]

CARRIED = "/usr/local/lib/s6rc"
"""Where `labs/s6rc` is laid in a sandbox."""

# The links to ours that a machine makes are in /usr/local/bin: it is the file they lead to that tells.
_ASK = f"""
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:{CARRIED}/bin
readlink -f "$(command -v s6-rc)"
[ -e /run/service/s6-linux-init-shutdownd ] && echo booted || echo -
"""


@dataclass(frozen=True)
class Manager:
    """What answers to the name s6-rc.

    `path` is its file inside; `real` whether it is s6-rc itself and not `labs/s6rc`; `linux_init` whether
    s6-linux-init set up PID 1.
    """

    path: str
    real: bool
    linux_init: bool

    def __str__(self) -> str:
        if not self.real:
            return "our manager of labs/s6rc over the real s6: this image has no s6-rc"
        booted = "booted by s6-linux-init" if self.linux_init else "booted without s6-linux-init"
        return f"the real s6-rc, {self.path}, {booted}"

    __repr__ = __str__


def manager(sandbox: Sandbox) -> Manager:
    """Ask a sandbox. Raises `LabError` where neither is."""
    answer = sandbox.exec(["/bin/sh", "-c", _ASK]).stdout.decode(errors="replace").splitlines()
    if len(answer) != 2 or not answer[0].startswith("/"):
        raise LabError("no s6-rc in this sandbox", hint='boot it with init="s6-rc", or as a Machine')
    path, booted = answer
    return Manager(path, not path.startswith(CARRIED), booted == "booted")
