"""A data record on a real HTTP server on the loopback interface, with the faults of real ones."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Record:
    """What is served, and how.

    ``faults`` holds, for each coming request of a file, a status (503), "break" (half of what was
    asked for, then a closed connection) or None; ``requests`` the Range headers that came.
    """

    def __init__(self, files: dict[str, bytes]):
        self.files = files
        self.checksums = {
            name: "md5:" + hashlib.md5(data).hexdigest() for name, data in files.items()
        }
        self.ranges = True
        self.lengths = True
        self.faults: list[int | str | None] = []
        self.requests: list[str | None] = []
        self.url = self.address = ""

    def metadata(self) -> bytes:
        files = [
            {
                "key": name,
                "size": len(data),
                **({"checksum": self.checksums[name]} if self.checksums[name] else {}),
                "links": {"self": f"{self.url}/files/{name}/content"},
            }
            for name, data in self.files.items()
        ]
        return json.dumps({"id": 1, "files": files}).encode()


@contextmanager
def serve(record: Record) -> Iterator[Record]:
    """Serve a record until the block ends; ``record.address`` is the address of its metadata."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            if "/files/" not in self.path:
                content = record.metadata() if self.path == "/record" else None
                self.send(200 if content else 404, content or b"")
                return
            record.requests.append(self.headers.get("Range"))
            fault = record.faults.pop(0) if record.faults else None
            if isinstance(fault, int):
                self.send(fault, b"no")
                return
            data = record.files[self.path.split("/")[-2]]
            start = 0
            if record.ranges and self.headers.get("Range"):
                start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            if start and start >= len(data):
                self.send(416, b"")
                return
            self.send(206 if start else 200, data, start, broken=fault == "break")

        def send(self, status: int, data: bytes, start: int = 0, broken: bool = False) -> None:
            body = data[start:]
            self.send_response(status)
            if record.lengths:
                self.send_header("Content-Length", str(len(body)))
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if broken else body)
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    record.url = f"http://127.0.0.1:{server.server_port}"
    record.address = f"{record.url}/record"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield record
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
