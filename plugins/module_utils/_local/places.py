# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of an infrastructure in the engine."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from .._hosts.model import HostsError, Network
from . import api, machine, network, seen
from .design import Place, engine_network
from .engine import Engine, EngineError

_ATTEMPTS = 20


def choose_places(
    infrastructure: str, networks: Iterable[Network], all_networks: Iterable[seen.SeenNetwork]
) -> dict[str, Place]:
    """Return where each network of the contract is or will be, by its name; creates nothing.

    Raises HostsError when an existing network that the template names is not there.
    """
    known = {item.name: item for item in all_networks}
    taken = machine.taken_subnets() + [subnet for item in known.values() for subnet in _subnets(item)]
    result: dict[str, Place] = {}
    for wanted in networks:
        name = engine_network(infrastructure, wanted)
        if any(place.engine_name == name for place in result.values()):
            raise HostsError(f"The networks {', '.join(result)} and {wanted.name} would have one name: {name}.")
        if name in known:
            result[wanted.name] = Place(wanted, name, _first_subnet(known[name]), True)
            continue
        if wanted.provider_id:
            raise HostsError(
                f"There is no network {name} in the container engine.", "create it, or leave out provider_id."
            )
        if wanted.cidr:
            subnet = network.given_subnet(wanted.name, wanted.cidr)
        else:
            subnet = network.free_subnet(infrastructure, wanted.name, taken)
        taken.append(subnet)
        result[wanted.name] = Place(wanted, name, subnet, False)
    return result


def make_places(engine: Engine, infrastructure: str, places: dict[str, Place]) -> dict[str, Place]:
    """Create the networks that do not exist yet; return all as they are then.

    Another run may take a subnet in between: then the next free one is tried, unless the template gave it.
    """
    for name in [name for name, place in places.items() if not place.exists]:
        for attempt in range(_ATTEMPTS):
            try:
                _make(engine, infrastructure, places[name])
                break
            except EngineError as error:
                again = choose_places(
                    infrastructure, [place.network for place in places.values()], api.list_networks(engine)
                )
                if again[name].exists:
                    break
                if places[name].network.cidr or attempt == _ATTEMPTS - 1:
                    raise HostsError(f"Network {places[name].engine_name} cannot be created: {error}.") from error
                places = {**places, name: again[name]}
    if all(place.exists for place in places.values()):
        return places
    return choose_places(infrastructure, [place.network for place in places.values()], api.list_networks(engine))


def _make(engine: Engine, infrastructure: str, place: Place) -> None:
    labels = {seen.INFRASTRUCTURE: infrastructure, seen.NETWORK: place.network.name}
    api.create_network(engine, place.engine_name, str(place.subnet), labels)


def _subnets(item: seen.SeenNetwork) -> list[ipaddress.IPv4Network]:
    return [ipaddress.IPv4Network(text, strict=False) for text in item.subnets if ":" not in text]


def _first_subnet(item: seen.SeenNetwork) -> ipaddress.IPv4Network:
    found = _subnets(item)
    if not found:
        raise HostsError(f"The network {item.name} of the container engine has no IPv4 addresses.")
    return found[0]
