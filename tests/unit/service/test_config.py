# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings: from the environment, from a file, checked."""

from __future__ import annotations

from pathlib import Path

import pytest
from service.config import Config, ConfigError, settings

pytestmark = pytest.mark.unit
PAGE = Path(__file__).parents[3] / "docs" / "service" / "configuration.md"


def test_defaults_lie_in_the_home(tmp_path: Path) -> None:
    config = Config.load({"CONTINUUM_HOME": str(tmp_path)})
    assert config.database_url == f"sqlite:///{tmp_path}/service.db"
    assert config.secret_key_file == f"{tmp_path}/fernet.key"
    assert config.bind == "127.0.0.1:8800"
    assert config.admin_users == []


def test_the_environment_is_read_by_type(tmp_path: Path) -> None:
    given = {"WORKERS": "3", "READ_ONLY": "yes", "ADMIN_USERS": "ann, bob,", "LEASE_SECONDS": "12.5"}
    config = Config.load(
        {"CONTINUUM_HOME": str(tmp_path), **{f"CONTINUUM_{name}": value for name, value in given.items()}}
    )
    assert (config.workers, config.read_only, config.admin_users, config.lease_seconds) == (
        3,
        True,
        ["ann", "bob"],
        12.5,
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [("s.yml", "workers: 4\nadmin_users: [ann]\n"), ("s.toml", 'workers = 4\nadmin_users = ["ann"]\n')],
)
def test_a_file_is_read_and_the_environment_wins(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    environment = {"CONTINUUM_HOME": str(tmp_path), "CONTINUUM_CONFIG": str(file)}
    assert Config.load(environment).workers == 4
    assert Config.load(environment).admin_users == ["ann"]
    assert Config.load({**environment, "CONTINUUM_WORKERS": "1"}).workers == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("WORKERS", "many"), ("READ_ONLY", "perhaps"), ("WORKERS", "-1"), ("HEARTBEAT_SECONDS", "30"), ("BIND", "here")],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name.lower()):
        Config.load({"CONTINUUM_HOME": str(tmp_path), f"CONTINUUM_{name}": value})


def test_unknown_settings_of_a_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "s.yml"
    file.write_text("wokers: 4\n")
    with pytest.raises(ConfigError, match="wokers"):
        Config.load({"CONTINUUM_CONFIG": str(file)})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yml"):
        Config.load({"CONTINUUM_CONFIG": str(tmp_path / "gone.yml")})
    (tmp_path / "list.yml").write_text("- 1\n")
    with pytest.raises(ConfigError, match="mapping"):
        Config.load({"CONTINUUM_CONFIG": str(tmp_path / "list.yml")})


def test_the_key_is_not_shown(tmp_path: Path) -> None:
    config = Config.load({"CONTINUUM_HOME": str(tmp_path), "CONTINUUM_SECRET_KEY": "very-secret"})
    assert "very-secret" not in repr(config)


def test_settings_survive_the_way_to_other_processes(tmp_path: Path) -> None:
    config = Config.load({"CONTINUUM_HOME": str(tmp_path), "CONTINUUM_ADMIN_USERS": "a,b", "CONTINUUM_READ_ONLY": "1"})
    assert Config.load(config.environment()) == config


def test_the_page_has_every_setting_and_no_other() -> None:
    rows = [line.split("|")[1:5] for line in PAGE.read_text().splitlines() if line.startswith("| `CONTINUUM_")]
    found = [tuple(cell.strip() for cell in row) for row in rows]
    assert found == [
        (
            f"`CONTINUUM_{name.upper()}`",
            kind.replace("[", r"\[").replace("]", r"\]"),
            f"`{default}`" if default else "",
            text,
        )
        for name, kind, default, text in settings()
    ]
