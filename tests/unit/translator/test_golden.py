"""Golden projects: what a change of the translator does to generated playbooks is seen in review.

`UPDATE_GOLDEN=1 pytest tests/unit/translator/test_golden.py` writes them anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._project.write import render, write
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, translate

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpus" / "templates"
PAYLOAD = "{{ lookup('pipe', 'touch /pwned') }}"
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "slurm": ("slurm", {"inputs": {"wn_num": 2, "slurm_dbd": True, "fe_extra_disk_size": "10 GiB"}}),
    "vm": (
        "vm",
        {
            "inputs": {"ports": {"web": {"source": 80}}, "gpu_model": PAYLOAD},
            "instances": [{"id": 3, "node": "simple_node"}],
        },
    ),
}


def project(template: str, variables: dict[str, Any]) -> dict[str, str]:
    return render(translate(template, variables, "/", Home("/continuum")))


@pytest.mark.parametrize("name", CASES)
def test_projects_are_as_reviewed(name: str) -> None:
    files = project(*CASES[name])
    if os.environ.get("UPDATE_GOLDEN"):
        write(files, str(GOLDEN / name))
    assert {path.name: path.read_text(encoding="utf-8") for path in (GOLDEN / name).iterdir()} == files


def test_a_payload_stays_unsafe_in_the_project() -> None:
    for text in project(*CASES["vm"]).values():
        assert all("!unsafe" in line for line in text.splitlines() if "pwned" in line)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of existing templates is not here (../shared)")
@pytest.mark.parametrize("name", ["slurm_cluster.yml", "simple-node-disk.yml"])
def test_templates_of_the_existing_catalogue_translate(name: str) -> None:
    files = project(str(CORPUS / name), {})
    assert files == project(str(CORPUS / name), {})
