"""The clouds that the conformance suite runs on, each with what a test may ask of it.

A new cloud is a class here and a line in `CLOUDS`; no test names a cloud.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
Instance = dict[str, Any]
# What the output shows when a phase begins, where runs are killed. The late ones take long on a cloud that is slow.
EARLY_PHASES = ("PLAY [Provide the hosts]", "TASK [continuum.im.cloud_")
LATE_PHASES = ("PLAY [Prepare the hosts]", "PLAY [Configure wn")


class CloudUnderTest:
    """What differs between clouds.

    `slow`: `make test` leaves out the runs that are killed in a late phase. `sizes_disks`: volumes are devices of the
    size that was asked for. `closes_ports`: what no template opened cannot be reached. `hides_private_hosts`: hosts
    without a public address are reached through another one. `has_inventory`: projects bring an inventory that asks the
    cloud.
    """

    name = ""
    slow = True
    sizes_disks = True
    closes_ports = True
    hides_private_hosts = True
    has_inventory = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: dict[str, str] = {}

    @staticmethod
    def missing() -> str:
        """Return why it cannot run here, "" when it can."""
        return ""

    def start(self) -> None:
        """Make the cloud ready."""

    def stop(self) -> None:
        """Remove the cloud."""

    def hosts(self, infrastructure: str) -> list[str]:
        """Return the names of the hosts that the cloud has, whatever their state."""
        raise NotImplementedError

    def left_over(self, infrastructure: str) -> dict[str, list[str]]:
        """Return all that bears the name of an infrastructure, by kind; kinds with nothing are left out."""
        raise NotImplementedError

    def door(self, instance: Instance, port: int) -> tuple[str, int]:
        """Return where this machine reaches a port that the template opened."""
        return str(instance["public_ip"]), port

    def forget_image(self, image: str) -> None:
        """Remove an image that was made of a host: infrastructures do not take it along when they go."""
        raise NotImplementedError

    def trouble(self) -> str:
        """Return what to look at when a test fails."""
        return ""


def podman(*arguments: str) -> list[str]:
    """Return the lines that a podman command prints."""
    done = subprocess.run(["podman", *arguments], capture_output=True, text=True, timeout=60, check=True)
    return [line for line in done.stdout.splitlines() if line.strip()]


def left_over(name: str) -> dict[str, list[str]]:
    """Return every resource of the container engine that carries the name of an infrastructure, by kind."""
    label = f"label=im_infrastructure={name}"
    return {
        "containers": podman("ps", "-a", "-q", "--filter", label),
        "networks": podman("network", "ls", "-q", "--filter", label),
        "volumes": podman("volume", "ls", "-q", "--filter", label),
    }


class Local(CloudUnderTest):
    """Containers of this machine."""

    name = "local"
    slow = False
    sizes_disks = False
    closes_ports = False
    hides_private_hosts = False
    has_inventory = False

    @staticmethod
    def missing() -> str:
        return "" if shutil.which("podman") and os.geteuid() == 0 else "needs podman and root"

    def hosts(self, infrastructure: str) -> list[str]:
        return podman("ps", "-a", "--format", "{{.Names}}", "--filter", f"label=im_infrastructure={infrastructure}")

    def left_over(self, infrastructure: str) -> dict[str, list[str]]:
        return {kind: names for kind, names in left_over(infrastructure).items() if names}

    def door(self, instance: Instance, port: int) -> tuple[str, int]:
        (found,) = [item for item in instance["ports"] if item["target"] == port]
        return str(found["host_address"]), int(found["host_port"])

    def forget_image(self, image: str) -> None:
        podman("rmi", image.removeprefix("docker://"))


class Aws(CloudUnderTest):
    """EC2 of the lab, whose instances are real hosts."""

    name = "aws"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lab: Any = None
        self.empty: dict[str, list[Any]] = {}

    @staticmethod
    def missing() -> str:
        for module in ("lab", "moto", "boto3"):
            if importlib.util.find_spec(module) is None:
                return f"needs the Python package {module}"
        if not (REPOSITORY / "roles" / "cloud_aws" / "tasks" / "provision.yml").is_file():
            return "there is no role cloud_aws"
        return Local.missing()

    def start(self) -> None:
        from lab.aws.client import Lab

        self.lab = Lab.start(hosts=True, state=self.folder)
        self.environment = dict(self.lab.environment)
        self.empty = self.lab.describe()

    def stop(self) -> None:
        if self.lab is not None:
            self.lab.stop()

    def forget_image(self, image: str) -> None:
        ec2 = self.lab.client("ec2")
        number = image.rpartition("/")[2]
        (found,) = ec2.describe_images(ImageIds=[number])["Images"]
        ec2.deregister_image(ImageId=number)
        for item in found["BlockDeviceMappings"]:
            if item.get("Ebs", {}).get("SnapshotId"):
                ec2.delete_snapshot(SnapshotId=item["Ebs"]["SnapshotId"])

    def hosts(self, infrastructure: str) -> list[str]:
        return sorted(_name(item) for item in self.lab.describe()["instances"] if _owner(item) == infrastructure)

    def left_over(self, infrastructure: str) -> dict[str, list[str]]:
        """What was not there when the lab was new, and is not marked as another infrastructure's."""
        found: dict[str, list[str]] = {}
        for kind, items in self.lab.describe().items():
            known = self.empty.get(kind, [])
            new = [item for item in items if item not in known and _owner(item) in ("", infrastructure)]
            if new:
                found[kind] = [json.dumps(item, default=str) for item in new]
        return found

    def trouble(self) -> str:
        log = self.folder / "lab.log"
        return log.read_text(encoding="utf-8", errors="replace")[-4000:] if log.exists() else ""


