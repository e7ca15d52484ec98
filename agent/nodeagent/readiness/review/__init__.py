"""The review of a Terraform plan before anybody applies it: what it costs, what it builds, what it must not do."""
