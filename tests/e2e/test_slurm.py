"""The life of a SLURM cluster: deploy, job, nothing to do, scale, stop and start, destroy.

The tests run in this order.
"""

from __future__ import annotations

import pytest

from .conftest import Deployer, left_over

pytestmark = pytest.mark.e2e


def test_check_mode_on_nothing_touches_nothing(deployer: Deployer) -> None:
    planned = deployer.deploy("--check", "--diff", wn_num=2)
    assert f"{deployer.name}-wn-2" in planned.output
    assert not any(left_over(deployer.name).values())
    assert not (deployer.home / "projects").exists()
    assert not (deployer.home / "keys").exists()


def test_deploy_and_run_a_job_on_two_nodes(deployer: Deployer) -> None:
    done = deployer.deploy(wn_num=2)
    assert done.names("wn") == ["vnode-1", "vnode-2"]
    assert deployer.ssh("slurmserver", "srun -N2 hostname -s | sort").split() == ["vnode-1", "vnode-2"]


def test_a_job_goes_through_the_queue(deployer: Deployer) -> None:
    script = "printf '#!/bin/sh\\nhostname -s\\n' > j.sh; sbatch --wait -N1 -o j.out j.sh; cat j.out"
    assert "vnode-" in deployer.ssh("slurmserver", script)


def test_the_user_goes_from_node_to_node(deployer: Deployer) -> None:
    assert deployer.ssh("slurmserver", "ssh vnode-2 hostname -s").strip() == "vnode-2"
    assert deployer.ssh("vnode-1", "ssh vnode-2 hostname -s").strip() == "vnode-2"


def test_again_changes_nothing(deployer: Deployer) -> None:
    again = deployer.deploy(wn_num=2)
    assert again.changed == 0
    assert again.roles == {}


def test_check_mode_on_a_cluster_shows_the_plan_only(deployer: Deployer) -> None:
    planned = deployer.deploy("--check", "--diff", wn_num=3)
    assert f"{deployer.name}-wn-3" in planned.output
    assert len(left_over(deployer.name)["containers"]) == 3


def test_two_more_workers_touch_only_themselves_and_the_front_end(deployer: Deployer) -> None:
    done = deployer.deploy(wn_num=4)
    touched = {host: roles for host, roles in done.roles.items() if roles}
    assert sorted(touched) == [f"{deployer.name}-front-0", f"{deployer.name}-wn-3", f"{deployer.name}-wn-4"]
    assert len(deployer.ssh("slurmserver", "srun -N4 hostname").split()) == 4
    assert deployer.ssh("vnode-1", "getent hosts vnode-4").split()[-1] == "vnode-4"


def test_a_job_survives_while_other_workers_leave(deployer: Deployer) -> None:
    job = deployer.ssh(
        "slurmserver", "sbatch --parsable -w vnode-1 -o long.out --wrap 'sleep 20; echo finished'"
    ).strip()
    done = deployer.deploy(wn_num=1)
    assert done.names("wn") == ["vnode-1"]
    assert [host for host, roles in done.roles.items() if "base" in roles] == [f"{deployer.name}-front-0"]
    waited = (
        f"while squeue -h -j {job} 2>/dev/null | grep -q .; do sleep 1; done; cat long.out; sinfo -h -N -o %N | sort -u"
    )
    assert deployer.ssh("slurmserver", waited).split() == ["finished", "vnode-1"]


def test_stop_and_start_bring_the_cluster_back(deployer: Deployer) -> None:
    deployer.run("stop")
    deployer.run("start")
    ready = "for i in $(seq 60); do sinfo -h -o %T | grep -q idle && break; sleep 1; done; srun -N1 hostname -s"
    assert deployer.ssh("slurmserver", ready).split() == ["vnode-1"]
    assert deployer.deploy(wn_num=1).changed == 0


def test_numbers_are_never_used_again(deployer: Deployer) -> None:
    assert deployer.deploy(wn_num=2).names("wn") == ["vnode-1", "vnode-5"]


def test_destroy_leaves_nothing(deployer: Deployer) -> None:
    deployer.run("destroy")
    assert not any(left_over(deployer.name).values())
    assert not (deployer.home / "keys" / deployer.name).exists()
    assert not (deployer.home / "projects" / deployer.name).exists()


def test_destroy_again_is_fine(deployer: Deployer) -> None:
    assert deployer.run("destroy").changed == 0
