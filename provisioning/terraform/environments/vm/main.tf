# The production modules on cherrylab, which sells the same plans for nothing; nothing is protected, so that it can go.

# The token comes from CHERRY_AUTH_TOKEN.
provider "cherryservers" {}

module "cluster" {
  source = "../../modules/cluster"

  deployment_id = var.deployment_id
  environment   = "vm"
  owner         = var.owner
  cost_center   = var.cost_center
  team_id       = var.team_id
  region        = var.region
  team_plans    = var.team_plans
  ssh_keys      = var.ssh_keys

  control_plane = {
    count   = var.control_plane_count
    plan    = var.control_plane_plan
    profile = file("${path.module}/profiles/control-plane.yaml")
  }

  validator = {
    plan    = var.validator_plan
    profile = file("${path.module}/profiles/validator.yaml")
  }

  phase          = var.phase
  validator_gate = var.validator_gate
  bundle         = var.bundle
  protected      = false
}
