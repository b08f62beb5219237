"""Horust, built from the Rust registry and booted as PID 1 (`labs/landscape/horust`)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from helpers.bare import BareSandbox
from helpers.engines.base import Pid1
from helpers.errors import InitlabError
from helpers.filetree import FileTree
from helpers.inits.horust import CRATE
from helpers.rust.builds import build
from helpers.rust.crates import Crate
from helpers.rust.toolchain import availability

__all__ = ["Horust"]

_PROGRAM = "/opt/lab/horust"
_SERVICES = "/etc/horust/services"


class Horust:
    """Horust's program, built in the background from now on; what was built before is there at once."""

    def __init__(self) -> None:
        self._program: Path | None = None
        self._error = ""
        self._thread = threading.Thread(target=self._build, daemon=True)
        self._thread.start()

    def _build(self) -> None:
        found = availability()
        if not found.ok:  # no minutes of fetching a toolchain that nobody asked for
            self._error = f"{found.reason}\n  next: {found.mend}"
            return
        try:
            self._program = build(Crate.of(CRATE), profile="dev", progress=False)
        except InitlabError as error:
            self._error = str(error)

    def ready(self, timeout: float = 0.0) -> bool:
        """Whether it is built, waiting up to `timeout` seconds for it."""
        self._thread.join(timeout)
        return self._program is not None

    def __repr__(self) -> str:
        if self._error:
            return f"Horust could not be built:\n{self._error}"
        return "Horust is built" if self._program else "Horust is being built; run this cell again later"

    def boot(self, services: Mapping[str, str]) -> BareSandbox:
        """Start a sandbox with Horust as PID 1 on services: file name → text of its TOML.

        Raises `InitlabError` while it is not built, and what `helpers.engines.base.Engine.start` raises.
        """
        from helpers import image
        from helpers.lab import _find_engine

        if self._program is None:
            raise InitlabError(repr(self), hint="ask ready() first")
        tree = FileTree()
        tree.add(_PROGRAM, self._program.read_bytes(), 0o755)
        for name, text in services.items():
            tree.add(f"{_SERVICES}/{name}", text)
        return BareSandbox(_find_engine(None).start(image.ensure(), Pid1((_PROGRAM, _SERVICES)), tree))
