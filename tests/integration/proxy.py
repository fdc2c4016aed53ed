"""A wire between clients and a service that can be cut: each connection to the proxy's socket is handed on to the
service's socket, byte by byte, until the test or a rule breaks it."""

import os
import selectors
import socket
import tempfile
import threading

GREETING_BYTES = 90  # what a ZeroMQ peer says before its last word of the handshake


class Proxy:
    """In front of the unix socket PATH. CUTS yields, for each new connection, after how many bytes towards the client it
    is broken (None: never)."""

    def __init__(self, test, path, cuts=None):
        self.directory = tempfile.mkdtemp(prefix="parlance-proxy-")
        self.path = os.path.join(self.directory, "p.sock")
        self.endpoint = "ipc://" + self.path
        self.target = path
        self.cuts = cuts
        self.connections = self.broken = 0
        self.stalled = False
        self.greeted = threading.Event()  # set whenever a connection's handshake is through
        self._pairs = {}  # socket -> (peer, towards the client)
        self._left = {}  # client's socket -> bytes until the cut
        self._down = {}  # client's socket -> bytes that it was sent
        self._asked_to_cut = threading.Event()
        self._over = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(64)
        self._bell, self._ring = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        test.addCleanup(self.close)

    def cut(self):
        """Breaks all connections that there are."""
        self._asked_to_cut.set()
        self._ring.send(b"x")

    def stall(self, stalled=True):
        """Nothing is handed on any more, and nothing is closed."""
        self.stalled = stalled
        self._ring.send(b"x")

    def close(self):
        if not self._over:
            self._over = True
            self._ring.send(b"x")
            self._thread.join()
            for s in (self._listener, self._bell, self._ring):
                s.close()
            os.unlink(self.path)
            os.rmdir(self.directory)

    def _accept(self):
        client, _ = self._listener.accept()
        service = socket.socket(socket.AF_UNIX)
        try:
            service.connect(self.target)
        except OSError:
            service.close()
            client.close()
            return
        self.connections += 1
        self._pairs[client], self._pairs[service] = (service, False), (client, True)
        self._left[client] = next(self.cuts, None) if self.cuts else None
        self._down[client] = 0

    def _break(self, one):
        other, towards_client = self._pairs.pop(one)
        self._pairs.pop(other)
        self._left.pop(other if towards_client else one)
        self._down.pop(other if towards_client else one)
        self.broken += 1
        one.close()
        other.close()

    def _hand_on(self, one):
        other, towards_client = self._pairs[one]
        try:
            data = one.recv(65536)
            left = self._left[other] if towards_client else None
            if left is not None:
                data, self._left[other] = data[:left], left - len(data)
            if data:
                other.sendall(data)
            if towards_client:
                self._down[other] += len(data)
                if self._down[other] > GREETING_BYTES:
                    self.greeted.set()
            if not data or (left is not None and self._left[other] <= 0):
                self._break(one)
        except OSError:
            self._break(one)

    def _run(self):
        while not self._over:
            with selectors.DefaultSelector() as waiting:
                waiting.register(self._bell, selectors.EVENT_READ)
                waiting.register(self._listener, selectors.EVENT_READ)
                for s in () if self.stalled else self._pairs:
                    waiting.register(s, selectors.EVENT_READ)
                ready = [key.fileobj for key, _ in waiting.select()]
            if self._bell in ready:
                self._bell.recv(4096)
            if self._asked_to_cut.is_set():
                self._asked_to_cut.clear()
                for s in list(self._pairs):
                    if s in self._pairs:
                        self._break(s)
            if self._listener in ready:
                self._accept()
            for s in ready:
                if s in self._pairs:
                    self._hand_on(s)
        for s in list(self._pairs):
            if s in self._pairs:
                self._break(s)
