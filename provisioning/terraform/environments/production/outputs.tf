output "inventory" {
  description = "The cluster for other tools, such as Ansible."
  value       = module.cluster.inventory
}

output "public_ips" {
  description = "Public IPv4 address of each server."
  value       = module.cluster.public_ips
}

output "private_ips" {
  description = "Private address of each server."
  value       = module.cluster.private_ips
}

output "management" {
  description = "How to reach the console of each server."
  value       = module.cluster.management
}

output "project_id" {
  description = "Number of the Cherry Servers project that is billed."
  value       = module.cluster.project_id
}

output "month_price" {
  description = "What all servers cost in a month before tax."
  value       = module.cluster.month_price
}
