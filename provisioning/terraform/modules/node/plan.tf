# The plan held against the requirements. What is missing stops a purchase; of a server that is there already it is only
# told, since neither its stock nor its price matters any more, and a plan that is off the list must not block every
# other change.

locals {
  wanted_drives_gb = reverse(sort([for size in var.requirements.drives_gb_min : format("%012.3f", size)]))

  # Of every plan, since the nearest ones are to be named. Drives are compared largest with largest: if any assignment
  # does, that one does.
  misses = {
    for slug, plan in var.catalogue : slug => compact([
      plan.cores >= var.requirements.cores_min ? "" :
      "cores: wanted at least ${var.requirements.cores_min}, got ${plan.cores}",

      plan.threads >= var.requirements.threads_min && plan.threads <= var.requirements.threads_max ? "" :
      "threads: wanted ${var.requirements.threads_min} to ${var.requirements.threads_max}, got ${plan.threads}",

      plan.memory_gb >= var.requirements.memory_gb_min ? "" :
      "memory: wanted at least ${var.requirements.memory_gb_min} GB, got ${plan.memory_gb} GB",

      length(plan.drives_gb) >= length(local.wanted_drives_gb) && alltrue([
        for index, size in reverse(sort([for size in plan.drives_gb : format("%012.3f", size)])) :
        tonumber(size) >= tonumber(local.wanted_drives_gb[index]) if index < length(local.wanted_drives_gb)
      ]) ? "" :
      "drives: wanted at least ${join(" + ", var.requirements.drives_gb_min)} GB, got ${join(" + ", plan.drives_gb)} GB",

      plan.nic_gbps >= var.requirements.nic_gbps_min ? "" :
      "network: wanted at least ${var.requirements.nic_gbps_min} Gbit/s, got ${plan.nic_gbps} Gbit/s",

      length(plan.images) == 0 || contains(plan.images, var.image) ? "" :
      "image: wanted ${var.image}, got ${join(", ", plan.images)}",

      contains(plan.regions, var.region) ? "" :
      "region: wanted ${var.region}, got ${join(", ", plan.regions)}",

      plan.stock >= 1 ? "" :
      "stock: wanted at least 1 in ${var.region}, got ${plan.stock}",

      lookup(plan.month_prices, var.cycle, null) != null ? "" :
      "price: wanted one for the cycle ${var.cycle}, got none",

      var.requirements.price_month_max == null ? "" :
      plan.currency != var.requirements.price_currency ?
      "price: wanted it in ${var.requirements.price_currency}, got it in ${plan.currency}" :
      coalesce(lookup(plan.month_prices, var.cycle, null), 0) <= var.requirements.price_month_max ? "" :
      format("price: wanted at most %.2f %s a month, got %.2f", var.requirements.price_month_max, plan.currency, coalesce(lookup(plan.month_prices, var.cycle, null), 0)),
    ])
  }

  plan     = lookup(var.catalogue, var.plan, null)
  problems = lookup(local.misses, var.plan, ["plan: \"${var.plan}\" is not on the list (a plan made for your team goes into team_plans)"])
  is_new   = terraform_data.purchase.input == plantimestamp()

  # Fewest misses first, then cheapest; only worked out where somebody is to read it.
  nearest = slice(sort([
    for slug, plan in(length(local.problems) > 0 ? var.catalogue : {}) :
    format("%03d %012.2f %s", length(local.misses[slug]), coalesce(lookup(plan.month_prices, var.cycle, null), 999999), slug) if slug != var.plan
  ]), 0, min(3, length(local.problems) > 0 ? length(setsubtract(keys(var.catalogue), [var.plan])) : 0))

  refusal = join("\n", concat(
    ["plan ${var.plan} for ${var.hostname} in ${var.region}:"],
    [for problem in local.problems : "  ${problem}"],
    length(local.nearest) > 0 ? ["nearest plans on sale:"] : [],
    [
      for slug in [for line in local.nearest : split(" ", line)[2]] : format(
        "  %s (%d cores, %d GB memory, %s GB drives, %s Gbit/s, %d in stock): %s",
        slug, var.catalogue[slug].cores, var.catalogue[slug].memory_gb, join(" + ", var.catalogue[slug].drives_gb), var.catalogue[slug].nic_gbps,
        var.catalogue[slug].stock, length(local.misses[slug]) == 0 ? "does" : join("; ", local.misses[slug]),
      )
    ],
    ["next: choose a plan that does, or change the requirement that asks too much"],
  ))
}

check "plan_still_does" {
  assert {
    condition     = local.is_new || length(local.problems) == 0
    error_message = "Not true any more of a server that is there already. It stays; a new one like it could not be bought.\n${local.refusal}"
  }
}
