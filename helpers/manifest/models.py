"""The manifest: a declarative set of services. One model for every init (see `helpers.inits`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from helpers.errors import ManifestError
from helpers.manifest.problems import no_service

__all__ = ["Exec", "Fd", "Http", "Limits", "Log", "Manifest", "Readiness", "Restart", "Service", "Tcp"]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Fd(_Part):
    """Ready when the service writes a newline to file descriptor `fd` (s6's notification-fd).

    The service finds the number in the environment variable `NOTIFY_FD`.
    """

    kind: Literal["fd"] = "fd"
    fd: Annotated[int, Field(ge=3, le=9)] = 3
    """The number of the file descriptor."""
    timeout: Seconds = 15.0
    """Seconds to wait before the service counts as not ready."""


class Tcp(_Part):
    """Ready when 127.0.0.1:`port` accepts a connection."""

    kind: Literal["tcp"] = "tcp"
    port: Port
    """The TCP port on 127.0.0.1 inside the lab."""
    timeout: Seconds = 15.0
    """Seconds to wait before the service counts as not ready."""


class Http(_Part):
    """Ready when GET http://127.0.0.1:`port``path` answers with a 2xx or 3xx status."""

    kind: Literal["http"] = "http"
    port: Port
    """The TCP port on 127.0.0.1 inside the lab."""
    path: Annotated[str, Field(pattern=r"^/\S*$")] = "/"
    """What to GET, starting with /."""
    timeout: Seconds = 15.0
    """Seconds to wait before the service counts as not ready."""


class Exec(_Part):
    """Ready when `command` exits 0."""

    kind: Literal["exec"] = "exec"
    command: Annotated[tuple[str, ...], Field(min_length=1)]
    """The program and its arguments, run inside the lab."""
    timeout: Seconds = 15.0
    """Seconds to wait before the service counts as not ready."""


Readiness = Annotated[Fd | Tcp | Http | Exec, Field(discriminator="kind")]


class Restart(_Part):
    """When a longrun is started again, and how long to hold it back (seconds)."""

    policy: Literal["always", "on-failure", "never"] = "always"
    """`on-failure`: only after an exit status other than 0, or a signal."""
    delay: Annotated[float, Field(ge=0, le=3600)] = 0.1
    """Seconds before the first restart."""
    max_delay: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """The delay grows no further than this many seconds."""
    factor: Annotated[float, Field(ge=1, le=10)] = 1.0
    """The delay is multiplied by this after each restart in a row."""


class Limits(_Part):
    """Limits of one service: bytes of memory, processes, open files."""

    memory: Annotated[int, Field(gt=0)] | None = None
    """Bytes."""
    pids: Annotated[int, Field(gt=0)] | None = None
    """Processes and threads."""
    open_files: Annotated[int, Field(gt=0)] | None = None
    """File descriptors of each process (RLIMIT_NOFILE, getrlimit(2))."""


class Log(_Part):
    """Where standard output and error go: rotated at `max_bytes`, `keep` old files kept."""

    max_bytes: Annotated[int, Field(ge=4096)] = 1_000_000
    """Bytes in one file before it is rotated."""
    keep: Annotated[int, Field(ge=1, le=100)] = 5
    """Old files kept."""
    timestamps: bool = True
    """Whether the logger puts the time before each line."""


class Service(_Part):
    """One service.

    A `longrun` has a `command` that stays in the foreground; a `oneshot` has one that ends (and may
    have a `down` command, run when it is stopped); a `bundle` is a name for its `depends_on`.
    """

    name: Name
    kind: Literal["longrun", "oneshot", "bundle"] = "longrun"
    description: str = ""
    command: tuple[str, ...] = ()
    """The program and its arguments; no shell is involved."""
    down: tuple[str, ...] = ()
    """What a oneshot runs when it is stopped."""
    env: dict[str, str] = Field(default_factory=dict)
    """Environment variables, besides those the init sets itself."""
    user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]*$")] | None = None
    """The user the service runs as; without it, the user of PID 1."""
    cwd: Annotated[str, Field(pattern=r"^/")] | None = None
    """The directory it starts in."""
    depends_on: tuple[Name, ...] = ()
    """Names of services that must be ready before this one starts."""
    readiness: Readiness | None = None
    """How to find out that the service can do its work; without it, started is ready."""
    restart: Restart = Restart()
    limits: Limits = Limits()
    log: Log = Log()
    stop_signal: Literal["TERM", "INT", "QUIT", "HUP", "KILL", "USR1", "USR2"] = "TERM"
    """The signal that asks it to end, without SIG."""
    stop_grace: Seconds = 5.0
    """Seconds between the stop signal and SIGKILL."""
    ports: tuple[Port, ...] = ()
    """TCP ports it listens on; the lab makes them reachable from the host."""

    @model_validator(mode="after")
    def _command_fits_kind(self) -> Service:
        if self.kind == "bundle" and self.command:
            raise ValueError("a bundle has no command: it is a name for its depends_on")
        if self.kind != "bundle" and not self.command:
            raise ValueError(f'a {self.kind} needs a command, e.g. command = ["/usr/bin/redis-server"]')
        return self


class Manifest(_Part):
    """A set of services, in the order they were written.

    `files` maps a path inside the sandbox to a file beside the manifest (configuration, programs);
    loading turns the latter into absolute host paths. `ports` of the services are what a lab makes
    reachable from the host.
    """

    name: Name
    description: str = ""
    services: Annotated[tuple[Service, ...], Field(min_length=1, alias="services")]
    files: dict[str, str] = Field(default_factory=dict)
    """Path inside the lab → file beside the manifest, copied there before PID 1 starts."""

    def service(self, name: str) -> Service:
        """The service called `name`. Raises `ManifestError`, naming the nearest name there is."""
        for service in self.services:
            if service.name == name:
                return service
        raise ManifestError(f"manifest {self.name}: {no_service(name, [s.name for s in self.services])}")
