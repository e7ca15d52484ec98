variable "deployment_id" {
  description = "Name of this one cluster, chosen once and never changed: `echo sol-$(openssl rand -hex 4)`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}[a-z0-9]$", var.deployment_id))
    error_message = "deployment_id: wanted 4 to 32 small letters, digits and -, beginning with a letter; got \"${var.deployment_id}\"."
  }
}

variable "owner" {
  description = "Who answers for the cluster."
  type        = string
  nullable    = false
}

variable "cost_center" {
  description = "What the cluster is booked on."
  type        = string
  nullable    = false
}

variable "team_id" {
  description = "Number of the Cherry Servers team in which the project of the cluster is made."
  type        = number
  nullable    = false
}

variable "ssh_keys" {
  description = "Public keys that may log in after the installation, by name."
  type        = map(string)
  nullable    = false
}

variable "region" {
  description = "Where to buy."
  type        = string
  default     = "LT-Siauliai"
  nullable    = false
}

variable "team_plans" {
  description = "Slugs of plans made for your team that the public list leaves out."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "control_plane_count" {
  description = "How many nodes the control plane has."
  type        = number
  default     = 3
  nullable    = false
}

variable "control_plane_plan" {
  description = "Plan of the control plane."
  type        = string
  default     = "amd-epyc-7302p"
  nullable    = false
}

variable "validator_plan" {
  description = "Plan of the validator; amd-epyc-9654 has twice the cores."
  type        = string
  default     = "amd-epyc-9454p"
  nullable    = false
}


variable "cycle" {
  description = "How the servers are billed; by the hour a month costs about a quarter more."
  type        = string
  default     = "monthly"
  nullable    = false
}

variable "month_budget" {
  description = "What all servers may cost in a month before tax, in EUR; the default stays below 5500 USD."
  type        = number
  default     = 5000
  nullable    = false

  validation {
    condition     = var.month_budget > 0
    error_message = "month_budget: wanted an amount above 0, got ${var.month_budget}."
  }
}
