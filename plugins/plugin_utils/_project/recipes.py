# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign recipes, moved to the hosts of their node (profile, sections 0 and 1.6).

All operations of a node become one play: variables are united; tasks, roles and handlers stand in the order of the
operations. What a recipe says about hosts, connections and privileges is dropped. The recipe's own text is code and
stays as it is; the values of its inputs are data, or expressions of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from .._errors import Diagnostic, TemplateError
from .._fetch.store import Fetched
from .._topology.model import HostGroup, Recipe, Step, group_word
from .jinja import JinjaWriter
from .promised import promised_variables
from .yaml_text import Jinja, Own, Tagged

Play = dict[str, Any]
_LISTS = ("pre_tasks", "roles", "tasks", "post_tasks", "handlers", "vars_files", "collections")
_MAPPINGS = ("vars", "environment", "module_defaults")
_KEPT = ("any_errors_fatal", "max_fail_percentage", "ignore_errors", "ignore_unreachable", "tags", "throttle")
_VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_BASE: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def recipe_play(
    steps: list[Step], contents: Mapping[str, Fetched], name: str, groups: Iterable[HostGroup] = ()
) -> Play:
    """Return the play of a node that has at least one recipe. Raises `TemplateError` for a recipe that is no playbook.

    `contents` are the fetched files by reference, `name` is the play's name, `groups` are all groups of hosts.
    """
    first = steps[0]
    writer = JinjaWriter()
    parts = [_part(step, contents, writer) for step in steps]
    play: Play = {
        "name": Own(name),
        "hosts": Own(f"im_step_{group_word(first.node)}"),
        "gather_facts": False,
        "become": True,
    }
    variables: dict[str, Any] = {"im_play": Own(f"{first.node}_{first.group}_conf_{first.group}")}
    variables.update(promised_variables(steps, contents, groups))
    for part in parts:
        variables.update(part.get("vars", {}))
    for step in steps:
        if step.recipe is not None:
            variables.update(writer.value(step.inputs))
    if writer.texts:
        variables["im_text"] = writer.texts
    play["vars"] = variables
    for part in parts:
        for key in _KEPT:
            if key in part:
                play[key] = part[key]
        for key in _MAPPINGS[1:]:
            if part.get(key):
                play[key] = {**play.get(key, {}), **part[key]}
    for key in _LISTS:
        found = [item for part in parts for item in part.get(key, [])]
        if found:
            play[key] = found
    return play


def _part(step: Step, contents: Mapping[str, Fetched], writer: JinjaWriter) -> Play:
    """Return what one operation adds to the play of its node."""
    before = [_copy(contents[file]) for file in step.files]
    if step.recipe is None:
        call: dict[str, Any] = {
            "name": Own(f"Run {step.entry} of {step.role.rpartition('.')[2]}"),
            "ansible.builtin.import_role": {"name": Own(step.role), "tasks_from": Own(step.entry)},
        }
        if step.inputs:
            call["vars"] = writer.value(step.inputs)
        return {"tasks": [*before, call]}
    if step.recipe.kind == "tasks":
        return {"tasks": [*before, *code(list(step.recipe.tasks))]}
    fetched = contents[step.recipe.reference]
    if step.recipe.kind == "script":
        return {"tasks": [*before, _script(step, fetched)]}
    part = _merged(_read_playbook(step.recipe, fetched))
    if before:
        part["pre_tasks"] = [*before, *part.get("pre_tasks", [])]
    return part


def kept_name(fetched: Fetched) -> str:
    """Return the name of a fetched file in the project's folder `recipes/files`."""
    base = re.sub(r"[^A-Za-z0-9_.-]", "_", fetched.url.partition("?")[0].rpartition("/")[2])[-80:]
    return f"{fetched.sha256[:12]}-{base}"


def _copy(fetched: Fetched) -> dict[str, Any]:
    target = re.sub(r"[^A-Za-z0-9_.-]", "_", fetched.url.partition("?")[0].rpartition("/")[2])
    return {
        "name": Own(f"Copy {target}"),
        "ansible.builtin.copy": {
            "src": Own(f"files/{kept_name(fetched)}"),
            "dest": Own(f"/tmp/{target}"),  # noqa: S108 (on the host, as section 1.6 has it)
            "mode": Own("0755"),
        },
    }


def _script(step: Step, fetched: Fetched) -> dict[str, Any]:
    """A script gets its inputs as environment variables."""
    names = {name: Jinja("{{ " + name + " }}") for name in step.inputs if _VARIABLE.match(name)}
    task: dict[str, Any] = {
        "name": Own(f"Run {fetched.url.partition('?')[0].rpartition('/')[2]}"),
        "ansible.builtin.script": {"cmd": Own(f"files/{kept_name(fetched)}")},
        "changed_when": True,
    }
    return {**task, **({"environment": names} if names else {})}


def _merged(plays: list[Play]) -> Play:
    """Put the plays of one recipe together, as those of several operations are."""
    result: Play = {}
    for play in plays:
        for key, value in play.items():
            if key in _LISTS:
                result[key] = [*result.get(key, []), *(value if isinstance(value, list) else [value])]
            elif key in _MAPPINGS and isinstance(value, dict):
                result[key] = {**result.get(key, {}), **value}
            elif key in _KEPT:
                result[key] = value
    return result


def _read_playbook(recipe: Recipe, fetched: Fetched) -> list[Play]:
    """Return the plays of a recipe, every text of it marked as code."""
    try:
        found = yaml.load(fetched.content.decode("utf-8"), Loader=_RecipeLoader)  # noqa: S506 (safe: see there)
    except (UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "it is not UTF-8 text"
        raise _refuse(recipe, f"The recipe {fetched.url}{where} is not YAML: {reason}.") from None
    if not isinstance(found, list) or not all(isinstance(play, dict) and "hosts" in play for play in found):
        raise _refuse(recipe, f"The recipe {fetched.url} is not a list of plays.")
    plays: list[Play] = code(found)
    return plays


def _refuse(recipe: Recipe, message: str) -> TemplateError:
    hint = "A recipe is a playbook whose plays have 'hosts' and 'tasks' or 'roles'."
    return TemplateError([Diagnostic("recipe", message, recipe.position, hint)])


def code(value: Any) -> Any:
    """Return `value` with all texts marked as code, which is written as it is."""
    if isinstance(value, dict):
        return {code(key): code(item) for key, item in value.items()}
    if isinstance(value, list):
        return [code(item) for item in value]
    return Own(value) if isinstance(value, str) else value


class _RecipeLoader(_BASE):
    """Plain YAML, and Ansible's own tags, which are handed on: `!unsafe`, `!vault`."""


def _tagged(loader: Any, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode) and suffix in ("unsafe", "vault"):
        return Tagged(suffix, str(loader.construct_scalar(node)))
    raise yaml.constructor.ConstructorError(None, None, f"the tag '!{suffix}' is not known", node.start_mark)


_RecipeLoader.add_multi_constructor("!", _tagged)
