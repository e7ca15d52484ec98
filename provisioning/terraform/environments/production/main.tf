# The servers that are paid for. What they cost is in README.md.

# The token comes from CHERRY_AUTH_TOKEN.
provider "cherryservers" {}

module "cluster" {
  source = "../../modules/cluster"

  deployment_id = var.deployment_id
  environment   = "production"
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
  cycle          = var.cycle
  month_budget   = { amount = var.month_budget }
  protected      = var.protected
  drift_checks   = var.drift_checks
}
