"""The district's authority: made once, its key closed, its server certificate always current."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from homeroute_collector.broker.certificates import (
    RENEW_DAYS,
    SERVER_DAYS,
    CertificateError,
    ensure_authority,
    ensure_server,
)

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
NAMES = ("telemetry.example.org", "203.0.113.7", "2001:db8::7")


def test_the_authority_is_made_once_with_its_key_for_its_owner_only(tmp_path: Path) -> None:
    authority = ensure_authority(tmp_path, "springfield", now=NOW)
    made = authority.certificate.read_bytes()
    assert ensure_authority(tmp_path, "springfield", now=NOW).certificate.read_bytes() == made
    assert stat.S_IMODE(authority.key.stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate(made)
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert basic.value.ca
    assert basic.value.path_length == 0


def test_a_server_certificate_names_every_address_and_is_kept_while_it_serves(
    tmp_path: Path,
) -> None:
    authority = ensure_authority(tmp_path, "springfield", now=NOW)
    first = ensure_server(authority, NAMES, now=NOW)
    assert first.renewed
    assert stat.S_IMODE(first.key.stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate(first.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"telemetry.example.org", "localhost"} == set(names.get_values_for_type(x509.DNSName))
    assert {"203.0.113.7", "2001:db8::7", "127.0.0.1", "::1"} == {
        str(address) for address in names.get_values_for_type(x509.IPAddress)
    }
    assert not ensure_server(authority, NAMES, now=NOW).renewed
    assert not ensure_server(authority, NAMES[:1], now=NOW).renewed  # a name too many is no harm
    assert ensure_server(authority, (*NAMES, "new.example.org"), now=NOW).renewed


def test_it_is_renewed_before_it_ends_and_not_long_before(tmp_path: Path) -> None:
    authority = ensure_authority(tmp_path, "springfield", now=NOW)
    ensure_server(authority, NAMES, now=NOW)
    due = NOW + dt.timedelta(days=SERVER_DAYS - RENEW_DAYS)
    assert not ensure_server(authority, NAMES, now=due - dt.timedelta(days=1)).renewed
    assert ensure_server(authority, NAMES, now=due + dt.timedelta(days=1)).renewed


def test_a_damaged_or_foreign_server_certificate_is_made_again(tmp_path: Path) -> None:
    authority = ensure_authority(tmp_path, "springfield", now=NOW)
    server = ensure_server(authority, NAMES, now=NOW)
    server.certificate.write_text("garbage")
    assert ensure_server(authority, NAMES, now=NOW).renewed
    foreign = ensure_authority(tmp_path / "other", "springfield", now=NOW)
    server.certificate.write_bytes(ensure_server(foreign, NAMES, now=NOW).certificate.read_bytes())
    assert ensure_server(authority, NAMES, now=NOW).renewed
    server.key.unlink()
    assert ensure_server(authority, NAMES, now=NOW).renewed


def test_a_lost_or_damaged_authority_is_said_and_never_silently_replaced(tmp_path: Path) -> None:
    authority = ensure_authority(tmp_path, "springfield", now=NOW)
    key = authority.key.read_bytes()
    authority.key.unlink()
    with pytest.raises(CertificateError, match="has lost its key"):
        ensure_authority(tmp_path, "springfield", now=NOW)
    authority.key.write_bytes(b"garbage")
    with pytest.raises(CertificateError, match=r"ca\.pem"):
        ensure_authority(tmp_path, "springfield", now=NOW)
    other = ensure_authority(tmp_path / "other", "springfield", now=NOW)
    authority.key.write_bytes(other.key.read_bytes())
    with pytest.raises(CertificateError, match="is not the key of"):
        ensure_authority(tmp_path, "springfield", now=NOW)
    authority.key.write_bytes(key)
    ensure_authority(tmp_path, "springfield", now=NOW)


def test_a_machine_whose_clock_is_not_set_signs_nothing(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="clock says 1970-01-01"):
        ensure_authority(tmp_path, "springfield", now=dt.datetime(1970, 1, 1, tzinfo=dt.UTC))


def test_strict_verification_takes_the_chain_and_refuses_another_name(tmp_path: Path) -> None:
    authority = ensure_authority(tmp_path, "springfield")
    server = ensure_server(authority, NAMES)
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    for name in ("telemetry.example.org", "203.0.113.7", "localhost", "127.0.0.1"):
        _shake_hands(context, server.certificate, server.key, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(context, server.certificate, server.key, "elsewhere.example.org")


def _shake_hands(context: ssl.SSLContext, certificate: Path, key: Path, name: str) -> None:
    ours, theirs = socket.socketpair()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)

    def serve() -> None:
        with theirs:
            try:
                server.wrap_socket(theirs, server_side=True).close()
            except OSError:
                pass  # the client did not like us

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ours, context.wrap_socket(ours, server_hostname=name):
            pass
    finally:
        ours.close()
        thread.join(5)
