"""Every tunable's ground, in the order they are worked."""

from tests.campaigns import grounds, kernel_grounds, tree_grounds
from tests.campaigns.grounds import Ground

GROUNDS: tuple[type[Ground], ...] = (
    grounds.SysctlGround,
    grounds.HugepagesGround,
    grounds.QueueGround,
    grounds.FilesystemGround,
    kernel_grounds.PoolGround,
    kernel_grounds.SwapGround,
    kernel_grounds.FirewallGround,
    kernel_grounds.QueuesGround,
    kernel_grounds.OffloadsGround,
    kernel_grounds.MtuGround,
    kernel_grounds.SteeringGround,
    tree_grounds.GovernorGround,
    tree_grounds.IdleGround,
    tree_grounds.ThreadsGround,
    tree_grounds.ClockGround,
    tree_grounds.CommandLineGround,
    tree_grounds.UnitsGround,
    tree_grounds.TimeGround,
    tree_grounds.LimitsGround,
    tree_grounds.VfGround,
    tree_grounds.RingsGround,
    tree_grounds.CoalescingGround,
    tree_grounds.InterruptsGround,
    tree_grounds.IsolationGround,
    tree_grounds.NvmeGround,
)
