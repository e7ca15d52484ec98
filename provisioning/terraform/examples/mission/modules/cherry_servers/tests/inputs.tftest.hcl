# What the block may say. What becomes of it is tested on the rehearsal cloud (tests/terraform/test_examples.py).

mock_provider "cherryservers" {}

override_module {
  target = module.cluster
  outputs = {
    inventory = {}
  }
}

variables {
  region              = "EU-East-1"
  control_plane_nodes = { count = 3, plan = "AMD EPYC 7302P", memory = "64GB", storage = "1TB NVMe" }
  validator_node = {
    plan           = "AMD EPYC 9454P"
    memory         = "512GB DDR5 ECC"
    storage_config = [{ device = "/dev/nvme0n1", size = "15TB", fs = "ext4", mount = "/mnt/ledger" }]
    network        = "25Gbps"
    sr_iov         = true
  }
  team_id       = 1
  deployment_id = "sol-mission"
  owner         = "ops"
  cost_center   = "rnd"
  ssh_keys      = { ada = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII0jmxg7HSCbGszlcetCGaJML0fMshfjSBdN1JTzSEpO ada" }
}

run "as_the_seed_has_it" {
  command = plan

  assert {
    condition     = yamldecode(output.validator_profile).tune.filesystem[0].mount_point == "/mnt/ledger"
    error_message = "Wanted the drive in the profile, got ${output.validator_profile}."
  }
}

run "memory_without_a_unit" {
  command = plan

  variables {
    control_plane_nodes = { count = 3, plan = "AMD EPYC 7302P", memory = "64", storage = "1TB NVMe" }
  }

  expect_failures = [var.control_plane_nodes]
}

run "network_in_words" {
  command = plan

  variables {
    validator_node = { plan = "AMD EPYC 9454P", memory = "512GB", storage_config = [], network = "fast", sr_iov = false }
  }

  expect_failures = [var.validator_node]
}

run "filesystem_that_nodeagent_does_not_make" {
  command = plan

  variables {
    validator_node = {
      plan           = "AMD EPYC 9454P"
      memory         = "512GB"
      storage_config = [{ device = "/dev/nvme0n1", size = "15TB", fs = "zfs", mount = "/mnt/ledger" }]
      network        = "25Gbps"
      sr_iov         = false
    }
  }

  expect_failures = [var.validator_node]
}
