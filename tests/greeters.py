"""Servers that greet as no service does: with another certificate, another time, or never to an end."""

import email.utils
import socket
import ssl
import threading
from contextlib import contextmanager, suppress

import trustme


@contextmanager
def greeter(*, leaf=None, date=None, location=None, is_endless=False):
    """Serve on loopback, and return the URL.

    Args:
        leaf: The certificate of an https server; None for plain http.
        date: What its answers give as the time, in seconds since the epoch, or as text.
        location: Where its answers lead.
        is_endless: Whether its answers go on and on, a header at a time.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if leaf is not None:
        leaf.configure_cert(context)
    told = email.utils.formatdate(date, usegmt=True) if isinstance(date, int | float) else date
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"
    if location is not None:
        answer = f"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {location}\r\n".encode()
    answer += f"Date: {told}\r\n\r\n".encode() if date is not None else b"\r\n"
    is_over = threading.Event()

    def serve(accepted):
        # A client that does not like the certificate goes away.
        with suppress(OSError), accepted:
            channel = context.wrap_socket(accepted, server_side=True) if leaf is not None else accepted
            with channel:
                channel.recv(65_536)
                if is_endless:
                    channel.sendall(answer[: answer.index(b"\r\n") + 2])
                while is_endless and not is_over.wait(0.05):
                    channel.sendall(b"X-More: to come\r\n")
                channel.sendall(answer)

    def accept():
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        scheme = "http" if leaf is None else "https"
        yield f"{scheme}://localhost:{listening.getsockname()[1]}"
    finally:
        is_over.set()
        listening.close()


def authority(path):
    """An authority, whose bundle is written to a file; its certificates are cheap ones."""
    made = trustme.CA(key_type=trustme.KeyType.ECDSA)
    made.cert_pem.write_to_path(str(path))
    return made
