# Plans the production cluster and refuses to apply it. The deployment passes through the refusal, and every name and tag
# holds the deployment, so nothing can be made before it.
resource "terraform_data" "plan_only" {
  input = var.deployment_id

  lifecycle {
    precondition {
      condition     = !terraform.applying
      error_message = "environments/local only plans, so that it costs nothing. Next: environments/vm on cherrylab, or environments/production."
    }
  }
}

# The token comes from CHERRY_AUTH_TOKEN.
provider "cherryservers" {}

module "cluster" {
  source = "../../modules/cluster"

  deployment_id = terraform_data.plan_only.input
  environment   = "local"
  owner         = var.owner
  cost_center   = var.cost_center
  team_id       = var.team_id
  region        = var.region
  team_plans    = var.team_plans
  ssh_keys      = var.ssh_keys

  control_plane = {
    count   = var.control_plane_count
    plan    = var.control_plane_plan
    profile = file("${path.module}/../production/profiles/control-plane.yaml")
  }

  validator = {
    plan    = var.validator_plan
    profile = file("${path.module}/../production/profiles/validator.yaml")
  }

  validator_gate = "passed"
  cycle          = var.cycle
  month_budget   = { amount = var.month_budget }
  protected      = false
  drift_checks   = false
}
