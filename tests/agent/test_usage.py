from __future__ import annotations

import datetime
import zoneinfo
from pathlib import Path

import pytest

from homeroute_agent import usage
from homeroute_agent.samplers import SAMPLERS
from homeroute_agent.usage import Days, Sums
from homeroute_wire.measurements import Usage
from tests.agent.bench import Bench, configure, until
from tests.agent.test_gateway_samplers import proc_net_dev

CHICAGO = zoneinfo.ZoneInfo("America/Chicago")


def at(day: int, hour: int, fold: int = 0) -> datetime.datetime:
    return datetime.datetime(2026, 11, day, hour, 30, tzinfo=CHICAGO, fold=fold)


def test_a_day_is_its_bytes_and_the_hours_in_which_clients_sent_something() -> None:
    days = Days()
    days.add(at(20, 8), 1_000_000, 50_000)
    days.add(at(20, 8), 1_000_000, 50_000)
    days.add(at(20, 9), 500, 100)
    days.add(at(21, 7), 7, 7)
    ((day, sums),) = days.take_before(at(21, 8).date())
    assert (str(day), sums.down_bytes, sums.up_bytes) == ("2026-11-20", 2_000_500, 100_100)
    assert sums.active_hours == 1
    assert days.take_before(at(21, 8).date()) == []


def test_the_hour_that_comes_twice_counts_twice() -> None:
    days = Days()
    days.add(at(1, 1), 0, 10_000)
    days.add(at(1, 1, fold=1), 0, 10_000)
    ((_, sums),) = days.take_before(at(2, 0).date())
    assert sums.active_hours == 2


def test_what_was_saved_is_restored(tmp_path: Path) -> None:
    path = tmp_path / "state" / "usage.json"
    days = Days({at(20, 0).date(): Sums(5, 6, {8: 6})})
    days.save(path)
    assert Days.restored(path).take_before(at(21, 0).date()) == [
        (at(20, 0).date(), Sums(5, 6, {8: 6}))
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"days": {"x": {}}}', '{"days": {"2026-11-20": 5}}'])
def test_an_unreadable_file_is_said_and_today_starts_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    path = tmp_path / "usage.json"
    path.write_text(text)
    assert Days.restored(path).take_before(at(30, 0).date()) == []
    assert "unreadable" in caplog.text


def test_a_day_that_ended_while_the_hotspot_was_off_is_told_once(tmp_path: Path) -> None:
    counters = tmp_path / "dev"
    counters.write_text(proc_net_dev(wlan0=(0, 0)))
    text = 'timezone = "America/Chicago"\nkind = "hotspot"\n'
    network = f'[network]\nlan = ["wlan0"]\nproc_net_dev = "{counters}"'
    config = configure(tmp_path, network, head=text)
    assert [s.name for s in SAMPLERS if s.wanted(config)] == ["health", "usage"]
    Days({at(20, 0).date(): Sums(5_000, 600, {8: 20_000})}).save(config.state_dir / "usage.json")
    noon_ms = round(at(21, 12).timestamp() * 1000)

    for expected in (1, 0):
        bench = Bench(config)
        bench.trust(noon_ms)

        async def script(bench: Bench = bench) -> None:
            await until(lambda: len(bench.worked) >= 2, "two readings")

        bench.run(usage.SAMPLER, script)
        assert len(bench.of(Usage)) == expected
        for sample in bench.samples:
            assert isinstance(sample.record, Usage)
            assert (sample.record.down_bytes, sample.record.active_hours) == (5_000, 1)
            midnight = datetime.datetime(2026, 11, 20, tzinfo=CHICAGO)
            offset_ms = bench.clock.offset_ms
            assert offset_ms is not None
            assert sample.boot_ms + offset_ms == round(midnight.timestamp() * 1000)


def test_bytes_counted_before_the_clock_was_trusted_belong_to_their_day(tmp_path: Path) -> None:
    counters = tmp_path / "dev"
    counters.write_text(proc_net_dev(wlan0=(0, 0)))
    network = f'[network]\nlan = ["wlan0"]\nproc_net_dev = "{counters}"'
    config = configure(tmp_path, network, head='kind = "hotspot"\n')
    bench = Bench(config)

    async def script() -> None:
        await until(lambda: bench.worked, "a reading")
        counters.write_text(proc_net_dev(wlan0=(300, 7_000)))
        seen = len(bench.worked)
        await until(lambda: len(bench.worked) > seen + 1, "another")
        bench.trust()
        seen = len(bench.worked)
        await until(lambda: len(bench.worked) > seen + 1, "a dated one")

    bench.run(usage.SAMPLER, script)
    ((_, sums),) = Days.restored(config.state_dir / "usage.json").take_before(datetime.date.max)
    assert (sums.down_bytes, sums.up_bytes) == (7_000, 300)
