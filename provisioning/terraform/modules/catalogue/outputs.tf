output "region" {
  description = "Slug of the region as the API calls it today."
  value       = local.region

  precondition {
    condition     = contains(local.regions, local.region)
    error_message = "region: wanted one of ${join(", ", local.regions)}, got \"${var.region}\". Next: set region to one of them."
  }
}

output "plans" {
  description = "Every plan by its slug: cores, threads, memory_gb, drives_gb, nic_gbps, month_prices by cycle, currency, regions, stock in the region, images."
  value       = local.plans
}
