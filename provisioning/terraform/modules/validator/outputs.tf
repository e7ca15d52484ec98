output "inventory" {
  description = "The servers by hostname, as the inventory of a cluster has them."
  value       = { for hostname, node in module.node : hostname => node.inventory }
}

output "purchases" {
  description = "Of each server by hostname: its plan, its price in a month, and whether this plan of Terraform buys it."
  value       = { for hostname, node in module.node : hostname => node.purchase }
}

output "user_data" {
  description = "The cloud-init document of each server by hostname."
  value       = { for hostname, node in module.node : hostname => node.user_data }
}
