output "backend_hcl" {
  description = "What backend.hcl of every environment holds."
  value       = "${module.state_backend.backend}\nregion = \"${var.region}\"\n"
}

output "access_policy" {
  description = "IAM policy, as JSON, for whoever runs Terraform."
  value       = module.state_backend.access_policy
}
