# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the API, and errors in the form of each protocol."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape


class Refused(Exception):  # noqa: N818
    """The API refuses a call, with a code and a message as AWS has them."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer."""

    status: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Return whether the call was carried out."""
        return self.status.startswith("2")

    def send(self, start_response: Any) -> Iterable[bytes]:
        """Send it by WSGI."""
        start_response(self.status, self.headers)
        return [self.body]


def json_answer(value: Any, status: str = "200 OK") -> Answer:
    """Return an answer of the lab's own interface."""
    return Answer(status, [("Content-Type", "application/json")], json.dumps(value, default=str).encode())


def error_answer(error: Refused, service: str) -> Answer:
    """Return a refusal in the form that clients of a service read."""
    identity = str(uuid.uuid4())
    code, message = escape(error.code), escape(error.message)
    plain = f"<Code>{code}</Code><Message>{message}</Message>"
    if service == "lambda":
        return _json_error(error, {"Type": "User", "message": error.message, "Message": error.message})
    if service in ("logs", "ssm", "events"):
        return _json_error(error, {"__type": error.code, "message": error.message})
    if service == "ec2":
        body = f"<Response><Errors><Error>{plain}</Error></Errors><RequestID>{identity}</RequestID></Response>"
    elif service == "s3":
        body = f"<Error>{plain}<RequestId>{identity}</RequestId></Error>"
    else:
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type>{plain}</Error><RequestId>{identity}</RequestId></ErrorResponse>"
        )
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'
    return Answer(f"{error.status} {error.code}", [("Content-Type", "text/xml;charset=UTF-8")], text.encode())


def _json_error(error: Refused, body: dict[str, str]) -> Answer:
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", error.code)]
    return Answer(f"{error.status} {error.code}", headers, json.dumps(body).encode())
