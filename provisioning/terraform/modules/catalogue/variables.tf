variable "region" {
  description = "Region to buy in: a slug of today (LT-Siauliai) or a name that older documents use (EU-East-1)."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z]{2}[-_][A-Za-z0-9_-]+$", var.region))
    error_message = "region: wanted a slug such as LT-Siauliai, got \"${var.region}\"."
  }
}

variable "team_plans" {
  description = "Slugs of plans that were made for your team and that the public list leaves out; each is asked for by name."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for slug in var.team_plans : can(regex("^[A-Za-z0-9][A-Za-z0-9_.-]*$", slug))])
    error_message = "team_plans: wanted slugs such as amd-epyc-9454p, got ${jsonencode(var.team_plans)}."
  }
}
