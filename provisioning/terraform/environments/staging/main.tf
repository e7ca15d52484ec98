# A rehearsal on AWS that ends itself. Why these instances: README.md.

# Credentials come from the environment or a profile, never from here.
provider "aws" {
  region = local.region
}

locals {
  region = substr(var.availability_zone, 0, length(var.availability_zone) - 1)
}

module "staging" {
  source = "../../modules/staging"

  deployment_id     = var.deployment_id
  tags              = { project = "solana", owner = var.owner, cost_center = var.cost_center }
  availability_zone = var.availability_zone
  ssh_public_key    = var.ssh_public_key
  admin_cidrs       = var.admin_cidrs
  alarm_emails      = var.alarm_emails
  bundle            = var.bundle
  hours_per_run     = var.hours_per_run
  runs_per_month    = var.runs_per_month
  month_budget_usd  = var.month_budget_usd

  nodes = {
    "${var.deployment_id}-ledger" = {
      role           = "validator"
      instance_type  = var.storage_instance.type
      price_hour_max = var.storage_instance.price_hour_max
      profile        = file("${path.module}/profiles/ledger.yaml")
      requirements   = { memory_gib_min = 180, local_drives_min = 2, local_storage_gb_min = 15000, nic_gbps_min = 25 }
    }
    "${var.deployment_id}-accounts" = {
      role           = "validator"
      instance_type  = var.storage_instance.type
      price_hour_max = var.storage_instance.price_hour_max
      profile        = file("${path.module}/profiles/accounts.yaml")
      requirements   = { memory_gib_min = 180, local_drives_min = 2, local_storage_gb_min = 6000, nic_gbps_min = 25 }
    }
    "${var.deployment_id}-cpu" = {
      role           = "validator"
      instance_type  = var.cpu_instance.type
      price_hour_max = var.cpu_instance.price_hour_max
      profile        = file("${path.module}/profiles/cpu.yaml")
      requirements   = { vcpus_min = 96, memory_gib_min = 384, nic_gbps_min = 25 }
    }
  }
}
