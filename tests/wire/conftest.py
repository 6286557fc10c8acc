"""A scripted venue on a loopback socket, and certificates made for the occasion."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from marketbot.venues.wire import Endpoint, Wire, tls_context

DEADLINE_S = 5.0
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, LoopFactory]:
    """Run every test on the loop we ship and on the one that Windows gets."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


class Peer:
    """The venue's side of one connection."""

    def __init__(self, venue: "Venue", number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.venue, self.number, self.reader, self.writer = venue, number, reader, writer

    async def request(self) -> bytes:
        """Read one request: head and content-length body. Raises IncompleteReadError at the end of the stream."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        request = head + await self.reader.readexactly(length)
        self.venue.requests.append(request)
        return request

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Venue:
    script: Script
    requests: list[bytes] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("http", "127.0.0.1", self.port)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(self, len(self.peers), reader, writer)
        self.peers.append(peer)
        self.addresses.append(writer.get_extra_info("peername")[0])
        try:
            await self.script(peer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


ServeVenue = Callable[..., Awaitable[Venue]]
MakeWire = Callable[..., Wire]


@pytest.fixture
async def serve() -> AsyncIterator[ServeVenue]:
    servers: list[asyncio.Server] = []
    venues: list[Venue] = []

    async def start(
        script: Script, *, host: str = "127.0.0.1", port: int = 0, ssl_context: ssl.SSLContext | None = None
    ) -> Venue:
        venue = Venue(script)
        server = await asyncio.start_server(venue.accept, host, port, ssl=ssl_context)
        servers.append(server)
        venues.append(venue)
        venue.port = server.sockets[0].getsockname()[1]
        return venue

    yield start
    for server in servers:
        server.close()
    for venue in venues:
        for peer in venue.peers:
            with contextlib.suppress(AttributeError):  # Python before 3.11.3 cannot abort a TLS transport twice
                peer.writer.transport.abort()
    current = asyncio.current_task()
    leftover = [
        task
        for task in asyncio.all_tasks()
        if task is not current and getattr(task.get_coro(), "__qualname__", "") == "Venue.accept"
    ]
    for task in leftover:
        task.cancel()
    await asyncio.gather(*leftover, return_exceptions=True)


@pytest.fixture
async def make_wire() -> AsyncIterator[MakeWire]:
    wires: list[Wire] = []

    def make(target: Venue | Endpoint, **options: object) -> Wire:
        endpoint = target.endpoint if isinstance(target, Venue) else target
        options.setdefault("allowed_hosts", frozenset({endpoint.host}))
        wire = Wire(endpoint, **options)  # type: ignore[arg-type]
        wires.append(wire)
        return wire

    yield make
    for wire in wires:
        await wire.close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110 the condition is the other side of a socket
                await asyncio.sleep(0.001)

    return wait


@dataclass(frozen=True)
class Certificates:
    ca_file: Path
    other_ca_file: Path
    server: ssl.SSLContext  # valid for 127.0.0.1 only

    @property
    def client(self) -> ssl.SSLContext:
        return tls_context(self.ca_file)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    ca_key, ca = _authority("wire test authority")
    _, other_ca = _authority("another authority")
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    leaf = (
        _certificate("venue", ca.subject, key)
        .add_extension(names, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    for name, certificate in {"ca": ca, "other": other_ca, "leaf": leaf}.items():
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "leaf.pem", folder / "key.pem")
    return Certificates(folder / "ca.pem", folder / "other.pem", server)


def _certificate(name: str, issuer: x509.Name | None, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )


def _authority(name: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _certificate(name, None, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return key, certificate
