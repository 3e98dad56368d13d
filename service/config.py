# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: RUF009 (the table of settings is made of calls)
"""Settings of the service: one table, read from the environment (CONTINUUM_*) and from a file.

The environment wins over the file that CONTINUUM_CONFIG names (YAML, or TOML when it ends so).
docs/service/configuration.md has every setting; a test compares them.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

PREFIX = "CONTINUUM_"
FILE = f"{PREFIX}CONFIG"
_ORIGIN = re.compile(r"https?://[^/\s]+/?")
_MOST_PROCESSES = 4
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


class ConfigError(Exception):
    """A setting is wrong; the message says which and why."""


def _setting(default: Any, text: str, **options: Any) -> Any:
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata={"help": text}, **options)
    return field(default=default, metadata={"help": text}, **options)


@dataclass(frozen=True)
class Config:
    """All settings. Paths are absolute after `load`."""

    home: str = _setting("~/.continuum/service", "Folder of everything that the service keeps.")
    database_url: str = _setting(
        "", "SQLAlchemy URL of the database; empty = SQLite in `<home>/service.db`.", repr=False
    )
    secret_key_file: str = _setting(
        "", "File of the key that seals secrets; made with mode 0600 when missing; empty = `<home>/fernet.key`."
    )
    secret_key: str = _setting("", "The key itself, instead of a file.", repr=False)
    bind: str = _setting("127.0.0.1:8800", "Address and port to listen on; port 0 = any free one.")
    root_path: str = _setting("", "Path below which the service lies, for example `/im`.")
    web_processes: int = _setting(0, "Processes that answer requests; 0 = as many as the machine has cores, at most 4.")
    web_threads: int = _setting(96, "Threads of each of them; each open event stream takes one.")
    cors_origins: list[str] = _setting(
        [], "Origins whose pages may use the service from a browser, as `https://dashboard.example.org`; `*` = any."
    )
    trusted_proxies: int = _setting(
        0, "How many reverse proxies stand before the service; 0 = believe no X-Forwarded header."
    )
    max_body_bytes: int = _setting(4 * 1024 * 1024, "Longest body of a request.")
    rate_per_user: int = _setting(6000, "Most requests of a user in a minute; 0 = no limit.")
    rate_per_address: int = _setting(
        1200, "Most requests in a minute from an address without credentials, or with wrong ones; 0 = no limit."
    )
    hsts_seconds: int = _setting(
        0, "How long browsers shall use https only, as `31536000`; told in answers over https; 0 = not told."
    )
    workers: int = _setting(2, "How many operations run at the same time.")
    lease_seconds: float = _setting(
        30.0, "After this time without a sign of life the operation of a worker is taken over."
    )
    heartbeat_seconds: float = _setting(5.0, "How often a worker gives a sign of life.")
    poll_seconds: float = _setting(0.5, "How often a worker without work looks for some.")
    max_attempts: int = _setting(5, "How often an operation is begun whose worker was lost, before it fails.")
    operation_timeout: int = _setting(7200, "Longest run of an operation in seconds; then it is stopped and fails.")
    keep_events_days: int = _setting(30, "How long events are kept.")
    keep_deleted_days: int = _setting(30, "How long deleted infrastructures stay in statistics.")
    admin_users: list[str] = _setting([], "Users who see everything: names, or `issuer#subject`.")
    users_file: str = _setting(
        "", "File of `user:hash` lines; empty = any pair of user and password opens a space of its own."
    )
    oidc_issuers: list[str] = _setting([], "Issuers whose bearer tokens are accepted.")
    oidc_audience: str = _setting("", "Audience that tokens must have; empty = any.")
    oidc_groups: list[str] = _setting([], "Groups of which a token must have one; empty = none needed.")
    vault_url: str = _setting("", "Vault with the credentials of those who send only a bearer token; empty = none.")
    vault_mount_point: str = _setting("credentials/", "Store of that Vault in which the credentials are.")
    vault_path: str = _setting(
        "", "Path in it; `#USER_SUB#` stands for the subject of the token; empty = the id of the Vault's entity."
    )
    vault_role: str = _setting("", "Role for logging in to that Vault with a token.")
    vault_hosts: list[str] = _setting(
        [], "Vaults that records may name though they have no public address or no https, as `http://vault.local:8200`."
    )
    openstack_hosts: list[str] = _setting(
        [],
        "Sites of OpenStack that records may name, and lead to, though they have no public address or no https: URLs "
        "as `http://keystone.local:5000`, host names, addresses or networks.",
    )
    source_hosts: list[str] = _setting(
        [],
        "Where recipes and roles of templates may come from though it is no public address: URLs as "
        "`http://recipes.local:8080`, host names, addresses or networks.",
    )
    egi_info_url: str = _setting("https://is.cloud.egi.eu", "EGI's information service: sites, projects, images.")
    egi_protocols: list[str] = _setting(
        [], "Sites of EGI whose login has another protocol than `openid`, as `SITE=oidc`."
    )
    read_only: bool = _setting(False, "Refuse every change.")
    default_cloud: str = _setting("local", "Cloud of requests that name none.")
    dummy_cloud: bool = _setting(False, "Run everything on a simulated cloud: for tests.")
    dummy_delay: float = _setting(0.1, "Seconds that the simulated cloud takes for a host.")
    dummy_outcome: str = _setting(
        "configured", "How configuring simulated hosts ends: `configured`, `unconfigured` or `never`."
    )
    log_level: str = _setting("INFO", "How much is logged: DEBUG, INFO, WARNING or ERROR.")

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Return the settings of an environment and of the file that it names; raises `ConfigError`."""
        environment = os.environ if environment is None else environment
        given = _read_file(environment[FILE]) if environment.get(FILE) else {}
        known = {item.name: item for item in dataclasses.fields(cls)}
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise ConfigError(f"{environment[FILE]} has unknown settings: {', '.join(unknown)}.")
        given.update(
            {name: environment[PREFIX + name.upper()] for name in known if PREFIX + name.upper() in environment}
        )
        return cls(**{name: _value(known[name], value) for name, value in given.items()})._completed()

    def _completed(self) -> Self:
        home = os.path.abspath(os.path.expanduser(self.home))
        checks = {
            "workers": self.workers >= 0,
            "web_processes": self.web_processes >= 0,
            "web_threads": self.web_threads >= 1,
            "rate_per_user": self.rate_per_user >= 0,
            "rate_per_address": self.rate_per_address >= 0,
            "hsts_seconds": self.hsts_seconds >= 0,
            "max_attempts": self.max_attempts >= 1,
            "heartbeat_seconds": 0 < self.heartbeat_seconds <= self.lease_seconds / 2,
            "dummy_outcome": self.dummy_outcome in ("configured", "unconfigured", "never"),
            "cors_origins": all(item == "*" or _ORIGIN.fullmatch(item) for item in self.cors_origins),
            "egi_info_url": self.egi_info_url.startswith(("http://", "https://")),
            "egi_protocols": all("=" in item for item in self.egi_protocols),
            "bind": self.bind.rpartition(":")[2].isdecimal(),
        }
        wrong = [name for name, fine in checks.items() if not fine]
        if wrong:
            raise ConfigError(f"The setting '{wrong[0]}' cannot be {getattr(self, wrong[0])!r}.")
        return dataclasses.replace(
            self,
            home=home,
            web_processes=self.web_processes or min(_MOST_PROCESSES, len(os.sched_getaffinity(0))),
            database_url=self.database_url or f"sqlite:///{home}/service.db",
            secret_key_file=os.path.abspath(os.path.expanduser(self.secret_key_file))
            if self.secret_key_file
            else f"{home}/fernet.key",
            users_file=os.path.abspath(os.path.expanduser(self.users_file)) if self.users_file else "",
        )

    @property
    def run_folder(self) -> Path:
        """Folder of sockets, locks and private run folders."""
        return Path(self.home) / "run"

    def environment(self) -> dict[str, str]:
        """Return the settings as environment variables, for processes of the service."""
        found = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            found[PREFIX + item.name.upper()] = ",".join(value) if isinstance(value, list) else str(value)
        return found


