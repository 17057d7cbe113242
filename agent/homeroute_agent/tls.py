"""TLS to the broker, also on a device that believes it is 1970.

Only certificates signed by the district's own authority are accepted, and the
host name is always checked. How dates are checked depends on what is known:

- the system's clock agrees with the trusted time: OpenSSL checks them, fully;
- the time is trusted but the system's clock is wrong: the broker's certificate
  is checked here against the trusted time;
- no time is trusted yet: its end must not lie before the last time that was
  (kept in the spool), nor before :data:`~homeroute_agent.clock.EARLIEST_MS`.

Does not: check the authority's own dates in the last two cases.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from homeroute_agent.clock import EARLIEST_MS, wall_clock_ms

NO_CHECK_TIME = 0x200000
"""``X509_V_FLAG_NO_CHECK_TIME`` of OpenSSL's ``x509_vfy.h``."""

AGREES_MS = 3_600_000
"""A system clock this near the trusted time is as good for a certificate's dates."""


def context(
    ca_file: Path,
    *,
    now_ms: int | None,
    saved_ms: int | None,
    system_ms: Callable[[], int] = wall_clock_ms,
) -> ssl.SSLContext:
    """A context for one connection made now.

    ``now_ms`` is the trusted time if there is one, ``saved_ms`` the last one an
    earlier run knew. Raises OSError (ssl.SSLError is one) when the authority's
    file cannot be read or is no certificate.
    """
    made = ssl.create_default_context(cafile=str(ca_file))
    if now_ms is not None and abs(system_ms() - now_ms) <= AGREES_MS:
        return made
    made.verify_flags |= NO_CHECK_TIME
    floor_ms = max(EARLIEST_MS, saved_ms or 0)

    class DatedSocket(ssl.SSLSocket):
        """Checks the peer's dates before a byte, or the password, is sent."""

        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            problem = date_problem(self.getpeercert() or {}, now_ms=now_ms, floor_ms=floor_ms)
            if problem:
                raise ssl.SSLCertVerificationError(ssl.SSL_ERROR_SSL, problem)

    made.sslsocket_class = DatedSocket
    return made


def date_problem(certificate: Mapping[str, Any], *, now_ms: int | None, floor_ms: int) -> str:
    """Why a certificate's dates do not hold; empty when they do."""
    try:
        begins_ms = ssl.cert_time_to_seconds(certificate["notBefore"]) * 1000
        ends_ms = ssl.cert_time_to_seconds(certificate["notAfter"]) * 1000
    except (KeyError, ValueError):
        return "broker's certificate has no dates"
    if ends_ms < max(floor_ms, now_ms or 0):
        return "broker's certificate has expired"
    if now_ms is not None and begins_ms > now_ms:
        return "broker's certificate is not valid yet"
    return ""
