"""Alerts as JSON to a webhook, signed.

Guarantees: the body is signed with HMAC-SHA256 over ``{seconds}.{body}``, told in
``X-Homeroute-Signature: t={seconds},v1={hex}``, so that a receiver can tell a forged
or an old message; redirects are not followed (a signature is for one receiver);
every wait has a limit. The address is not logged beyond scheme and host, for many
services put their secret into its path.

Verdicts: 2xx taken; 400, 413, 422 refused for good; everything else, silence
included, is tried again, honouring ``Retry-After`` in seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import aiohttp

from homeroute_collector.alert_delivery import Refused, Retryable
from homeroute_collector.alert_messages import Place, digest_id, document
from homeroute_collector.alert_notices import Notice

SIGNATURE_HEADER = "X-Homeroute-Signature"
ID_HEADER = "X-Homeroute-Id"

REFUSALS = frozenset({400, 413, 422})


def signature(secret: bytes, body: bytes, seconds: int) -> str:
    """The header's value; ``seconds`` since 1970 is what a receiver checks for age."""
    signed = hmac.new(secret, f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={signed}"


class Webhook:
    """Posts to one address. ``url`` and ``secret`` are read anew for every message."""

    def __init__(
        self,
        place: Place,
        *,
        url: Callable[[], str],
        secret: Callable[[], bytes] | None,
        timeout_s: float,
    ) -> None:
        self._place = place
        self._url = url
        self._secret = secret
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    @property
    def where(self) -> str:
        """Scheme and host."""
        try:
            parts = urlsplit(self._url())
            return f"{parts.scheme}://{parts.hostname}"
        except (OSError, ValueError):
            return "webhook"

    async def send(self, notices: Sequence[Notice], now_ms: int) -> None:
        """Raises Retryable or Refused."""
        body = json.dumps(document(self._place, notices, now_ms), separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", ID_HEADER: digest_id(notices)}
        try:
            url = self._url()
            if self._secret is not None:
                headers[SIGNATURE_HEADER] = signature(self._secret(), body, now_ms // 1000)
        except (OSError, ValueError) as error:
            raise Retryable(_reason(error)) from None
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                status, after = answer.status, answer.headers.get("Retry-After", "")
        except TimeoutError:
            raise Retryable(f"no answer within {self._timeout.total:g} s") from None
        except aiohttp.ClientConnectorError as error:
            raise Retryable(f"no connection: {error.os_error.strerror or 'refused'}") from None
        except (aiohttp.ClientError, ValueError) as error:
            # The text of aiohttp's errors may name the whole address.
            raise Retryable(type(error).__name__) from None
        if 200 <= status < 300:
            return
        if status in REFUSALS:
            raise Refused(f"it answered {status}")
        raise Retryable(f"it answered {status}", float(after) if after.isdecimal() else None)


def _reason(error: Exception) -> str:
    """What went wrong with a file, by its name; never its content."""
    if isinstance(error, OSError):
        return f"{error.filename} cannot be read: {error.strerror}"
    return str(error)
