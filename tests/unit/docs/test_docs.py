# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users can name is documented, and what the documentation names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.continuum.im.plugins.plugin_utils._errors import CODES

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("roles/*/README.md"))]
REFERENCE = (DOCS / "reference.md").read_text()
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))

pytestmark = pytest.mark.unit


def targets() -> list[str]:
    return re.findall(r"^([a-z0-9-]+):[^#\n]*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def plugins(kind: str) -> list[str]:
    """Plugins of a kind; a filter is documented by a file of its own."""
    folder = ROOT / "plugins" / kind
    sidecars = [path.stem for path in folder.glob("*.yml")]
    return sorted(sidecars or [path.stem for path in folder.glob("*.py") if path.stem != "__init__"])


@pytest.mark.parametrize("target", targets())
def test_make_target(target: str) -> None:
    assert f"| `make {target}` |" in (DOCS / "development.md").read_text()


def test_documented_make_targets_exist() -> None:
    documented = re.findall(r"^\| `make ([a-z0-9-]+)` \|", (DOCS / "development.md").read_text(), re.MULTILINE)
    assert documented == targets()


@pytest.mark.parametrize("playbook", sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml")))
def test_playbook(playbook: str) -> None:
    assert f"| `continuum.im.{playbook}` |" in REFERENCE
    assert re.fullmatch(r"[a-z_]+", playbook), "a name with a dash is not found as continuum.im.<name>"


@pytest.mark.parametrize("role", sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir()))
def test_role(role: str) -> None:
    assert f"| [{role}](../roles/{role}/README.md) |" in REFERENCE
    kind, name = ("clouds", role.removeprefix("cloud_")) if role.startswith("cloud_") else ("roles", role)
    assert f"({kind}/{name}.md)" in REFERENCE
    assert (DOCS / kind / f"{name}.md").is_file()
    assert (ROOT / "roles" / role / "README.md").is_file()
    assert (ROOT / "roles" / role / "meta" / "argument_specs.yml").is_file()


@pytest.mark.parametrize("module", MODULES)
def test_module(module: str) -> None:
    assert f"| `continuum.im.{module}` |" in REFERENCE


def test_the_action_group_has_every_module() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    assert runtime["action_groups"]["all"] == MODULES


@pytest.mark.parametrize("kind", ["lookup", "callback", "filter", "inventory"])
def test_plugins(kind: str) -> None:
    missing = [name for name in plugins(kind) if f"| `continuum.im.{name}` |" not in REFERENCE]
    assert not missing


def test_the_reference_names_nothing_else() -> None:
    known = {*MODULES, *(path.stem for path in (ROOT / "playbooks").glob("*.yml"))}
    for kind in ("lookup", "callback", "filter", "inventory"):
        known.update(plugins(kind))
    assert set(re.findall(r"^\| `continuum\.im\.(\w+)`", REFERENCE, re.MULTILINE)) == known
    roles = {path.name for path in (ROOT / "roles").iterdir() if path.is_dir()}
    assert set(re.findall(r"^\| \[(\w+)\]", REFERENCE, re.MULTILINE)) == roles


@pytest.mark.parametrize("code", sorted(CODES))
def test_error_code(code: str) -> None:
    page = (DOCS / "errors" / f"{code}.md").read_text()
    assert CODES[code] in page
    assert page.index("Wrong:\n\n```") < page.index("Right:\n\n```")
    assert f"[{code}]({code}.md)" in (DOCS / "errors" / "index.md").read_text()


def test_error_pages_belong_to_codes() -> None:
    assert {path.stem for path in (DOCS / "errors").glob("*.md")} == {*CODES, "index"}


@pytest.mark.parametrize(
    "template", sorted((ROOT / "playbooks" / "tosca" / "templates").glob("*.yaml")), ids=lambda path: path.stem
)
def test_template(template: Path) -> None:
    section = (DOCS / "catalogue.md").read_text().partition(f"\n## {template.stem}\n")[2].partition("\n## ")[0]
    topology = yaml.safe_load(template.read_text())["topology_template"]
    missing = [name for name in (*topology["inputs"], *topology["outputs"]) if f"`{name}`" not in section]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert not [link for link in links(page) if not (page.parent / link).exists()]


def test_every_page_is_linked_from_another() -> None:
    linked = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    lonely = [str(page.relative_to(ROOT)) for page in DOCS.rglob("*.md") if page.resolve() not in linked]
    assert not lonely


def links(page: Path) -> list[str]:
    """Relative links, without the anchors."""
    found = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    return [link for link in found if "://" not in link]
