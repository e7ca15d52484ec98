# The cluster as a whole, on a catalogue of two plans. What single plans and inputs do wrong is tested with module node.

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
  target = module.catalogue
  outputs = {
    region = "LT-Siauliai"
    plans = {
      small = {
        slug         = "small"
        name         = "AMD EPYC 7302P"
        cores        = 16
        threads      = 32
        memory_gb    = 64
        drives_gb    = [1000]
        nic_gbps     = 10
        month_prices = { monthly = 250 }
        currency     = "EUR"
        regions      = ["LT-Siauliai"]
        stock        = 3
        images       = ["debian_12_64bit"]
      }
      large = {
        slug         = "large"
        name         = "AMD EPYC 9454P"
        cores        = 48
        threads      = 96
        memory_gb    = 512
        drives_gb    = [960, 960, 15360, 6400, 2000]
        nic_gbps     = 25
        month_prices = { monthly = 4150 }
        currency     = "EUR"
        regions      = ["LT-Siauliai"]
        stock        = 1
        images       = ["debian_12_64bit"]
      }
    }
  }
}

variables {
  deployment_id  = "sol-1234"
  environment    = "vm"
  owner          = "ops@example.org"
  cost_center    = "rnd"
  team_id        = 1
  ssh_keys       = { ada = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII0jmxg7HSCbGszlcetCGaJML0fMshfjSBdN1JTzSEpO ada" }
  control_plane  = { plan = "small" }
  validator      = { plan = "large" }
  validator_gate = "passed"
  protected      = false
  drift_checks   = false
}

run "whole_cluster" {
  command = plan

  assert {
    condition     = join(" ", keys(output.inventory.nodes)) == "sol-1234-cp-1 sol-1234-cp-2 sol-1234-cp-3 sol-1234-val-1"
    error_message = "Wanted three nodes of the control plane and a validator, got ${jsonencode(keys(output.inventory.nodes))}."
  }

  assert {
    condition     = output.inventory.deployment_id == "sol-1234" && output.inventory.environment == "vm"
    error_message = "Wanted the deployment and the environment in the inventory."
  }

  assert {
    condition = alltrue([
      for hostname, node in output.inventory.nodes :
      jsonencode(node.tags) == jsonencode({ cost_center = "rnd", deployment = "sol-1234", environment = "vm", owner = "ops@example.org", project = "solana", role = node.role })
    ])
    error_message = "Wanted the same tags on every server, got ${jsonencode([for node in output.inventory.nodes : node.tags])}."
  }

  assert {
    condition     = output.month_price.total["EUR"] == 4900 && length(output.month_price.unknown) == 0
    error_message = "Wanted 3 x 250 + 4150 EUR a month, got ${jsonencode(output.month_price)}."
  }

  assert {
    condition     = output.orders["small"] == 3 && output.orders["large"] == 1
    error_message = "Wanted an order of three and one, got ${jsonencode(output.orders)}."
  }

  assert {
    condition     = output.management["sol-1234-val-1"] == "nodeagent cherry console sol-1234-val-1"
    error_message = "Wanted the way to each console."
  }

  assert {
    condition     = cherryservers_project.this[0].name == "solana sol-1234" && cherryservers_ssh_key.this["ada"].name == "sol-1234-ada"
    error_message = "Wanted the deployment in the names of project and key."
  }
}

run "control_plane_first" {
  command = plan

  variables {
    phase          = "control-plane"
    validator_gate = null
  }

  assert {
    condition     = length(output.inventory.nodes) == 3 && output.month_price.total["EUR"] == 750
    error_message = "Wanted no validator in the first phase."
  }
}

run "more_than_there_are" {
  command = plan

  variables {
    control_plane = { plan = "small", count = 4 }
  }

  expect_failures = [output.orders]
}

run "requirement_of_the_caller" {
  command = plan

  variables {
    control_plane = { plan = "small", requirements = { price_month_max = 300 } }
  }

  assert {
    condition     = output.orders["small"] == 3
    error_message = "Wanted the caller's cap to join the defaults of the role."
  }
}

run "team_and_project" {
  command = plan

  variables {
    project_id = 7
  }

  expect_failures = [var.team_id]
}

run "neither_team_nor_project" {
  command = plan

  variables {
    team_id = null
  }

  expect_failures = [var.team_id]
}

run "project_that_is_there" {
  command = plan

  variables {
    team_id    = null
    project_id = 7
  }

  assert {
    condition     = output.project_id == 7 && length(cherryservers_project.this) == 0
    error_message = "Wanted no project to be made."
  }
}

run "no_key" {
  command = plan

  variables {
    ssh_keys = {}
  }

  expect_failures = [var.ssh_keys]
}

# As file("id_ed25519.pub") gives it.
run "key_with_the_end_of_its_line" {
  command = plan

  variables {
    ssh_keys = { ada = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII0jmxg7HSCbGszlcetCGaJML0fMshfjSBdN1JTzSEpO ada\n" }
  }

  assert {
    condition     = cherryservers_ssh_key.this["ada"].public_key == trimspace(var.ssh_keys.ada)
    error_message = "Wanted the key without the end of its line."
  }
}

run "private_key_in_place_of_a_public_one" {
  command = plan

  variables {
    ssh_keys = { ada = "-----BEGIN OPENSSH PRIVATE KEY-----" }
  }

  expect_failures = [var.ssh_keys]
}

run "deployment_in_capitals" {
  command = plan

  variables {
    deployment_id = "PROD"
  }

  expect_failures = [var.deployment_id]
}

run "environment_that_there_is_not" {
  command = plan

  variables {
    environment = "test"
  }

  expect_failures = [var.environment]
}

run "nobody_owns_it" {
  command = plan

  variables {
    owner       = " "
    cost_center = ""
  }

  expect_failures = [var.owner, var.cost_center]
}

run "project_name_with_a_line_break" {
  command = plan

  variables {
    project = "a\nb"
  }

  expect_failures = [var.project]
}

run "phase_that_there_is_not" {
  command = plan

  variables {
    phase = "all"
  }

  expect_failures = [var.phase]
}

run "half_a_server" {
  command = plan

  variables {
    control_plane = { plan = "small", count = 1.5 }
    validator     = { plan = "large", count = -1 }
  }

  expect_failures = [var.control_plane, var.validator]
}

run "beyond_the_budget" {
  command = plan

  variables {
    month_budget = { amount = 4899 }
  }

  expect_failures = [output.month_price]
}

run "within_the_budget" {
  command = plan

  variables {
    month_budget = { amount = 4900 }
  }

  assert {
    condition     = output.month_price.total["EUR"] == 4900
    error_message = "Wanted a budget to be the most, not too much already."
  }
}

run "budget_in_another_currency" {
  command = plan

  variables {
    month_budget = { amount = 9999, currency = "USD" }
  }

  expect_failures = [output.month_price]
}

run "budget_of_nothing" {
  command = plan

  variables {
    month_budget = { amount = 0 }
  }

  expect_failures = [var.month_budget]
}

run "project_of_no_number" {
  command = plan

  variables {
    team_id    = null
    project_id = -1
  }

  expect_failures = [var.project_id]
}

run "tag_in_capitals" {
  command = plan

  variables {
    tags = { Rack = "1" }
  }

  expect_failures = [var.tags]
}
