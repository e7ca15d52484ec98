# The default rehearsal: three instances whose month fits the budget of the stage.

mock_provider "aws" {
  mock_data "aws_ec2_instance_type" {
    defaults = {
      default_vcpus                  = 96
      memory_size                    = 393216
      total_instance_storage         = 15000
      instance_disks                 = [{ count = 2, size = 7500, type = "ssd" }]
      network_cards                  = [{ baseline_bandwidth = 25, index = 0, maximum_interfaces = 8, peak_bandwidth = 25, performance = "25 Gigabit" }]
      supported_usages_classes       = ["on-demand", "spot"]
      supported_placement_strategies = ["cluster", "partition", "spread"]
    }
  }

  mock_data "aws_ec2_spot_price" {
    defaults = { spot_price = "0.95" }
  }

  mock_data "aws_ami" {
    defaults = { id = "ami-0123456789abcdef0" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
}

variables {
  deployment_id  = "stg-1a2b3c4d"
  owner          = "ops"
  cost_center    = "rnd"
  ssh_public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEZmVC9Pe4v2mMTnI6cMKQ8aGdUKa4sO4ZbLfVZMfgEc ops"
  admin_cidrs    = ["203.0.113.7/32"]
  alarm_emails   = ["ops@example.com"]
}

run "a_month_within_the_budget" {
  command = plan

  # These are the figures of README.md.
  assert {
    condition = (
      format("%.2f", output.cost.hour_max) == "9.60"
      && format("%.2f", output.cost.run_max) == "40.78"
      && format("%.2f", output.cost.month_max) == "326.27"
    )
    error_message = "Got ${jsonencode(output.cost)}."
  }
}

run "three_instances" {
  command = plan

  assert {
    condition     = keys(output.inventory.nodes) == ["stg-1a2b3c4d-accounts", "stg-1a2b3c4d-cpu", "stg-1a2b3c4d-ledger"]
    error_message = "Got ${jsonencode(keys(output.inventory.nodes))}."
  }

  assert {
    condition = (
      output.inventory.nodes["stg-1a2b3c4d-ledger"].plan == "i3en.6xlarge"
      && output.inventory.nodes["stg-1a2b3c4d-cpu"].plan == "m6a.24xlarge"
    )
    error_message = "Got ${jsonencode(output.inventory.nodes)}."
  }
}

run "no_input_that_can_not_be_meant" {
  command = plan

  variables {
    owner             = ""
    cost_center       = ""
    availability_zone = "LT-Siauliai"
  }

  expect_failures = [var.owner, var.cost_center, var.availability_zone]
}
