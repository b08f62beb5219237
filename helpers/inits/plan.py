"""What every renderer asks of a manifest before it writes the first file."""

from __future__ import annotations

import math
from dataclasses import dataclass

from helpers.errors import ManifestError, RenderError
from helpers.inits.base import ServiceStatus, Unsupported
from helpers.inits.readiness import wait_seconds
from helpers.inits.shell import check_strings, number
from helpers.manifest.graph import expand, order
from helpers.manifest.models import Fd, Manifest, Restart, Service

__all__ = [
    "Plan",
    "back_off_values",
    "backs_off",
    "fd_notes",
    "limit_notes",
    "make_plan",
    "oneshot_notes",
    "restarts_soon",
    "with_bundles",
]


@dataclass(frozen=True)
class Plan:
    """A manifest whose bundles are replaced by their members.

    `services` are in the manifest's order; `stop_order` has a service before all it depends on.
    """

    services: tuple[Service, ...]
    bundles: tuple[Service, ...]
    stop_order: tuple[Service, ...]

    def service(self, name: str) -> Service:
        """The service called `name`, which is known to exist."""
        return next(service for service in self.services if service.name == name)

    def waits(self, service: Service) -> list[tuple[Service, int]]:
        """What `service` waits for, each with the seconds it may take to be ready."""
        needed = [self.service(name) for name in service.depends_on]
        return [(other, wait_seconds(other.readiness)) for other in needed]


def make_plan(manifest: Manifest) -> Plan:
    """Check what no init could express and put the services in order.

    Raises `RenderError` for a NUL in a word, an unknown dependency, a cycle (with its path).
    """
    for service in manifest.services:
        check_strings(service)
    try:
        plain = expand(manifest)
        ordered = order(plain)
    except ManifestError as error:
        raise RenderError(f"manifest {manifest.name}: {error.message}", hint=error.hint) from None
    by_name = {service.name: service for service in plain.services}
    return Plan(
        services=plain.services,
        bundles=tuple(service for service in manifest.services if service.kind == "bundle"),
        stop_order=tuple(by_name[name] for name in reversed(ordered)),
    )


def backs_off(restart: Restart) -> bool:
    """Whether the restart policy asks for more than starting again soon (a tenth of a second)."""
    return restart.delay > Restart().delay or (restart.factor > 1 and restart.delay > 0)


def restarts_soon(service: Service) -> bool:
    """Whether a restart policy that was asked for wants a restart in less than a second."""
    restart = service.restart
    asked = service.kind == "longrun" and restart != Restart() and restart.policy != "never"
    return asked and restart.delay < 1


def back_off_values(restart: Restart) -> dict[str, object]:
    """What the templates `finish-backoff` need. `calm` seconds without an end make the delay begin anew:
    longer than the longest delay and as long again."""
    longest = max(restart.max_delay, restart.delay)
    return {
        "delay": number(restart.delay),
        "factor": number(restart.factor),
        "max_delay": number(longest),
        "calm": math.ceil(2 * longest) + 1,
    }


def limit_notes(service: Service, tool: str) -> list[Unsupported]:
    """What `setrlimit(2)`, which every init here limits a service with, cannot mean."""
    notes = []
    if service.limits.memory is not None:
        note = f"{tool} limits the address space of each process; the service's total has no limit"
        notes.append(Unsupported(service.name, "limits.memory", note))
    if service.limits.pids is not None:
        note = f"{tool} limits the processes of the service's user, wherever they come from, and never root's"
        notes.append(Unsupported(service.name, "limits.pids", note))
    return notes


def fd_notes(service: Service, instead: str) -> list[Unsupported]:
    """A note where a service reports its readiness on a file descriptor and the init does not listen."""
    if not isinstance(service.readiness, Fd):
        return []
    note = f"nothing listens on a notification file descriptor; {instead}"
    return [Unsupported(service.name, "readiness", note)]


def oneshot_notes(service: Service) -> list[Unsupported]:
    """A note where a oneshot asks for a readiness of its own."""
    if service.readiness is None:
        return []
    note = "a oneshot is ready when its command has ended with 0, whatever its readiness says"
    return [Unsupported(service.name, "readiness", note)]


def with_bundles(manifest: Manifest, found: dict[str, ServiceStatus]) -> list[ServiceStatus]:
    """Every service's status in the manifest's order; a bundle the init does not know has its members'.

    Such a bundle is up when all its members are, otherwise in the state of the first that is not; it is
    ready when no member says it is not.
    """
    done = dict(found)
    kinds = {service.name: service for service in manifest.services}
    for name in order(manifest):
        if name in done or kinds[name].kind != "bundle":
            continue
        members = [done[need] for need in kinds[name].depends_on if need in done]
        state = next((member.state for member in members if member.state != "up"), "up")
        ready = None if all(m.ready is None for m in members) else all(m.ready is not False for m in members)
        done[name] = ServiceStatus(name, state, ready=ready)
    return [done[service.name] for service in manifest.services if service.name in done]
