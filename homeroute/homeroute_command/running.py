"""Talks to the running collector over its HTTP API.

No second process may open the archive while one writes to it, so commands ask
the one that does. Requests stay on the loopback unless told otherwise, and are
never sent through a proxy.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from homeroute_command.failure import Failure

DEFAULT_URL = "http://127.0.0.1:8080"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url: str, path: str, *, timeout_s: float = 10.0) -> Any:
    """The JSON answer to GET, or a :class:`Failure` in plain words."""
    with _open(urllib.request.Request(url + path), timeout_s) as answer:  # noqa: S310
        return json.load(answer)


def post(
    url: str, path: str, body: dict[str, Any] | None = None, *, timeout_s: float = 600.0
) -> Any:
    """The JSON answer to POST, or a :class:`Failure` in plain words."""
    request = urllib.request.Request(  # noqa: S310 - the user names the URL
        url + path,
        data=json.dumps(body or {}).encode(),
        headers={"Content-Type": "application/json", "X-Homeroute": "1"},
        method="POST",
    )
    with _open(request, timeout_s) as answer:
        return json.load(answer)


def lines(url: str, path: str) -> Iterator[dict[str, Any]]:
    """The objects of a newline-delimited JSON stream, until it ends."""
    with _open(urllib.request.Request(url + path), None) as answer:  # noqa: S310
        try:
            for line in answer:
                if line.strip():
                    yield json.loads(line)
        except (ConnectionError, TimeoutError) as error:
            raise Failure(f"reading from {url}: {error}") from None


def _open(request: urllib.request.Request, timeout_s: float | None) -> Any:
    try:
        return _DIRECT.open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        detail = error.read(2000).decode(errors="replace").strip()
        try:
            detail = json.loads(detail)["error"]
        except (ValueError, KeyError, TypeError):
            detail = detail or error.reason
        raise Failure(f"{request.full_url} answered {error.code}: {detail}") from None
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise Failure(
            f"asking {request.full_url}: {reason}; is `homeroute up` running, "
            "and is --url the address it printed?"
        ) from None
    except ValueError as error:
        raise Failure(f"--url {request.full_url}: {error}", exit_code=2) from None
