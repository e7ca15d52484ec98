# The gate in front of the validators, and what they ask for by default.

mock_provider "cherryservers" {}

variables {
  hostnames   = ["sol-val-1"]
  project_id  = 1
  plan        = "fits"
  region      = "LT-Siauliai"
  ssh_key_ids = ["1"]
  tags        = { deployment = "sol-1234", environment = "vm", project = "solana", owner = "ops", cost_center = "rnd" }

  catalogue = {
    fits = {
      slug         = "fits"
      name         = "fits"
      cores        = 48
      threads      = 96
      memory_gb    = 512
      drives_gb    = [960, 960, 15360, 6400, 2000]
      nic_gbps     = 25
      month_prices = { monthly = 4150 }
      currency     = "EUR"
      regions      = ["LT-Siauliai"]
      stock        = 9
      images       = ["debian_12_64bit"]
    }
    large = {
      slug         = "large"
      name         = "large"
      cores        = 96
      threads      = 192
      memory_gb    = 512
      drives_gb    = [960, 960, 15360, 6400, 2000]
      nic_gbps     = 25
      month_prices = { monthly = 5290 }
      currency     = "EUR"
      regions      = ["LT-Siauliai"]
      stock        = 9
      images       = ["debian_12_64bit"]
    }
    slow = {
      slug         = "slow"
      name         = "slow"
      cores        = 48
      threads      = 96
      memory_gb    = 512
      drives_gb    = [960, 960, 15360, 6400, 2000]
      nic_gbps     = 10
      month_prices = { monthly = 4000 }
      currency     = "EUR"
      regions      = ["LT-Siauliai"]
      stock        = 9
      images       = ["debian_12_64bit"]
    }
  }
}

run "no_evidence" {
  command = plan

  expect_failures = [terraform_data.gate]
}

run "evidence_that_is_none" {
  command = plan

  variables {
    gate = "yes"
  }

  expect_failures = [var.gate]
}

run "passed" {
  command = plan

  variables {
    gate = "passed"
  }

  assert {
    condition     = output.inventory["sol-val-1"].role == "validator" && output.purchases["sol-val-1"].month_price == 4150
    error_message = "Wanted a validator for 4150 EUR, got ${jsonencode(output.purchases)}."
  }
}

run "digest_of_the_evidence" {
  command = plan

  variables {
    gate = "sha256:0123456789012345678901234567890123456789012345678901234567890123"
  }

  assert {
    condition     = terraform_data.gate.input == "sha256:0123456789012345678901234567890123456789012345678901234567890123"
    error_message = "Wanted the evidence on record."
  }
}

run "none_yet" {
  command = plan

  variables {
    hostnames = []
  }

  assert {
    condition     = length(output.inventory) == 0
    error_message = "Wanted no gate where no validator is asked for."
  }
}

# 96 threads and 192 both pass; the 128 that the project names fit neither.
run "twice_the_threads" {
  command = plan

  variables {
    gate = "passed"
    plan = "large"
  }

  assert {
    condition     = output.purchases["sol-val-1"].month_price == 5290
    error_message = "Wanted 192 threads to pass."
  }
}

run "knowingly_a_slower_port" {
  command = plan

  variables {
    gate         = "passed"
    plan         = "slow"
    requirements = { nic_gbps_min = 10 }
  }

  expect_failures = [check.network_speed]
}
