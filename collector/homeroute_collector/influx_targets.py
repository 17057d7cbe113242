"""The two InfluxDBs: ``/write`` and ``/query`` of 1.x, ``/api/v2/write`` and ``/delete`` of 2.x.

Guarantees: one request per call, under a timeout; whatever the server says comes
back as an :class:`Answer`, and not reaching it as :class:`Unreachable`.

Does not: decide what an answer means, retry, or encode points.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import aiohttp

TIMEOUT_S = 30.0
"""For a whole request: a loaded InfluxDB takes seconds to take 5,000 points."""

RETRY_AFTER_BOUND_S = 600.0
"""No server makes us wait longer at one go."""

SHARD_DAYS, SHARDED_FROM_DAYS = 7, 28
"""See :func:`shard_days_of`; what is kept for less than four of them is left to InfluxDB."""

_REASON_BOUND = 1_000


class Unreachable(Exception):
    """No answer: refused, lost, or too late."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status, the server's reason, and how long it asks us to wait (s)."""

    status: int
    reason: str = ""
    retry_after_s: float | None = None


class Target(Protocol):
    """Somewhere line protocol (times in ms) can be written to."""

    @property
    def name(self) -> str:
        """For people: what and where."""

    async def write(self, text: str) -> Answer:
        """Write lines. Raises :class:`Unreachable`."""

    async def delete(self, measurement: str, start_ms: int, end_ms: int) -> Answer:
        """Delete a measurement's points in ``[start_ms, end_ms)``. Raises :class:`Unreachable`.

        Where there are none it succeeds.
        """

    async def create(self) -> Answer | None:
        """Create the missing database; None where that is an administrator's work."""

    async def close(self) -> None:
        """Give back the connections."""


def shard_days_of(create_days: int) -> int | None:
    """Days a file of a database holds that is kept so long; None leaves it to InfluxDB.

    InfluxDB's own choice, a day each for all that is kept up to half a year, makes a question
    of weeks open each series once a day: the map of segments took five times as long. It
    forgets whole files, so that what is in them may stay for those days longer.
    """
    return SHARD_DAYS if create_days >= SHARDED_FROM_DAYS else None


class Influx1:
    """InfluxDB 1.x.

    ``create_days`` is the retention of a database we create ourselves when it is
    missing; None leaves creating it to an administrator.
    """

    def __init__(
        self,
        url: str,
        database: str,
        *,
        username: str = "",
        password: str = "",
        create_days: int | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._url = url.rstrip("/")
        self._database = database
        self._create_days = create_days
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            headers={"Authorization": _basic(username, password)} if username else None,
        )

    @property
    def name(self) -> str:
        """For people: what and where."""
        return f"InfluxDB 1.x at {self._url}, database {self._database}"

    async def write(self, text: str) -> Answer:
        """Write lines. Raises :class:`Unreachable`."""
        return await self._post("/write", {"db": self._database, "precision": "ms"}, text)

    async def delete(self, measurement: str, start_ms: int, end_ms: int) -> Answer:
        """Delete a measurement's points in ``[start_ms, end_ms)``. Raises :class:`Unreachable`."""
        statement = (
            f"DELETE FROM {_quoted(measurement)} "  # noqa: S608 - quoted; InfluxQL has no parameters here
            f"WHERE time >= {start_ms}ms AND time < {end_ms}ms"
        )
        answer = await self._post("/query", {"db": self._database, "q": statement})
        if answer.status != 200:
            return answer
        return _statement_answer(answer)

    async def create(self) -> Answer | None:
        """Create the missing database, if allowed to."""
        if self._create_days is None:
            return None
        statement = f"CREATE DATABASE {_quoted(self._database)} WITH DURATION {self._create_days}d"
        if (shard_days := shard_days_of(self._create_days)) is not None:
            statement += f" SHARD DURATION {shard_days}d"
        return await self._post("/query", {"q": statement})

    async def close(self) -> None:
        """Give back the connections."""
        await self._session.close()

    async def _post(self, path: str, query: Mapping[str, str], text: str = "") -> Answer:
        try:
            async with self._session.post(
                self._url + path, params=query, data=text.encode(), allow_redirects=False
            ) as response:
                reason = (await response.content.read(_REASON_BOUND)).decode(errors="replace")
                retry_after = response.headers.get("Retry-After")
                return Answer(response.status, reason.strip(), retry_after_s(retry_after))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(_why(error)) from error


