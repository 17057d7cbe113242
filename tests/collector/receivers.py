"""Real receivers of alerts on loopback: a web server and an SMTP server that misbehave on order."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Hook:
    """A webhook's receiver. ``answers`` are its next statuses; then 204."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    retry_after: str = ""
    stall_s: float = 0
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        await asyncio.sleep(self.stall_s)
        status = self.answers.pop(0) if self.answers else 204
        headers = {"Retry-After": self.retry_after} if self.retry_after else {}
        if status in (301, 302, 307):
            headers["Location"] = self.url + "/elsewhere"
        return web.Response(status=status, headers=headers)


@asynccontextmanager
async def hook() -> AsyncIterator[Hook]:
    """A running receiver."""
    receiver = Hook()
    app = web.Application()
    app.router.add_post("/{tail:.*}", receiver.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@dataclass
class Post:
    """A mail server's memory. ``replies`` are its next answers to DATA; then it accepts."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    to: list[list[str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    stall_s: float = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 no such box"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        await asyncio.sleep(self.stall_s)
        if self.replies:
            return self.replies.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        message: Any = message_from_bytes(content, policy=default)
        self.mails.append(message)
        self.to.append(list(envelope.rcpt_tos))
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


@contextmanager
def post(
    port: int, *, certificate: tuple[Path, Path] | None = None, password: str | None = None
) -> Iterator[Post]:
    """A running SMTP server; with a certificate it insists on STARTTLS."""
    memory = Post(port)
    tls = None
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*map(str, certificate))

    def authenticate(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        # handled False: the server itself answers 535.
        return AuthResult(success=data.password == (password or "").encode(), handled=False)

    controller = Controller(
        memory,
        hostname="127.0.0.1",
        port=port,
        tls_context=tls,
        require_starttls=tls is not None,
        authenticator=authenticate if password is not None else None,
        auth_required=password is not None,
    )
    controller.start()
    try:
        yield memory
    finally:
        controller.stop()
