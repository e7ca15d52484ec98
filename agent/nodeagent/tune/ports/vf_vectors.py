"""MSI-X vectors of all VFs of a port: what is wanted against what there is, and in which order they change hands.

The port's driver has one pool for its VFs, and most drivers deal all of it out when VFs are made. So those that are to
have few come first and give back what the others are to get. The order must not depend on what each has now: a plan for
VFs that are yet to be made is compared with what is planned once they are there.

Each change comes before all other attributes: ice sets a VF up anew for it.

Sources: drivers/pci/iov.c, mlx5_set_msix_vec_count, ice_sriov_set_msix_vec_count.
"""

from collections.abc import Sequence

from nodeagent.model.port import Port
from nodeagent.model.setting import Bound, Mode, Setting
from nodeagent.model.verdict import Finding, State
from nodeagent.tune.knob import watched
from nodeagent.tune.ports.vf_plan import TUNABLE, Step, WantedVf


def vector_steps(port: Port, vfs: Sequence[WantedVf]) -> tuple[Step, ...]:
    """One step for each VF of which a number is wanted, the smallest first; only a finding where they want too many."""
    wanted = [(vf.settings["msix"], vf) for vf in vfs if watched(vf.settings.get("msix"))]
    in_all = sum(setting.value for setting, _ in wanted if setting.bound is not Bound.AT_MOST)
    if port.vf_msix and in_all > port.vf_msix:
        return (Step(finding=_too_many(port, in_all, [setting for setting, _ in wanted])),)
    ordered = sorted(wanted, key=lambda pair: (pair[0].value, pair[1].index))
    return tuple(vf.msix_step(setting) for setting, vf in ordered)


def _too_many(port: Port, in_all: int, settings: Sequence[Setting[int]]) -> Finding:
    return Finding(
        subject=f"{TUNABLE}:{port.address}:msix",
        state=State.UNKNOWN,
        got=f"{port.vf_msix} vectors for all VFs of the port",
        wanted=f"{in_all} in all",
        remedy="lower `msix` of some VFs, or ask for fewer VFs; what there is: sriov_vf_total_msix of the port",
        optional=all(setting.mode is Mode.WARN for setting in settings),
        id="NA-SRIOV-015",
    )
