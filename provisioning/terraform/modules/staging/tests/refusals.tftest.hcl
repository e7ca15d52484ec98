# What stops a rehearsal before anything is made, and what is planned otherwise.

mock_provider "aws" {
  mock_data "aws_ec2_instance_type" {
    defaults = {
      default_vcpus                  = 24
      memory_size                    = 196608
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
  deployment_id     = "stg-1a2b3c4d"
  tags              = { project = "solana", owner = "ops", cost_center = "rnd" }
  availability_zone = "us-east-1a"
  ssh_public_key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEZmVC9Pe4v2mMTnI6cMKQ8aGdUKa4sO4ZbLfVZMfgEc ops"
  admin_cidrs       = ["203.0.113.7/32"]
  alarm_emails      = ["ops@example.com"]

  nodes = {
    stg-ledger = {
      role           = "validator"
      instance_type  = "i3en.6xlarge"
      price_hour_max = 2.712
      profile        = "{schema: 1, summary: s, extends: [solana-validator]}"
      requirements   = { vcpus_min = 24, memory_gib_min = 192, local_drives_min = 2, local_storage_gb_min = 15000, nic_gbps_min = 25 }
    }
    stg-peer = {
      role           = "control-plane"
      instance_type  = "i3en.6xlarge"
      price_hour_max = 2.712
      profile        = "{schema: 1, summary: s, extends: [control-plane]}"
    }
  }
}

run "spot_instances_that_a_shutdown_ends" {
  command = plan

  assert {
    condition = alltrue([
      for instance in aws_instance.this :
      instance.instance_initiated_shutdown_behavior == "terminate"
      && instance.instance_market_options[0].market_type == "spot"
      && instance.instance_market_options[0].spot_options[0].max_price == "2.712"
      && instance.instance_market_options[0].spot_options[0].spot_instance_type == "one-time"
    ])
    error_message = "Wanted one-time spot instances with a limit, which end when they are shut down."
  }

  assert {
    condition     = aws_placement_group.this.strategy == "cluster" && alltrue([for instance in aws_instance.this : instance.placement_group == "stg-1a2b3c4d"])
    error_message = "Wanted all instances close together."
  }

  assert {
    condition     = alltrue([for instance in aws_instance.this : instance.metadata_options[0].http_tokens == "required" && instance.root_block_device[0].encrypted])
    error_message = "Wanted metadata by token only, and an encrypted disk."
  }
}

run "tags_that_the_self_destruct_goes_by" {
  command = plan

  assert {
    condition = aws_instance.this["stg-ledger"].tags == tomap({
      Name        = "stg-ledger"
      cost_center = "rnd"
      deployment  = "stg-1a2b3c4d"
      environment = "staging"
      owner       = "ops"
      project     = "solana"
      role        = "validator"
    })
    error_message = "Got ${jsonencode(aws_instance.this["stg-ledger"].tags)}."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.self_destruct.policy).Statement[0].Condition.StringEquals["aws:ResourceTag/deployment"] == "stg-1a2b3c4d"
    error_message = "Wanted a right to end the instances of this rehearsal only."
  }
}

run "only_operators_come_in" {
  command = plan

  assert {
    condition = (
      keys(aws_vpc_security_group_ingress_rule.ssh) == ["203.0.113.7/32"]
      && aws_vpc_security_group_ingress_rule.ssh["203.0.113.7/32"].from_port == 22
      && aws_vpc_security_group_ingress_rule.inside.cidr_ipv4 == null
    )
    error_message = "Wanted ssh from one address, and nothing else from outside."
  }
}

run "alarms_before_the_budget_is_spent" {
  command = plan

  assert {
    condition     = aws_budgets_budget.this.limit_amount == "500" && length(aws_budgets_budget.this.notification) == 3
    error_message = "Wanted 500 USD and three alarms."
  }

  assert {
    condition     = abs(output.cost.hour_max - (2 * 2.712 + 60 * 0.08 / 730 + 2 * 0.005)) < 0.0001
    error_message = "Got ${output.cost.hour_max} USD an hour."
  }
}

run "no_month_beyond_the_budget" {
  command = plan

  variables {
    hours_per_run  = 24
    runs_per_month = 8
  }

  expect_failures = [aws_budgets_budget.this]
}

run "no_budget_beyond_the_stage" {
  command = plan

  variables {
    month_budget_usd = 5000
  }

  expect_failures = [var.month_budget_usd]
}

run "no_instance_that_is_too_small" {
  command = plan

  variables {
    nodes = {
      stg-cpu = {
        role           = "validator"
        instance_type  = "i3en.6xlarge"
        price_hour_max = 2.712
        profile        = "{schema: 1, summary: s, extends: [solana-validator]}"
        requirements   = { vcpus_min = 96, nic_gbps_min = 37.5 }
      }
    }
  }

  expect_failures = [aws_instance.this["stg-cpu"]]
}

run "no_type_without_a_spot_market" {
  command = plan

  override_data {
    target = data.aws_ec2_instance_type.this
    values = {
      default_vcpus                  = 24
      memory_size                    = 196608
      total_instance_storage         = 15000
      instance_disks                 = [{ count = 2, size = 7500, type = "ssd" }]
      network_cards                  = [{ baseline_bandwidth = 25, index = 0, maximum_interfaces = 8, peak_bandwidth = 25, performance = "25 Gigabit" }]
      supported_usages_classes       = ["on-demand"]
      supported_placement_strategies = ["cluster", "partition", "spread"]
    }
  }

  expect_failures = [aws_instance.this["stg-ledger"], aws_instance.this["stg-peer"]]
}

run "a_market_above_the_limit_is_told" {
  command = plan

  override_data {
    target = data.aws_ec2_spot_price.this
    values = { spot_price = "3.10" }
  }

  expect_failures = [check.spot_price]
}

run "nobody_lets_the_world_in" {
  command = plan

  variables {
    admin_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.admin_cidrs]
}

run "no_input_that_can_not_be_meant" {
  command = plan

  variables {
    deployment_id     = "Staging 1"
    tags              = { project = "solana" }
    availability_zone = "us-east-1"
    ssh_public_key    = "-----BEGIN OPENSSH PRIVATE KEY-----"
    network_cidr      = "8.8.8.0/24"
    ami               = "debian-12"
    bundle            = { url = "s3://bucket/bundle.tar", sha256 = "1" }
    hours_per_run     = 36
    runs_per_month    = 0
    alarm_emails      = []
  }

  expect_failures = [
    var.deployment_id, var.tags, var.availability_zone, var.ssh_public_key, var.network_cidr, var.ami, var.bundle,
    var.hours_per_run, var.runs_per_month, var.alarm_emails,
  ]
}

run "no_node_that_can_not_be_meant" {
  command = plan

  variables {
    nodes = {
      "Node_1" = { role = "bastion", instance_type = "i3en.6xlarge", price_hour_max = 0, profile = "schema: 2" }
    }
  }

  expect_failures = [var.nodes]
}
