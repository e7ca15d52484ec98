# Everything at once, and nothing protected.

mock_provider "cherryservers" {
  override_during = plan

  mock_resource "cherryservers_project" {
    defaults = {
      id = "4711"
    }
  }

  # No address, so that the check of the private network has nothing to look at.
  mock_resource "cherryservers_server" {
    defaults = {
      id = "815"
    }
  }
}

# It would look at servers that the mock makes up.
override_module {
  target = module.cluster.module.drift
}

override_module {
  target = module.cluster.module.catalogue
  outputs = {
    region = "LT-Siauliai"
    plans = {
      "amd-epyc-7302p" = {
        slug         = "amd-epyc-7302p"
        name         = "AMD EPYC 7302P"
        cores        = 16
        threads      = 32
        memory_gb    = 64
        drives_gb    = [1000]
        nic_gbps     = 10
        month_prices = { hourly = 312.5, monthly = 250 }
        currency     = "EUR"
        regions      = ["LT-Siauliai"]
        stock        = 120
        images       = ["debian_12_64bit"]
      }
      "amd-epyc-9454p" = {
        slug         = "amd-epyc-9454p"
        name         = "AMD EPYC 9454P"
        cores        = 48
        threads      = 96
        memory_gb    = 512
        drives_gb    = [960, 960, 15360, 6400, 2000]
        nic_gbps     = 25
        month_prices = { hourly = 5187.5, monthly = 4150 }
        currency     = "EUR"
        regions      = ["LT-Siauliai"]
        stock        = 4
        images       = ["debian_12_64bit"]
      }
    }
  }
}

variables {
  deployment_id = "sol-1234"
  owner         = "ops@example.org"
  cost_center   = "rnd"
  team_id       = 1
  ssh_keys      = { ada = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII0jmxg7HSCbGszlcetCGaJML0fMshfjSBdN1JTzSEpO ada" }
}

run "everything_at_once" {
  command = plan

  variables {
    validator_gate = "passed"
  }

  assert {
    condition     = length(output.inventory.nodes) == 4 && output.inventory.environment == "vm"
    error_message = "Wanted four servers, got ${jsonencode(keys(output.inventory.nodes))}."
  }
}

run "one_node_of_the_control_plane" {
  command = plan

  variables {
    validator_gate      = "passed"
    control_plane_count = 1
  }

  assert {
    condition     = length(output.inventory.nodes) == 2
    error_message = "Wanted a small rehearsal to have two servers."
  }
}
