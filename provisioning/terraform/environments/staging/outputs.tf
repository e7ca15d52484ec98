output "inventory" {
  description = "The rehearsal for other tools, such as Ansible."
  value       = module.staging.inventory
}

output "management" {
  description = "How to reach the console of each instance."
  value       = module.staging.management
}

output "ends_at" {
  description = "When the instances end themselves (RFC 3339, UTC)."
  value       = module.staging.ends_at
}

output "cost" {
  description = "The most that it can cost in USD before tax: an hour, a run, a month."
  value       = module.staging.cost
}
