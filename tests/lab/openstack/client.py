# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests use: starts a lab and talks to it."""

from __future__ import annotations

import shutil
from typing import Any

from ..client import LabError, LabProcess
from .database import find_server

__all__ = ["Lab", "LabError"]
_ADMIN, _EGI = "lab-admin", "lab-egi"


class Lab(LabProcess):
    """An OpenStack that runs. Use as a context manager, or call `stop`."""

    module = "lab.openstack"

    @staticmethod
    def missing() -> str:
        """Return why a lab cannot run here, "" when it can."""
        if not find_server():
            return "MariaDB is not installed (as root: tools/setup-lab-openstack)"
        return "".join(f"{name} is not installed" for name in ("mariadb", "setpriv") if not shutil.which(name))

    @property
    def admin_environment(self) -> dict[str, str]:
        """Return the variables that lead an administrator to the lab."""
        return {"OS_CLIENT_CONFIG_FILE": str(self.state / "clouds-admin.yaml")}

    @property
    def egi_environment(self) -> dict[str, str]:
        """Return the variables that lead a member of the VO to the lab, with an access token."""
        return {"OS_CLIENT_CONFIG_FILE": str(self.state / "clouds-egi.yaml")}

    def connection(self, cloud: str = "lab") -> Any:
        """Return a connection of openstacksdk as lab, lab-admin or lab-egi."""
        from openstack import connection
        from openstack.config import loader

        file = {_ADMIN: "clouds-admin.yaml", _EGI: "clouds-egi.yaml"}.get(cloud, "clouds.yaml")
        files = [str(self.state / file)]
        config = loader.OpenStackConfig(config_files=files, secure_files=[], vendor_files=[], load_envvars=False)
        return connection.Connection(config=config.get_one(cloud=cloud))

    def token(self, **claims: Any) -> str:
        """Return an access token of the lab's issuer; expired=True, vo=False and claims change it."""
        return str(self._ask("token", **claims))
