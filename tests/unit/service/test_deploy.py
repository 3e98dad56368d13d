# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in deploy/ fits the service: units, container file, proxy, dashboard; and the pages name what is there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.exposition import generate_latest
from service.config import PREFIX, Config, settings
from service.db.engine import session_scope
from service.db.models import Event, Infrastructure, Operation, Vm, now
from service.routes.figures import count_request, registry_of
from sqlalchemy import Engine

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "continuum.service"
DASHBOARD = json.loads((DEPLOY / "grafana" / "continuum.json").read_text())
PAGES = [ROOT / "docs" / "service" / name for name in ("running.md", "runbook.md")]
_METRIC = re.compile(r"\bcontinuum_[a-z_]+")


def unit(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / name).read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def shown(engine: Engine) -> str:
    """Return what /metrics shows when everything has happened once."""
    with session_scope(engine) as session:
        session.add(Infrastructure(id="one", name="im-one"))
        session.flush()
        for state in ("done", "failed"):
            session.add(
                Operation(infrastructure_id="one", kind="create", state=state, started_at=now(), finished_at=now())
            )
        session.add(Vm(infrastructure_id="one", vm_id=0, state="running"))
        session.add(Event(infrastructure_id="one", task="Make it", status="ok"))
    count_request("GET", "health.healthz", 200, 0.01)
    count_request("BREW", None, 404, 0.01)
    return generate_latest(registry_of(engine)).decode()


def names_of(shown: str) -> set[str]:
    return {line.split("{")[0].split(" ")[0] for line in shown.splitlines() if not line.startswith("#")}


def test_figures(shown: str) -> None:
    assert 'continuum_operations_last_hour{kind="create",state="failed"} 1.0' in shown
    assert 'continuum_operation_seconds{kind="create",quantile="0.95"}' in shown
    assert 'continuum_tasks_last_minutes{status="ok"} 1.0' in shown
    assert 'continuum_http_requests_total{endpoint="none",method="other",status="404"}' in shown
    assert "BREW" not in shown


def test_the_dashboard_shows_figures_that_there_are(shown: str) -> None:
    used = {
        name for panel in DASHBOARD["panels"] for item in panel["targets"] for name in _METRIC.findall(item["expr"])
    }
    assert used
    assert used - names_of(shown) == set()


def test_panels_do_not_lie_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _y in cells) < 24
        taken |= cells


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_name_what_there_is(page: Path, shown: str) -> None:
    text = page.read_text()
    known = names_of(shown) | {"continuum_im"}
    assert {name for name in _METRIC.findall(text) if name not in known} == set()
    names = {PREFIX + name.upper() for name, _kind, _default, _text in settings()} | {f"{PREFIX}CONFIG"}
    assert set(re.findall(rf"\b{PREFIX}[A-Z_]+", text)) - names == set()
    assert [path for path in re.findall(r"`(deploy/[^`\s]+)`", text) if not (ROOT / path).exists()] == []


def test_every_file_is_described() -> None:
    text = PAGES[0].read_text()
    files = [str(path.relative_to(ROOT)) for path in DEPLOY.rglob("*") if path.is_file()]
    assert [path for path in files if f"`{path}`" not in text] == []


@pytest.mark.parametrize("drop_in", ["", "workers-only.conf", "local-cloud.conf"])
def test_units(drop_in: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    # systemd looks whether the program is there.
    text = UNIT.read_text() + ((DEPLOY / "systemd" / drop_in).read_text() if drop_in else "")
    path = tmp_path / "continuum.service"
    path.write_text(text.replace("/opt/continuum.im/.venv/bin/python", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "continuum.service" not in done.stderr, done.stderr


def test_the_unit_is_hardened() -> None:
    found = unit("continuum.service")
    for name in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "RestrictSUIDSGID", "LockPersonality"):
        assert found[name] == ["yes"], name
    assert found["ProtectSystem"] == ["strict"]
    assert found["CapabilityBoundingSet"] == [""]
    assert found["User"] == ["continuum"]
    assert found["LimitCORE"] == ["0"]
    assert "fernet.key:/etc/continuum/fernet.key" in found["LoadCredential"]
    names = {PREFIX + name.upper() for name, _kind, _default, _text in settings()} | {f"{PREFIX}CONFIG"}
    used = {item.partition("=")[0] for line in found["Environment"] for item in line.split()}
    assert {name for name in used if name.startswith(PREFIX)} <= names


def test_the_proxy_allows_what_the_service_allows() -> None:
    text = (DEPLOY / "nginx" / "continuum.conf").read_text()
    assert Config().max_body_bytes == 4 * 1024 * 1024
    assert "client_max_body_size 4m;" in text
    assert "large_client_header_buffers 4 256k;" in text
    assert re.search(r"location ~ \^/infrastructures/\[\^/\]\+/events\$ \{[^}]*proxy_buffering off;", text)
    assert text.count("{") == text.count("}")


def test_the_container_has_what_it_needs() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    copied = [word for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE) for word in line.split()]
    assert [path for path in copied if not (ROOT / path).exists()] == []
    pins = (ROOT / "requirements-dev.in").read_text().split()
    assert [pin for pin in re.findall(r"ansible(?:-core)?==[\d.]+", text) if pin not in pins] == []
    collections: list[dict[str, Any]] = yaml.safe_load((ROOT / "requirements.yml").read_text())["collections"]
    assert {"playbooks", "plugins", "roles", "service", "meta"} <= set(copied)
    assert collections[0]["name"] == "."
