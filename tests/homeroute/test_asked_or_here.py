"""Who answers a command: the collector that runs, or the archive that nobody serves."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from homeroute_collector.archive_records import ArchiveError
from homeroute_command import changing, running
from homeroute_command.failure import Failure


def answered(
    args: Namespace, told: str | Exception, found: str | Exception = "from the file"
) -> str:
    def said(what: str | Exception) -> str:
        if isinstance(what, Exception):
            raise what
        return what

    return changing.asked_or_here(
        args, lambda _: said(told), lambda: said(found), refusals={409: 1}
    )


def arguments(**given: Any) -> Namespace:
    return Namespace(**{"url": None, "data": None, "config": None} | given)


NOBODY = running.NotRunning("nobody listens")


def test_the_collector_is_asked_unless_the_archive_is_named() -> None:
    assert answered(arguments(), "from the collector") == "from the collector"
    for named in ({"data": Path("d")}, {"config": Path("c")}):
        assert answered(arguments(**named), "from the collector") == "from the file"


@pytest.mark.parametrize("there", [True, False])
def test_where_none_runs_the_archive_is_opened_if_there_is_one_and_no_address_was_given(
    there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "has_archive", lambda: there)
    with pytest.raises(running.NotRunning):
        answered(arguments(url="http://127.0.0.1:9"), NOBODY)
    if there:
        assert answered(arguments(), NOBODY) == "from the file"
    else:
        with pytest.raises(running.NotRunning):
            answered(arguments(), NOBODY)


def test_a_refusal_is_told_in_the_collectors_own_words_and_another_error_as_it_is() -> None:
    with pytest.raises(Failure, match=r"^not due$") as refused:
        answered(arguments(), running.Answered("409 of http://x", 409, "not due"))
    assert refused.value.exit_code == 1
    with pytest.raises(running.Answered, match="500 of"):
        answered(arguments(), running.Answered("500 of http://x", 500, "broken"))


def test_an_archive_that_cannot_be_opened_is_wrong_usage() -> None:
    with pytest.raises(Failure, match="locked") as failed:
        answered(
            arguments(data=Path("d")),
            "unused",
            ArchiveError("open", "archive", "locked", "stop it"),
        )
    assert failed.value.exit_code == 2
