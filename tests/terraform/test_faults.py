"""C23: whatever the API does in the middle of an apply, every billed server is known or reported, none is bought
twice, and what the state knew it still knows.

The ordinary run takes the calls where a fault costs most; NODEAGENT_FAULT_POINTS=all takes every call.
"""

import os
from collections.abc import Iterator

import psutil
import pytest

from cherrylab.cloud.faults import Calls, Fault, Kind, Moment
from cherrylab.service import Options
from tests.terraform.rollout import Rollout
from tests.terraform.running_cloud import RunningCloud

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ORDER = "POST /v1/projects/*/servers"
ANSWERS = (
    (Kind.TOO_MANY_REQUESTS, Moment.BEFORE),
    (Kind.INTERNAL_ERROR, Moment.BEFORE),
    (Kind.INTERNAL_ERROR, Moment.AFTER),
    (Kind.HTML_BAD_GATEWAY, Moment.AFTER),
    (Kind.HANG, Moment.BEFORE),
    (Kind.HANG, Moment.AFTER),
    (Kind.CUT_CONNECTION, Moment.AFTER),
)
CALLS = 11
"""Of an apply that makes one server: two of the catalogue, a project, a key and its reading, six of the server."""
FIRST_OF_SERVER = 6


def _points() -> Iterator[tuple[int, Kind, Moment]]:
    if os.environ.get("NODEAGENT_FAULT_POINTS") == "all":
        yield from ((call, kind, moment) for call in range(1, CALLS + 1) for kind, moment in ANSWERS)
        return
    yield from (
        (FIRST_OF_SERVER, Kind.TOO_MANY_REQUESTS, Moment.BEFORE),
        (FIRST_OF_SERVER, Kind.INTERNAL_ERROR, Moment.AFTER),
        (FIRST_OF_SERVER, Kind.HANG, Moment.AFTER),
        (FIRST_OF_SERVER + 1, Kind.HTML_BAD_GATEWAY, Moment.AFTER),
        (FIRST_OF_SERVER + 3, Kind.TOO_MANY_REQUESTS, Moment.BEFORE),
        (CALLS, Kind.INTERNAL_ERROR, Moment.BEFORE),
    )


@pytest.mark.parametrize(("call", "kind", "moment"), [*_points()])
def test_one_fault(cloud: RunningCloud, call: int, kind: Kind, moment: Moment) -> None:
    """At the n-th call of an apply; then the sweep, and an apply that converges."""
    rollout = Rollout.begin(cloud, control_plane_count=1)
    cloud.inject(Fault(kinds=(kind,), calls=Calls.parse(str(call)), moment=moment, seconds=1.0))
    failed = rollout.terraform.apply("-parallelism=1", check=False)
    assert failed.exit_code == 1
    struck = [entry for entry in cloud.requests if entry.fault is not None]
    assert len(struck) == 1
    cloud.heal()
    orphans = rollout.check_books()
    ordered = call > FIRST_OF_SERVER or (call == FIRST_OF_SERVER and moment is Moment.AFTER)
    assert len(orphans) == int(ordered)
    rollout.delete(orphans)
    rollout.converge()


def test_deployment_that_fails(cloud: RunningCloud) -> None:
    """It is billed all the same, and lost to the state."""
    rollout = Rollout.begin(cloud, control_plane_count=1)
    cloud.inject(Fault(kinds=(Kind.DEPLOY_FAILS,), request=ORDER))
    assert rollout.terraform.apply("-parallelism=1", check=False).exit_code == 1
    cloud.heal()
    orphans = rollout.check_books()
    assert len(orphans) == 1
    rollout.delete(orphans)
    rollout.converge()


def test_server_with_another_hostname_is_kept(cloud: RunningCloud) -> None:
    """Terraform takes it for tainted and would buy another one; untainted, it gets its name and stays."""
    rollout = Rollout.begin(cloud, control_plane_count=1)
    cloud.inject(Fault(kinds=(Kind.HOSTNAME_REWRITTEN,), request=ORDER))
    assert rollout.terraform.apply("-parallelism=1", check=False).exit_code == 1
    cloud.heal()
    assert rollout.check_books() == ()
    ((number, address),) = rollout.known().items()
    assert "is tainted, so must be replaced" in rollout.terraform.plan().text
    rollout.terraform.run("untaint", address)
    rollout.converge()
    assert rollout.billed() == {number: "sol-1234-cp-1"}


def test_orphan_is_adopted(cloud: RunningCloud) -> None:
    """A server that is paid for need not be thrown away: imported, it is kept, and not installed anew."""
    rollout = Rollout.begin(cloud, control_plane_count=1)
    cloud.inject(Fault(kinds=(Kind.CUT_CONNECTION,), request=ORDER, moment=Moment.AFTER))
    rollout.terraform.apply("-parallelism=1", check=False)
    cloud.heal()
    (orphan,) = rollout.check_books()
    address = 'module.cluster.module.control_plane.module.node["sol-1234-cp-1"].cherryservers_server.this'
    rollout.terraform.run("import", address, str(orphan))
    rollout.converge()
    assert list(rollout.billed()) == [orphan]
    assert not [entry for entry in cloud.requests if entry.path.endswith("/actions")]


