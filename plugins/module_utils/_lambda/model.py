# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted of functions on AWS Lambda, as plain dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# A resource is known by its kind and its name; its data are what is compared.
Key = tuple[str, str]
Data = dict[str, Any]
Resources = dict[Key, Data]

INFRASTRUCTURE_TAG = "im_infrastructure"
NODE_TAG = "im_node"
FUNCTION_TAG = "im_function"
# im_bucket:<name> on a function: whether its bucket is `made` by us or was `existing`.
BUCKET_TAG = "im_bucket:"
# On a function whose log group was there before it: `existing`.
LOG_GROUP_TAG = "im_log_group"
# Where Lambda writes the logs of functions.
LOG_GROUPS = "/aws/lambda/"


@dataclass(frozen=True)
class Account:
    """Where functions are made."""

    infrastructure: str
    account_id: str
    region: str
    partition: str = "aws"

    def arn(self, service: str, resource: str, region: str | None = None) -> str:
        """Return the ARN of a resource of this account."""
        place = self.region if region is None else region
        return f"arn:{self.partition}:{service}:{place}:{self.account_id}:{resource}"

    def function_arn(self, name: str) -> str:
        """Return the ARN of a function."""
        return self.arn("lambda", f"function:{name}")

    @property
    def role_path(self) -> str:
        """Return the path of the roles of this infrastructure; IAM lists by it."""
        return f"/continuum/{self.infrastructure}/"

    @property
    def marker(self) -> str:
        """Return the start of the description of our functions: ListFunctions shows it, and no tags."""
        return f"{INFRASTRUCTURE_TAG}={self.infrastructure} "


@dataclass(frozen=True)
class Trigger:
    """Uploads to a bucket that call a function."""

    bucket: str
    prefix: str = ""
    suffix: str = ""
    events: tuple[str, ...] = ("s3:ObjectCreated:*",)


@dataclass(frozen=True)
class Wanted:
    """A function as a template wants it; `code` is the content of its zip file, None for an image.

    `url` is none, iam or public. `writes` are places (bucket and prefix) the function may write to.
    """

    node: str
    name: str
    runtime: str = ""
    handler: str = ""
    code: bytes | None = field(default=None, repr=False)
    image: str = ""
    role: str = ""
    memory: int = 128
    timeout: int = 60
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    architecture: str = "x86_64"
    retention: int = 30
    triggers: tuple[Trigger, ...] = ()
    writes: tuple[tuple[str, str], ...] = ()
    url: str = "none"

    @property
    def variables(self) -> dict[str, str]:
        """Return all environment variables."""
        return {**self.environment, **self.secrets}

    @property
    def log_group(self) -> str:
        """Return the name of the log group that Lambda writes to."""
        return f"{LOG_GROUPS}{self.name}"

    @property
    def buckets(self) -> list[str]:
        """Return the buckets whose uploads call the function, each once."""
        return list(dict.fromkeys(trigger.bucket for trigger in self.triggers))


@dataclass
class Observed:
    """What the account has of an infrastructure.

    `resources` are ours. `foreign` are things of others that bear a name we want. `existing` are names of buckets that
    are there and not ours. `details` say more about a resource than is compared (ARN, URL ...).
    """

    resources: Resources = field(default_factory=dict)
    foreign: set[Key] = field(default_factory=set)
    existing: set[str] = field(default_factory=set)
    details: dict[Key, Data] = field(default_factory=dict)
