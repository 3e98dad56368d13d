"""A run that is killed goes on when it is run again, without twins; and what is half there can be destroyed."""

from __future__ import annotations

import pytest

from .conftest import Deployer, left_over

pytestmark = pytest.mark.e2e

# What the output shows when a phase begins.
PHASES = [
    "PLAY [Provide the hosts]",
    "TASK [continuum.im.cloud_local",
    "PLAY [Prepare the hosts]",
    "PLAY [Configure wn",
]


@pytest.mark.parametrize("phase", PHASES)
def test_kill_and_run_again(deployer: Deployer, phase: str) -> None:
    assert deployer.kill_at(phase, wn_num=1), f"the run ended before '{phase}'"
    done = deployer.deploy(wn_num=1)
    assert len(left_over(deployer.name)["containers"]) == len(done.instances) == 2
    assert deployer.ssh("slurmserver", "srun -N1 hostname -s").split() == [done.names("wn")[0]]
    deployer.run("destroy")
    assert not any(left_over(deployer.name).values())


def test_destroy_after_a_kill(deployer: Deployer) -> None:
    assert deployer.kill_at(PHASES[1], wn_num=2)
    deployer.run("destroy")
    assert not any(left_over(deployer.name).values())
