# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image that hosts boot: found, or built from a registry's image or from this machine's own distribution."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .._hosts.model import Group, HostsError
from .._hosts.progress import say
from . import cache, machine, sources
from .ability import find_ability
from .design import Image
from .engine import Engine, EngineError, run_program

REPOSITORY = "localhost/continuum-im"
PACKAGES = "systemd,systemd-sysv,dbus,openssh-server,python3,python3-apt,sudo,iproute2,ca-certificates"
BUILD_SECONDS = 1800
_REGISTRY_SECONDS = 10
_REGISTRY_MEMORY_SECONDS = 600
_REFERENCE = re.compile(r"[a-z0-9][A-Za-z0-9._/:@-]{0,254}")
_DEFAULT_VERSIONS = {"debian": "12", "ubuntu": "24.04"}
_SLIM = ("path-exclude=/usr/share/man/*", "path-exclude=/usr/share/doc/*", "path-exclude=/usr/share/locale/*")


@dataclass(frozen=True)
class Wish:
    """An image that a group asks for. `reference` is what to start from, without `distribution` it is a user's own."""

    reference: str
    distribution: str = ""
    version: str = ""

    @property
    def name(self) -> str:
        """Return the part of the tag that tells the wish."""
        if self.distribution:
            return f"{self.distribution}-{self.version}"
        return f"own-{hashlib.sha256(self.reference.encode()).hexdigest()[:12]}"


def wish_of(group: Group, registry: str, release: dict[str, str]) -> tuple[Wish, str]:
    """Return the image that a group asks for, and a warning ("" for none) when the local cloud has only another one.

    `release` is what /etc/os-release says. Raises HostsError when the image's name is not valid.
    """
    scheme, mark, rest = group.image.partition("://")
    own = rest if mark and scheme in ("docker", "podman", "oci") else "" if mark else group.image
    if own:
        if not _REFERENCE.fullmatch(own):
            raise HostsError(f"{own!r} is not the name of an image of a container registry.")
        return Wish(own), ""
    warning = (
        f"The local cloud has no image {group.image!r}; group {group.node} gets one by its distribution."
        if mark
        else ""
    )
    return _by_distribution(group.distribution.lower(), group.version, registry, release, warning, group.node)


def login_user(wish: Wish) -> str:
    """Return the login user of an image."""
    return "ubuntu" if "ubuntu" in (wish.distribution or wish.reference) else "debian"


class Images:
    """Gives each wish an image that boots; knows what it built and tells it in `warnings`."""

    def __init__(self, engine: Engine, files: Path, user: str) -> None:
        self.engine = engine
        self.files = files
        self.user = user
        self.warnings: list[str] = []

    def get(self, wish: Wish) -> Image:
        """Return the image for a wish, building it when it is not there; raises HostsError."""
        asked, user = wish, self.user or login_user(wish)
        tag = f"{REPOSITORY}/host:{wish.name}-{digest(self.files, authorities(), user)}"
        try:
            if not self._exists(tag):
                with cache.lock("image"):
                    wish = self._make(wish, user, tag)
        except EngineError as error:
            raise HostsError(
                f"The image of the hosts ({wish.name}) could not be made: {error}.",
                "see docs/clouds/local.md, section Images.",
            ) from error
        return Image(tag, user) if wish == asked else self.get(wish)

    def _make(self, wish: Wish, user: str, tag: str) -> Wish:
        """Build the image `tag`, if no other run did meanwhile; return the wish, or what is possible instead."""
        if self._exists(tag):
            return wish
        say(f"making the image of the hosts ({wish.name}); this is done once and takes a minute or two")
        base, found = self._base(wish)
        if found == wish:
            self._build(find_ability(self.engine, base).engine(self.engine), base, user, tag)
        return found

    def _exists(self, tag: str) -> bool:
        return bool(self.engine.run("images", "-q", tag).strip())

    def _base(self, wish: Wish) -> tuple[str, Wish]:
        """Return an image to start from and the wish it fulfils."""
        if not wish.distribution:
            return self._pull(wish.reference), wish
        if self._registry_has(wish.reference):
            return self._pull(wish.reference), wish
        release = read_release()
        own = Wish(wish.reference, release.get("ID", ""), release.get("VERSION_ID", ""))
        if own.name != wish.name:
            self.warnings.append(
                f"No registry with the image {wish.reference} is in reach: hosts run {own.distribution} {own.version}"
                f" (as this machine) instead of {wish.distribution} {wish.version}."
            )
            return "", own
        return self._bootstrap(own, release), own

    def _pull(self, reference: str) -> str:
        if not self._exists(reference):
            self.engine.run("pull", "-q", reference, timeout=BUILD_SECONDS)
        return reference

    def _registry_has(self, reference: str) -> bool:
        if self._exists(reference):
            return True
        known = cache.recall("registry", reference, _REGISTRY_MEMORY_SECONDS)
        if known is False:
            return False
        try:
            self.engine.run("manifest", "inspect", reference, timeout=_REGISTRY_SECONDS)
        except EngineError:
            cache.remember("registry", reference, False)
            return False
        return True

    def _bootstrap(self, wish: Wish, release: dict[str, str]) -> str:
        """Return the tag of an image made from this machine's own package sources."""
        tag = f"{REPOSITORY}/base:{wish.name}"
        if self._exists(tag):
            return tag
        program = shutil.which("mmdebstrap")
        if program is None or release.get("ID") not in _DEFAULT_VERSIONS:
            raise HostsError(
                f"There is no image to start from: no registry with {wish.reference} is in reach,"
                " and it cannot be made here.",
                "install mmdebstrap (on Debian or Ubuntu), or make a registry reachable.",
            )
        with tempfile.TemporaryDirectory(prefix="continuum-image-") as folder:
            archive = f"{folder}/base.tar"
            run_program(
                [program, *bootstrap_options(release, archive, own_sources(release, Path(folder)))], BUILD_SECONDS
            )
            self.engine.run("import", archive, tag, timeout=BUILD_SECONDS)
        return tag

    def _build(self, engine: Engine, base: str, user: str, tag: str) -> None:
        with tempfile.TemporaryDirectory(prefix="continuum-image-") as folder:
            context = Path(folder) / "context"
            shutil.copytree(self.files, context)
            copy_authorities(authorities(), context / "extra-ca")
            limits = machine.limit_options() if engine.name == "podman" else []
            arguments = ["--build-arg", f"BASE={base}", "--build-arg", f"LOGIN_USER={user}"]
            engine.run("build", "-q", *limits, *arguments, "-t", tag, str(context), timeout=BUILD_SECONDS)


