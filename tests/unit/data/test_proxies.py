"""Downloads go by the proxy that the environment names, and an error names it."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hypervae.data import download
from hypervae.data.download import RemoteFile
from hypervae.errors import HyperVAEError

VARIABLES = [f"{name}_proxy" for name in ("http", "https", "all", "no", "ftp")]
NOT_THERE = "http://data.invalid/w.hdf5"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(download, "BACKOFF", 0.01)
    monkeypatch.setattr(download, "LONGEST_WAIT", 0.02)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def server(status=200, body=b"jets"):
    """A program that answers all requests, as a proxy does; gives its port and what was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            asked.append((self.command, self.path, self.headers.get("Proxy-Authorization")))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_CONNECT = do_GET

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield one.server_port, asked
        one.shutdown()


def fetch(url, folder, retries=1):
    download.download(RemoteFile(url, 4, None), folder / "w.part", retries)
    return (folder / "w.part").read_bytes()


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
@pytest.mark.parametrize("form", ["http://{}", "{}", "http://me:secret@{}", "http://{}/"])
def test_a_proxy_is_asked(name, form, tmp_path, monkeypatch):
    """It alone: nothing is known of the server's address."""
    with server() as (port, asked):
        monkeypatch.setenv(name, form.format(f"127.0.0.1:{port}"))
        assert fetch(NOT_THERE, tmp_path) == b"jets"
    ((command, path, login),) = asked
    assert (command, path) == ("GET", NOT_THERE)
    assert (login is not None) == ("@" in form)


def test_a_tunnel_is_asked_for_https(tmp_path, monkeypatch):
    with server(status=502) as (port, asked):
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        with pytest.raises(
            HyperVAEError,
            match=rf"502.*by the proxy 127\.0\.0\.1:{port}|502.*:{port} of https_proxy",
        ):
            fetch("https://data.invalid/w.hdf5", tmp_path)
    assert {one[:2] for one in asked} == {("CONNECT", "data.invalid:443")}


@pytest.mark.parametrize("exempt", ["*", "127.0.0.1", "localhost,127.0.0.1", "x, 127.0.0.1 ,y"])
@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_what_needs_no_proxy_is_asked_itself(name, exempt, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv(name, exempt)
    with server() as (port, asked):
        assert fetch(f"http://127.0.0.1:{port}/w.hdf5", tmp_path) == b"jets"
    assert asked == [("GET", "/w.hdf5", None)]


@pytest.mark.parametrize("status", [403, 407, 502, 503])
def test_the_refusal_of_a_proxy_names_it_without_the_password(status, tmp_path, monkeypatch):
    with server(status) as (port, _):
        monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{port}")
        with pytest.raises(HyperVAEError) as error:
            fetch(NOT_THERE, tmp_path)
    assert str(error.value).startswith(f"{NOT_THERE}: ")
    assert f"HTTP {status}" in str(error.value)
    assert f"(by the proxy 127.0.0.1:{port} of http_proxy)" in str(error.value)
    assert "secret" not in str(error.value)


def test_a_proxy_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with pytest.raises(
        HyperVAEError, match=r"refused \(by the proxy http://127\.0\.0\.1:1 of http_"
    ):
        fetch(NOT_THERE, tmp_path)


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://127.0.0.1:1",
        "ftp://127.0.0.1:1",
        "http://127.0.0.1:x",
        "http://127.0.0.1:0",
        "http://127.0.0.1:99999",
        "http://[::1",
        "http://",
        "http:///x",
        ":",
        "http://a\tb:1",
        "nonsense:nonsense",
    ],
)
def test_what_is_no_proxy_is_named(proxy, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(HyperVAEError, match=r"^http_proxy: found .*, expected http://HOST:PORT$"):
        fetch(NOT_THERE, tmp_path)
