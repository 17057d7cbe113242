"""Alerts on their way to a real mail server; the clock is turned by hand."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homeroute_collector.alert_delivery import LAST_RETRY_S
from homeroute_collector.broker.certificates import ensure_authority, ensure_server
from tests.collector.alert_desk import MINUTE, SECOND, SECRET, Desk, mails, told, webhook
from tests.collector.receivers import Post, hook, post


@contextlib.contextmanager
def signed_in(folder: Path, port: int, password: bytes) -> Iterator[tuple[Post, Desk]]:
    """A mail server that wants TLS and a password, and a desk that has that one in a file."""
    authority = ensure_authority(folder, "springfield")
    pair = ensure_server(authority, ["127.0.0.1"])
    (folder / "password").write_bytes(password)
    with post(port, certificate=(pair.certificate, pair.key), password=SECRET) as server:
        yield (
            server,
            mails(
                folder,
                server.port,
                security="starttls",
                ca_file=str(authority.certificate),
                username="homeroute",
                password_file=str(folder / "password"),
            ),
        )


def test_a_depot_that_goes_dark_is_one_mail_that_says_once_what_to_do(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    async def run() -> None:
        with post(free_port()) as server:
            desk = mails(tmp_path, server.port)
            for number in range(100):
                await desk.fires(f"bus-{number:02}")
                await desk.after(500)
            await desk.after(MINUTE)
            [message] = server.mails
            assert server.to == [["engineer@example.org", "director@example.org"]]
            assert message["Subject"] == "[springfield] Two devices with one id: 100 devices"
            text = message.get_content()
            assert text.count("What to do:") == 1
            assert "bus-39" in text
            assert "and 60 more" in text
            assert "Times are of America/Chicago." in text
            assert "https://pages.example.org/device/bus-00" in text
            await desk.fires("bus-late")
            await desk.after(0)
            await desk.after(9 * MINUTE)
            assert len(server.mails) == 1
            await desk.after(MINUTE)
            assert "bus-late" in server.mails[1]["Subject"]

    asyncio.run(run())


def test_mail_is_encrypted_and_signed_in_and_its_password_is_in_no_log(
    tmp_path: Path, free_port: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        with signed_in(tmp_path, free_port(), b"wrong\n") as (server, desk):
            await desk.fires("bus-07")
            await desk.after(0)
            await desk.after(MINUTE)
            assert desk.problem == "user name or password was refused (535)"
            (tmp_path / "password").write_text(SECRET + "\n")
            await desk.after(int(LAST_RETRY_S * SECOND))
            assert desk.problem == ""
            assert server.encrypted == [True]

    with caplog.at_level(logging.DEBUG):
        asyncio.run(run())
    assert SECRET not in caplog.text
    assert "engineer@example.org" not in "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("homeroute")
    )


@pytest.mark.parametrize("password", ["schlüssel".encode(), b"\xff\xfe\xfd"])
def test_a_password_that_smtp_cannot_carry_is_a_problem_of_the_channel_and_stops_nothing(
    tmp_path: Path, free_port: Callable[[], int], password: bytes
) -> None:
    async def run() -> None:
        with signed_in(tmp_path, free_port(), password) as (_, desk):
            await desk.fires("bus-07")
            await desk.after(0)
            await desk.after(MINUTE)
            assert desk.problem == "host, user name or password is not plain ASCII text"
            assert desk.waiting == 1

    asyncio.run(run())


def test_a_mail_server_with_a_foreign_certificate_is_told_nothing(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    pair = ensure_server(ensure_authority(tmp_path, "springfield"), ["127.0.0.1"])

    async def run() -> None:
        with post(free_port(), certificate=(pair.certificate, pair.key)) as server:
            desk = mails(tmp_path, server.port, security="starttls")
            await desk.fires("bus-07")
            await desk.after(0)
            await desk.after(MINUTE)
            assert desk.problem.startswith("its certificate is not trusted")
            assert server.mails == []

    asyncio.run(run())


def test_a_server_that_cannot_encrypt_is_told_nothing(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    async def run() -> None:
        with post(free_port()) as server:
            desk = mails(tmp_path, server.port, security="starttls")
            await desk.fires("bus-07")
            await desk.after(0)
            await desk.after(MINUTE)
            assert "STARTTLS" in desk.problem
            assert server.mails == []

    asyncio.run(run())


def test_a_mail_server_s_refusals_are_told_apart(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    async def run() -> None:
        with post(free_port()) as server:
            desk = mails(tmp_path, server.port)
            outbox = desk.alerts.channels[0].outbox
            server.replies = ["451 later", "554 never"]
            await desk.fires("bus-07")
            await desk.after(0)
            await desk.after(MINUTE)
            assert (desk.problem, len(outbox)) == ("it answered 451", 1)
            await desk.after(int(LAST_RETRY_S * SECOND))
            assert (desk.problem, len(outbox), outbox.dropped) == ("it answered 554", 0, 1)
            server.refused = {"engineer@example.org", "director@example.org"}
            await desk.fires("bus-08")
            await desk.after(0)
            await desk.after(MINUTE)
            assert desk.problem == "every recipient was refused (550)"
            server.refused = {"director@example.org"}
            await desk.after(int(LAST_RETRY_S * SECOND))
            assert desk.problem == ""
            assert server.to == [["engineer@example.org"]]

    asyncio.run(run())


def test_a_mail_server_that_hangs_holds_up_no_webhook(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    async def run() -> None:
        async with hook() as receiver:
            with post(free_port()) as server:
                server.stall_s = 5
                settings = webhook(tmp_path, receiver).settings
                mailing = mails(tmp_path, server.port, timeout_s=0.3).settings
                desk = Desk(settings.model_copy(update={"mail": mailing.mail}), tmp_path)
                by_hook, by_mail = desk.alerts.channels
                await desk.fires("bus-07")
                await desk.after(0)
                desk.now += MINUTE
                mail = asyncio.create_task(by_mail.step(desk.now))
                await by_hook.step(desk.now)
                assert told(receiver) == [("fired", "bus-07")]
                assert not mail.done()
                await mail
                assert by_mail.problem == "no answer within 0.3 s"

    asyncio.run(run())


def test_a_test_message_is_sent_at_once_and_says_by_channel_what_went_wrong(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    async def run() -> None:
        async with hook() as receiver:
            desk = webhook(tmp_path, receiver)
            dead = mails(tmp_path, free_port()).settings
            desk = Desk(desk.settings.model_copy(update={"mail": dead.mail}), tmp_path)
            answers = await desk.alerts.test()
            assert answers["webhook"] is None
            assert answers["mail"] == "Connection refused"
            assert told(receiver) == [("test", None)]
            assert desk.waiting == 0

    asyncio.run(run())
