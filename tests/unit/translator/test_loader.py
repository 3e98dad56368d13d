"""YAML with positions, and YAML that is refused."""

from __future__ import annotations

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._errors import TemplateError
from ansible_collections.continuum.im.plugins.plugin_utils._parse import loader


def problems(text: str) -> list[str]:
    with pytest.raises(TemplateError) as caught:
        loader.load(text, "f.yaml")
    return [f"{item.position}: {item.code}: {item.message}" for item in caught.value.diagnostics]


def test_positions_of_values_and_keys() -> None:
    document = loader.load("a:\n  b: [1, 2]\n  c: text\n", "f.yaml")
    assert document.data == {"a": {"b": [1, 2], "c": "text"}}
    assert str(document.at("a", "b", 1)) == "f.yaml:2:10"
    assert str(document.at_key("a", "c")) == "f.yaml:3:3"


def test_a_path_that_is_not_there_gives_its_nearest_parent() -> None:
    document = loader.load("a:\n  b: 1\n", "f.yaml")
    assert str(document.at("a", "x", "y")) == "f.yaml:2:3"
    assert str(document.at_key("a", "x")) == "f.yaml:2:3"
    assert str(loader.load("1", "f.yaml").at("zz")) == "f.yaml:1:1"


def test_syntax_error_has_its_place() -> None:
    assert problems("a: [1\nb: 2\n") == ["f.yaml:2:2: yaml: This is not valid YAML: did not find expected ',' or ']'."]


def test_control_characters_are_a_syntax_error() -> None:
    assert "yaml" in problems("a: \x00")[0]


def test_tags_and_duplicates_are_all_reported() -> None:
    found = problems("a: !vault x\nb: 1\nb: 2\nc: !!python/name:os.system y\n")
    assert [item.split(": ")[0] for item in found] == ["f.yaml:1:4", "f.yaml:3:1", "f.yaml:4:4"]


def test_merge_keys_may_be_overridden() -> None:
    assert loader.load("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  a: 3\n", "f").data["y"] == {"a": 3, "b": 2}


def test_a_key_must_be_a_word() -> None:
    assert "A key must be a plain word." in problems("? [1, 2]\n: x\n")[0]


def test_an_empty_file() -> None:
    assert problems("# nothing\n") == ["f.yaml:1:1: yaml: The file is empty."]


def test_an_alias_bomb_is_too_large() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    assert "too-large" in problems("\n".join(lines))[0]


def test_deep_nesting_and_self_reference_are_too_large() -> None:
    assert "too-large" in problems("[" * 200 + "]" * 200)[0]
    assert "too-large" in problems("a: &a [*a]\n")[0]


def test_a_huge_file_is_too_large() -> None:
    assert "too-large" in problems("a: " + "x" * (loader.MAX_BYTES + 1))[0]


def test_an_impossible_date_is_reported_not_raised() -> None:
    assert "The value cannot be read" in problems("a: 2020-13-45\n")[0]
