# registry_wire.py: what registry.py and its clients say to each other on the wire: requests with their bodies, answers
# that may be cut, and the ends of connections. Knows nothing of registries.
import http.server
import json
import os
import socket
import ssl
import struct
import sys
import time


class Answer:
    def __init__(self, status, body=b"", **headers):
        self.status, self.body = status, body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.length = True      # say Content-Length
        self.cut = None         # (how, after how many bytes)
        self.close = False
        self.marks = []


def error(status, name="UNKNOWN", text="told to"):
    body = json.dumps({"errors": [{"code": name, "message": text}]}).encode()
    return Answer(status, body, Content_Type="application/json")


class Gone(Exception):
    """The connection was cut: nothing more is to be said."""


class Wire(http.server.BaseHTTPRequestHandler):
    """A connection; who inherits says what is answered, and has note(status, size, marks) for the log."""

    protocol_version = "HTTP/1.1"

    def setup(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request.settimeout(30)
        if self.server.tls:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self):
        if not self.server.tls and self.request.recv(1, socket.MSG_PEEK) == b"\x16":
            # a TLS handshake: say in plain that none is spoken here
            self.request.sendall(b"HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\n")
            self.linger()
            return
        super().handle()

    def log_message(self, *arguments):
        pass

    def handle_expect_100(self):
        self.waits = True
        return True

    def parse_request(self):
        self.waits, self.received, self.left = False, 0, 0
        good = super().parse_request()
        if good:
            self.chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
            self.left = 0 if self.chunked else int(self.headers.get("Content-Length", 0))
        return good

    # --- the request's body ---

    def read_some(self, size):
        if self.waits:
            self.waits = False
            self.send_response_only(100)
            self.end_headers()
        data = self.rfile.read(size)
        if len(data) < size:
            raise Gone
        self.received += len(data)
        return data

    def read_body(self, most=None):
        if not self.chunked:
            size = self.left if most is None else min(most, self.left)
            self.left -= size
            return self.read_some(size) if size else b""
        data = b""
        while self.chunked and (most is None or len(data) < most):
            if self.waits:
                self.read_some(0)
            size = int(self.rfile.readline().split(b";")[0], 16)
            data += self.read_some(size)
            self.rfile.readline()
            if size == 0:
                self.chunked = False
        return data

    # --- the end of a connection ---

    def drop(self):
        """Resets it."""
        time.sleep(0.02)  # what was sent arrives first
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.request.detach())
        raise Gone

    def linger(self):
        """Ends it so that the other side still reads the answer, though it may be sending."""
        self.close_connection = True
        try:
            self.request.settimeout(2)
            socket.socket.shutdown(self.request, socket.SHUT_WR)
            while self.request.recv(65536):
                pass
        except OSError:
            pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (Gone, ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True

    # --- the answer ---

    def send(self, answer):
        body = b"" if self.command == "HEAD" or answer.status == 204 else answer.body
        sent = body if answer.cut is None else body[:answer.cut[1]]
        lost = answer.cut is not None and answer.cut[0] == "lose"
        self.note(0 if lost else answer.status, len(sent), answer.marks)
        if lost:
            self.drop()
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.length == "chunked" and self.command != "HEAD":
            self.send_header("Transfer-Encoding", "chunked")
            sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(sent), sent) if sent else b"0\r\n\r\n"
        elif answer.length and answer.length != "chunked" and answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)) if answer.length is True else answer.length)
        elif not answer.length and self.command != "HEAD":
            answer.close = True
        if answer.close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(sent)
        if answer.cut is not None:
            if answer.cut[0] == "body-reset":
                self.drop()
            if answer.cut[0] == "stall":
                self.request.settimeout(90)
                self.request.recv(1)  # until the other side has had enough
            self.close_connection = True
        if answer.close:
            self.linger()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, Gone)):
            super().handle_error(request, client_address)
