"""The modem: what the tools print is understood, hangs are outlived, and it reaches the uplink."""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_agent.config import Config, Modem
from homeroute_agent.modem_signal import NewestSignal, Signal, enriched
from homeroute_agent.sample import NoData, Sampler
from homeroute_agent.samplers import modem, uplink
from homeroute_agent.samplers.modem_text import (
    parse_mmcli_modem,
    parse_mmcli_signal,
    parse_uqmi_serving,
    parse_uqmi_signal,
    technology_of,
)
from homeroute_simulators.modem import IMEI, Cell, ModemProgram
from homeroute_simulators.resolver import Air, Resolver
from homeroute_wire.measurements import UPLINK_USABLE, Uplink
from tests.agent.bench import Bench, configure, until

CAPTURES = Path(__file__).parent.parent / "captures" / "modem"
POINT = Uplink(interface="wwan0", technology="unknown", carrier="District", state=UPLINK_USABLE)


def capture(name: str) -> str:
    return (CAPTURES / name).read_text()


def test_mmcli_says_texts_and_two_dashes_for_nothing() -> None:
    signal = parse_mmcli_signal(capture("mmcli_signal_get_1.20.4.json"))
    assert signal == Signal(-92.0, -9.0, 19.2, "lte")


def test_mmcli_says_who_the_carrier_is_and_its_imei_is_not_even_read() -> None:
    text = capture("mmcli_m0_1.20.4.json")
    assert parse_mmcli_modem(text) == Signal(technology="lte", carrier="AT&T")
    assert "861585040000000" in text


def test_uqmi_says_numbers_and_an_array_of_two_beside_an_anchor() -> None:
    assert parse_uqmi_signal(capture("uqmi_signal_info.json")) == Signal(-92.0, -9.0, 19.2, "lte")
    both = parse_uqmi_signal(capture("uqmi_signal_info_endc.json"))
    assert both == Signal(-70.0, -5.0, 30.0, "5g-nsa"), "the anchor's figures"


def test_whole_numbers_of_an_old_uqmi_are_tenths() -> None:
    old = parse_uqmi_signal('{"type":"lte","rssi":-71,"rsrq":-9,"rsrp":-94,"snr":70}')
    assert old.sinr_db == 7.0


def test_uqmi_names_the_carrier() -> None:
    text = '{"registration":"registered","plmn_description":"T-Mobile","roaming":false}'
    assert parse_uqmi_serving(text) == Signal(carrier="T-Mobile")
    assert parse_uqmi_serving('{"registration":"searching"}') == Signal()


@pytest.mark.parametrize(
    ("names", "family"),
    [
        (["lte", "5gnr"], "5g-nsa"),
        (["5gnr"], "5g"),
        (["hspa-plus"], "umts"),
        (["EDGE"], "gsm"),
        (["evdoa"], "cdma"),
        ([], None),
        (["telepathy"], None),
    ],
)
def test_technologies_are_few_tags(names: list[str], family: str | None) -> None:
    assert technology_of(names) == family


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(("modem", "signal", "lte", "5g", "type", "rsrp", "snr", "generic")),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(JSON | st.text(max_size=60))
def test_nothing_a_tool_could_print_raises_but_value_errors(document: Any) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    for parse in (parse_mmcli_signal, parse_mmcli_modem, parse_uqmi_signal, parse_uqmi_serving):
        try:
            signal = parse(text)
        except ValueError:
            continue
        kept = signal.within()
        assert kept.rsrp_dbm is None or -160 <= kept.rsrp_dbm <= -20


def test_what_the_wire_would_refuse_is_absent() -> None:
    wild = Signal(-32768.0, 99.0, 61.0, "lte", 'quo"ted')
    assert wild.within() == Signal(technology="lte")


def test_a_reading_holds_while_it_is_young() -> None:
    newest = NewestSignal()
    assert newest.at(0) is None
    newest.hear(Signal(-90.0), 1000, max_age_ms=500)
    assert newest.at(1500) == Signal(-90.0)
    assert newest.at(1501) is None


def test_the_modem_knows_better_than_the_settings_where_it_tells() -> None:
    point = enriched(POINT, Signal(-90.0, -9.0, 12.0, "lte"))
    assert (point.technology, point.carrier, point.rsrp_dbm) == ("lte", "District", -90.0)
    assert enriched(POINT, Signal(carrier="AT&T")).carrier == "AT&T"
    assert enriched(POINT, None) is POINT


def settings_for(program: ModemProgram, tool: str, timeout_s: float = 0.4) -> Modem:
    return Modem(tool=tool, command=program.path, timeout_s=timeout_s)


