"""What a TLS error says of the request: that it was never sent, or that it may have arrived."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from preheat.errors import RemoteUnavailableError
from preheat.transport import Transport, harden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "preheat test")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509
        .CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


@pytest.fixture
def serve(certificate: Path) -> Iterator[Callable[[bool], int]]:
    """Give a way to start a server for one connection; it tells its port.

    It breaks TLS after the request has come, or speaks none from the start.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def answer(*, speaks_tls: bool) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        accepted, _ = listener.accept()
        with accepted, suppress(OSError):
            if speaks_tls:
                secured = context.wrap_socket(accepted, server_side=True)
                secured.recv(65536)
                accepted = socket.socket(fileno=secured.detach())
            accepted.sendall(b"this is no TLS record" * 100)
            accepted.close()

    def start(speaks_tls: bool) -> int:
        thread = threading.Thread(target=answer, kwargs={"speaks_tls": speaks_tls})
        thread.start()
        threads.append(thread)
        return int(listener.getsockname()[1])

    yield start
    for thread in threads:
        thread.join()
    listener.close()


def error_of(port: int, verify: str | bool) -> RemoteUnavailableError:
    """POST over TLS; it must fail."""
    with harden(requests.Session()) as session:
        url = f"https://127.0.0.1:{port}"
        client = Transport(session, url, system="Dragonfly", verify=verify)
        with pytest.raises(RemoteUnavailableError) as caught:
            client.send("POST", "/jobs")
    return caught.value


def test_a_certificate_that_is_not_trusted_was_sent_nothing(
    serve: Callable[[bool], int],
) -> None:
    """The other side learns nothing before it has proved who it is."""
    error = error_of(serve(True), verify=True)
    assert not error.sent
    assert "check the certificate" in str(error)


def test_a_handshake_that_fails_was_sent_nothing(
    serve: Callable[[bool], int], certificate: Path
) -> None:
    """A server that speaks no TLS at all."""
    assert not error_of(serve(False), verify=str(certificate)).sent


def test_tls_that_breaks_after_the_request_leaves_it_in_doubt(
    serve: Callable[[bool], int], certificate: Path
) -> None:
    """The job may have been made: who takes it for unsent asks twice."""
    error = error_of(serve(True), verify=str(certificate))
    assert error.sent
    assert "it may have arrived" in str(error)
