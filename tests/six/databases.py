"""What the tests of PostgreSQL share: a configuration with every kind of instance, and the real psql."""

from __future__ import annotations

import time
from collections.abc import Callable

from helpers.six.databases import ask

__all__ = ["INSTANCES", "ask", "until"]

INSTANCES = """final:
let pg = change: _: final.infuse final.targets.pg { __input = change; }; in
{
  targets.pg-template = _: final.services.postgres-template { };
  targets.pg = _: final.services.postgres { };
  targets.pg-testing = pg {
    name.__assign = "pg-testing"; port.__assign = 5433; settings.fsync.__assign = false;
  };
  targets.pg-fast = pg {
    name.__assign = "pg-fast"; port.__assign = 5434; settings.shared_buffers.__assign = "32MB";
  };
  targets.pg-copy = _: final.services.postgres-copy { folder = "/var/lib/postgresql/pg-replica"; };
  targets.pg-replica = pg {
    name.__assign = "pg-replica"; port.__assign = 5435; after.__assign = [ final.targets.pg-copy ];
  };
  targets.certificate = _: final.services.certificate { };
  targets.pg-tls = pg {
    name.__assign = "pg-tls"; port.__assign = 5436;
    settings.ssl.__assign = true;
    settings.ssl_cert_file.__assign = "/var/lib/certificates/certificate/cert.pem";
    settings.ssl_key_file.__assign = "/var/lib/certificates/certificate/key.pem";
    access.__assign = [ "local all all trust" "hostssl all all 127.0.0.1/32 trust" ];
    # `after` was not among the arguments given so far: __append would begin with nothing, not the default.
    after.__assign = [ final.targets.pg-template final.targets.certificate ];
  };
  targets.databases = _: final.services.databases {
    members = [ final.targets.pg final.targets.pg-replica ];
  };
}
"""


def until(happened: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Poll until something holds; whether it did."""
    end = time.monotonic() + seconds
    while not (found := happened()) and time.monotonic() < end:
        time.sleep(0.05)
    return found
