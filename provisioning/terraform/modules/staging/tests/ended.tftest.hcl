# A rehearsal whose hour has passed. A file of its own, since the hour is known at plan time here only.

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

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_resource "aws_instance" {
    defaults = { id = "i-0123456789abcdef0", public_ip = "198.51.100.10", private_ip = "10.42.0.10" }
  }
}

variables {
  deployment_id     = "stg-1a2b3c4d"
  tags              = { project = "solana", owner = "ops", cost_center = "rnd" }
  availability_zone = "us-east-1a"
  ami               = "ami-0123456789abcdef0"
  ssh_public_key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEZmVC9Pe4v2mMTnI6cMKQ8aGdUKa4sO4ZbLfVZMfgEc ops"
  admin_cidrs       = ["203.0.113.7/32"]
  alarm_emails      = ["ops@example.com"]
  bundle            = { url = "https://example.com/bundle.tar", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }

  nodes = {
    stg-ledger = {
      role           = "validator"
      instance_type  = "i3en.6xlarge"
      price_hour_max = 2.712
      profile        = "{schema: 1, summary: s, extends: [solana-validator]}"
    }
  }
}

override_resource {
  target          = terraform_data.began
  override_during = plan
  values          = { output = "2026-01-01T00:00:00Z" }
}

run "nothing_more_is_made" {
  command = plan

  expect_failures = [aws_instance.this["stg-ledger"]]
}
