# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology as a picture: networks are bars, host groups are boxes with their software, lines say who is where.

Plain SVG: no script, no font, no address of anything. Every text is escaped.
"""

from __future__ import annotations

import html
from typing import Any

from .text import size

_BAR, _GAP, _BOX, _LINE = 26, 64, 460, 18
_TOP, _PAD = 56, 14
_COLOURS = {"internet": "#5b6b7b", "public": "#2a7ab0", "private": "#3d8b5f"}
_STYLE = (
    "text{font-family:sans-serif;font-size:13px;fill:#1d2733}.t{font-weight:bold;font-size:14px}"
    ".s{fill:#51606e}.w{fill:#fff;font-weight:bold}.b{fill:#f6f8fa;stroke:#8a97a5}.d{stroke-dasharray:5 3}"
)


def picture(description: dict[str, Any]) -> str:
    """Return an SVG document for what `describe` returns."""
    bars = _bars(description)
    left = 24 + _GAP * len(bars) + 60
    parts: list[str] = []
    links: list[str] = []
    y = _TOP
    for box in _boxes(description):
        height = 2 * _PAD + _LINE * len(box["lines"])
        parts += _box(box, left, y, height)
        links += _links(box, bars, left, y + _PAD + 6)
        y += height + 20
    bottom = max(y, _TOP + 120)
    width = left + _BOX + 24
    columns = [_bar(column, bottom) for column in bars.values()]
    title = f'<text class="t" x="24" y="28">{_text(description["name"])}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{bottom + 8}" '
        f'viewBox="0 0 {width} {bottom + 8}" role="img">\n<title>{_text(description["name"])}</title>\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join([title, *links, *columns, *parts])
        + "\n</svg>\n"
    )


def _bars(description: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The internet, if anybody can be reached from there, then the networks."""
    open_ = any(group["public"] for group in description["groups"]) or description["workloads"]
    names = [("internet", "internet")] if open_ else []
    names += [(item["name"], "public" if item["public"] else "private") for item in description["networks"]]
    return {
        name if kind != "internet" else "": {"label": name, "kind": kind, "x": 24 + _GAP * index}
        for index, (name, kind) in enumerate(names)
    }


def _boxes(description: dict[str, Any]) -> list[dict[str, Any]]:
    boxes = [
        {
            "title": f"{group['name']} x {group['count']}",
            "lines": _group_lines(group),
            "networks": group["networks"],
            "open": group["public"],
            "dashed": False,
        }
        for group in description["groups"]
    ]
    for kind in ("workloads", "functions"):
        word = kind[:-1] if kind == "functions" else "container"
        for item in description[kind]:
            lines = [f"{word} {item['name']}", str(item["image"])]
            lines += [f"open: {', '.join(item['ports'])}"] if item.get("ports") else []
            open_ = bool(item.get("ports"))
            boxes.append({"title": lines[0], "lines": lines, "networks": [], "open": open_, "dashed": True})
    return boxes


def _group_lines(group: dict[str, Any]) -> list[str]:
    gpus = f"{group['gpus']} GPUs" if group["gpus"] else ""
    what = [f"{group['cpus']:g} CPUs" if group["cpus"] else "", size(group["memory"]), gpus, group["system"]]
    lines = [f"{group['name']} x {group['count']}", ", ".join(word for word in what if word)]
    if group["ports"]:
        lines.append(f"{'open' if group['public'] else 'open inside'}: {', '.join(group['ports'])}")
    lines += [f"{item['name']}: {', '.join(item['runs'])}" for item in group["software"]]
    return lines + [f"disk {disk['size']} at {disk['mount'] or '-'}" for disk in group["volumes"]]


def _box(box: dict[str, Any], x: int, y: int, height: int) -> list[str]:
    dashed = " d" if box["dashed"] else ""
    parts = [f'<rect class="b{dashed}" x="{x}" y="{y}" width="{_BOX}" height="{height}" rx="6"/>']
    for index, line in enumerate(box["lines"]):
        kind = ("t", "s")[index] if index < 2 else ""
        shown = line if len(line) <= 66 else line[:65] + "…"
        place = y + _PAD + 12 + _LINE * index
        parts.append(f'<text class="{kind}" x="{x + 12}" y="{place}">{_text(shown)}</text>')
    return parts


def _links(box: dict[str, Any], bars: dict[str, dict[str, Any]], x: int, y: int) -> list[str]:
    links = []
    for step, name in enumerate(box["networks"]):
        if name in bars:
            links.append(_link(bars[name], x, y + 10 + 9 * step))
    if box["open"] and "" in bars:
        links.append(_link(bars[""], x, y - 4))
    return links


def _link(column: dict[str, Any], x: int, y: int) -> str:
    colour = _COLOURS[column["kind"]]
    return f'<line x1="{column["x"] + _BAR}" y1="{y}" x2="{x}" y2="{y}" stroke="{colour}" stroke-width="2"/>'


def _bar(column: dict[str, Any], bottom: int) -> str:
    x, middle = column["x"], (_TOP + bottom) // 2
    height = bottom - _TOP - 4
    label = f'<text class="w" transform="translate({x + 18} {middle}) rotate(-90)" text-anchor="middle">'
    rect = f'<rect x="{x}" y="{_TOP}" width="{_BAR}" height="{height}" rx="4" fill="{_COLOURS[column["kind"]]}"/>'
    return f"{rect}{label}{_text(column['label'])}</text>"


def _text(value: Any) -> str:
    printable = "".join(character for character in str(value) if character.isprintable())
    return html.escape(printable, quote=True)
