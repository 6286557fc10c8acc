"""Which servers must prove themselves, and that a driver's connection really ends at a certificate that does not."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from marketbot.store.address import TLS_VARIABLE, SslMode, tls_for
from marketbot.store.pool import Unavailable, connect

ELSEWHERE = "db.example.com"
SSL_REQUEST_BYTES = 8


@pytest.fixture(autouse=True)
def _no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (TLS_VARIABLE, "PGSSLMODE", "PGSSLROOTCERT", "PGHOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
def test_a_connection_string_alone_cannot_ask_for_less(mode: str) -> None:
    with pytest.raises(ValueError, match=TLS_VARIABLE) as caught:
        tls_for(f"postgresql://u:hidden-word@{ELSEWHERE}/x?sslmode={mode}")
    assert "hidden-word" not in str(caught.value)


def test_the_environment_of_libpq_cannot_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "require")
    with pytest.raises(ValueError, match="sslmode=require"):
        tls_for(f"postgresql://u@{ELSEWHERE}/x")


@pytest.mark.parametrize("query", ["", "?sslmode=require", "?sslmode=disable"])
def test_the_operators_word_is_taken(monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    monkeypatch.setenv(TLS_VARIABLE, "disable")
    assert tls_for(f"postgresql://u@{ELSEWHERE}/x{query}") is SslMode.DISABLE
    monkeypatch.setenv(TLS_VARIABLE, "verify-ca")
    context = tls_for(f"postgresql://u@{ELSEWHERE}/x{query}")
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, False)


def test_a_string_that_asks_for_full_proof_gets_it_whatever_the_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TLS_VARIABLE, "disable")
    context = tls_for(f"postgresql://u@{ELSEWHERE}/x?sslmode=verify-full")
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname


@pytest.mark.parametrize("word", ["require", "prefer", "off", "true"])
def test_a_word_that_promises_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv(TLS_VARIABLE, word)
    with pytest.raises(ValueError, match="not one of"):
        tls_for(f"postgresql://u@{ELSEWHERE}/x")


def test_one_host_elsewhere_among_several_is_enough() -> None:
    assert isinstance(tls_for(f"postgresql://u@127.0.0.1:1,{ELSEWHERE}:2/x"), ssl.SSLContext)


class Impostor:
    """Speaks Postgres as far as the certificate, and notes whether anything was said to it afterwards."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.port = 0
        self.told = b""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readexactly(SSL_REQUEST_BYTES)
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(self.context)
            self.told = await reader.read(4096)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def certificate(place: Path, name: str) -> Path:
    """Write a self-signed certificate for a name, with its key, and return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + made.public_bytes(serialization.Encoding.PEM)
    file = place / f"{name}.pem"
    file.write_bytes(pem)
    return file


@pytest.fixture
async def impostor(monkeypatch: pytest.MonkeyPatch, request: Any, tmp_path: Path) -> AsyncIterator[Impostor]:
    """Run a server under the name of one elsewhere; it presents a certificate for the name that the test asks for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path, request.param))
    found = Impostor(context)
    server = await asyncio.start_server(found.answer, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **named: resolve("127.0.0.1" if host == ELSEWHERE else host, *rest, **named)
    )
    async with server:
        yield found


@pytest.mark.parametrize("impostor", [ELSEWHERE], indirect=True)
async def test_a_certificate_of_an_unknown_authority_ends_the_connection(impostor: Impostor) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        await connect(f"postgresql://u:hidden-word@{ELSEWHERE}:{impostor.port}/x", name="test")
    assert impostor.told == b""


@pytest.mark.parametrize("impostor", ["other.example.com"], indirect=True)
async def test_a_certificate_of_another_name_ends_the_connection(impostor: Impostor, tmp_path: Path) -> None:
    trusted = tmp_path / "other.example.com.pem"
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        await connect(f"postgresql://u@{ELSEWHERE}:{impostor.port}/x?sslrootcert={trusted}", name="test")
    assert impostor.told == b""


@pytest.mark.parametrize("impostor", [ELSEWHERE], indirect=True)
async def test_the_right_certificate_is_spoken_to(impostor: Impostor, tmp_path: Path) -> None:
    trusted = tmp_path / f"{ELSEWHERE}.pem"
    # It hangs up after the greeting, which is enough: the driver has accepted it.
    with pytest.raises(Unavailable):
        await connect(f"postgresql://ana@{ELSEWHERE}:{impostor.port}/x?sslrootcert={trusted}", name="test")
    assert b"ana" in impostor.told
