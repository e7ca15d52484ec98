# Nobody has to remember to end a rehearsal. Three things end it, each without the others: the instances themselves, at
# an hour that is set when they are made; a schedule of AWS, a quarter of an hour later; and the spot market.

# When the rehearsal began: set once, and not anew with every plan.
resource "terraform_data" "began" {
  input = plantimestamp()

  lifecycle {
    ignore_changes = [input]
  }
}

locals {
  ends_at      = timeadd(terraform_data.began.output, "${var.hours_per_run}h")
  scheduled_at = timeadd(local.ends_at, "15m")

  # The same installation as on a server of Cherry Servers, from the same files.
  installation = {
    for hostname, node in var.nodes : hostname => yamldecode(templatefile("${path.module}/../node/cloud-init.yaml.tftpl", {
      hostname = hostname
      bundle   = var.bundle
      carried  = null
      install  = file("${path.module}/../node/install-nodeagent.sh")
      profile  = node.profile
    }))
  }

  user_data = {
    for hostname, document in local.installation : hostname => join("\n", ["#cloud-config", yamlencode(merge(document, {
      write_files = concat(document.write_files, [
        {
          path    = "/etc/systemd/system/self-destruct.service"
          content = "[Unit]\nDescription=End this rehearsal\n[Service]\nType=oneshot\nExecStart=/usr/bin/systemctl poweroff\n"
        },
        {
          path    = "/etc/systemd/system/self-destruct.timer"
          content = "[Unit]\nDescription=End this rehearsal at its hour\n[Timer]\nOnCalendar=${formatdate("YYYY-MM-DD hh:mm:ss", local.ends_at)} UTC\nOnBootSec=${var.hours_per_run}h\n[Install]\nWantedBy=timers.target\n"
        },
      ])
      # First of all, so that an installation that hangs ends too.
      runcmd = concat(
        [["systemctl", "daemon-reload"], ["systemctl", "enable", "--now", "self-destruct.timer"]],
        try(document.runcmd, []),
      )
    }))])
  }
}

data "aws_caller_identity" "this" {}

resource "aws_iam_role" "self_destruct" {
  name = "${var.deployment_id}-self-destruct"
  tags = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "self_destruct" {
  name = "terminate-this-rehearsal"
  role = aws_iam_role.self_destruct.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "ec2:TerminateInstances"
      Resource  = "arn:aws:ec2:*:${data.aws_caller_identity.this.account_id}:instance/*"
      Condition = { StringEquals = { "aws:ResourceTag/deployment" = var.deployment_id } }
    }]
  })
}

resource "aws_scheduler_schedule" "self_destruct" {
  # checkov:skip=CKV_AWS_297:the schedule holds numbers of instances and no secret
  name                         = "${var.deployment_id}-self-destruct"
  description                  = "Ends the instances of the rehearsal ${var.deployment_id}"
  schedule_expression          = "at(${formatdate("YYYY-MM-DD'T'hh:mm:ss", local.scheduled_at)})"
  schedule_expression_timezone = "UTC"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances"
    role_arn = aws_iam_role.self_destruct.arn
    input    = jsonencode({ InstanceIds = [for instance in aws_instance.this : instance.id] })

    retry_policy {
      maximum_retry_attempts       = 10
      maximum_event_age_in_seconds = 3600
    }
  }

  # A schedule without its right would fail in silence at its hour.
  depends_on = [aws_iam_role_policy.self_destruct]
}
