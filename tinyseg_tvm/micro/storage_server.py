"""Serves storage to several clients at a socket, some of which may be hostile.

Each client has a memory of its own. One that is silent, talks nonsense or does not take its answers is hung up on; when
there are too many, the one goes that made fewest requests, of those that made about as many the one that was silent for
longest: a client that computes for a while outlasts any number that ask once. Memory is counted as it is written. When
all is taken, the client goes that took most; one that takes no more than its share never does.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import socket
import threading
import time
from dataclasses import dataclass, field

from tinyseg_tvm.micro.remote_storage import Limits, Server

logger = logging.getLogger(__name__)

MOST_CLIENTS = 256  # at the same time: threads, and files below the limit of select
MOST_MEMORY = 1 << 30  # bytes that all clients together may have written to; a client's share is as many-th a part
BEGIN_SECONDS = 10.0  # until the first request
ANSWER_SECONDS = 10.0  # until a client takes the next part of an answer
RETRY_SECONDS = 0.05  # after a connection that could not be accepted


@dataclass(eq=False)
class Client:
    """A connection and what is served to it."""

    connection: socket.socket
    server: Server
    heard: float = field(default_factory=time.monotonic)

    @property
    def weight(self) -> tuple[int, int, float]:
        """Who is hung up on last where memory is scarce: whoever took least, by powers of two, then by rank."""
        requests, heard = self.rank
        return -self.server.taken.bit_length(), requests, heard

    @property
    def rank(self) -> tuple[int, float]:
        """Who is hung up on first: whoever made fewest requests, by powers of two, then by the time since the last."""
        return self.server.answered.bit_length(), max(self.heard, self.server.heard)


class StorageServer:
    """Accepts clients until it is interrupted.

    Attributes:
        capacity: bytes of each client's memory.
        patience: seconds that a client may be silent between requests.
        token: what a client must send first, with a line end; empty for nothing.
    """

    def __init__(self, capacity: int, patience: float, token: bytes = b"") -> None:
        self.capacity = capacity
        self.patience = patience
        self.token = token
        self.total = Server(bytearray())
        self._clients: list[Client] = []
        self._lock = threading.Lock()

    def serve(self, listening: socket.socket, once: bool = False) -> None:
        """Serves whoever connects, each in a thread of its own; with ``once`` until the first has hung up."""
        while True:
            try:
                connection, _ = listening.accept()
            except OSError as error:  # hung up already, or no more files: the next one may come
                logger.info("a connection was not accepted: %s", error)
                time.sleep(RETRY_SECONDS)
                continue
            client = Client(connection, Server(capacity=self.capacity))
            self._admit(client)
            thread = threading.Thread(target=self._serve_one, args=(client,), daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no more threads
                logger.info("a connection was not served: %s", error)
                self._dismiss(client)
                continue
            if once:
                thread.join()
                return

    def _admit(self, client: Client) -> None:
        with self._lock:
            if len(self._clients) >= MOST_CLIENTS:
                last = min(self._clients, key=lambda other: other.rank)
                self._clients.remove(last)
                _hang_up(last.connection)
            self._clients.append(client)
            client.server.may_take = lambda wanted: self._makes_room(client, wanted)

    def _makes_room(self, client: Client, wanted: int) -> bool:
        """Whether a client may take memory; others that took more are hung up on for it, and itself is refused."""
        with self._lock:
            while sum(other.server.taken for other in self._clients) + wanted > MOST_MEMORY:
                holding = [other for other in self._clients if other.server.taken or other is client]
                last = min(holding, key=lambda other: other.weight)
                if last is client:
                    return False
                self._clients.remove(last)
                _hang_up(last.connection)
            return client in self._clients

    def _serve_one(self, client: Client) -> None:
        try:
            client.connection.settimeout(ANSWER_SECONDS)
            if self._is_known(client.connection):
                with client.connection.makefile("rwb", buffering=0) as stream:
                    client.server.serve(stream, limits=Limits(BEGIN_SECONDS, self.patience))
        except (OSError, ValueError) as error:  # ValueError: hung up from another thread
            logger.info("a connection ended: %s", error)
        finally:
            self._dismiss(client)

    def _is_known(self, connection: socket.socket) -> bool:
        """Whether a client begins with the token, within the time for it."""
        expected = self.token + b"\n" if self.token else b""
        received = b""
        end = time.monotonic() + BEGIN_SECONDS
        while len(received) < len(expected):
            if time.monotonic() > end:
                return False
            part = connection.recv(len(expected) - len(received))
            if not part:
                return False
            received += part
        return hmac.compare_digest(received, expected)

    def _dismiss(self, client: Client) -> None:
        _hang_up(client.connection)
        with self._lock:
            if client in self._clients:
                self._clients.remove(client)
            self.total.reads += client.server.reads
            self.total.writes += client.server.writes
            self.total.damaged += client.server.damaged
        client.connection.close()


def _hang_up(connection: socket.socket) -> None:
    """Ends a connection, also for the thread that waits for it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
