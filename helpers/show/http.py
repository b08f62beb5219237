"""One HTTP request and its answer, shown as a person would want to read it."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any

__all__ = ["Response", "fetch"]

_SHOWN = 2000


@dataclass(frozen=True)
class Response:
    """An HTTP answer: `status` code, `headers` (lower-case names), `body`, and the `seconds` it took."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body parsed as JSON. Raises ValueError when it is something else."""
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"HTTP {self.status} {http.client.responses.get(self.status, '')}\n{self.text[:_SHOWN]}"

    __repr__ = __str__


def fetch(host: str, port: int, path: str, timeout: float) -> Response:
    """GET http://host:port/path. Raises OSError when nobody answers properly."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Response(answer.status, headers, body, time.monotonic() - began)
    except http.client.HTTPException as error:
        raise OSError(f"it does not speak HTTP ({type(error).__name__})") from None
    finally:
        connection.close()
