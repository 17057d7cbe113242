"""Every reader on the real output of the real programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeroute_agent.clients import Clients, is_randomised, parse_leases, parse_neighbours
from homeroute_agent.probe_gateway import default_route
from homeroute_agent.samplers.dns_text import (
    STEADY_MS,
    Block,
    Lookup,
    SteadyWall,
    parser_of,
    written_ms,
)
from homeroute_agent.samplers.gpsd_text import Fix, parse_report, parse_time, plausible
from homeroute_agent.samplers.health_text import (
    CpuTimes,
    Power,
    busy_ratio,
    parse_meminfo,
    parse_proc_stat,
    parse_temperature,
    parse_throttled,
    parse_uptime,
)
from homeroute_agent.samplers.hostapd_text import (
    ClientEvent,
    band_of,
    parse_event,
    parse_station,
)
from homeroute_agent.samplers.network_text import (
    Counters,
    Delta,
    difference,
    parse_proc_net_dev,
)

CAPTURES = Path(__file__).parent.parent / "captures"


def capture(name: str) -> str:
    return (CAPTURES / name).read_text()


# --- Wi-Fi


def test_a_station_of_hostapd() -> None:
    station = parse_station(capture("wifi/hostapd_cli_all_sta_wired.txt"))
    assert station is not None
    assert (station.mac, station.authorized) == ("9e:1a:2b:3c:4d:5e", True)
    assert (station.connected_s, station.rx_bytes) == (None, None)


def test_a_station_with_everything_a_radio_tells() -> None:
    station = parse_station(
        "9E:1A:2B:3C:4D:5E\nflags=[AUTH][ASSOC][AUTHORIZED]\nrx_bytes=10\ntx_bytes=20\n"
        "signal=-42\nconnected_time=14521\n"
    )
    assert station is not None
    assert (station.connected_s, station.rx_bytes, station.tx_bytes) == (14_521, 10, 20)


@pytest.mark.parametrize("answer", ["", "FAIL\n", "UNKNOWN COMMAND\n", "\n"])
def test_the_end_of_the_list_is_no_station(answer: str) -> None:
    assert parse_station(answer) is None


def test_a_deauthenticated_station_is_listed_but_not_authorised() -> None:
    station = parse_station("9e:1a:2b:3c:4d:5e\nflags=\n")
    assert station is not None
    assert not station.authorized


def test_events_of_hostapd() -> None:
    events = [parse_event(line) for line in capture("wifi/hostapd_ctrl_events.txt").splitlines()]
    assert [event for event in events if event] == [
        ClientEvent("9e:1a:2b:3c:4d:5e", connected=True),
        ClientEvent("9e:1a:2b:3c:4d:5e", connected=False),
    ]


def test_bands_by_frequency() -> None:
    bands = [band_of(f) for f in ("2437", "5260", "6115", "0", "")]
    assert bands == ["2.4", "5", "6", "unknown", "unknown"]


def test_private_addresses_are_told_by_their_second_digit() -> None:
    assert [is_randomised(f"{d}:00:00:00:00:00") for d in ("02", "A6", "3a", "ce")] == [True] * 4
    assert [is_randomised(f"{d}:00:00:00:00:00") for d in ("00", "b8", "f1")] == [False] * 3


def test_leases_join_addresses_to_macs_and_say_nothing_of_names() -> None:
    leases = parse_leases(capture("wifi/dnsmasq.leases") + "duid 00:01:00:01\n1 1234 fd00::2 x y\n")
    assert leases == {"10.77.0.136": "ba:5e:12:34:56:78", "10.77.0.116": "9e:1a:2b:3c:4d:5e"}


def test_neighbours_of_both_programs() -> None:
    ip = "10.0.0.2 dev wlan0 lladdr 9E:1a:2b:3c:4d:5e REACHABLE\nfe80::1 dev wlan0  FAILED\n"
    arp = (
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "10.0.0.3         0x1         0x2         ba:5e:12:34:56:78     *        wlan0\n"
        "10.0.0.4         0x1         0x0         00:00:00:00:00:00     *        wlan0\n"
    )
    assert parse_neighbours(ip) == {"10.0.0.2": "9e:1a:2b:3c:4d:5e"}
    assert parse_neighbours(arp) == {"10.0.0.3": "ba:5e:12:34:56:78"}


def test_an_ordinal_is_the_same_for_either_case_and_never_given_twice() -> None:
    clients = Clients()
    clients.learn_addresses({"10.0.0.2": "9e:1a:2b:3c:4d:5e"})
    assert clients.ordinal("9E:1A:2B:3C:4D:5E") == 1
    assert clients.ordinal("00:00:00:00:00:01") == 2
    assert clients.at_address("10.0.0.2") == 1
    assert clients.at_address("10.0.0.9") is None
    assert "9e" not in repr(clients)


# --- Counters


def test_proc_net_dev() -> None:
    interfaces = parse_proc_net_dev(capture("counters/proc_net_dev.txt"))
    assert interfaces == {"lo": Counters(2636, 2636), "hsv0": Counters(2_630_979, 8_799)}


def test_a_wrap_at_32_bits_is_no_reset() -> None:
    delta = difference(Counters(4_294_967_000, 0), Counters(500, 0), 10, 1000)
    assert delta == Delta(796, 0, 0)


def test_a_fall_that_no_link_could_make_is_a_reset() -> None:
    delta = difference(Counters(2_000_000_000, 7), Counters(500, 7), 10, 1000)
    assert delta == Delta(500, 0, 1)
    delta = difference(Counters(2**33, 2**33), Counters(1, 2), 10, 1000)
    assert delta == Delta(1, 2, 2)


def test_no_difference_exceeds_the_link() -> None:
    assert difference(Counters(0, 0), Counters(10**12, 0), 1, 8).rx_bytes == 1_000_000


def test_the_default_route_of_least_metric() -> None:
    head = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
    rows = (
        "wlan0 00000000 0101A8C0 0003 0 0 600 00000000 0 0 0\n"
        "wwan0 00000000 0101A8C0 0003 0 0 100 00000000 0 0 0\n"
        "eth0 0000A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
    )
    assert default_route(head + rows) == "wwan0"
    assert default_route(head) is None


# --- Health


def test_the_share_of_a_processor_between_two_readings() -> None:
    before = parse_proc_stat("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3 4\n")
    now = parse_proc_stat("cpu  150 0 150 850 50 0 0 0 99 0\n")
    assert before == CpuTimes(200, 1000)
    assert now is not None
    assert busy_ratio(before, now) == 0.5
    assert busy_ratio(now, now) is None
    assert parse_proc_stat("") is None


def test_memory_uptime_and_heat() -> None:
    assert parse_meminfo("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\n") == 0.75
    assert parse_meminfo("MemTotal: 100 kB\nMemFree: 20 kB\nBuffers: 5 kB\nCached: 5 kB\n") == 0.7
    assert parse_meminfo("") is None
    assert parse_uptime("2836.91 5000.00\n") == 2836
    assert parse_uptime("") is None
    assert parse_temperature("48312\n") == 48.312
    assert parse_temperature("-273000\n") is None
    assert parse_temperature("") is None


def test_the_firmware_tells_now_apart_from_since_boot() -> None:
    assert parse_throttled("throttled=0x50005\n") == Power(undervoltage=True, throttled=True)
    assert parse_throttled("throttled=0x50000\n") == Power(undervoltage=False, throttled=False)
    assert parse_throttled("throttled=0x8\n") == Power(undervoltage=False, throttled=True)
    assert parse_throttled("VCHI initialization failed\n") is None


# --- GPS


def reports(name: str) -> list[Fix]:
    lines = capture(f"gps/{name}").splitlines()
    return [fix for line in lines if (fix := parse_report(line)) is not None]


def test_reports_of_one_epoch_are_merged_by_time() -> None:
    fixes = reports("live_synthetic_gpsd.json")
    assert fixes[0].position() is None
    first = next(fix for fix in fixes if fix.mode >= 2)
    assert first.wall_ms is None
    assert first.position() is not None
    timed = [fix for fix in fixes if fix.wall_ms is not None]
    assert timed[0].heading_deg is None
    merged = timed[0].merged(timed[1])
    assert (merged.heading_deg, merged.speed_mps, merged.accuracy_m) == (90.0, 12.501, 17.86)
    assert merged.merged(timed[2]) == timed[2]


def test_a_later_report_of_an_epoch_that_leaves_something_out_takes_nothing_away() -> None:
    full = Fix("a", 3, 1_000, 1.0, 2.0, 3.0, 4.0)
    assert full.merged(Fix("a", 3, 1_000, 1.0, 2.0)) == full


def test_a_receiver_whose_weeks_rolled_over_is_not_believed() -> None:
    rolled = [fix.wall_ms for fix in reports("bu353s4.gpsd322.json") if fix.wall_ms is not None]
    assert rolled
    assert not any(plausible(wall_ms) for wall_ms in rolled)  # 2034: 2014 and 1024 weeks
    now = parse_time("2026-11-21T22:11:23.000Z")
    assert now == 1_795_299_083_000
    assert plausible(now)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"class":"SKY"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_position_report_is_passed_over(line: bytes) -> None:
    assert parse_report(line) is None


def test_impossible_values_are_left_out() -> None:
    fix = parse_report(
        '{"class":"TPV","mode":3,"lat":91,"lon":true,"speed":NaN,"track":-1,"time":"yesterday"}'
    )
    assert fix == Fix("", 3)


# --- Name lookups


def events(name: str, log_format: str) -> list[Lookup | Block]:
    parse = parser_of(log_format)
    lines = capture(f"filters/{name}").splitlines()
    return [event for line in lines if (event := parse(line)) is not None]


BLOCKED = ["www.blocked-adult.example", "nx-games.example", "null-social.example"]


def test_dnsmasq_extra() -> None:
    found = events("dnsmasq_extra.log", "dnsmasq")
    blocks = [event.name for event in found if isinstance(event, Block)]
    assert list(dict.fromkeys(blocks)) == [*BLOCKED, "hostblocked.example", "local-only.example"]
    lookups = [event for event in found if isinstance(event, Lookup)]
    assert len(lookups) == 17
    assert {event.address for event in found} == {"127.0.0.1"}


def test_dnsmasq_plain_joins_an_answer_to_its_question() -> None:
    found = events("dnsmasq_plain.log", "dnsmasq")
    blocks = [event for event in found if isinstance(event, Block)]
    assert [event.name for event in blocks] == [*BLOCKED, "hostblocked.example"]
    assert {event.address for event in blocks} == {"127.0.0.1"}


@pytest.mark.parametrize(
    "said",
    [
        "3 10.0.0.2/5 config www.example.org is <CNAME>",
        "3 10.0.0.2/5 reply www.example.org is 0.0.0.0",
        "3 10.0.0.2/5 cached www.example.org is NXDOMAIN",
        "3 10.0.0.2/5 /etc/hosts bus.lan is 10.0.0.1",
        "3 10.0.0.2/5 query[PTR] 1.0.0.10.in-addr.arpa from 10.0.0.2",
        "DHCPACK(wlan0) 10.0.0.2 9e:1a:2b:3c:4d:5e Kids-iPad",
    ],
)
def test_what_is_neither_a_lookup_nor_a_block(said: str) -> None:
    assert parser_of("dnsmasq")(f"Nov 21 22:13:33 dnsmasq[31494]: {said}") is None


def test_dnsmasq_through_a_system_log_and_in_the_clients_case() -> None:
    line = "Sat Nov 21 22:13:33 2026 daemon.info dnsmasq[1]: 7 fd00::2/5 query[AAAA] WWW.Ixl.COM "
    assert parser_of("dnsmasq")(line + "from fd00::2") == Lookup("fd00::2", "www.ixl.com")


def test_unbound_names_the_category_in_the_line() -> None:
    found = events("unbound_rpz.log", "unbound")
    told = [
        (event.category, event.action, event.name) for event in found if isinstance(event, Block)
    ]
    assert list(dict.fromkeys(told)) == [
        ("adult", "blocked", "www.blocked-adult.example"),
        ("adult", "blocked", "blocked-adult.example"),
        ("games", "blocked", "www.roblox.example"),
        ("games", "redirected", "roblox.example"),
        (None, "blocked", "ads.example"),
        (None, "blocked", "inform.example"),
    ]


def test_unbound_logs_questions_too() -> None:
    line = "[1795299690] unbound[2045:0] info: 10.0.0.2 WWW.Desmos.com. HTTPS IN"
    assert parser_of("unbound")(line) == Lookup("10.0.0.2", "www.desmos.com")


def test_nothing_read_shows_who_or_what() -> None:
    found = events("dnsmasq_extra.log", "dnsmasq") + events("unbound_rpz.log", "unbound")
    said = repr(found) + repr(parse_station(capture("wifi/hostapd_cli_all_sta_wired.txt")))
    said += repr(parse_event(capture("wifi/hostapd_ctrl_events.txt").splitlines()[-1]))
    assert "example" not in said
    assert "127.0.0.1" not in said
    assert "9e:1a" not in said


WALL_MS = 1_795_299_213_700
"""2026-11-21 22:13:33.7 UTC."""


@pytest.mark.parametrize(
    "begin",
    [
        "Nov 21 22:13:32 dnsmasq[31494]: ",
        "Nov 21 16:13:32 dnsmasq[31494]: ",
        "Nov 22 03:43:32 dnsmasq[31494]: ",
        "2026-11-21T17:13:32.123456-05:00 gateway dnsmasq[31494]: ",
        "Sat Nov 21 22:13:32 2026 daemon.info dnsmasq[31494]: ",
        "[1795299212] unbound[2045:0] info: ",
    ],
)
def test_a_line_says_when_it_was_written_whatever_its_time_zone(begin: str) -> None:
    at_ms = written_ms(begin + "x", read_ms=50_000, wall_ms=WALL_MS, since_ms=47_000)
    assert at_ms == 50_000 - 1_700 + 500


@pytest.mark.parametrize(
    "begin",
    [
        "dnsmasq[31494]: ",  # says nothing
        "Nov 21 22:13:29 dnsmasq[31494]: ",  # before it was there: the clock was set
        "Nov 21 22:13:40 dnsmasq[31494]: ",  # not yet
        "Jan  1 00:00:02 dnsmasq[31494]: ",
    ],
)
def test_a_line_that_says_what_cannot_be_was_written_when_it_was_read(begin: str) -> None:
    at_ms = written_ms(begin + "x", read_ms=50_000, wall_ms=WALL_MS, since_ms=48_000)
    assert at_ms == 50_000


@pytest.mark.parametrize("jitter_ms", [-1, 0, 1, 150])
def test_lines_ten_seconds_apart_are_dated_ten_seconds_apart_however_clocks_are_read(
    jitter_ms: int,
) -> None:
    wall = SteadyWall()
    dated = [
        written_ms(
            f"Nov 21 22:13:{second} dnsmasq[1]: x",
            read_ms=read_ms,
            wall_ms=wall.at(read_ms, shown_ms),
            since_ms=read_ms - 2_000,
        )
        for second, read_ms, shown_ms in (
            (32, 50_000, WALL_MS),
            (42, 60_000, WALL_MS + 10_000 + jitter_ms),
        )
    ]
    assert dated[1] - dated[0] == 10_000


def test_a_wall_clock_that_was_set_is_believed() -> None:
    wall = SteadyWall()
    assert wall.at(1_000, 5_000) == 5_000
    assert wall.at(2_000, 6_000 + STEADY_MS) == 6_000
    assert wall.at(3_000, 99_000) == 7_000
    assert wall.at(4_000, 100_001) == 100_001
    assert wall.at(5_000, 101_000) == 101_001


def test_an_interruption_between_two_clocks_is_taken_for_no_clock_that_was_set() -> None:
    wall = SteadyWall()
    assert wall.at(1_000, 5_000) == 5_000
    assert wall.at(2_000, 6_900) == 6_000
    assert wall.at(3_000, 7_000) == 7_000
    assert wall.at(4_000, 8_900) == 8_000
