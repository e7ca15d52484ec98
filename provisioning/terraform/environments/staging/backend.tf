# The state is in a bucket that module state-backend made; backend.hcl names it. The lock is an object beside the state.
terraform {
  backend "s3" {
    key          = "nodeagent/staging.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
