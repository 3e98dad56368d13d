# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package sources of this machine's own distribution, out of all that apt knows here: pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_POCKETS = ("", "-updates", "-security", "/updates")


def own_stanzas(texts: Iterable[str], codename: str, distribution: str) -> list[str]:
    """Return the entries of deb822 files (`*.sources`) that belong to the distribution, each as it was written."""
    stanzas = [part.strip() for text in texts for part in re.split(r"\n\s*\n", text) if part.strip()]
    fields = [(stanza, _fields(stanza)) for stanza in stanzas]
    mine = [
        (stanza, field)
        for stanza, field in fields
        if "deb" in field.get("types", "").split()
        and field.get("enabled", "yes").lower() not in ("no", "false", "0")
        and _is_own(field.get("suites", "").split(), field.get("components", "").split(), codename)
    ]
    named = [stanza for stanza, field in mine if _names(field.get("uris", ""), distribution)]
    return [f"{stanza}\n" for stanza in named or [stanza for stanza, _field in mine]]


def own_lines(texts: Iterable[str], codename: str, distribution: str) -> list[str]:
    """Return the entries of one-line files (`*.list`) that belong to the distribution, each as it was written."""
    mine = []
    for line in (line.strip() for text in texts for line in text.splitlines()):
        words = re.sub(r"\[[^\]]*\]", "", line).split()
        if len(words) >= 4 and words[0] == "deb" and _is_own([words[2]], words[3:], codename):
            mine.append((line, words[1]))
    return [line for line, uri in mine if _names(uri, distribution)] or [line for line, _uri in mine]


def os_release(text: str) -> dict[str, str]:
    """Return what /etc/os-release says, in the names of that file."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key: value.strip().strip("\"'") for key, value in pairs}


def _fields(stanza: str) -> dict[str, str]:
    result: dict[str, str] = {}
    last = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            result[last] = f"{result.get(last, '')} {line.strip()}"
        elif ":" in line:
            key, value = line.split(":", 1)
            last = key.strip().lower()
            result[last] = value.strip()
    return result


def _is_own(suites: list[str], components: list[str], codename: str) -> bool:
    own = {codename + pocket for pocket in _POCKETS}
    return bool(suites) and set(suites) <= own | {f"{codename}-backports"} and "main" in components


def _names(uris: str, distribution: str) -> bool:
    """True when the address names the distribution; mirrors of others often use its suites but not its name."""
    return any(part.split("-")[0] == distribution for uri in uris.split() for part in uri.rstrip("/").split("/")[3:])
