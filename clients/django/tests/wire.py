"""A faulty network between Django and the service: a TCP proxy that corrupts and cuts
connections."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Damage = Callable[[bytes], bytes]


class Wire:
    """Forwards bytes. Counts connections; can drop responses and change bytes in transit."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.connections = 0
        #: Responses of the service that the client never sees.
        self.swallow_answers = 0
        #: Bytes of a response after which the connection breaks, one number for each time.
        self.break_after: list[int] = []
        self.damage: Damage = bytes
        self._is_cut = False
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = [self._server]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for end in self._ends:
            _shut(end)

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Breaks existing connections, and those made meanwhile."""
        self._is_cut = True
        for end in self._ends[1:]:
            _shut(end)
        yield
        self._is_cut = False

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
                service = socket.create_connection(self._target)
            except OSError:
                return
            self.connections += 1
            if self._is_cut:
                _shut(client)
                _shut(service)
                continue
            self._ends += [client, service]
            threading.Thread(target=self._requests, args=(client, service), daemon=True).start()
            threading.Thread(target=self._answers, args=(service, client), daemon=True).start()

    def _requests(self, client: socket.socket, service: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                service.sendall(self.damage(data))
        _shut(service)

    def _answers(self, service: socket.socket, client: socket.socket) -> None:
        try:
            while data := service.recv(65536):
                with self._lock:
                    if self.swallow_answers:
                        self.swallow_answers -= 1
                        break
                    if self.break_after:
                        client.sendall(data[: self.break_after.pop(0)])
                        break
                client.sendall(data)
        except OSError:
            pass
        _shut(client)
        _shut(service)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def wire(port: int) -> Iterator[Wire]:
    between = Wire(port)
    try:
        yield between
    finally:
        between.close()
