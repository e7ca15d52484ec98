# What the module refuses to be told at all, and what it hands to cloud-init.

mock_provider "cherryservers" {}

variables {
  hostname     = "sol-cp-1"
  role         = "control-plane"
  project_id   = 1
  plan         = "fits"
  region       = "LT-Siauliai"
  ssh_key_ids  = ["1"]
  tags         = { deployment = "sol-1234", environment = "vm", project = "solana", owner = "ops", cost_center = "rnd" }
  profile      = "{schema: 1, summary: s, extends: [control-plane]}"
  requirements = { cores_min = 1, memory_gb_min = 1, drives_gb_min = [20], nic_gbps_min = 1 }

  catalogue = {
    fits = {
      slug         = "fits"
      name         = "fits"
      cores        = 16
      threads      = 32
      memory_gb    = 64
      drives_gb    = [1000]
      nic_gbps     = 10
      month_prices = { monthly = 250 }
      currency     = "EUR"
      regions      = ["LT-Siauliai"]
      stock        = 1
      images       = []
    }
  }
}

run "without_a_bundle_nothing_is_installed" {
  command = plan

  assert {
    condition     = startswith(output.user_data, "#cloud-config\n") && !can(yamldecode(output.user_data).runcmd)
    error_message = "Wanted a cloud-config that runs nothing."
  }

  assert {
    condition     = cherryservers_server.this.user_data == base64encode(output.user_data)
    error_message = "The API takes user data as base64 and nothing else."
  }
}

run "bundle_from_a_url" {
  command = plan

  variables {
    bundle = { url = "https://files.example.org/nodeagent.tar", sha256 = "0123456789012345678901234567890123456789012345678901234567890123" }
  }

  assert {
    condition     = yamldecode(output.user_data).runcmd[0][1] == "https://files.example.org/nodeagent.tar"
    error_message = "Wanted the archive to be fetched from its URL."
  }
}

run "bundle_that_travels_along" {
  command = plan

  variables {
    bundle = { path = "tests/inputs.tftest.hcl", sha256 = "0123456789012345678901234567890123456789012345678901234567890123" }
  }

  assert {
    condition     = yamldecode(output.user_data).runcmd[0][1] == "/opt/nodeagent/bundle.tar" && strcontains(output.user_data, filebase64("tests/inputs.tftest.hcl"))
    error_message = "Wanted the archive within the user data."
  }
}

run "bundle_from_two_places" {
  command = plan

  variables {
    bundle = { url = "https://x.example/a", path = "a", sha256 = "0123456789012345678901234567890123456789012345678901234567890123" }
  }

  expect_failures = [var.bundle]
}

run "bundle_over_ftp" {
  command = plan

  variables {
    bundle = { url = "ftp://x.example/a", sha256 = "0123456789012345678901234567890123456789012345678901234567890123" }
  }

  expect_failures = [var.bundle]
}

run "bundle_without_a_sum" {
  command = plan

  variables {
    bundle = { url = "https://x.example/a", sha256 = "" }
  }

  expect_failures = [var.bundle]
}

run "hostname_in_capitals" {
  command = plan

  variables {
    hostname = "SOL-1"
  }

  expect_failures = [var.hostname]
}

run "role_that_there_is_not" {
  command = plan

  variables {
    role = "archive"
  }

  expect_failures = [var.role]
}

run "tags_without_a_deployment" {
  command = plan

  variables {
    tags = { environment = "vm" }
  }

  expect_failures = [var.tags]
}

run "cycle_that_there_is_not" {
  command = plan

  variables {
    cycle = "weekly"
  }

  expect_failures = [var.cycle]
}

run "image_by_its_name" {
  command = plan

  variables {
    image = "Debian 12 64bit"
  }

  expect_failures = [var.image]
}

run "profile_that_is_none" {
  command = plan

  variables {
    profile = "extends: [control-plane]"
  }

  expect_failures = [var.profile]
}

run "profile_with_a_secret" {
  command = plan

  variables {
    profile = "{schema: 1, summary: 'password: x'}"
  }

  expect_failures = [var.profile]
}

run "threads_upside_down" {
  command = plan

  variables {
    requirements = { cores_min = 1, threads_min = 9, threads_max = 8, memory_gb_min = 1, drives_gb_min = [], nic_gbps_min = 1 }
  }

  expect_failures = [var.requirements]
}

run "drive_of_nothing" {
  command = plan

  variables {
    requirements = { cores_min = 1, memory_gb_min = 1, drives_gb_min = [0], nic_gbps_min = 1 }
  }

  expect_failures = [var.requirements]
}

run "project_of_no_number" {
  command = plan

  variables {
    project_id = 0
  }

  expect_failures = [var.project_id]
}

run "key_by_its_name" {
  command = plan

  variables {
    ssh_key_ids = ["ada"]
  }

  expect_failures = [var.ssh_key_ids]
}
