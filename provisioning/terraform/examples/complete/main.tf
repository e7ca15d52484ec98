# Every setting of the cluster, on the plans of the rehearsal.

terraform {
  required_version = ">= 1.10"

  required_providers {
    cherryservers = {
      source  = "cherryservers/cherryservers"
      version = "1.5.3"
    }
  }
}

# The token comes from CHERRY_AUTH_TOKEN.
provider "cherryservers" {}

module "cluster" {
  source = "../../modules/cluster"

  deployment_id = "sol-complete"
  environment   = "vm"
  project       = "solana"
  owner         = "validators@example.org"
  cost_center   = "4711"
  tags          = { runbook = "https://runbooks.example.org/solana" }

  team_id  = 1
  region   = "LT-Siauliai"
  ssh_keys = { ada = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII0jmxg7HSCbGszlcetCGaJML0fMshfjSBdN1JTzSEpO ada" }
  image    = "debian_12_64bit"
  cycle    = "monthly"

  # Plans that sales made for the team and that the public list leaves out are asked for by name.
  team_plans = ["amd-epyc-9654"]

  control_plane = {
    count = 2
    plan  = "amd-epyc-7302p"
    requirements = {
      cores_min       = 16
      memory_gb_min   = 64
      drives_gb_min   = [960]
      nic_gbps_min    = 10
      price_month_max = 300
    }
    profile = <<-EOT
      schema: 1
      summary: a node of our control plane
      extends: [control-plane, epyc-7302p]
    EOT
  }

  validator = {
    count = 1
    plan  = "amd-epyc-9654"
    requirements = {
      cores_min       = 96
      threads_min     = 192
      memory_gb_min   = 512
      drives_gb_min   = [15000, 6000, 2000, 400]
      nic_gbps_min    = 25
      price_month_max = 6000
      price_currency  = "EUR"
    }
    profile = <<-EOT
      schema: 1
      summary: our validator
      extends: [solana-validator, epyc-9654, nic-ice]
    EOT
  }

  phase          = "validator"
  validator_gate = "passed"
  month_budget   = { amount = 6000, currency = "EUR" }
  protected      = false
  drift_checks   = true

  # Made by scripts/agent-bundle, and put where the servers can fetch it.
  bundle = {
    url    = "https://files.example.org/nodeagent-0.1.0-cp311.tar"
    sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
  }
}

output "inventory" {
  description = "The cluster for other tools, such as Ansible."
  value       = module.cluster.inventory
}

output "management" {
  description = "How to reach the console of each server."
  value       = module.cluster.management
}

output "month_price" {
  description = "What all servers cost in a month before tax."
  value       = module.cluster.month_price
}
