"""setpriv(1): util-linux's program that changes the user of the process and becomes the next program."""

from __future__ import annotations

from collections.abc import Sequence

from helpers.inits.shell import env_words, join
from helpers.manifest.models import Service

__all__ = ["behind_setpriv"]


def behind_setpriv(service: Service, argv: Sequence[str]) -> str:
    """`argv` as a line for sh, behind setpriv where the service has a user: his groups come along."""
    words = join([*env_words(service, cwd=False), *argv])
    if service.user is None:
        return words
    return f'setpriv --reuid {service.user} --regid "$(id -g {service.user})" --init-groups {words}'
