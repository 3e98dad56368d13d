# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample of a reverse proxy, deploy/nginx, as a real nginx before a service with a real port."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from .conftest import Site, header, running
from .test_native import deploy, served

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[3]
OWN = ROOT / "build" / "nginx" / "usr" / "sbin" / "nginx"
MAIN = """daemon off;
pid {folder}/pid;
error_log stderr warn;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{sites}
}}
"""


@dataclass
class Proxy:
    """A proxy that listens, and the service behind it."""

    site: Site
    port: int
    plain: int
    certificate: Path

    def get(self, path: str, **more: Any) -> requests.Response:
        """Send a request through the proxy."""
        headers = {**header(), **more.pop("headers", {})}
        method = more.pop("method", "GET")
        return requests.request(
            method, f"https://127.0.0.1:{self.port}{path}", headers=headers, verify=self.certificate, timeout=60, **more
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_certificate(folder: Path) -> Path:
    words = ["-subj", "/CN=im.example.org", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run([*command, *words, *files], check=True, capture_output=True, timeout=60)
    return folder / "cert.pem"


def configuration(folder: Path, service: int, port: int, plain: int) -> str:
    """Return the sample with the ports and files of this test in the place of those of a site; nothing else differs."""
    text = (ROOT / "deploy" / "nginx" / "continuum.conf").read_text()
    text = text.replace("127.0.0.1:8800", f"127.0.0.1:{service}")
    text = re.sub(r"\n *listen \[::\][^;]*;", "", text)
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}").replace("listen 80", f"listen 127.0.0.1:{plain}")
    text = text.replace("/etc/ssl/im.example.org.pem", str(folder / "cert.pem"))
    text = text.replace("/etc/ssl/private/im.example.org.key", str(folder / "key.pem"))
    return MAIN.format(folder=folder, sites=text)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    program = shutil.which("nginx") or (str(OWN) if os.access(OWN, os.X_OK) else "")
    if not program:
        pytest.skip("needs nginx: tools/setup-nginx")
    folder = tmp_path_factory.mktemp("nginx")
    certificate = make_certificate(folder)
    settings = {"trusted_proxies": 1, "rate_per_user": 0, "rate_per_address": 20}
    with running(folder / "service", **settings) as site, served(site.app) as service:
        port, plain = free_port(), free_port()
        (folder / "nginx.conf").write_text(configuration(folder, service, port, plain))
        words = [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]
        with (folder / "errors").open("wb") as errors:
            process = subprocess.Popen(words, stdout=errors, stderr=errors)
        try:
            end = time.monotonic() + 30
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert process.poll() is None, (folder / "errors").read_text()
                assert time.monotonic() < end
                time.sleep(0.05)
            yield Proxy(site, port, plain, certificate)
        finally:
            process.terminate()
            process.wait(30)


def test_links_are_those_of_the_proxy(proxy: Proxy) -> None:
    answer = proxy.get("/infrastructures", method="POST", data="system front ()\ndeploy front 1\n")
    assert answer.status_code == 200, answer.text
    assert answer.text.startswith(f"https://127.0.0.1:{proxy.port}/infrastructures/")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert proxy.get("/infrastructures").text == answer.text


def test_plain_requests_are_sent_to_the_encrypted_port(proxy: Proxy) -> None:
    answer = requests.get(f"http://127.0.0.1:{proxy.plain}/version", allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://127.0.0.1/version")


def test_credentials_as_long_as_the_service_takes_them_pass(proxy: Proxy) -> None:
    long = [{"id": "one", "type": "Static", "host": "192.0.2.1", "private_key": "k" * 60_000}]
    records = json.dumps([*long, *json.loads(header()["Authorization"])])
    assert proxy.get("/infrastructures", headers={"Authorization": records}).status_code == 200


def test_a_body_that_is_too_long_is_refused_by_the_proxy(proxy: Proxy) -> None:
    answer = proxy.get("/infrastructures", method="POST", data="x" * (4 * 1024 * 1024 + 1))
    assert answer.status_code == 413


def test_events_arrive_one_by_one(proxy: Proxy) -> None:
    """A proxy that waits for more would give nothing before the stream ends, and this one does not end by itself."""
    key = deploy(proxy.site, template="slurm", inputs={"wn_num": 1}).get_json()["id"]
    headers = {"Accept": "text/event-stream"}
    with proxy.get(f"/infrastructures/{key}/events", headers=headers, stream=True) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        found = next(line for line in answer.iter_lines() if line.startswith(b"data:"))
    assert "message" in json.loads(found.removeprefix(b"data:"))


def test_what_a_client_says_of_its_address_does_not_count(proxy: Proxy) -> None:
    """Else who guesses passwords would have as many tries as there are addresses."""
    wrong = json.dumps([{"type": "InfrastructureManager", "token": "wrong"}])
    codes = [
        proxy.get(
            "/infrastructures", headers={"Authorization": wrong, "X-Forwarded-For": f"192.0.2.{number}"}
        ).status_code
        for number in range(40)
    ]
    assert codes[0] == 401
    assert codes[-1] == 429


def test_figures_are_for_the_monitoring_only(proxy: Proxy) -> None:
    """To 127.0.0.1 they are given, to 127.0.0.2 they are not: for the proxy that is another machine."""
    assert proxy.get("/metrics").status_code == 200
    context = ssl.create_default_context(cafile=str(proxy.certificate))
    for path, status in (("/metrics", 403), ("/readyz", 403), ("/version", 200)):
        link = http.client.HTTPSConnection(
            "127.0.0.1", proxy.port, timeout=60, source_address=("127.0.0.2", 0), context=context
        )
        link.request("GET", path)
        assert link.getresponse().status == status, path
        link.close()
    text = (ROOT / "deploy" / "nginx" / "continuum.conf").read_text()
    assert "deny all;" in text[text.index("(metrics|readyz)") :]
