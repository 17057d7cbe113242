"""A real mosquitto: open on loopback, or with TLS, passwords and the wire's ACL."""

from __future__ import annotations

import datetime
import ipaddress
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from homeroute_wire.topics import ROOT
from tests.servers import Server, answers, find, pick_port

ACL = f"""\
# A device: %u is its user name, and its id.
pattern write {ROOT}/+/%u/batch
pattern write {ROOT}/+/%u/status
pattern read {ROOT}/+/%u/ack
pattern read {ROOT}/+/%u/config

user collector
topic readwrite {ROOT}/#
"""


class Mosquitto(Server):
    """A mosquitto without persistence: restarted, it has forgotten everything."""

    def __init__(self, folder: Path, settings: str, *, port: int | None = None) -> None:
        port = port or pick_port()
        config = folder / "mosquitto.conf"
        config.write_text(
            f"listener {port} 127.0.0.1\n"
            "user root\n"  # stays who started it: as root it would leave the folder it must read
            "persistence false\n"
            "log_dest stderr\n" + settings
        )
        self._began = 0
        super().__init__(["mosquitto", "-c", str(config)], folder, self._is_ready, port=port)

    def start(self) -> None:
        """Start and wait until it is ready."""
        self._began = self.log.stat().st_size if self.log.exists() else 0
        super().start()

    def _is_ready(self) -> bool:
        # It listens before it has its signal handlers: a reload in between would end it.
        return b" running\n" in self.log.read_bytes()[self._began :] and answers(self.port)


class SecureMosquitto(Mosquitto):
    """TLS, user names, passwords and ACL, as an enrolled district has them.

    ``ca_file`` is what a device pins. A user besides ``collector`` is a device
    and may touch its own topics only.
    """

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self.ca_file = certificates.ca_file
        self.passwords = folder / "passwords"
        self.passwords.touch(mode=0o600)
        acl = folder / "acl"
        acl.write_text(ACL)
        super().__init__(
            folder,
            "allow_anonymous false\n"
            f"password_file {self.passwords}\n"
            f"acl_file {acl}\n"
            f"certfile {certificates.certificate}\n"
            f"keyfile {certificates.key}\n"
            "tls_version tlsv1.2\n",
        )

    def add(self, user: str, password: str) -> None:
        """Let a user in, at once."""
        command = [find("mosquitto_passwd") or "mosquitto_passwd", "-b"]
        subprocess.run(
            [*command, str(self.passwords), user, password],
            check=True,
            capture_output=True,
        )
        self.reload()


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files of a private CA and of one server it vouches for."""

    ca_file: Path
    certificate: Path
    key: Path


def certify(
    folder: Path,
    *,
    host: str = "localhost",
    not_before: datetime.datetime | None = None,
    not_after: datetime.datetime | None = None,
) -> Certificates:
    """Make a CA and a certificate for ``host`` and 127.0.0.1; by default for a year from now."""
    now = datetime.datetime.now(datetime.UTC)
    start = not_before or now - datetime.timedelta(days=1)
    end = not_after or now + datetime.timedelta(days=365)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test district CA")])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    ca = (
        _builder(ca_name, ca_name, ca_key, start, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        _builder(name, ca_name, key, start, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    files = Certificates(folder / "ca.crt", folder / "server.crt", folder / "server.key")
    files.ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    start: datetime.datetime,
    end: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
