"""The command as it is typed: help, wrong usage, addresses where nobody answers."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable

import pytest

from homeroute_command.__main__ import COMMANDS, main


def test_help_names_every_command_in_the_order_a_newcomer_needs_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    # argparse begins a new line after a name longer than its column.
    found = [re.search(rf"^    {name}(?= |$)", said, re.MULTILINE) for name in COMMANDS]
    places = [match.start() for match in found if match]
    assert len(places) == len(COMMANDS)
    assert places == sorted(places)


@pytest.mark.parametrize("command", [*COMMANDS])
def test_every_command_says_what_it_can_do(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"usage: homeroute {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["telemetry"], "invalid choice: 'telemetry'"),
        ([], "COMMAND"),
        (["tail", "-n", "0"], "'0': want a whole number from 1"),
        (["tail", "-n", "-3"], "'-3': want a whole number from 1"),
        (["influx"], "action"),
        (["refused", "delete"], "invalid choice: 'delete'"),
        (
            ["device", "retire", "x", "--on", "30.11.2026"],
            "'30.11.2026' is no day; want YYYY-MM-DD",
        ),
        (["import", "gtfs", "f.zip", "--from", "soon"], "'soon' is no day; want YYYY-MM-DD"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [["tail"], ["tail", "bus-07"], ["refused"], ["influx", "rebuild"]]
)
@pytest.mark.parametrize("url", ["banana", "http://", "http://a b", "ftp://x", "http://x:port"])
def test_what_is_no_url_is_one_line_and_exit_code_2(
    command: list[str], url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--url", url]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"homeroute {command[0]}: --url {url}")
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", [["tail"], ["refused"], ["influx", "rebuild"]])
def test_where_nobody_answers_it_asks_whether_up_runs(
    command: list[str], free_port: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--url", f"http://127.0.0.1:{free_port()}"]) == 1
    error = capsys.readouterr().err
    assert "Connection refused; is `homeroute up` running" in error
    assert "Errno" not in error and "/api/" not in error
    assert error.count("\n") == 1


def test_a_server_that_speaks_no_http_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:

        def answer() -> None:
            peer, _ = door.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"I am no web server\n")

        answering = threading.Thread(target=answer)
        answering.start()
        assert main(["refused", "--url", f"http://127.0.0.1:{door.getsockname()[1]}"]) == 1
        answering.join()
    assert capsys.readouterr().err.count("\n") == 1
