"""Whether a port is free, and which one is."""

from __future__ import annotations

import contextlib
import errno
import random
import socket

from homeroute_collector.broker.program import LOOPBACK, BrokerError


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def require_free(address: str, port: int) -> None:
    """Raise BrokerError when somebody listens there, or we may not."""
    with socket.socket(_family(address), socket.SOCK_STREAM) as probe:
        # As brokers do: connections of a broker just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen()
        except OSError as error:
            reason = cannot_listen(error, port, "--listen")
            raise BrokerError(f"listen on {address} port {port}: {reason}") from None


def cannot_listen(error: OSError, port: int, address_setting: str) -> str:
    """Why nobody can listen at a port, and what mends that.

    ``address_setting`` is where the user named the address.
    """
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        hint = f"it is no address of this machine; give {address_setting} one that is"
    elif error.errno == errno.EACCES:
        hint = "ports below 1024 are for root; choose a higher port"
    elif error.errno == errno.EADDRINUSE:
        hint = (
            f"is another homeroute running? stop what uses it (see `ss -ltnp 'sport = :{port}'`), "
            "or choose another port"
        )
    else:
        hint = "choose another port or address"
    return f"{error.strerror or error}; {hint}"


def free_port() -> int:
    """A loopback port nobody listens on."""
    # Below the range from which systems give clients their ports: a client that
    # retries a port of that range while nobody serves it can meet itself there,
    # and then holds it against us.
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(BrokerError):
            require_free(LOOPBACK, port)
            return port
