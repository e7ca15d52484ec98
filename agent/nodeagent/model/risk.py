"""What a change may do to those who use the machine. By itself, since every tunable names its risk when imported."""

from enum import StrEnum


class Risk(StrEnum):
    """Mildest first."""

    LIVE = "live"
    LINK_FLAP = "link-flap"
    VF_DESTROYING = "vf-destroying"
    SERVICE_RESTART = "service-restart"
    REBOOT = "reboot"
    DESTRUCTIVE = "destructive"
