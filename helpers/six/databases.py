"""PostgreSQL in SixOS in miniature: a base to infuse, and the real client.

The services are those of `labs/nix/six/by-name` (postgres, postgres-template, postgres-copy, certificate).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.six.machine import Machine

__all__ = ["BASE", "ask", "base"]


def base(*, port: int = 5432, settings: Mapping[str, str] | None = None, timeout_kill: int = 10000) -> str:
    """One PostgreSQL, `pg`, as somebody might have left it: SIGTERM stops it, its finish only talks.

    A configuration for `Machine`. `settings` are lines of its postgresql.conf; `timeout_kill` is in
    milliseconds (https://skarnet.org/software/s6/servicedir.html).
    """
    lines = "".join(f'      "{k}" = "{v}";\n' for k, v in (settings or {"farm.field": "north"}).items())
    return f"""final: {{
  targets.pg-template = _: final.services.postgres-template {{ }};
  targets.pg = _: final.services.postgres {{
    port = {port};
    settings = {{
{lines}    }};
    access = [
      "local all all trust"
      "host all all 127.0.0.1/32 trust"
      "host replication all 127.0.0.1/32 trust"
    ];
    down-signal = "SIGTERM";
    timeout-kill = {timeout_kill};
    finish = "echo \\"pg: exit code $1, signal $2\\"";
  }};
}}
"""


BASE = base()


def ask(machine: Machine, port: int, query: str, *, sslmode: str = "prefer") -> str:
    """What psql inside the machine says to a query: rows, or the error.

    `sslmode` as in libpq (https://www.postgresql.org/docs/17/libpq-ssl.html): `disable`, `prefer`, `require`.
    """
    where = f"host=127.0.0.1 port={port} user=postgres sslmode={sslmode} connect_timeout=10"
    quoted = query.replace("'", "'\\''")
    return machine.sh(f"psql '{where}' -qAtc '{quoted}'")
