# The instances. What keeps them from staying is in self_destruct.tf, what they may cost in budget.tf.

locals {
  tags = merge(var.tags, { deployment = var.deployment_id, environment = "staging" })
}

data "aws_ec2_instance_type" "this" {
  for_each = toset([for node in values(var.nodes) : node.instance_type])

  instance_type = each.key
}

data "aws_ami" "debian" {
  count = var.ami == null ? 1 : 0

  most_recent = true
  owners      = ["136693071363"]

  filter {
    name   = "name"
    values = ["debian-12-amd64-*"]
  }
}

# Close together, behind one switch: the only way to more than 10 Gbit/s in one stream.
resource "aws_placement_group" "this" {
  name     = var.deployment_id
  strategy = "cluster"
  tags     = local.tags
}

resource "aws_key_pair" "this" {
  key_name   = var.deployment_id
  public_key = trimspace(var.ssh_public_key)
  tags       = local.tags
}

resource "aws_instance" "this" {
  # checkov:skip=CKV_AWS_88:operators log in from admin_cidrs, and there is no bastion to pay for
  # checkov:skip=CKV_AWS_126:an instance of hours is measured by nodeagent, every second, and not by CloudWatch
  # checkov:skip=CKV2_AWS_41:the instances call no service of AWS, so they get no right to any
  for_each = var.nodes

  ami                    = var.ami == null ? data.aws_ami.debian[0].id : var.ami
  instance_type          = each.value.instance_type
  subnet_id              = aws_subnet.this.id
  vpc_security_group_ids = [aws_security_group.this.id]
  placement_group        = aws_placement_group.this.name
  key_name               = aws_key_pair.this.key_name
  user_data_base64       = base64encode(local.user_data[each.key])
  ebs_optimized          = true

  # A shutdown from within ends the instance, and with it what it costs.
  instance_initiated_shutdown_behavior = "terminate"

  instance_market_options {
    market_type = "spot"

    spot_options {
      max_price                      = tostring(each.value.price_hour_max)
      spot_instance_type             = "one-time"
      instance_interruption_behavior = "terminate"
    }
  }

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }

  root_block_device {
    volume_type           = "gp3"
    volume_size           = each.value.root_gb
    encrypted             = true
    delete_on_termination = true
  }

  tags        = merge(local.tags, { Name = each.key, role = each.value.role })
  volume_tags = merge(local.tags, { Name = each.key })

  lifecycle {
    # A newer image or another profile is for the next rehearsal.
    ignore_changes = [ami, user_data_base64]

    precondition {
      condition     = length(local.problems[each.key]) == 0
      error_message = "${each.key}: ${each.value.instance_type}: ${join("; ", local.problems[each.key])}. Next: another instance_type, or requirements that are lowered knowingly."
    }

    precondition {
      condition     = timecmp(plantimestamp(), local.ends_at) < 0
      error_message = "${var.deployment_id}: this rehearsal ended at ${local.ends_at}; an instance that is made now would not end itself. Next: terraform destroy, and begin another."
    }

    precondition {
      condition     = length(local.user_data[each.key]) <= 16384
      error_message = "${each.key}: wanted at most 16384 bytes of user data, as AWS takes, got ${length(local.user_data[each.key])}."
    }
  }
}

locals {
  types = { for hostname, node in var.nodes : hostname => data.aws_ec2_instance_type.this[node.instance_type] }

  # What an instance type lacks, in words.
  problems = {
    for hostname, node in var.nodes : hostname => [
      for asked in [
        { what = "vCPUs", wanted = node.requirements.vcpus_min, got = local.types[hostname].default_vcpus },
        { what = "GiB of memory", wanted = node.requirements.memory_gib_min, got = floor(local.types[hostname].memory_size / 1024) },
        { what = "local drives", wanted = node.requirements.local_drives_min, got = sum(concat([0], [for disk in local.types[hostname].instance_disks : disk.count])) },
        { what = "GB on local drives", wanted = node.requirements.local_storage_gb_min, got = coalesce(local.types[hostname].total_instance_storage, 0) },
        { what = "Gbit/s", wanted = node.requirements.nic_gbps_min, got = sum(concat([0], [for card in local.types[hostname].network_cards : card.baseline_bandwidth])) },
        { what = "offers as spot", wanted = 1, got = contains(local.types[hostname].supported_usages_classes, "spot") ? 1 : 0 },
        { what = "cluster placement", wanted = 1, got = contains(local.types[hostname].supported_placement_strategies, "cluster") ? 1 : 0 },
      ] : "wanted ${asked.wanted} ${asked.what}, got ${asked.got}" if asked.got < asked.wanted
    ]
  }
}
