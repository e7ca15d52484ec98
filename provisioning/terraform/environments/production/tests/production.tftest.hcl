# The phases of the rollout and the budget. The whole of it, on the rehearsal cloud: tests/terraform/test_production.py.

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

run "control_plane_comes_first" {
  command = plan

  assert {
    condition     = join(" ", keys(output.inventory.nodes)) == "sol-1234-cp-1 sol-1234-cp-2 sol-1234-cp-3" && output.month_price.total["EUR"] == 750
    error_message = "Wanted the control plane and nothing else by default, got ${jsonencode(keys(output.inventory.nodes))}."
  }
}

run "then_the_validator" {
  command = plan

  variables {
    phase          = "validator"
    validator_gate = "passed"
  }

  assert {
    condition     = output.month_price.total["EUR"] == 4900 && output.inventory.nodes["sol-1234-val-1"].role == "validator"
    error_message = "Wanted a validator beside the control plane, for 4900 EUR a month, got ${jsonencode(output.month_price)}."
  }
}

run "no_budget_at_all" {
  command = plan

  variables {
    month_budget = 0
  }

  expect_failures = [var.month_budget]
}
