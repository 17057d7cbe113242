"""What stands before every request: who is asked for, who asks, what a page may do.

Guarantees: only a request for a name of ours is answered, so that a foreign page
cannot reach a collector on localhost through a name of its own (DNS rebinding);
a request that changes something needs a header no foreign page can send; every
response carries the security headers.

Does not: know users. Whoever may connect may read; listen on localhost, or put
an authenticating proxy before it.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Collection

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

log = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

INTENT_HEADER = "X-Homeroute"
"""Must be "1" on every request that changes something."""

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def is_allowed_host(host: str, allowed: Collection[str]) -> bool:
    """Whether a Host header names this machine: a loopback name, or a configured one.

    ``allowed`` holds names without a port.
    """
    name = host_name(host)
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name in allowed
    return address.is_loopback or (name in allowed and not address.is_unspecified)


def host_name(host: str) -> str:
    """A Host header without its port, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().removesuffix(".")


def guard(allowed_hosts: Collection[str]) -> Middleware:
    """The middleware. Refusals and unforeseen errors are JSON too."""
    allowed = frozenset(name.lower() for name in allowed_hosts)

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_allowed_host(request.headers.get("Host", ""), allowed):
            return refused(
                421, "this name is not in [http] allowed_hosts of the collector's configuration"
            )
        if request.method not in _SAFE_METHODS and request.headers.get(INTENT_HEADER) != "1":
            return refused(403, f"a request that changes something needs {INTENT_HEADER}: 1")
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            response = refused(error.status, error.text or error.reason)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
            return response
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return refused(500, "the collector failed at this; its log says how")

    return guarded


async def add_security_headers(_: web.Request, response: web.StreamResponse) -> None:
    """For ``app.on_response_prepare``; leaves what a page has set itself."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.pop("Server", None)


def refused(status: int, why: str) -> web.Response:
    """An error as JSON."""
    return web.json_response({"error": why}, status=status)
