# What Cherry Servers sells today, seen from one region, in one unit for each quantity. It is read once for a whole
# cluster, as the API answers four requests a second.

data "cherryservers_regions" "all" {}

data "cherryservers_plans" "listed" {}

data "cherryservers_plan" "team" {
  for_each = setsubtract(var.team_plans, [for plan in local.listed : plan.slug])

  slug = each.key
}

locals {
  # Names that the API had before its slugs became COUNTRY-City; the seed of this project still says EU-East-1.
  former_regions = {
    "EU-East-1" = "LT-Siauliai"
    "EU-Nord-1" = "LT-Siauliai"
    "eu_east_1" = "LT-Siauliai"
    "eu_nord_1" = "LT-Siauliai"
    "EU-West-1" = "NL-Amsterdam"
    "eu_west_1" = "NL-Amsterdam"
  }

  region  = lookup(local.former_regions, var.region, var.region)
  regions = [for region in coalesce(data.cherryservers_regions.all.regions, []) : region.slug]
  listed  = coalesce(data.cherryservers_plans.listed.plans, [])

  plans = {
    for plan in concat(local.listed, values(data.cherryservers_plan.team)) : plan.slug => {
      slug      = plan.slug
      name      = plan.name
      cores     = plan.specs.cpus.cores
      memory_gb = plan.specs.memory.total

      # The API names no threads. On the servers on sale every core has two; a core of a virtual machine is a thread.
      threads = plan.specs.cpus.cores * (plan.type == "baremetal" ? 2 : 1)

      # `size` cannot be believed: the provider makes 3 of 3.84, and the unit is GB here and TB there. The name has both.
      drives_gb = flatten([
        for drive in coalesce(plan.specs.storage, []) : [
          for _ in range(coalesce(drive.count, 1)) : try(
            tonumber(regex("([0-9]+(?:\\.[0-9]+)?) ?TB", drive.name)[0]) * 1000,
            tonumber(regex("([0-9]+(?:\\.[0-9]+)?) ?GB", drive.name)[0]),
            drive.size * (drive.unit == "TB" ? 1000 : 1),
          )
        ]
      ])

      nic_gbps = try(
        tonumber(regex("([0-9]+(?:\\.[0-9]+)?) ?Gbps", plan.specs.nics.name)[0]),
        tonumber(regex("([0-9]+(?:\\.[0-9]+)?) ?Mbps", plan.specs.nics.name)[0]) / 1000,
        0,
      )

      # By billing cycle, for one month. Prices come in single precision, which makes 0.53600001 of 0.536: an hour's has
      # four places, all others are whole cents. A year of hours is 8760, so a month has 730.
      month_prices = {
        for cycle, months in { hourly = 1 / 730, monthly = 1, quarterly = 3, semiannually = 6, annually = 12 } :
        cycle => one([
          for price in coalesce(plan.pricing, []) :
          (cycle == "hourly" ? floor(price.price * 10000 + 0.5) / 10000 : floor(price.price * 100 + 0.5) / 100) / months
          if lower(price.unit) == cycle
        ])
      }
      currency = try(plan.pricing[0].currency, "")

      regions = [for region in coalesce(plan.available_regions, []) : region.slug]
      stock   = sum(concat([0], [for region in coalesce(plan.available_regions, []) : region.stock_qty if region.slug == local.region]))
      images  = [for software in coalesce(plan.softwares, []) : software.image.slug]
    }
  }
}

check "region_name" {
  assert {
    condition     = local.region == var.region
    error_message = "Region ${var.region} is called ${local.region} today. Next: write ${local.region}."
  }
}
