"""Alerts of a whole running collector, and the command that asks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from homeroute_collector.alert_rules import RULES
from homeroute_collector.service import CannotStart
from homeroute_command.__main__ import main
from tests.collector.receivers import hook
from tests.collector.serving import config, get, serving, until

SECRET = "correct horse battery staple"


def settings(folder: Path, port: int, url: str = "", **alerts: Any) -> Any:
    """A collector whose broker is not there, and that says so at once."""
    document: dict[str, Any] = {"rules": {"broker_lost": {"for_s": 0.0}}} | alerts
    data = folder / "data"
    data.mkdir()
    if url:
        (data / "secret").write_text(SECRET)
        (data / "address").write_text(f"{url}/T0K3N")
        files = {"url_file": "address", "secret_file": "secret"}
        document["webhook"] = files | {"group_s": 0.0}
    return config(data, port, alerts=document)


@pytest.mark.slow
def test_a_lost_broker_is_told_listed_and_counted_and_a_test_gets_through(
    tmp_path: Path, free_port: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    async def run() -> None:
        async with hook() as receiver:
            wished = settings(tmp_path, free_port(), receiver.url)
            async with serving(wished, connected=False) as (_, session):
                await until(lambda: receiver.bodies)
                document = json.loads(receiver.bodies[0])
                assert document["text"].endswith("No connection to the broker")
                _, answer = await get(session, "/api/1/alerts")
                [alert] = [a for a in answer["alerts"] if a["rule"] == "broker_lost"]
                assert (alert["state"], alert["subject"]) == ("firing", None)
                assert "Start the broker" in alert["todo"]
                [channel] = answer["channels"]
                assert channel["where"] == "http://127.0.0.1"
                text = await (await session.get("/metrics")).text()
                assert 'homeroute_alerts_firing{rule="broker_lost"} 1' in text
                for said in (json.dumps(answer), text):
                    assert "T0K3N" not in said
                    assert SECRET not in said
                async with session.post("/api/1/alerts/test") as refused:
                    assert refused.status == 403
                await commands(session, receiver.bodies)

    async def commands(session: aiohttp.ClientSession, bodies: list[bytes]) -> None:
        url = str(session._base_url).rstrip("/")

        async def said(*words: str) -> tuple[int, str]:
            code = await asyncio.to_thread(main, ["alerts", *words, "--url", url])
            return code, capsys.readouterr().out

        capsys.readouterr()
        before = len(bodies)
        assert await said("test") == (0, "webhook: taken\n")
        assert json.loads(bodies[-1])["notices"][0]["event"] == "test"
        assert len(bodies) == before + 1
        code, listed = await said("list")
        assert code == 0
        assert "No connection to the broker, since" in listed
        assert listed.splitlines()[-1].startswith("Times are of ")
        _, listed = await said("list", "--json")
        assert [a["rule"] for a in json.loads(listed)["alerts"]] == ["broker_lost"]
        _, listed = await said("rules", "--json")
        assert [rule["rule"] for rule in json.loads(listed)] == [*RULES]

    asyncio.run(run())


@pytest.mark.slow
def test_without_a_channel_a_test_says_what_to_configure_and_a_rule_can_be_off(
    tmp_path: Path, free_port: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    async def run() -> None:
        wished = settings(tmp_path, free_port(), rules={"broker_lost": {"off": True}})
        async with serving(wished, connected=False) as (_, session):
            url = str(session._base_url).rstrip("/")
            assert await asyncio.to_thread(main, ["alerts", "test", "--url", url]) == 1
            assert "[alerts.webhook]" in capsys.readouterr().err
            _, answer = await get(session, "/api/1/alerts")
            assert "broker_lost" not in {rule["rule"] for rule in answer["rules"]}

    asyncio.run(run())


def test_a_secret_that_cannot_be_read_prevents_the_start_and_names_its_key(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    (tmp_path / "address").write_text("http://127.0.0.1:9")
    document = {"webhook": {"url_file": "address", "secret_file": "absent"}}

    async def run() -> None:
        async with serving(config(tmp_path, free_port(), alerts=document), connected=False):
            raise AssertionError("it started")

    with pytest.raises(CannotStart, match=r"alerts\.webhook\.secret_file: .*absent cannot be read"):
        asyncio.run(run())
