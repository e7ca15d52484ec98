# The outputs that the other environments are set up with.

mock_provider "aws" {}

variables {
  bucket      = "example-nodeagent-state"
  owner       = "ops"
  cost_center = "rnd"
}

run "a_backend_file_for_the_others" {
  command = plan

  assert {
    condition     = output.backend_hcl == "bucket = \"example-nodeagent-state\"\nregion = \"eu-north-1\"\n"
    error_message = "Wanted bucket and region, got ${output.backend_hcl}."
  }
}

run "no_region_that_is_none" {
  command = plan

  variables {
    region      = "LT-Siauliai"
    owner       = ""
    cost_center = ""
  }

  expect_failures = [var.region, var.owner, var.cost_center]
}