def settings() -> list[tuple[str, str, str, str]]:
    """Return name, type, default and help of every setting, in order."""
    found = []
    for item in dataclasses.fields(Config):
        default = [] if item.default is dataclasses.MISSING else item.default
        found.append((item.name, str(item.type), str(default), str(item.metadata["help"])))
    return found


def _read_file(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            found = tomllib.load(file) if path.endswith(".toml") else yaml.safe_load(file)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"The settings in {path} cannot be read: {error}.") from None
    if not isinstance(found or {}, dict):
        raise ConfigError(f"{path} must be a mapping of settings.")
    return {str(name): value for name, value in (found or {}).items()}


def _value(item: dataclasses.Field[Any], value: Any) -> Any:
    """Return a value of the type that the setting has."""
    try:
        return _READERS[str(item.type)](value)
    except (TypeError, ValueError):
        raise ConfigError(f"The setting '{item.name}' cannot be {value!r}: it is of type {item.type}.") from None


def _truth(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in (*_TRUE, *_FALSE):
        raise ValueError(text)
    return text in _TRUE


def _words(value: Any) -> list[str]:
    items = value.split(",") if isinstance(value, str) else list(value)
    return [str(item).strip() for item in items if str(item).strip()]


_READERS: dict[str, Callable[[Any], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": _truth,
    "list[str]": _words,
}
