"""Whole deployments on real hosts: containers of the local cloud, driven as a user drives them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .clouds import CLOUDS, LATE_PHASES, REPOSITORY, CloudUnderTest, left_over, podman

__all__ = ["REPOSITORY", "Deployer", "left_over", "podman"]
PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
# Names of test infrastructures start so; whatever is left over from a killed run is removed at the start.
PREFIX = "e2e-"


@dataclass
class Run:
    """One run of ansible-playbook: exit code, everything printed, and what the progress callback wrote."""

    code: int
    output: str
    progress: dict[str, Any]

    @property
    def changed(self) -> int:
        """How many tasks changed something."""
        return int(self.progress["totals"]["changed"])

    @property
    def roles(self) -> dict[str, list[str]]:
        """Which host ran which roles, without the collection's name."""
        return {host: [role.rpartition(".")[2] for role in names] for host, names in self.progress["roles"].items()}

    @property
    def instances(self) -> list[dict[str, Any]]:
        """The hosts that the deployment reported."""
        return list(self.progress["result"]["instances"])

    def names(self, node: str | None = None) -> list[str]:
        """The host names of a group, of all groups without one."""
        return sorted(item["hostname"] for item in self.instances if node in (None, item["node"]))


@dataclass
class Deployer:
    """Runs the playbooks of the collection for one infrastructure; `known` are the hosts of its last deployment."""

    home: Path
    name: str
    template: str = "slurm"
    environment: dict[str, str] = field(default_factory=dict)
    cloud: str = "local"
    known: list[dict[str, Any]] = field(default_factory=list, repr=False)

    def command(self, playbook: str, *options: str, **variables: Any) -> list[str]:
        """Return the command line; `variables` become extra variables."""
        everything = {"infrastructure": self.name, "cloud": self.cloud, **variables}
        return [str(PLAYBOOK), f"continuum.im.{playbook}", "-e", json.dumps(everything), *options]

    def run(self, playbook: str, *options: str, check: bool = True, **variables: Any) -> Run:
        """Run a playbook to its end; fail the test when it fails, unless `check` is false."""
        progress = self.home / "progress.json"
        progress.unlink(missing_ok=True)
        process = subprocess.run(
            self.command(playbook, *options, **variables),
            env=self._environment(progress),
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        output = process.stdout + process.stderr
        assert not check or process.returncode == 0, output
        done = Run(process.returncode, output, json.loads(progress.read_text()) if progress.exists() else {})
        if playbook in ("deploy", "destroy") and process.returncode == 0 and "--check" not in options:
            self.known = (done.progress.get("result") or {}).get("instances") or []
        return done

    def deploy(self, *options: str, check: bool = True, **inputs: Any) -> Run:
        """Deploy the template with these inputs."""
        return self.run("deploy", *options, check=check, template=self.template, inputs=inputs)

    def tool(self, name: str, *words: str) -> str:
        """Run another program of Ansible; return what it prints. Fail the test when it fails."""
        done = subprocess.run(
            [str(PLAYBOOK.parent / name), *words],
            env={**self._environment(self.home / "tool.json"), "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def kill_at(self, phase: str, **inputs: Any) -> bool:
        """Deploy and kill -9 the whole run when its output shows `phase`; false when it ended before."""
        command = self.command("deploy", template=self.template, inputs=inputs)
        environment = {
            **self._environment(self.home / "killed.json"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        }
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if phase in line:
                time.sleep(0.3)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return True
        process.wait()
        return False

    def ssh(self, host: str, command: str) -> str:
        """Run a shell command on a host as its login user; fail the test when it fails."""
        config = self.home / "keys" / self.name / "ssh_config"
        done = subprocess.run(
            ["ssh", "-F", str(config), "-o", "BatchMode=yes", host, command],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _environment(self, progress: Path) -> dict[str, str]:
        return {
            **os.environ,
            "CONTINUUM_HOME": str(self.home),
            "CONTINUUM_PROGRESS_FILE": str(progress),
            "ANSIBLE_STDOUT_CALLBACK": "continuum.im.progress",
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            **self.environment,
        }


@pytest.fixture(scope="session", autouse=True)
def _engine() -> None:
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed")


def cloud_parameters() -> list[Any]:
    """One parameter a cloud. All tests of a cloud run one after the other in one process: they share it."""
    result = []
    for name in CLOUDS:
        reason = CLOUDS[name].missing()
        marks = [pytest.mark.skipif(bool(reason), reason=reason)]
        result.append(pytest.param(name, id=name, marks=marks))
    return result


@pytest.fixture(scope="session", params=cloud_parameters())
def cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudUnderTest]:
    """A cloud, ready and empty."""
    found = CLOUDS[request.param](tmp_path_factory.mktemp(f"cloud-{request.param}"))
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="module")
def cluster(
    cloud: CloudUnderTest, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployer]:
    """An infrastructure on a cloud for a module of tests; destroyed at the end, whatever happened."""
    module = request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")
    found = Deployer(tmp_path_factory.mktemp("home"), f"{PREFIX}{cloud.name}-{module}", cloud=cloud.name)
    found.environment = cloud.environment
    found.run("destroy")
    yield found
    found.run("destroy")
    assert not cloud.left_over(found.name)


_REPEATS = (
    "test_destroy_after_a_kill",
    "test_numbers_are_never_used",
    "test_another_infrastructure_beside",
    "test_one_host_restarts",
    "test_a_host_that_is_not_there",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For every day runs are killed in one phase, on slow clouds in none; the others are long tests.

    Kills while hosts are made are daily tests of the drivers, and of the destruction after a kill.
    On slow clouds so are images of hosts and what the drivers' own tests do every day as well: the end of what was
    killed, numbers that are used once, infrastructures side by side, hosts that restart or are not there.
    """
    for item in items:
        given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        chosen = CLOUDS.get(str(given.get("cloud")))
        if chosen is None:
            continue
        daily = [] if chosen.slow else [LATE_PHASES[1]]
        repeats = item.path.stem == "test_snapshot" or item.name.startswith(_REPEATS)
        killed = "phase" in given and given["phase"] not in daily
        if killed or (chosen.slow and repeats):
            item.add_marker(pytest.mark.long)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Add the last words of the cloud to the report of a test that fails."""
    report = yield
    found = getattr(item, "funcargs", {}).get("cloud")
    if report.failed and isinstance(found, CloudUnderTest) and found.trouble():
        report.sections.append((f"cloud {found.name}", found.trouble()))
    return report


@pytest.fixture(scope="module")
def deployer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    """An infrastructure of its own for a module of tests; destroyed at the end, whatever happened."""
    name = PREFIX + request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")
    found = Deployer(tmp_path_factory.mktemp("home"), name)
    found.run("destroy")
    yield found
    found.run("destroy")
    assert not any(left_over(name).values()), left_over(name)