def digest(files: Path, extra: list[Path], user: str) -> str:
    """Return a short digest of all that makes an image from its base; raises HostsError without the files."""
    found = sorted(path for path in files.iterdir() if path.is_file()) if files.is_dir() else []
    if not found:
        raise HostsError(
            f"There are no files for the image in {files}.", "set image_files to files/image of role cloud_local."
        )
    content = hashlib.sha256(user.encode())
    for path in [*found, *extra]:
        content.update(path.name.encode() + b"\0" + path.read_bytes())
    return content.hexdigest()[:12]


def bootstrap_options(release: dict[str, str], archive: str, mirrors: list[str]) -> list[str]:
    """Return the words after `mmdebstrap`."""
    slim = [f"--dpkgopt={option}" for option in ("force-unsafe-io", *_SLIM)]
    fixed = ["--quiet", "--variant=minbase", "--mode=root"]
    return [*fixed, *slim, f"--include={PACKAGES}", release.get("VERSION_CODENAME", ""), archive, *mirrors]


def own_sources(release: dict[str, str], folder: Path, root: Path = Path("/etc/apt")) -> list[str]:
    """Write the package sources of the machine's own distribution into `folder`, return mmdebstrap's arguments."""
    parts = root / "sources.list.d"
    lists = [root / "sources.list", *sorted(parts.glob("*.list"))]
    identity = (release.get("VERSION_CODENAME", ""), release.get("ID", ""))
    lines = sources.own_lines([path.read_text() for path in lists if path.is_file()], *identity)
    stanzas = sources.own_stanzas([path.read_text() for path in sorted(parts.glob("*.sources"))], *identity)
    if not lines and not stanzas:
        raise HostsError("apt has no package source of this machine's own distribution.", "look into /etc/apt.")
    if stanzas:
        (folder / "own.sources").write_text("\n".join(stanzas))
        return [*lines, str(folder / "own.sources")]
    return lines


def authorities(root: Path = Path("/usr/local/share/ca-certificates")) -> list[Path]:
    """Return the certificate authorities that this machine trusts in addition to those of its distribution."""
    return sorted(path for path in root.rglob("*.crt") if path.is_file()) if root.is_dir() else []


def copy_authorities(paths: list[Path], target: Path) -> None:
    """Copy certificate authorities into a new folder."""
    target.mkdir()
    for number, path in enumerate(paths):
        shutil.copyfile(path, target / f"{number}-{path.name}")


def read_release() -> dict[str, str]:
    """Return what /etc/os-release of this machine says."""
    try:
        return sources.os_release(Path("/etc/os-release").read_text(encoding="utf-8"))
    except OSError:
        return {}


def _by_distribution(
    asked: str, version: str, registry: str, release: dict[str, str], warning: str, node: str
) -> tuple[Wish, str]:
    own = release.get("ID", "")
    distribution = asked or (own if own in _DEFAULT_VERSIONS else "debian")
    if distribution not in _DEFAULT_VERSIONS:
        warning = f"The local cloud has no {asked} (group {node}): hosts run debian instead."
        distribution, version = "debian", ""
    if not version:
        version = release.get("VERSION_ID", "") if distribution == own else ""
    version = version or _DEFAULT_VERSIONS[distribution]
    if not re.fullmatch(r"[a-z0-9]{1,20}(\.[0-9]{1,3})?", version):
        raise HostsError(f"Group {node} asks for {distribution} {version!r}, which is not a version.")
    return Wish(f"{registry}/library/{distribution}:{version}", distribution, version), warning
