# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes are found by their mark and end, whatever they do; credentials stay in memory; logs are lines of JSON."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from service.config import Config
from service.db.engine import session_scope
from service.db.models import Infrastructure
from service.log import JsonFormatter, log_context
from service.operations import execute, queue
from service.operations.credentials import CredentialVault, VaultClient, VaultServer, offer_credentials
from service.operations.execute import Leash, leashed, secret_file
from service.operations.processes import RUN_MARK, Process, end_marked, identity, is_dead, look, marked, with_helpers
from sqlalchemy import Engine

pytestmark = pytest.mark.unit
# Two generations in sessions of their own, as Ansible has them; the inner one ignores SIGTERM.
FAMILY = """
import os, signal, subprocess, sys, time
if len(sys.argv) == 1:
    subprocess.Popen([sys.executable, __file__, "inner"], start_new_session=True)
else:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(600)
"""


@pytest.fixture
def mark() -> Iterator[str]:
    found = str(uuid.uuid4())
    yield found
    end_marked(RUN_MARK, found)


@pytest.fixture
def family(tmp_path: Path) -> str:
    file = tmp_path / "family.py"
    file.write_text(FAMILY)
    return str(file)


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def start(mark: str, family: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, family], env={**os.environ, RUN_MARK: mark})
    wait(lambda: len(marked(RUN_MARK, mark)) == 2)
    return process


@pytest.mark.parametrize("grace", [0.0, 0.5])
def test_a_whole_family_ends(mark: str, family: str, grace: float) -> None:
    process = start(mark, family)
    assert end_marked(RUN_MARK, mark, grace) == 2
    assert marked(RUN_MARK, mark) == []
    assert process.wait(60) == -(signal.SIGTERM if grace else signal.SIGKILL)


def test_nothing_else_ends(mark: str, family: str) -> None:
    other = str(uuid.uuid4())
    start(mark, family)
    assert end_marked(RUN_MARK, other) == 0
    assert len(marked(RUN_MARK, mark)) == 2


def test_parts_of_container_engines_are_known() -> None:
    names = ["podman", "conmon", "runc:[2:INIT]", "pasta.avx2", "docker-proxy"]
    assert all(Process(1, "", name, 0).engine for name in names)
    assert not Process(1, "", "python", 0).engine
    found = [
        Process(1, "", "python", 0),
        Process(2, "", "podman", 1),
        Process(3, "", "sh", 2),
        Process(4, "", "nft", 3),
    ]
    assert [item.engine for item in with_helpers(found)] == [False, True, True, True]


