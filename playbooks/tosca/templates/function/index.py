# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of the template `function`: greets, and names the objects whose upload called it."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote_plus


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Return a greeting and the names of the uploaded objects; the log shows both."""
    records = event.get("Records", []) if isinstance(event, dict) else []
    objects = [unquote_plus(record["s3"]["object"]["key"]) for record in records if "s3" in record]
    greeting = f"{os.environ.get('GREETING', 'Hello')} from {context.function_name}"
    print(greeting, *objects)
    return {"greeting": greeting, "objects": objects}
