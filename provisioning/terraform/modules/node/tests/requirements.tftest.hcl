# The plan held against the requirements: each way in which a plan can be wrong stops it before anything is bought.

mock_provider "cherryservers" {}

variables {
  hostname    = "sol-val-1"
  role        = "validator"
  project_id  = 1
  plan        = "fits"
  region      = "LT-Siauliai"
  ssh_key_ids = ["1"]
  tags        = { deployment = "sol-1234", environment = "vm", project = "solana", owner = "ops", cost_center = "rnd" }
  profile     = "{schema: 1, summary: s, extends: [solana-validator]}"

  requirements = {
    cores_min       = 48
    threads_min     = 96
    threads_max     = 192
    memory_gb_min   = 512
    drives_gb_min   = [15000, 6000, 2000, 400]
    nic_gbps_min    = 25
    price_month_max = 4500
  }

  catalogue = {
    fits = {
      slug         = "fits"
      name         = "AMD EPYC 9454P"
      cores        = 48
      threads      = 96
      memory_gb    = 512
      drives_gb    = [960, 960, 15360, 6400, 2000]
      nic_gbps     = 25
      month_prices = { hourly = 5187.53, monthly = 4150 }
      currency     = "EUR"
      regions      = ["LT-Siauliai", "NL-Amsterdam"]
      stock        = 4
      images       = ["debian_12_64bit", "ubuntu_24_04_64bit"]
    }
    small = {
      slug         = "small"
      name         = "small"
      cores        = 24
      threads      = 48
      memory_gb    = 256
      drives_gb    = [1000, 1000, 1000]
      nic_gbps     = 3
      month_prices = { monthly = 668 }
      currency     = "EUR"
      regions      = ["LT-Siauliai"]
      stock        = 6
      images       = []
    }
  }
}

run "fits" {
  command = plan

  assert {
    condition     = output.purchase == { plan = "fits", is_new = true, month_price = 4150, currency = "EUR" }
    error_message = "Wanted a plan that does to be bought for 4150 EUR, got ${jsonencode(output.purchase)}."
  }

  assert {
    condition     = cherryservers_server.this.tags["role"] == "validator" && cherryservers_server.this.tags["deployment"] == "sol-1234"
    error_message = "Wanted the role and the deployment as tags."
  }

  assert {
    condition     = cherryservers_server.this.allow_reinstall == false && cherryservers_server.this.spot_instance == false
    error_message = "A server may neither be reinstalled by an apply nor be taken away by the market."
  }
}

run "unknown_plan" {
  command = plan

  variables {
    plan = "amd-epyc-9999"
  }

  expect_failures = [output.purchase]
}

run "two_hundred_and_fifty_six_gigabytes" {
  command = plan

  variables {
    plan = "small"
  }

  expect_failures = [output.purchase]
}

run "too_few_cores" {
  command = plan

  variables {
    requirements = { cores_min = 64, memory_gb_min = 512, drives_gb_min = [], nic_gbps_min = 1 }
  }

  expect_failures = [output.purchase]
}

run "too_little_memory" {
  command = plan

  variables {
    requirements = { cores_min = 48, memory_gb_min = 768, drives_gb_min = [], nic_gbps_min = 1 }
  }

  expect_failures = [output.purchase]
}

run "threads_outside_their_bounds" {
  command = plan

  variables {
    requirements = { cores_min = 48, threads_min = 128, threads_max = 128, memory_gb_min = 512, drives_gb_min = [], nic_gbps_min = 1 }
  }

  expect_failures = [output.purchase]
}

run "one_drive_cannot_serve_twice" {
  command = plan

  variables {
    requirements = { cores_min = 48, memory_gb_min = 512, drives_gb_min = [15000, 15000], nic_gbps_min = 1 }
  }

  expect_failures = [output.purchase]
}

run "too_few_drives" {
  command = plan

  variables {
    requirements = { cores_min = 48, memory_gb_min = 512, drives_gb_min = [1, 1, 1, 1, 1, 1], nic_gbps_min = 1 }
  }

  expect_failures = [output.purchase]
}

run "drives_in_any_order" {
  command = plan

  variables {
    requirements = { cores_min = 48, memory_gb_min = 512, drives_gb_min = [400, 2000, 900, 6000, 15000], nic_gbps_min = 1 }
  }

  assert {
    condition     = output.purchase.is_new
    error_message = "Wanted the order of the drives not to matter."
  }
}

run "slow_port" {
  command = plan

  variables {
    requirements = { cores_min = 48, memory_gb_min = 512, drives_gb_min = [], nic_gbps_min = 100 }
  }

  expect_failures = [output.purchase]
}

run "too_dear" {
  command = plan

  variables {
    cycle = "hourly"
  }

  expect_failures = [output.purchase]
}

run "cap_in_another_currency" {
  command = plan

  variables {
    requirements = { cores_min = 48, memory_gb_min = 512, drives_gb_min = [], nic_gbps_min = 1, price_month_max = 9000, price_currency = "USD" }
  }

  expect_failures = [output.purchase]
}

run "no_price_for_the_cycle" {
  command = plan

  variables {
    cycle = "annually"
  }

  expect_failures = [output.purchase]
}

run "image_that_the_plan_has_not" {
  command = plan

  variables {
    image = "freebsd_13_64bit"
  }

  expect_failures = [output.purchase]
}

run "region_that_does_not_sell_it" {
  command = plan

  variables {
    region = "SE-Stockholm"
  }

  expect_failures = [output.purchase]
}

run "sold_out" {
  command = plan

  variables {
    catalogue = {
      fits = {
        slug         = "fits"
        name         = "AMD EPYC 9454P"
        cores        = 48
        threads      = 96
        memory_gb    = 512
        drives_gb    = [960, 960, 15360, 6400, 2000]
        nic_gbps     = 25
        month_prices = { monthly = 4150 }
        currency     = "EUR"
        regions      = ["LT-Siauliai"]
        stock        = 0
        images       = []
      }
    }
  }

  expect_failures = [output.purchase]
}
