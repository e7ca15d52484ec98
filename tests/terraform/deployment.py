"""What every environment wants to be told, as the tests tell it."""

SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII0jmxg7HSCbGszlcetCGaJML0fMshfjSBdN1JTzSEpO ada"
OTHER_SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIAf18Utydf/JtJjDKdHYYwSxei6mtQjP6gI1qJLLcpa bob"
"""Public keys whose private halves nobody has."""


def deployment(**variables: object) -> dict[str, object]:
    """Variables of an environment; `variables` stand over them, and add to them."""
    return {
        "deployment_id": "sol-1234",
        "owner": "ops@example.org",
        "cost_center": "rnd",
        "team_id": 1,
        "ssh_keys": {"ada": SSH_KEY},
    } | variables
