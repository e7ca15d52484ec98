# A rehearsal that was made: when it ends, by what, and what the others are told. A file of its own, since `apply` runs
# keep state.

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

run "made" {
  assert {
    condition     = output.inventory.nodes["stg-ledger"].public_ip == "198.51.100.10" && output.inventory.environment == "staging"
    error_message = "Got ${jsonencode(output.inventory)}."
  }

  assert {
    condition     = sort(keys(output.inventory.nodes["stg-ledger"])) == sort(["role", "server_id", "hostname", "plan", "region", "image", "public_ip", "private_ip", "tags"])
    error_message = "Wanted the inventory in the shape of a cluster's."
  }

  assert {
    condition     = output.management["stg-ledger"] == "aws ec2 get-console-output --latest --instance-id i-0123456789abcdef0"
    error_message = "Got ${output.management["stg-ledger"]}."
  }
}

run "ends_after_four_hours_from_within" {
  assert {
    condition     = timecmp(output.ends_at, timeadd(terraform_data.began.output, "4h")) == 0
    error_message = "Got ${output.ends_at}, begun at ${terraform_data.began.output}."
  }

  assert {
    condition = strcontains(
      [for file in yamldecode(output.user_data["stg-ledger"]).write_files : file.content if endswith(file.path, ".timer")][0],
      "OnCalendar=${formatdate("YYYY-MM-DD hh:mm:ss", output.ends_at)} UTC\nOnBootSec=4h\n",
    )
    error_message = "Wanted a timer of that hour."
  }

  assert {
    condition     = yamldecode(output.user_data["stg-ledger"]).runcmd[1] == ["systemctl", "enable", "--now", "self-destruct.timer"]
    error_message = "Wanted the timer to be started before anything is installed."
  }
}

run "ends_a_quarter_later_by_the_schedule" {
  assert {
    condition     = aws_scheduler_schedule.self_destruct.schedule_expression == "at(${formatdate("YYYY-MM-DD'T'hh:mm:ss", timeadd(output.ends_at, "15m"))})"
    error_message = "Got ${aws_scheduler_schedule.self_destruct.schedule_expression}."
  }

  assert {
    condition     = jsondecode(aws_scheduler_schedule.self_destruct.target[0].input).InstanceIds == ["i-0123456789abcdef0"]
    error_message = "Wanted the instance to be named, got ${aws_scheduler_schedule.self_destruct.target[0].input}."
  }
}

run "installs_what_a_server_installs" {
  assert {
    condition     = startswith(output.user_data["stg-ledger"], "#cloud-config\n")
    error_message = "Wanted a cloud-config."
  }

  assert {
    condition = length(setsubtract(
      ["/etc/nodeagent/profiles/node.yaml", "/opt/nodeagent/install-nodeagent"],
      [for file in yamldecode(output.user_data["stg-ledger"]).write_files : file.path],
    )) == 0
    error_message = "Wanted the files of module node."
  }

  assert {
    condition     = length([for command in yamldecode(output.user_data["stg-ledger"]).runcmd : command if command[0] == "/opt/nodeagent/install-nodeagent"]) == 1
    error_message = "Wanted nodeagent to be installed."
  }
}
