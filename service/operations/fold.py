# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failed run in one sentence: where, in which task, why, and what helps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_LONGEST = 400
_NOISE = re.compile(r"^(\[?ERROR\]?|fatal|FAILED|Task failed|Module failed)[:!]*\s*", re.IGNORECASE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# The first that is found in the message wins.
_HINTS = (
    (
        r"unreachable|Connection (timed out|refused)|No route to host",
        "Check that the host runs and that port 22 is open",
    ),
    (r"Permission denied \(publickey", "The key of the infrastructure does not open the host; was it changed there?"),
    (r"No space left on device", "Give the host a larger disk"),
    (r"Could not get lock|is locked|dpkg.*lock", "Another program installs packages on the host; reconfigure later"),
    (
        r"No package matching|Unable to locate package|nothing provides",
        "The image does not know this package; choose another",
    ),
    (r"Temporary failure in name resolution|Could not resolve", "The host finds no name server; check its network"),
    (r"quota|LimitExceeded|InsufficientInstanceCapacity", "Ask the cloud for more, or choose another size"),
    (r"AuthFailure|Unauthorized|AccessDenied|InvalidClientTokenId|credential", "Check the credentials of the cloud"),
    (r"sandbox", "Install bubblewrap on the machine of the service"),
    (r"cannot be deployed", "Correct the template and send it again"),
)


@dataclass(frozen=True)
class Failure:
    """A task that failed on a host; both may be "" when the run failed as a whole."""

    host: str
    task: str
    message: str
    unreachable: bool = False


def sentence(failures: list[Failure], lines: list[str], code: int | None) -> str:
    """Return the failure of a run; `lines` is what it printed at last, for runs that failed before their first task."""
    if failures:
        first = failures[0]
        hosts = sorted({item.host for item in failures if item.task == first.task})
        where = first.host if len(hosts) == 1 else f"{first.host} and {len(hosts) - 1} more"
        what = short(first.message) or ("does not answer" if first.unreachable else "failed without a message")
        text = f"{where}, task '{first.task}': {what}" if first.task else f"{where}: {what}"
        source = ("unreachable " if first.unreachable else "") + first.message
    else:
        printed = short("\n".join(lines))
        text = printed or f"the run ended with exit code {code} and said nothing"
        source = printed
    # Modules of ours say themselves what helps.
    hints = () if " Hint: " in text else _HINTS
    hint = next((hint for pattern, hint in hints if re.search(pattern, source, re.IGNORECASE)), "")
    return _ended(text) + (f" Hint: {_ended(hint)}" if hint else "")


def short(message: str) -> str:
    """Return the telling part of a message, in one line."""
    lines = [_NOISE.sub("", _COLOUR.sub("", line).strip()) for line in message.splitlines()]
    text = " ".join(line for line in lines if line)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 4].rstrip() + " ..."


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?", "...")) else f"{text}."


def message_of(result: dict[str, Any]) -> str:
    """Return what a task says about itself: its message, and the last words of the program that it ran."""
    parts = [result.get("msg")]
    if result.get("failed") or result.get("unreachable") or result.get("rc"):
        parts += [result.get(name) for name in ("reason", "stderr", "module_stderr", "exception_text")]
        parts += [result.get("stdout") if not any(isinstance(item, str) and item for item in parts[1:]) else None]
    elif "msg" not in result:
        return ""
    texts = [
        item if isinstance(item, str) else "\n".join(map(str, item)) if isinstance(item, list) else str(item)
        for item in parts
        if item not in (None, "", [])
    ]
    return "\n".join(dict.fromkeys(text.strip() for text in texts))


_LOST = re.compile(r"worker was found in a dead state|process (was|has been) killed|killed by signal", re.IGNORECASE)


def was_killed(host: str, result: dict[str, Any], message: str) -> bool:
    """True when a task failed because somebody killed its process on this machine: nothing that Ansible would mean."""
    return bool(_LOST.search(message)) or result.get("rc") == -9 or (host == "localhost" and result.get("rc") == 137)