def test_orphan_that_was_the_last_of_its_kind(cloud: RunningCloud) -> None:
    """It is held against the stock once more, as if it were to be bought; the way around that is on the page."""
    rollout = Rollout.begin(cloud, control_plane_count=1)
    cloud.inject(Fault(kinds=(Kind.CUT_CONNECTION,), request=ORDER, moment=Moment.AFTER))
    rollout.terraform.apply("-parallelism=1", check=False)
    cloud.heal()
    (orphan,) = rollout.billed()
    node = 'module.cluster.module.control_plane.module.node["sol-1234-cp-1"]'
    rollout.terraform.run("import", f"{node}.cherryservers_server.this", str(orphan))
    cloud.inject(Fault(kinds=(Kind.OUT_OF_STOCK,), request="GET /v1/plans*"))
    assert "stock: wanted at least 1" in rollout.terraform.apply(check=False).text
    rollout.terraform.apply(f"-target={node}.terraform_data.purchase")
    rollout.converge()
    assert list(rollout.billed()) == [orphan]


def test_applied_again_without_a_sweep(cloud: RunningCloud) -> None:
    """The provider buys a second server of the same name; the sweep reports the first, and only that one."""
    rollout = Rollout.begin(cloud, control_plane_count=1)
    cloud.inject(Fault(kinds=(Kind.INTERNAL_ERROR,), request=ORDER, calls=Calls.parse("1"), moment=Moment.AFTER))
    rollout.terraform.apply("-parallelism=1", check=False)
    (first,) = rollout.billed()
    rollout.terraform.apply("-parallelism=1")
    assert len(rollout.billed()) == 2
    assert rollout.check_books() == (first,)
    rollout.delete((first,))
    rollout.converge()


def test_terraform_is_killed_between_the_order_and_its_state(cloud: RunningCloud) -> None:
    """SIGKILL while the answer to the order is on its way: one orphan, reported; nothing is bought twice."""
    rollout = Rollout.begin(cloud, control_plane_count=1)
    cloud.inject(Fault(kinds=(Kind.SLOW,), request=ORDER, moment=Moment.AFTER, seconds=5.0))
    with rollout.terraform.start("apply", "-auto-approve", "-parallelism=1") as running:
        family = [psutil.Process(running.pid)]
        try:
            while not rollout.billed():
                assert running.poll() is None, running.stdout and running.stdout.read()
            family += family[0].children(recursive=True)
            running.kill()
        finally:
            for process in family:
                _end(process)
    cloud.heal()
    (orphan,) = rollout.check_books()
    rollout.delete((orphan,))
    rollout.converge()
    assert orphan not in rollout.billed()


@pytest.fixture
def cloud_options() -> Options:
    """No limit and no delay: the faults are the only trouble."""
    return Options()


@pytest.mark.parametrize("seed", [int(os.environ.get("NODEAGENT_FAULT_SEED", "1"))])
def test_a_fifth_of_all_calls_fails(cloud: RunningCloud, seed: int) -> None:
    """Applies of the whole cluster while every call fails with a chance of 20 %, in every way that an answer can.

    No apply is expected to end well: an API in this state fails one call in five, and the provider tries none twice.
    """
    rollout = Rollout.begin(cloud, phase="validator", validator_gate="passed")
    kinds = (
        Kind.TOO_MANY_REQUESTS,
        Kind.INTERNAL_ERROR,
        Kind.HTML_BAD_GATEWAY,
        Kind.FORBIDDEN,
        Kind.HANG,
        Kind.CUT_CONNECTION,
    )
    rounds = int(os.environ.get("NODEAGENT_FAULT_ROUNDS", "3"))
    struck, orphans = 0, 0
    known: dict[int, str] = {}
    for number in range(rounds):
        before, asked = known, len(cloud.requests)
        # A fault's dice depend on its place, and those that match nothing move it: another round, other dice.
        for _ in range(seed * rounds + number):
            cloud.inject(Fault(kinds=kinds, request="NOTHING /"))
        # Two faults of a little over 10 % each.
        for moment in Moment:
            cloud.inject(Fault(kinds=kinds, probability=0.106, moment=moment, seconds=0.5))
        cloud.inject(Fault(kinds=(Kind.DEPLOY_FAILS, Kind.PLAN_NOT_FOUND), request=ORDER, probability=0.2))
        # The look at what is there would fail before anything is tried.
        rollout.terraform.apply("-refresh=false", "-parallelism=2", check=False)
        cloud.heal()
        round_struck = sum(entry.fault is not None for entry in cloud.requests[asked:])
        struck += round_struck
        known = rollout.known()
        assert set(before) <= set(known)
        found = rollout.check_books()
        orphans += len(found)
        print(f"round {number + 1}: {round_struck} faults, {len(known)} known, {len(found)} orphans reported")
        rollout.delete(found)
    assert struck > rounds / 2
    rollout.converge()
    assert len(rollout.billed()) == 4
    print(f"seed {seed}: {struck} faults in {rounds} rounds, {orphans} orphans, all reported")


def _end(process: psutil.Process) -> None:
    """The plugin outlives a killed Terraform; nothing may stay behind."""
    try:
        process.kill()
        process.wait(10)
    except psutil.NoSuchProcess:
        pass
