"""Talks to the running collector over its HTTP API.

No second process may open the archive while one writes to it, so commands ask
the one that does. Requests stay on the loopback unless told otherwise, and are
never sent through a proxy.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from homeroute_command.failure import Failure

DEFAULT_URL = "http://127.0.0.1:8080"


class Answered(Failure):
    """The collector answered with an error. ``status`` is HTTP's, ``detail`` its own words."""

    def __init__(self, message: str, status: int, detail: str) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail


class NotRunning(Failure):
    """Nobody listens there."""


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url: str, path: str, *, timeout_s: float = 10.0) -> Any:
    """The JSON answer to GET, or a :class:`Failure` in plain words."""
    with _open(_request(url, path), timeout_s) as answer:
        return _document(url, answer)


def fetch(url: str, path: str, *, timeout_s: float = 10.0) -> bytes:
    """The answer to GET as it comes, or a :class:`Failure` in plain words."""
    with _open(_request(url, path), timeout_s) as answer:
        try:
            body: bytes = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f"reading from {url}: {error}") from None
        return body


def post(
    url: str, path: str, body: dict[str, Any] | None = None, *, timeout_s: float = 600.0
) -> Any:
    """The JSON answer to POST, or a :class:`Failure` in plain words."""
    with _open(_request(url, path, json.dumps(body or {}).encode()), timeout_s) as answer:
        return _document(url, answer)


def lines(url: str, path: str) -> Iterator[dict[str, Any]]:
    """The objects of a newline-delimited JSON stream, until it ends."""
    with _open(_request(url, path), None) as answer:
        try:
            for line in answer:
                if line.strip():
                    yield json.loads(line)
        except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
            raise Failure(f"reading from {url}: {error}") from None
        except ValueError:
            raise Failure(f"{url} is no Homeroute collector: it answers no JSON") from None


def _request(url: str, path: str, body: bytes | None = None) -> urllib.request.Request:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Failure(f"--url {url}: want one like {DEFAULT_URL}", exit_code=2)
    headers = {"Content-Type": "application/json", "X-Homeroute": "1"} if body else {}
    return urllib.request.Request(url.rstrip("/") + path, body, headers)  # noqa: S310 - http only


def _document(url: str, answer: Any) -> Any:
    try:
        return json.load(answer)
    except ValueError:
        raise Failure(f"{url} is no Homeroute collector: it answers no JSON") from None


def _open(request: urllib.request.Request, timeout_s: float | None) -> Any:
    try:
        return _DIRECT.open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        detail = error.read(2000).decode(errors="replace").strip()
        try:
            detail = json.loads(detail)["error"]
        except (ValueError, KeyError, TypeError):
            detail = detail or error.reason
        message = f"{request.full_url} answered {error.code}: {detail}"
        raise Answered(message, error.code, str(detail)) from None
    except (http.client.InvalidURL, ValueError) as error:
        raise Failure(f"--url {request.full_url}: {error}", exit_code=2) from None
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)
        # What is asked of it is our own affair, and so is the number of the error.
        said = " ".join(str(getattr(cause, "strerror", None) or cause).split())
        parts = urlsplit(request.full_url)
        raise (NotRunning if isinstance(cause, ConnectionRefusedError) else Failure)(
            f"asking {parts.scheme}://{parts.netloc}: {said}; is `homeroute up` running, "
            "and is --url the address it printed?"
        ) from None
