"""Who may connect to the embedded broker.

Guarantees: a password is 256 random bits, given once and kept only as hashes
(the collector's own in a file of mode 0600); an edit is whole or not at all, and
edits of two processes do not lose one another.

Does not: talk to a broker. A running one watches the file and reloads.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import bcrypt

from homeroute_collector.broker.private_files import locked, private_directory, write_private
from homeroute_wire.schema import ID_PATTERN

COLLECTOR = "collector"
"""The collector's own user name; no device may be called so."""

KINDS = ("bus", "hotspot")

# Passwords are 256 random bits: guessing fails at any speed, so slow hashing
# protects nothing and would cost a reload one hash per connected device.
_PBKDF2_ROUNDS = 101  # what mosquitto_passwd itself uses
_BCRYPT_COST = 4  # bcrypt's least


class CredentialError(Exception):
    """A credential could not be made, found or read."""


@dataclass(frozen=True, slots=True)
class Account:
    """One user of the broker: a device, or the collector (kind ``collector``).

    ``pbkdf2`` is in mosquitto's notation, ``bcrypt`` in nats-server's.
    """

    name: str
    kind: str
    created_ms: int
    pbkdf2: str
    bcrypt: str


def make_account(name: str, kind: str, password: str, created_ms: int) -> Account:
    """Hash a password for both brokers."""
    return Account(
        name,
        kind,
        created_ms,
        pbkdf2=mosquitto_hash(password, os.urandom(12)),
        bcrypt=bcrypt.hashpw(password.encode(), bcrypt.gensalt(_BCRYPT_COST)).decode(),
    )


def mosquitto_hash(password: str, salt: bytes) -> str:
    """The ``$7$`` notation of mosquitto 1.6.9 and later: PBKDF2-HMAC-SHA512.

    mosquitto takes a salt of 12 bytes only.
    """
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _PBKDF2_ROUNDS)
    return f"$7${_PBKDF2_ROUNDS}${_base64(salt)}${_base64(key)}"


def valid_device(device: str) -> str:
    """The id itself; CredentialError when no device may be called so."""
    if not ID_PATTERN.fullmatch(device):
        raise CredentialError(
            f"device id {device!r}: want lower-case letters, digits, '_' and '-', "
            "at most 63, beginning with a letter or digit, like bus-07"
        )
    if device == COLLECTOR:
        raise CredentialError(f"device id {device!r} is the collector's own; choose another")
    return device


class Credentials:
    """The broker's users, kept under ``DATA/broker``; ``directory`` is DATA."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "broker"
        self._file = self._directory / "credentials.json"
        self.collector_password_file = self._directory / "collector.password"

    def add(self, device: str, *, kind: str = "bus", replace: bool = False) -> str:
        """Give a device a new password, and return it: it cannot be read again.

        Raises CredentialError when the id is no id, or has a password already
        and ``replace`` is false.
        """
        return self.add_all([device], kind=kind, replace=replace)[device]

    def add_all(
        self, devices: Iterable[str], *, kind: str = "bus", replace: bool = False
    ) -> dict[str, str]:
        """As :meth:`add`, for many devices in one edit."""
        if kind not in KINDS:
            raise CredentialError(f"device kind {kind!r}: want one of {', '.join(KINDS)}")
        passwords = {valid_device(device): secrets.token_urlsafe(32) for device in devices}
        with self._edit() as accounts:
            for device, password in passwords.items():
                if device in accounts and not replace:
                    raise CredentialError(
                        f"{device} is enrolled already; with --replace it gets a new password, "
                        "and the old one stops working"
                    )
                accounts[device] = make_account(device, kind, password, _now_ms())
        return passwords

    def remove(self, device: str) -> None:
        """Withdraw a device's password. CredentialError when it has none."""
        with self._edit() as accounts:
            if accounts.get(valid_device(device)) is None:
                raise CredentialError(f"{device} is not enrolled")
            del accounts[device]

    def list(self) -> tuple[Account, ...]:
        """The devices, by name."""
        return tuple(a for a in self._read().values() if a.name != COLLECTOR)

    def accounts(self) -> tuple[Account, ...]:
        """Everybody: the devices and the collector."""
        return tuple(self._read().values())

    def ensure_collector(self) -> Path:
        """Make the collector's own password if there is none; the file that holds it."""
        with self._edit() as accounts:
            if COLLECTOR not in accounts or not self.collector_password_file.exists():
                password = secrets.token_urlsafe(32)
                write_private(self.collector_password_file, password + "\n")
                accounts[COLLECTOR] = make_account(COLLECTOR, COLLECTOR, password, _now_ms())
        return self.collector_password_file

    def version(self) -> tuple[int, int]:
        """Differs after every edit; (0, 0) when there is nothing yet."""
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return (0, 0)
        return (status.st_ino, status.st_mtime_ns)

    def _read(self) -> dict[str, Account]:
        try:
            rows = json.loads(self._file.read_text())["accounts"]
            accounts = [Account(**row) for row in rows]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise CredentialError(
                f"read {self._file}: {error.strerror}; run this as the user it belongs to"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise CredentialError(
                f"read {self._file}: {error}; put back a copy, or remove it and enrol every "
                "device again"
            ) from None
        return {account.name: account for account in sorted(accounts, key=lambda a: a.name)}

    @contextmanager
    def _edit(self) -> Iterator[dict[str, Account]]:
        private_directory(self._directory)
        with locked(self._directory / "credentials.lock", wait=True):
            accounts = self._read()
            before = dict(accounts)
            yield accounts
            if accounts != before:
                rows = [asdict(accounts[name]) for name in sorted(accounts)]
                write_private(self._file, json.dumps({"accounts": rows}, indent=1) + "\n")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