class OpenStack(CloudUnderTest):
    """The OpenStack of the lab: its own services, and servers that are real hosts."""

    name = "openstack"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lab: Any = None
        self.empty: dict[str, list[Any]] = {}

    @staticmethod
    def missing() -> str:
        for module in ("lab", "openstack"):
            if importlib.util.find_spec(module) is None:
                return f"needs the Python package {module}"
        from lab.openstack.client import Lab

        return Lab.missing() or Local.missing()

    def start(self) -> None:
        from lab.openstack.client import Lab

        self.lab = Lab.start(hosts=True, state=self.folder)
        self.environment = dict(self.lab.environment)
        self.empty = self.lab.describe()

    def stop(self) -> None:
        if self.lab is not None:
            self.lab.stop()

    def hosts(self, infrastructure: str) -> list[str]:
        return sorted(item["name"] for item in self.lab.describe()["servers"] if _marked(item) == infrastructure)

    def left_over(self, infrastructure: str) -> dict[str, list[str]]:
        """What was not there when the lab was new, and is not marked as another infrastructure's."""
        found: dict[str, list[str]] = {}
        for kind, items in self.lab.describe().items():
            known = self.empty.get(kind, [])
            new = [item for item in items if item not in known and _marked(item) in ("", infrastructure)]
            if new:
                found[kind] = [json.dumps(item, default=str) for item in new]
        return found

    def forget_image(self, image: str) -> None:
        self.lab.connection().image.delete_image(image.rpartition("/")[2])

    def trouble(self) -> str:
        log = self.folder / "lab.log"
        return log.read_text(encoding="utf-8", errors="replace")[-4000:] if log.exists() else ""


def _marked(item: dict[str, Any]) -> str:
    """The infrastructure that a resource of OpenStack bears the mark of: metadata, a tag, or its name."""
    tags = [tag.partition("=")[2] for tag in item.get("tags") or [] if str(tag).startswith("im_infrastructure=")]
    named = str(item.get("name") or "").removeprefix("im-").partition(".")[0] if "im-" in str(item.get("name")) else ""
    return str((item.get("metadata") or {}).get("im_infrastructure") or next(iter(tags), named))


def _owner(item: Any) -> str:
    tags = item.get("tags") if isinstance(item, dict) else None
    return str(tags.get("im_infrastructure", "")) if isinstance(tags, dict) else ""


def _name(item: dict[str, Any]) -> str:
    return str(item["tags"].get("Name", ""))


CLOUDS: dict[str, type[CloudUnderTest]] = {"local": Local, "aws": Aws, "openstack": OpenStack}
