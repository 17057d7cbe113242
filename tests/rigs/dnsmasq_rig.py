"""A real dnsmasq that logs every lookup, and riders who ask it.

Answers come from dnsmasq itself, so that nothing leaves the machine:
``allowed.example`` and below have an address, the names of ``dnsmasq_block.conf``
are blocked. Riders ask from addresses of their own on loopback, 127.0.0.2 and up;
:meth:`DnsmasqRig.lease` writes who has which.
"""

from __future__ import annotations

import secrets
import signal
import socket
import time
from pathlib import Path

from tests.servers import Server, pick_port

_HERE = Path(__file__).parent


class DnsmasqRig(Server):
    """dnsmasq on a high port, with ``log-queries=extra`` unless ``plain``. Use start and stop."""

    def __init__(self, folder: Path, *, plain: bool = False, log: Path | None = None) -> None:
        self.queries = log or folder / "dnsmasq-queries.log"
        self.leases = folder / "dnsmasq.leases"
        self.leases.touch()
        port = pick_port()
        block = (_HERE / "dnsmasq_block.conf").read_text()
        configuration = folder / "dnsmasq.conf"
        configuration.write_text(
            f"port={port}\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\n"
            f"log-queries{'' if plain else '=extra'}\nlog-facility={self.queries}\n"
            f"pid-file={folder / 'dnsmasq.pid'}\nuser=\nno-daemon\n"
            f"address=/allowed.example/93.184.216.34\naddress=/org/93.184.216.34\n{block}"
        )
        super().__init__(
            ["dnsmasq", "-C", str(configuration)],
            folder,
            lambda: ask(port, "allowed.example", timeout_s=0.2) is not None,
            port=port,
        )

    def ask(self, name: str, rider: str = "127.0.0.2", kind: int = 1) -> bytes | None:
        """Look a name up as a rider: kind 1 is A, 28 AAAA. The answer, or None."""
        return ask(self.port, name, rider=rider, kind=kind)

    def lease(self, rider: str, mac: str, host: str = "*") -> None:
        """Note that a rider's address belongs to a MAC, as DHCP would."""
        with self.leases.open("a") as leases:
            leases.write(f"{int(time.time()) + 3600} {mac} {rider} {host} 01:{mac}\n")

    def rotate(self) -> None:
        """Rename the log and make dnsmasq open a new one, as logrotate does."""
        self.queries.rename(self.queries.with_suffix(".log.1"))
        self._signal(signal.SIGUSR2)


def ask(
    port: int, name: str, *, rider: str = "127.0.0.1", kind: int = 1, timeout_s: float = 2.0
) -> bytes | None:
    """Ask a name server on loopback from an address on loopback; None when it is silent."""
    head = secrets.token_bytes(2) + b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as question:
        question.bind((rider, 0))
        question.settimeout(timeout_s)
        try:
            question.sendto(
                head + labels + b"\x00" + kind.to_bytes(2, "big") + b"\x00\x01",
                ("127.0.0.1", port),
            )
            return question.recv(4096)
        except OSError:
            return None
