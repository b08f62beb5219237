"""What both engines' sandboxes do alike, by running a command inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from helpers.engines.base import ExecResult
from helpers.errors import SandboxError

__all__ = ["Inside"]


class Inside:
    """Files and addresses of a sandbox that has `id`, `_addresses` and `exec`."""

    id: str
    _addresses: Mapping[int, tuple[str, int]]

    def exec(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> ExecResult:
        """See `helpers.engines.base.Sandbox.exec`."""
        raise NotImplementedError

    def read(self, path: str) -> bytes:
        """See `helpers.engines.base.Sandbox.read`."""
        done = self.exec(["/bin/cat", "--", path])
        if done.code != 0:
            raise SandboxError(f"cannot read {path} in the sandbox: {_reason(done)}")
        return done.stdout

    def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """See `helpers.engines.base.Sandbox.write`."""
        script = 'mkdir -p -- "$(dirname -- "$1")" && cat >"$1" && chmod "$2" "$1"'
        done = self.exec(["/bin/sh", "-c", script, "sh", path, f"{mode:o}"], input=data)
        if done.code != 0:
            raise SandboxError(f"cannot write {path} in the sandbox: {_reason(done)}")

    def address(self, port: int) -> tuple[str, int]:
        """See `helpers.engines.base.Sandbox.address`."""
        if port not in self._addresses:
            declared = ", ".join(map(str, self._addresses)) or "none"
            raise SandboxError(
                f"port {port} of sandbox {self.id} is not reachable; declared ports: {declared}",
                hint="declare it: Network(ports=(...,)), or the service's `ports` in the manifest",
            )
        return self._addresses[port]


def _reason(done: ExecResult) -> str:
    text = done.stderr.decode(errors="replace").strip()
    return text.rsplit(":", 1)[-1].strip() or f"exit {done.code}"
