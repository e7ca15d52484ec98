variable "deployment_id" {
  description = <<-EOT
    Name of this one cluster, chosen once and never changed: `echo sol-$(openssl rand -hex 4)`. It is a tag of every server,
    and what nodeagent finds servers by that no state knows.
  EOT
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}[a-z0-9]$", var.deployment_id))
    error_message = "deployment_id: wanted 4 to 32 small letters, digits and -, beginning with a letter; got \"${var.deployment_id}\"."
  }
}

variable "environment" {
  description = "Which environment this is; a tag of every server."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["local", "vm", "staging", "production"], var.environment)
    error_message = "environment: wanted local, vm, staging or production, got \"${var.environment}\"."
  }
}

variable "owner" {
  description = "Who answers for the cluster: a team, or an address that reaches it. A tag of every server."
  type        = string
  nullable    = false

  validation {
    condition     = trimspace(var.owner) != ""
    error_message = "owner: wanted a name, got nothing."
  }
}

variable "cost_center" {
  description = "What the cluster is booked on; a tag of every server."
  type        = string
  nullable    = false

  validation {
    condition     = trimspace(var.cost_center) != ""
    error_message = "cost_center: wanted a name, got nothing."
  }
}

variable "project" {
  description = "Name of the undertaking; a tag of every server, and part of the name of a new Cherry Servers project."
  type        = string
  default     = "solana"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9 _.-]*$", var.project))
    error_message = "project: wanted letters, digits, space, _, . and -, got \"${var.project}\"."
  }
}

variable "tags" {
  description = "More tags for every server. Those of the cluster itself stand over them."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.tags) : can(regex("^[a-z][a-z0-9_]*$", name))])
    error_message = "tags: wanted names of small letters, digits and _, got ${join(", ", keys(var.tags))}."
  }
}

variable "region" {
  description = "Where to buy: LT-Siauliai, or a name that older documents use (EU-East-1)."
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

variable "team_id" {
  description = "Number of the Cherry Servers team in which a project is made for the cluster."
  type        = number
  default     = null

  validation {
    condition     = (var.team_id == null) != (var.project_id == null)
    error_message = "Wanted one of team_id (makes a project) and project_id (uses one that is there). Next: nodeagent cherry access lists both."
  }
}

variable "project_id" {
  description = "Number of a Cherry Servers project that is there already, in place of team_id."
  type        = number
  default     = null

  validation {
    condition     = var.project_id == null || try(var.project_id > 0 && floor(var.project_id) == var.project_id, false)
    error_message = "project_id: wanted the number of a project, got ${coalesce(var.project_id, 0)}."
  }
}

variable "ssh_keys" {
  description = "Public keys that may log in after the installation, by name."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(var.ssh_keys) > 0
    error_message = "ssh_keys: wanted at least one; without a key nobody can log in."
  }

  validation {
    condition = alltrue([
      for key in values(var.ssh_keys) :
      can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh.com|sk-ecdsa-sha2-nistp256@openssh.com) [A-Za-z0-9+/=]{16,}( [^\n]*)?$", trimspace(key)))
    ])
    error_message = "ssh_keys: wanted public keys in one line each, such as the content of id_ed25519.pub."
  }
}

variable "image" {
  description = "Slug of the operating system of every server."
  type        = string
  default     = "debian_12_64bit"
  nullable    = false
}

variable "cycle" {
  description = "How the servers are billed. By the hour a month costs about a quarter more."
  type        = string
  default     = "monthly"
  nullable    = false
}

variable "control_plane" {
  description = "The control plane: how many servers of which plan, what the plan must have (defaults in module control-plane), and the profile of nodeagent."
  type = object({
    count = optional(number, 3)
    plan  = string
    requirements = optional(object({
      cores_min       = optional(number)
      threads_min     = optional(number)
      threads_max     = optional(number)
      memory_gb_min   = optional(number)
      drives_gb_min   = optional(list(number))
      nic_gbps_min    = optional(number)
      price_month_max = optional(number)
      price_currency  = optional(string)
    }), {})
    profile = optional(string)
  })
  nullable = false

  validation {
    condition     = var.control_plane.count >= 1 && var.control_plane.count <= 999 && floor(var.control_plane.count) == var.control_plane.count
    error_message = "control_plane: wanted a count of 1 to 999, got ${var.control_plane.count}."
  }
}

variable "validator" {
  description = "The validators: how many servers of which plan, what the plan must have (defaults in module validator), and the profile of nodeagent."
  type = object({
    count = optional(number, 1)
    plan  = string
    requirements = optional(object({
      cores_min       = optional(number)
      threads_min     = optional(number)
      threads_max     = optional(number)
      memory_gb_min   = optional(number)
      drives_gb_min   = optional(list(number))
      nic_gbps_min    = optional(number)
      price_month_max = optional(number)
      price_currency  = optional(string)
    }), {})
    profile = optional(string)
  })
  nullable = false

  validation {
    condition     = var.validator.count >= 0 && var.validator.count <= 999 && floor(var.validator.count) == var.validator.count
    error_message = "validator: wanted a count of 0 to 999, got ${var.validator.count}."
  }
}

variable "phase" {
  description = "How far the rollout is: `control-plane` buys no validator yet, `validator` buys everything."
  type        = string
  default     = "validator"
  nullable    = false

  validation {
    condition     = contains(["control-plane", "validator"], var.phase)
    error_message = "phase: wanted control-plane or validator, got \"${var.phase}\"."
  }
}

variable "validator_gate" {
  description = "Evidence that the control plane has passed, without which no validator is bought: `passed`, or `sha256:` and the digest of the evidence."
  type        = string
  default     = null
}

variable "bundle" {
  description = "Where the servers get nodeagent from; module node says more. Null installs nothing."
  type = object({
    url    = optional(string)
    path   = optional(string)
    sha256 = string
  })
  default = null
}

variable "protected" {
  description = "Refuse every plan that would destroy or replace a server."
  type        = bool
  default     = true
  nullable    = false
}

variable "month_budget" {
  description = "What all servers may cost in a month before tax. A plan that buys beyond it is refused. Null sets no limit."
  type = object({
    amount   = number
    currency = optional(string, "EUR")
  })
  default = null

  validation {
    condition     = var.month_budget == null || try(var.month_budget.amount > 0, false)
    error_message = "month_budget: wanted an amount above 0."
  }
}

variable "drift_checks" {
  description = "Ask the API again what it shows of each server, and warn where that differs. Three requests a server."
  type        = bool
  default     = true
  nullable    = false
}
