variable "hostname" {
  description = "Name of the server, in the portal and on the machine itself."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,61}[a-z0-9]$", var.hostname))
    error_message = "hostname: wanted small letters, digits and -, beginning with a letter, at most 63; got \"${var.hostname}\"."
  }
}

variable "role" {
  description = "What the server is for; it becomes the tag `role`."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["control-plane", "validator"], var.role)
    error_message = "role: wanted control-plane or validator, got \"${var.role}\"."
  }
}

variable "project_id" {
  description = "Number of the Cherry Servers project that is billed."
  type        = number
  nullable    = false

  validation {
    condition     = var.project_id > 0
    error_message = "project_id: wanted the number of a project, got ${var.project_id}."
  }
}

variable "plan" {
  description = "Slug of the plan to buy."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Slug of the region, as module catalogue gives it."
  type        = string
  nullable    = false
}

variable "catalogue" {
  description = "What is on sale: output `plans` of module catalogue."
  type = map(object({
    slug         = string
    name         = string
    cores        = number
    threads      = number
    memory_gb    = number
    drives_gb    = list(number)
    nic_gbps     = number
    month_prices = map(number)
    currency     = string
    regions      = list(string)
    stock        = number
    images       = list(string)
  }))
  nullable = false
}

variable "requirements" {
  description = <<-EOT
    What the plan must have. `drives_gb_min` asks for that many drives of at least these sizes, in any order; the price is
    for one month in the chosen cycle, before tax.
  EOT
  type = object({
    cores_min       = number
    threads_min     = optional(number, 0)
    threads_max     = optional(number, 1024)
    memory_gb_min   = number
    drives_gb_min   = list(number)
    nic_gbps_min    = number
    price_month_max = optional(number)
    price_currency  = optional(string, "EUR")
  })
  nullable = false

  validation {
    condition     = var.requirements.threads_min <= var.requirements.threads_max
    error_message = "requirements: threads_min ${var.requirements.threads_min} is above threads_max ${var.requirements.threads_max}."
  }

  validation {
    condition     = alltrue([for size in var.requirements.drives_gb_min : size > 0])
    error_message = "requirements: wanted sizes above 0 GB in drives_gb_min, got ${jsonencode(var.requirements.drives_gb_min)}."
  }
}

variable "image" {
  description = "Slug of the operating system. A later change would reinstall the server, and is refused."
  type        = string
  default     = "debian_12_64bit"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9_]+$", var.image))
    error_message = "image: wanted a slug such as debian_12_64bit, got \"${var.image}\"."
  }
}

variable "ssh_key_ids" {
  description = "Numbers of the keys that may log in after the installation. Keys of a running server are changed on the server."
  type        = set(string)
  nullable    = false

  validation {
    condition     = alltrue([for id in var.ssh_key_ids : can(regex("^[0-9]+$", id))])
    error_message = "ssh_key_ids: wanted numbers of keys, got ${jsonencode(var.ssh_key_ids)}."
  }
}

variable "tags" {
  description = "Tags of the server; `role` is added."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(setsubtract(["deployment", "environment", "project", "owner", "cost_center"], keys(var.tags))) == 0
    error_message = "tags: missing ${join(", ", setsubtract(["deployment", "environment", "project", "owner", "cost_center"], keys(var.tags)))}."
  }
}

variable "cycle" {
  description = "How the server is billed. A later change counts for new servers only; of one that is there it is changed in the portal."
  type        = string
  default     = "monthly"
  nullable    = false

  validation {
    condition     = contains(["hourly", "monthly", "quarterly", "semiannually", "annually"], var.cycle)
    error_message = "cycle: wanted hourly, monthly, quarterly, semiannually or annually, got \"${var.cycle}\"."
  }
}

variable "bundle" {
  description = <<-EOT
    Where the server gets nodeagent from: an archive of wheels that `scripts/agent-bundle` makes. Either `url` (https, http,
    or file for an archive that the image holds), or `path` of a file here that travels within the user data: for rehearsals,
    as Cherry Servers says nowhere how much it takes. `sha256` is the archive's sum, which the server checks. Null installs
    nothing.
  EOT
  type = object({
    url    = optional(string)
    path   = optional(string)
    sha256 = string
  })
  default = null

  validation {
    condition     = var.bundle == null ? true : (var.bundle.url == null) != (var.bundle.path == null)
    error_message = "bundle: wanted one of url and path."
  }

  validation {
    condition     = try(var.bundle.url, null) == null ? true : can(regex("^(https?|file)://[^\\s'\"]+$", var.bundle.url))
    error_message = "bundle: wanted a url that begins with https://, http:// or file://, got \"${coalesce(try(var.bundle.url, null), "nothing")}\"."
  }

  validation {
    condition     = var.bundle == null ? true : can(regex("^[0-9a-f]{64}$", var.bundle.sha256))
    error_message = "bundle: wanted sha256 as 64 digits, got \"${try(var.bundle.sha256, "")}\". Next: sha256sum FILE."
  }
}

variable "profile" {
  description = "The node's profile of nodeagent as YAML (docs/profiles.md); it becomes /etc/nodeagent/profiles/node.yaml."
  type        = string
  nullable    = false

  validation {
    condition     = try(yamldecode(var.profile).schema, null) == 1
    error_message = "profile: wanted YAML with `schema: 1`. Next: nodeagent profile validate FILE."
  }

  validation {
    condition     = !can(regex("PRIVATE KEY|password", var.profile))
    error_message = "profile: user data can be read by every process of the server, so no secret may stand in it."
  }
}

variable "protected" {
  description = "Refuse every plan that would destroy or replace the server. README.md says how that is lifted."
  type        = bool
  default     = true
  nullable    = false
}
