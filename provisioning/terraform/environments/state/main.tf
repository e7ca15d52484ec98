# Credentials come from the environment or a profile, never from here.
provider "aws" {
  region = var.region

  default_tags {
    tags = { project = "nodeagent", environment = "state", owner = var.owner, cost_center = var.cost_center }
  }
}

module "state_backend" {
  source = "../../modules/state-backend"

  bucket        = var.bucket
  kms_key_arn   = var.kms_key_arn
  kept_versions = var.kept_versions
  kept_days     = var.kept_days
}
