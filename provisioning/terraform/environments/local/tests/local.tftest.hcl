# What it costs is known without an apply, and an apply is refused.

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

run "plan" {
  command = plan

  assert {
    condition     = output.month_price.total["EUR"] == 4900 && length(output.inventory.nodes) == 4
    error_message = "Wanted the whole production cluster in the estimate, got ${jsonencode(output.month_price)}."
  }
}

run "apply" {
  expect_failures = [terraform_data.plan_only]
}

run "no_budget_at_all" {
  command = plan

  variables {
    month_budget = -1
  }

  expect_failures = [var.month_budget]
}

run "deployment_in_capitals" {
  command = plan

  variables {
    deployment_id = "PROD"
  }

  expect_failures = [var.deployment_id]
}
