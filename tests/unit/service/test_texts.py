# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of bodies and answers, templates that are laid over each other, and what the catalogue looks like as RADL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._translate import CATALOGUE, Home
from hypothesis import given, settings
from hypothesis import strategies as st
from radl.radl_parse import parse_radl
from service.errors import BadRequest
from service.infrastructures.create import wanted_hosts
from service.infrastructures.definition import Translator, merged, read_template_text, without_removal_lists
from service.infrastructures.plans import _leaving
from service.infrastructures.search import matching
from service.infrastructures.stats import COLUMNS, as_csv, read_date
from service.radl_text.reader import read_text
from service.radl_text.writer import document_text
from service.routes.negotiation import CSV, HTML, JSON, TEXT, URIS, body_type, choose, error_type

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("header", "default", "others", "expected"),
    [
        (None, TEXT, (JSON,), TEXT),
        ("", URIS, (JSON,), URIS),
        ("*/*", URIS, (JSON,), URIS),
        ("text/*", URIS, (JSON,), URIS),
        ("text/plain", URIS, (JSON,), None),
        ("application/*;q=0.1, */*", TEXT, (JSON,), JSON),
        ("text/html, */*", TEXT, (JSON,), TEXT),
        ("TEXT/PLAIN; charset=utf-8", TEXT, (JSON,), TEXT),
        ("text/csv", JSON, (JSON, CSV), CSV),
        ("text/*", JSON, (), None),
        ("application/*", TEXT, (), None),
    ],
)
def test_the_first_type_that_fits(header: str | None, default: str, others: tuple[str, ...], expected: Any) -> None:
    assert choose(header, default, *others) == expected


def test_types_of_errors_and_bodies() -> None:
    assert error_type("text/html, application/json") == JSON
    assert error_type("text/html") == HTML
    assert error_type("*/*") == error_type(None) == TEXT
    assert [body_type(text) for text in (None, "text/plain; charset=x", "application/json", "text/x-yaml", "a/b")] == [
        "radl", "radl", "json", "tosca", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("base", "update", "expected"),
    [
        ({"a": 1, "b": {"c": 2}}, {"b": {"d": 3}}, {"a": 1, "b": {"c": 2, "d": 3}}),
        ([1, 2, 3], [9], [9, 2, 3]),
        ([{"a": 1}], [{"b": 2}, 5], [{"a": 1, "b": 2}, 5]),
        ({"a": [1]}, {"a": "x"}, {"a": "x"}),
        ({"a": 1}, {"a": None}, {"a": None}),
    ],
)
def test_merging(base: Any, update: Any, expected: Any) -> None:
    assert merged(base, update) == expected


VALUES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES, VALUES)
@settings(deadline=None)
def test_merging_twice_is_merging_once(base: Any, update: Any) -> None:
    once = merged(base, update)
    assert merged(once, update) == once
    assert merged(base, base) == base


def test_used_lists_are_forgotten() -> None:
    scalable = {"properties": {"count": 1, "removal_list": ["1"]}}
    data = {"topology_template": {"node_templates": {"a": {"capabilities": {"scalable": scalable}}, "b": None}}}
    found = without_removal_lists(data)
    assert found["topology_template"]["node_templates"]["a"]["capabilities"]["scalable"] == {"properties": {"count": 1}}
    assert "removal_list" in scalable["properties"]
    assert without_removal_lists({"topology_template": []}) == {"topology_template": []}


@pytest.mark.parametrize("text", ["a: [", "- 1", "!!python/object:os.system {}", "a: &a [*a]", "x: " + "[" * 200])
def test_bad_templates(text: str) -> None:
    with pytest.raises(BadRequest, match="Error parsing request body: Error parsing TOSCA template"):
        read_template_text(text)


def test_alias_bombs_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(BadRequest):
        read_template_text("\n".join(lines))


def test_who_leaves() -> None:
    from service.db.models import Vm

    present = [Vm(vm_id=number) for number in (1, 4, 7)]
    assert _leaving(present, [], 2) == [1, 4]
    assert _leaving(present, [7, 4], 1) == [7]
    assert _leaving(present, [7], 2) == [7, 1]
    assert _leaving(present, [9], 0) == []


def test_numbers_of_hosts() -> None:
    assert wanted_hosts({"front": 1, "wn": 2}) == [
        {"id": 0, "node": "front"}, {"id": 1, "node": "wn"}, {"id": 2, "node": "wn"},
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["slurm", "vm"])
def test_the_catalogue_as_radl(name: str, tmp_path: Path) -> None:
    translator = Translator(Home(str(tmp_path)))
    text = (Path(CATALOGUE) / f"{name}.yaml").read_text(encoding="utf-8")
    definition = translator.definition(text, {}, "local", "im-test")
    assert translator.definition(text, {}, "local", "im-test") is definition
    found = parse_radl(document_text(translator.radl("tosca", text, definition, definition.counts)))
    assert {item.name for item in found.systems} == set(definition.counts)
    assert {item.id: item.vm_number for item in found.deploys} == {key: n for key, n in definition.counts.items() if n}
    assert not list(tmp_path.iterdir())


def test_search(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [("alpha one", "x\ny"), ("beta", "network n (a = 'alpha')")]
    assert matching("alpha", items) == [True, True]
    assert matching("^beta$", items) == [False, True]
    assert matching("(one|a)\\s*=", items) == [False, True]
    for bad in ("[", "x" * 300, "(?P<a>x)(?P<a>y)"):
        with pytest.raises(BadRequest, match="The filter"):
            matching(bad, items)
    monkeypatch.setattr("service.infrastructures.search._SECONDS", 0.5)
    with pytest.raises(BadRequest, match="takes too long"):
        matching("(a+)+$", [("a" * 40 + "b", "")])


def test_long_documents_are_refused() -> None:
    text = "\n".join(f"network n{number}" for number in range(5000))
    with pytest.raises(BadRequest, match="too long"):
        read_text(text)
    with pytest.raises(BadRequest, match="too long"):
        read_text("# " + "x" * 2_000_000)


def test_figures() -> None:
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "x") | {"im_user": "=cmd()", "hybrid": False}
    head, line = as_csv([row]).splitlines()
    assert head == ",".join(COLUMNS)
    assert "'=cmd()" in line
    assert ",False," in line
    assert read_date("2026/01/31", "init_date") == read_date("2026-01-31", "init_date")
    assert read_date("", "init_date") is None