class Influx2:
    """InfluxDB 2.x, and what speaks its write API.

    ``create_days`` is the retention of a bucket we create ourselves when it is missing
    and the token may; None leaves creating it to an administrator.
    """

    def __init__(
        self,
        url: str,
        bucket: str,
        *,
        org: str,
        token: str,
        create_days: int | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        # Half a second of imports that a collector without InfluxDB 2.x never pays.
        from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync

        self._url = url.rstrip("/")
        self._bucket = bucket
        self._org = org
        self._create_days = create_days
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            headers={"Authorization": f"Token {token}"},
        )
        self._client = InfluxDBClientAsync(
            url=self._url,
            token=token,
            org=org,
            timeout=int(timeout_s * 1000),
            allow_redirects=False,
        )
        self._write_api = self._client.write_api()

    @property
    def name(self) -> str:
        """For people: what and where."""
        return f"InfluxDB 2.x at {self._url}, bucket {self._bucket}"

    async def write(self, text: str) -> Answer:
        """Write lines. Raises :class:`Unreachable`."""
        from influxdb_client.rest import ApiException

        try:
            await self._write_api.write(
                self._bucket,
                record=text.encode(),
                write_precision="ms",  # type: ignore[arg-type]  # its enumeration holds plain text
            )
        except ApiException as error:
            reason = str(error.message)[:_REASON_BOUND]
            return Answer(int(error.status or 0), reason, retry_after_s(error.retry_after))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(_why(error)) from error
        return Answer(204)

    async def delete(self, measurement: str, start_ms: int, end_ms: int) -> Answer:
        """Delete a measurement's points in ``[start_ms, end_ms)``. Raises :class:`Unreachable`."""
        from influxdb_client.rest import ApiException

        try:
            await self._client.delete_api().delete(
                rfc3339(start_ms * 1_000_000),
                # The server's end is inclusive: the last nanosecond, where no point of ours lies.
                rfc3339(end_ms * 1_000_000 - 1),
                f'_measurement="{measurement}"',
                bucket=self._bucket,
            )
        except ApiException as error:
            reason = str(error.message)[:_REASON_BOUND]
            return Answer(int(error.status or 0), reason, retry_after_s(error.retry_after))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(_why(error)) from error
        return Answer(204)

    async def create(self) -> Answer | None:
        """Create the missing bucket, if allowed to. Raises :class:`Unreachable`."""
        if self._create_days is None:
            return None
        try:
            async with self._session.get(
                self._url + "/api/v2/orgs", params={"org": self._org}, allow_redirects=False
            ) as response:
                if response.status != 200:
                    return Answer(response.status)
                org_id = (await response.json())["orgs"][0]["id"]
            rule: dict[str, str | int] = {
                "type": "expire",
                "everySeconds": self._create_days * 86_400,
            }
            if (shard_days := shard_days_of(self._create_days)) is not None:
                rule["shardGroupDurationSeconds"] = shard_days * 86_400
            bucket = {"orgID": org_id, "name": self._bucket, "retentionRules": [rule]}
            async with self._session.post(
                self._url + "/api/v2/buckets", json=bucket, allow_redirects=False
            ) as response:
                return Answer(response.status)
        except (KeyError, IndexError, TypeError, ValueError):
            return Answer(404, f"no organisation {self._org!r}")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(_why(error)) from error

    async def close(self) -> None:
        """Give back the connections."""
        await self._session.close()
        await self._client.close()  # type: ignore[no-untyped-call]


def rfc3339(time_ns: int) -> str:
    """Nanoseconds since 1970 as InfluxDB 2.x reads them, none lost."""
    seconds, fraction = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def retry_after_s(header: str | None) -> float | None:
    """Read Retry-After: seconds or a date; None when absent or senseless."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), RETRY_AFTER_BOUND_S) if math.isfinite(seconds) else None


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _statement_answer(answer: Answer) -> Answer:
    """What 1.x hides in a 200: a statement that failed says so in the body."""
    try:
        errors = [r["error"] for r in json.loads(answer.reason)["results"] if "error" in r]
    except (ValueError, KeyError, TypeError):
        return Answer(502, f"no answer to a statement: {answer.reason}")
    if not errors:
        return answer
    return Answer(404 if "database not found" in errors[0] else 500, errors[0])


def _basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect to {error.host}:{error.port}: {error.os_error.strerror or error}"
    return str(error) or type(error).__name__
