# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to AWS: patient with throttling, and every failure is one sentence with a hint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .._hosts.model import HostsError

try:
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
except ImportError:
    # AnsibleAWSModule says what is missing.
    BotoCoreError = ClientError = ParamValidationError = Exception

_POLICY = "docs/clouds/lambda.md has the policy that is needed."
_LOGIN = "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN) anew."
_HINTS = {
    "AccessDenied": _POLICY,
    "AccessDeniedException": _POLICY,
    "403": f"The bucket belongs to another account, or these credentials may not see it. {_POLICY}",
    "ExpiredToken": _LOGIN,
    "ExpiredTokenException": _LOGIN,
    "InvalidClientTokenId": _LOGIN,
    "UnrecognizedClientException": _LOGIN,
    "SignatureDoesNotMatch": _LOGIN,
    "InvalidAccessKeyId": _LOGIN,
    "AuthFailure": _LOGIN,
    "CodeStorageExceededException": "Delete functions or versions that nobody uses, or ask for a higher quota.",
    "TooManyBuckets": "Delete buckets that nobody uses, or ask for a higher quota.",
    "LimitExceeded": "Delete roles that nobody uses, or ask for a higher quota.",
    "LimitExceededException": "Delete what nobody uses, or ask for a higher quota.",
}


def client_config() -> Any:
    """Return the settings of all clients: throttling and lost connections are tried again, with growing pauses."""
    return Config(retries={"mode": "standard", "max_attempts": 8}, connect_timeout=10, read_timeout=70)


def api_of(module: Any) -> Api:
    """Return the API for an AnsibleAWSModule; the module fails when no region is chosen."""
    if not module.region:
        module.fail_json(msg="No region is chosen. Hint: Set AWS_REGION, for example to eu-west-1.")
    return Api(lambda service: module.client(service, config=client_config()))


def error_code(error: BaseException) -> str:
    """Return AWS's code of an error, "" when it has none."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def error_text(error: BaseException) -> str:
    """Return AWS's own words for an error."""
    response = getattr(error, "response", None)
    text = response.get("Error", {}).get("Message") if isinstance(response, dict) else None
    return str(text or error).strip()


class Api:
    """`client` gives the client of a service; each is made once, when it is needed."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._make = client
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Return the client of a service."""
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]

    def call(self, service: str, operation: str, missing: tuple[str, ...] = (), **arguments: Any) -> Any:
        """Return AWS's answer, None when it fails with one of the codes `missing`. Raises HostsError."""
        with told(service, operation):
            try:
                return getattr(self.client(service), operation)(**arguments)
            except ClientError as error:
                if error_code(error) in missing:
                    return None
                raise

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        """Return the entries `key` of all pages. Raises HostsError."""
        with told(service, operation):
            pages = self.client(service).get_paginator(operation).paginate(**arguments)
            return [entry for page in pages for entry in page.get(key) or []]

    def until(
        self,
        service: str,
        operation: str,
        again: tuple[tuple[str, str], ...],
        seconds: float,
        missing: tuple[str, ...] = (),
        **arguments: Any,
    ) -> Any:
        """Do a call again and again while it fails with one of the codes and words in `again`.

        AWS needs a moment until all of it is aware of a change. Otherwise as `call`.
        """
        pause, deadline = 0.5, time.monotonic() + seconds
        with told(service, operation):
            while True:
                try:
                    return getattr(self.client(service), operation)(**arguments)
                except ClientError as error:
                    code, text = error_code(error), error_text(error)
                    waits = any(code == known and words in text for known, words in again)
                    if not waits and code in missing:
                        return None
                    if not waits or time.monotonic() > deadline:
                        raise
                time.sleep(pause)
                pause = min(pause * 1.6, 5)


@contextmanager
def told(service: str, operation: str) -> Iterator[None]:
    """Turn failures of AWS into HostsError."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise _explained(error, service, operation) from None


def _explained(error: Exception, service: str, operation: str) -> HostsError:
    if isinstance(error, ClientError):
        name = "".join(word.capitalize() for word in operation.split("_"))
        text = error_text(error).rstrip(".")
        code = error_code(error)
        return HostsError(f"AWS refused {service}:{name}: {text} ({code}).", _HINTS.get(code, ""))
    words = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, ParamValidationError):
        return HostsError(f"boto3 does not know this call of AWS: {words}.", "Install a newer boto3.")
    hint = "See whether the network, AWS_REGION and the credentials (AWS_*) are right, and run again."
    return HostsError(f"AWS did not answer: {words}.", hint)