def leash(mark: str, secrets: str, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(leashed(mark, secrets, list(command)), text=True, stdout=subprocess.PIPE)


def test_the_leash_hands_over_secrets_and_the_exit_code(mark: str) -> None:
    code = "import os, sys; print(os.environ['TOKEN'], os.environ['CONTINUUM_RUN']); sys.exit(7)"
    with secret_file({"TOKEN": "hush"}) as secrets, leash(mark, secrets, sys.executable, "-c", code) as process:
        assert "hush" not in Path(f"/proc/{process.pid}/cmdline").read_text()
        assert process.communicate(timeout=60)[0].split() == ["hush", mark]
        assert process.returncode == 7


def test_the_leash_ends_all_when_it_is_told_to(
    mark: str, family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = execute._LEASH.read_text(encoding="utf-8")
    short = tmp_path / "leash.py"
    short.write_text(re.sub(r"(?m)^_GRACE = .*$", "_GRACE = 1.0", text))
    assert short.read_text() != text
    short.with_name("processes.py").symlink_to(execute._LEASH.with_name("processes.py"))
    monkeypatch.setattr(execute, "_LEASH", short)
    with secret_file({}) as secrets, leash(mark, secrets, sys.executable, family) as process:
        wait(lambda: len(marked(RUN_MARK, mark)) == 2)
        process.terminate()
        # The inner one ignores SIGTERM, so it lives until the time of grace is over.
        assert process.wait(60) == 128 + signal.SIGTERM
        assert marked(RUN_MARK, mark) == []


def test_the_leash_says_when_the_command_was_killed(mark: str, family: str) -> None:
    with secret_file({}) as secrets, leash(mark, secrets, sys.executable, family) as process:
        wait(lambda: len(marked(RUN_MARK, mark)) == 2)
        (outer,) = [item for item in marked(RUN_MARK, mark) if item.parent == process.pid]
        os.kill(outer.pid, signal.SIGKILL)
        assert process.wait(60) == 128 + signal.SIGKILL
        assert marked(RUN_MARK, mark) == []


def test_all_end_with_the_one_who_holds_the_leash(mark: str, family: str) -> None:
    holder = (
        "import os, subprocess, sys, time\n"
        "from service.operations.execute import leashed, secret_file\n"
        f"with secret_file({{}}) as secrets:\n"
        f"    subprocess.Popen(leashed({mark!r}, secrets, [sys.executable, {family!r}]), start_new_session=True)\n"
        "    time.sleep(600)\n"
    )
    root = Path(__file__).parents[3]
    paths = os.pathsep.join([str(root), str(root / "collections")])
    process = subprocess.Popen([sys.executable, "-c", holder], env={**os.environ, "PYTHONPATH": paths})
    wait(lambda: len(marked(RUN_MARK, mark)) == 2)
    process.kill()
    process.wait()
    wait(lambda: marked(RUN_MARK, mark) == [])


def test_stopping_from_another_thread(mark: str, family: str) -> None:
    holder = Leash(mark)
    with secret_file({}) as secrets:
        process = subprocess.Popen(leashed(mark, secrets, [sys.executable, family]), env={**os.environ, RUN_MARK: mark})
        wait(lambda: len(marked(RUN_MARK, mark)) == 3)
        holder.stop("first", hard=True)
        holder.stop("second")
        assert process.wait(60)
    assert holder.reason == "first"
    assert marked(RUN_MARK, mark) == []


def test_workers_that_are_dead(mark: str, family: str) -> None:
    process = start(mark, family)
    seen = look(process.pid)
    assert seen is not None
    name = f"here/{process.pid}/{seen.started}"
    assert not is_dead(name, "here")
    assert not is_dead(name, "elsewhere")
    assert is_dead(f"here/{process.pid}/1", "here")
    end_marked(RUN_MARK, mark)
    assert is_dead(name, "here")
    assert not is_dead(identity("here"), "here")


def test_credentials_are_kept_for_a_time() -> None:
    vault = CredentialVault()
    vault.put("a", {"X": "1"})
    vault.put("b", {"X": "2"}, ttl=-1)
    assert (vault.take("a"), vault.take("a"), vault.take("b")) == ({"X": "1"}, {"X": "1"}, None)
    vault.drop("a")
    assert vault.take("a") is None


def test_credentials_go_over_a_private_socket(config: Config) -> None:
    client = VaultClient(config)
    client.put("own", {"X": "without a server"})
    assert client.take("own") == {"X": "without a server"}
    server = VaultServer(config)
    server.start()
    try:
        (socket,) = config.run_folder.glob("*.sock") if len(config.home) < 80 else [None]
        assert socket is None or socket.stat().st_mode & 0o777 == 0o600
        client.put("a", {"X": "1"})
        assert VaultClient(config).take("a") == {"X": "1"}
        client.drop("a")
        assert client.take("a") is None
    finally:
        server.stop()


def test_offered_credentials_wake_what_waits(engine: Engine, config: Config) -> None:
    with session_scope(engine) as session:
        session.add(Infrastructure(id="i", name="im-1"))
        session.flush()
        queue.enqueue(session, session.get_one(Infrastructure, "i"), "create", {}, "", credentials="aws")
        found = queue.claim(session, "w")
        assert found is not None
        queue.release(session, found.id, found.fence, queue.WAITS_FOR_CREDENTIALS, 600, counts=False)
    offer_credentials(engine, config, "i", {})
    with session_scope(engine) as session:
        assert not queue.something_to_do(session)
    offer_credentials(engine, config, "i", {"AWS_SECRET_ACCESS_KEY": "x"})
    with session_scope(engine) as session:
        assert queue.something_to_do(session)
    assert VaultClient(config).take("i") == {"AWS_SECRET_ACCESS_KEY": "x"}


def test_logs_are_json_with_ids_and_without_texts_of_errors() -> None:
    error = ValueError("hush")
    information = (ValueError, error, None)
    log = logging.getLogger("test")
    with log_context(operation_id=7, request_id=""):
        record = log.makeRecord("test", logging.ERROR, "f", 1, "it %s", ("failed",), information, extra={"pid": 5})
        entry = json.loads(JsonFormatter().format(record))
    assert (entry["message"], entry["operation_id"], entry["pid"], entry["error"]) == ("it failed", 7, 5, "ValueError")
    assert "request_id" not in entry
    assert "hush" not in json.dumps(entry)
    assert "operation_id" not in json.loads(JsonFormatter().format(record))
