output "inventory" {
  description = "The rehearsal for other tools, such as Ansible, in the shape that a cluster's has."
  value = {
    deployment_id = var.deployment_id
    environment   = "staging"
    nodes = {
      for hostname, instance in aws_instance.this : hostname => {
        role       = var.nodes[hostname].role
        server_id  = instance.id
        hostname   = hostname
        plan       = instance.instance_type
        region     = var.availability_zone
        image      = instance.ami
        public_ip  = instance.public_ip
        private_ip = instance.private_ip
        tags       = instance.tags
      }
    }
  }
}

output "management" {
  description = "How to reach the console of each instance, by hostname: AWS has no BMC to log in to."
  value       = { for hostname, instance in aws_instance.this : hostname => "aws ec2 get-console-output --latest --instance-id ${instance.id}" }
}

output "ends_at" {
  description = "When the instances end themselves (RFC 3339, UTC)."
  value       = local.ends_at
}

output "cost" {
  description = "The most that it can cost in USD before tax: an hour, a run, a month."
  value = {
    hour_max  = local.usd_hour_max
    run_max   = local.usd_run_max
    month_max = local.usd_month_max
  }
}

output "user_data" {
  description = "The cloud-init document of each instance by hostname. It holds no secret."
  value       = local.user_data
}