@pytest.mark.parametrize("tool", ["mmcli", "uqmi"])
def test_the_fake_programs_print_what_the_captures_print(tool: str, tmp_path: Path) -> None:
    program = ModemProgram(tmp_path / "m", tool, Cell(-92.0, -9.0, 19.2, "AT&T"))
    asked = modem.Tool(settings_for(program, tool, 5.0))

    async def ask() -> tuple[Signal, Signal]:
        return await modem.ask_signal(asked), await modem.ask_registered(asked, refresh_s=10)

    signal, registered = asyncio.run(ask())
    assert signal == Signal(-92.0, -9.0, 19.2, "lte")
    assert modem.joined(signal, registered).carrier == "AT&T"
    program.show(Cell(-70.0, -5.0, 30.0, "AT&T", nr=(-75.0, -11.0, 18.5)))
    assert asyncio.run(ask())[0] == Signal(-70.0, -5.0, 30.0, "5g-nsa")
    program.show(None)
    assert modem.joined(*asyncio.run(ask())) == Signal()


def test_no_program_is_no_data_and_a_failing_one_an_error(tmp_path: Path) -> None:
    absent = modem.Tool(Modem(tool="uqmi", command=tmp_path / "nowhere"))
    with pytest.raises(NoData, match="no program"):
        asyncio.run(modem.ask_signal(absent))
    failing = modem.Tool(Modem(tool="mmcli", command=Path("/bin/false")))
    with pytest.raises(ConnectionError):
        asyncio.run(modem.ask_signal(failing))


def test_a_tool_that_hangs_is_ended(tmp_path: Path) -> None:
    program = ModemProgram(tmp_path / "m", "uqmi", Cell(-92.0, -9.0, 19.2))
    program.hang(hanging=True)
    tool = modem.Tool(settings_for(program, "uqmi"))

    async def ask() -> Signal:
        with pytest.raises(TimeoutError):
            await modem.ask_signal(tool)
        program.hang(hanging=False)
        return await modem.ask_signal(tool)

    began = time.monotonic()
    assert asyncio.run(ask()).rsrp_dbm == -92.0
    assert time.monotonic() - began < 5


def bench_for(folder: Path, program: ModemProgram, port: int) -> Bench:
    return Bench(config_for(folder, program, port))


def config_for(folder: Path, program: ModemProgram, port: int) -> Config:
    text = (
        f'[uplink]\nmethod = "dns"\ntargets = ["127.0.0.1:{port}"]\ntimeout_s = 0.5\n'
        f'[modem]\ntool = "mmcli"\ncommand = "{program.path}"\nevery_s = 0.1\ntimeout_s = 0.3\n'
    )
    return configure(folder, text)


@pytest.mark.slow
def test_uplink_points_carry_the_signal_and_lose_it_when_the_modem_hangs(tmp_path: Path) -> None:
    program = ModemProgram(tmp_path / "m", "mmcli", Cell(-92.0, -9.0, 19.2, "AT&T"))
    story: list[Bench] = []

    async def both(ctx: Any) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(modem.run(ctx))
            group.create_task(uplink.run(ctx))

    async def main() -> None:
        resolver = Resolver(Air(rtt_ms=5.0), random.Random(1))
        await resolver.open()
        bench = bench_for(tmp_path, program, resolver.port)
        story.append(bench)
        sampler = Sampler("both", lambda _: True, both)
        task = asyncio.ensure_future(sampler.run(bench.context()))
        try:
            await until(lambda: has(bench, -92.0), "the signal")
            program.show(Cell(-101.0, -14.0, 3.0, "T-Mobile"))
            await until(lambda: has(bench, -101.0), "another cell")
            program.hang(hanging=True)
            await until(lambda: bench.of(Uplink)[-1].rsrp_dbm is None, "its absence")
            program.hang(hanging=False)
            await until(lambda: has(bench, -101.0), "it back")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            resolver.close()

    asyncio.run(main())
    (bench,) = story
    assert {point.technology for point in bench.of(Uplink)} == {"lte", "unknown"}
    assert any(isinstance(error, TimeoutError) for _, error in bench.failures)
    assert IMEI not in repr(bench.samples) + repr(bench.failures)


def has(bench: Bench, rsrp_dbm: float) -> bool:
    points = bench.of(Uplink)
    return bool(points) and points[-1].rsrp_dbm == rsrp_dbm


def test_a_modem_without_an_uplink_section_is_a_mistake(tmp_path: Path) -> None:
    from homeroute_agent.config import ConfigError

    with pytest.raises(ConfigError, match=r"modem: wants an \[uplink\] section"):
        configure(tmp_path, '[modem]\ntool = "mmcli"\n')
