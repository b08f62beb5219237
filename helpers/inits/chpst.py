"""chpst(8): a program that changes what has to change between a script and the service it becomes."""

from __future__ import annotations

from collections.abc import Sequence

from helpers.inits.shell import env_words, join
from helpers.manifest.models import Service

__all__ = ["behind_chpst"]


def behind_chpst(service: Service, argv: Sequence[str]) -> str:
    """`argv` as a line for sh, behind chpst with the service's user and limits where it has any."""
    options: list[str] = []
    if service.user is not None:
        options += ["-u", service.user]
    limits = service.limits
    for flag, limit in (("-o", limits.open_files), ("-p", limits.pids), ("-m", limits.memory)):
        if limit is not None:
            options += [flag, str(limit)]
    prefix = ["chpst", *options] if options else []
    return join([*prefix, *env_words(service, cwd=False), *argv])
