"""A small certificate authority of the district's own.

Guarantees: keys are ECDSA P-256 in files of mode 0600; ``ensure_*`` make what is
absent or due and otherwise change nothing; a server certificate names every
address it is asked for and is renewed before it ends.

Does not: revoke, or sign for anybody but this machine. Devices prove themselves
with a password; they trust this authority and no other.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from homeroute_collector.broker.private_files import private_directory, write_private
from homeroute_collector.broker.site import is_address

AUTHORITY_DAYS = 20 * 365  # outlives the buses: replacing it means touching every device
SERVER_DAYS = 730
RENEW_DAYS = 90
"""A server certificate with fewer days left is renewed."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")

# A machine without a battery for its clock boots long ago; what it signed then
# would have ended when its clock is set.
_EARLIEST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_BACKDATED = dt.timedelta(days=1)  # a device's clock may be a little behind


class CertificateError(Exception):
    """A certificate could not be made or read."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The district's authority: what devices trust, and the key that signs."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """This machine's certificate; ``renewed`` says whether it was made just now."""

    certificate: Path
    key: Path
    renewed: bool


def ensure_authority(data: Path, district: str, *, now: dt.datetime | None = None) -> Authority:
    """The authority under ``DATA/ca``, made at first.

    Raises CertificateError when this machine's clock is not set, or when a file
    is damaged or half of the pair is gone.
    """
    directory = private_directory(data / "ca")
    authority = Authority(directory / "ca.pem", directory / "ca.key")
    if authority.certificate.exists() and authority.key.exists():
        _load(authority)
        return authority
    if authority.certificate.exists():
        raise CertificateError(
            f"{authority.certificate} has lost its key {authority.key}; put it back from a copy, "
            "or remove the folder and enrol every device again"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Homeroute {district}"[:64])
    builder = _builder(name, name, key.public_key(), _checked(now), AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    # The key first: a key alone is made again, a certificate alone is an error.
    write_private(authority.key, _pem_key(key))
    write_private(authority.certificate, _pem(certificate))
    return authority


def ensure_server(
    authority: Authority, names: Iterable[str], *, now: dt.datetime | None = None
) -> ServerCertificate:
    """A certificate for this machine under ``names`` (host names and addresses) and loopback.

    Made anew when absent, damaged, of another authority, lacking a name, or
    within :data:`RENEW_DAYS` of its end.
    """
    moment = _checked(now)
    directory = authority.certificate.parent
    certificate, key = directory / "server.pem", directory / "server.key"
    wanted = _alternative_names({*names, *LOOPBACK})
    issuer, issuer_key = _load(authority)
    if _serves(certificate, key, issuer, wanted, moment):
        return ServerCertificate(certificate, key, renewed=False)
    private = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(
        _name("Homeroute broker"), issuer.subject, private.public_key(), moment, SERVER_DAYS
    )
    builder = builder.add_extension(x509.SubjectAlternativeName(wanted), critical=False)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
    )
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
    )
    made = builder.sign(issuer_key, hashes.SHA256())
    write_private(key, _pem_key(private))
    write_private(certificate, _pem(made))
    return ServerCertificate(certificate, key, renewed=True)


def _serves(
    certificate: Path,
    key: Path,
    issuer: x509.Certificate,
    wanted: list[x509.GeneralName],
    moment: dt.datetime,
) -> bool:
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        found.verify_directly_issued_by(issuer)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - absent, damaged or foreign alike: a new one is made
        return False
    return (
        private.public_key() == found.public_key()
        and set(names) >= set(wanted)
        and found.not_valid_after_utc - moment > dt.timedelta(days=RENEW_DAYS)
    )


def _load(authority: Authority) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
        key = serialization.load_pem_private_key(authority.key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise CertificateError(
            f"read {authority.certificate} and its key: {error}; put them back from a copy"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != (
        certificate.public_key()
    ):
        raise CertificateError(f"{authority.key} is not the key of {authority.certificate}")
    return certificate, key


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: dt.datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(names: Iterable[str]) -> list[x509.GeneralName]:
    return [
        x509.IPAddress(ipaddress.ip_address(name)) if is_address(name) else x509.DNSName(name)
        for name in sorted(names)
    ]


def _checked(now: dt.datetime | None) -> dt.datetime:
    moment = now or dt.datetime.now(dt.UTC)
    if moment < _EARLIEST:
        raise CertificateError(
            f"sign a certificate: this machine's clock says {moment:%Y-%m-%d}; set it first"
        )
    return moment


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
