"""Generated projects are playbooks that Ansible people accept: syntax check and ansible-lint's production profile."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._project.write import render, write
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, translate

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[2]
CORPUS = REPOSITORY.parent / "shared" / "corpus" / "templates"
TOOLS = Path(sys.executable).parent
TEMPLATES = ["slurm", "vm", *(str(CORPUS / name) for name in ("slurm_cluster.yml", "simple-node-disk.yml"))]


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections"),
        "NO_COLOR": "1",
    }
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("projects")
    for template in TEMPLATES:
        if "/" not in template or Path(template).exists():
            write(render(translate(template, {}, "/", Home("/continuum"))), str(top / Path(template).stem))
    return top


def test_syntax(projects: Path) -> None:
    for project in sorted(projects.iterdir()):
        done = run(str(TOOLS / "ansible-playbook"), "--syntax-check", str(project / "deploy.yml"), cwd=projects)
        assert done.returncode == 0, done.stdout + done.stderr


def test_production_profile_of_ansible_lint(projects: Path) -> None:
    if shutil.which("ansible-lint", path=str(TOOLS)) is None:
        pytest.skip("ansible-lint is not installed")
    files = [str(path) for path in sorted(projects.glob("*/*.yml"))]
    done = run(str(TOOLS / "ansible-lint"), "--offline", "--profile", "production", *files, cwd=projects)
    assert done.returncode == 0, done.stdout + done.stderr
