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

module "cherry_servers" {
  source = "./modules/cherry_servers"

  region = "EU-East-1"

  control_plane_nodes = {
    count   = 3
    plan    = "AMD EPYC 7302P"
    memory  = "64GB"
    storage = "1TB NVMe"
  }

  validator_node = {
    plan   = "AMD EPYC 9454P"
    memory = "512GB DDR5 ECC"
    storage_config = [
      { device = "/dev/nvme0n1", size = "15TB", fs = "ext4", mount = "/mnt/ledger" },
      { device = "/dev/nvme1n1", size = "6TB", fs = "ext4", mount = "/mnt/accounts" },
      { device = "/dev/nvme2n1", size = "2TB", fs = "btrfs", mount = "/mnt/snapshots" }
    ]
    network = "25Gbps"
    sr_iov  = true
  }

  # Added: who pays, who may log in, and what has passed. README.md says why.
  team_id        = 1
  deployment_id  = "sol-mission"
  owner          = "validators@example.org"
  cost_center    = "4711"
  ssh_keys       = { ada = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII0jmxg7HSCbGszlcetCGaJML0fMshfjSBdN1JTzSEpO ada" }
  validator_gate = "passed"
  protected      = false
}

output "inventory" {
  description = "The cluster for other tools, such as Ansible."
  value       = module.cherry_servers.inventory
}

output "validator_profile" {
  description = "The profile of nodeagent that the block's storage and network became."
  value       = module.cherry_servers.validator_profile
}
