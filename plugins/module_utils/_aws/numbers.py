# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of numbers as one short tag: 1-500 502."""

from __future__ import annotations

from collections.abc import Iterable


def write_numbers(numbers: Iterable[int]) -> str:
    """Return numbers as text, rows of them as a range."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def read_numbers(text: str) -> list[int]:
    """Return the numbers of a text of write_numbers, in their order; words that are none are left out."""
    found: list[int] = []
    for word in text.split():
        first, _dash, last = word.partition("-")
        if first.isdigit() and (last or first).isdigit():
            found += range(int(first), int(last or first) + 1)
    return found
