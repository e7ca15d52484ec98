# Reads the block of the seed document, in its own words, and hands it to module cluster as what that asks for.

terraform {
  required_version = ">= 1.10"

  required_providers {
    cherryservers = {
      source  = "cherryservers/cherryservers"
      version = "~> 1.5.3"
    }
  }
}

variable "region" {
  description = "Region, by the name of today or of old."
  type        = string
  nullable    = false
}

variable "control_plane_nodes" {
  description = "The nodes of the control plane: the plan by its name, memory and storage as text."
  type = object({
    count   = number
    plan    = string
    memory  = string
    storage = string
  })
  nullable = false

  validation {
    condition     = can(regex("^[0-9]+ ?GB", var.control_plane_nodes.memory)) && can(regex("^[0-9.]+ ?TB", var.control_plane_nodes.storage))
    error_message = "control_plane_nodes: wanted memory as 64GB and storage as 1TB, got ${var.control_plane_nodes.memory} and ${var.control_plane_nodes.storage}."
  }
}

variable "validator_node" {
  description = "The validator: the plan by its name, memory and network as text, and what becomes of each drive."
  type = object({
    plan   = string
    memory = string
    storage_config = list(object({
      device = string
      size   = string
      fs     = string
      mount  = string
    }))
    network    = string
    sr_iov     = bool
    nic_driver = optional(string, "ice")
  })
  nullable = false

  validation {
    condition     = can(regex("^[0-9]+ ?GB", var.validator_node.memory)) && can(regex("^[0-9]+ ?Gbps$", var.validator_node.network))
    error_message = "validator_node: wanted memory as 512GB and network as 25Gbps, got ${var.validator_node.memory} and ${var.validator_node.network}."
  }

  validation {
    condition = alltrue([
      for drive in var.validator_node.storage_config :
      can(regex("^[0-9.]+ ?TB$", drive.size)) && contains(["ext4", "xfs", "btrfs"], drive.fs) && startswith(drive.mount, "/")
    ])
    error_message = "validator_node: wanted drives with a size as 15TB, a filesystem of ext4, xfs or btrfs and a mount point, got ${jsonencode(var.validator_node.storage_config)}."
  }
}

variable "team_id" {
  description = "Number of the Cherry Servers team that pays."
  type        = number
  nullable    = false
}

variable "deployment_id" {
  description = "Name of this one cluster."
  type        = string
  nullable    = false
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

variable "ssh_keys" {
  description = "Public keys that may log in after the installation, by name."
  type        = map(string)
  nullable    = false
}

variable "validator_gate" {
  description = "Evidence that the control plane has passed."
  type        = string
  default     = null
}

variable "protected" {
  description = "Refuse every plan that would destroy or replace a server."
  type        = bool
  default     = true
  nullable    = false
}

locals {
  # "AMD EPYC 9454P" is a name; the API sells slugs, which are made of the name like this.
  control_plane_plan = lower(replace(var.control_plane_nodes.plan, " ", "-"))
  validator_plan     = lower(replace(var.validator_node.plan, " ", "-"))

  drives = [
    for drive in var.validator_node.storage_config : {
      role        = basename(drive.mount)
      size_gb     = tonumber(regex("^([0-9.]+)", drive.size)[0]) * 1000
      filesystem  = drive.fs
      mount_point = drive.mount
    }
  ]

  # A drive that is sold as 15 TB has 15.36; the next larger size on sale is at least a third above.
  filesystems = [
    for drive in local.drives : {
      name        = drive.role
      mount_point = drive.mount_point
      device = {
        transport           = "nvme"
        size_at_least_bytes = "${floor(drive.size_gb * 0.95)}GB"
        size_at_most_bytes  = "${floor(drive.size_gb * 1.3)}GB"
      }
      type = drive.filesystem
    }
  ]

  virtual_functions = [{
    name = "data"
    nic  = { driver = var.validator_node.nic_driver, count = 1 }
    vfs  = 8
  }]

  validator_profile = yamlencode({
    schema  = 1
    summary = "the validator of the mission"
    extends = ["solana-validator"]
    tune = {
      for tunable, settings in { filesystem = jsonencode(local.filesystems), sriov = jsonencode(local.virtual_functions) } :
      tunable => jsondecode(settings) if tunable != "sriov" || var.validator_node.sr_iov
    }
  })
}

module "cluster" {
  source = "../../../../modules/cluster"

  deployment_id = var.deployment_id
  environment   = "vm"
  owner         = var.owner
  cost_center   = var.cost_center
  team_id       = var.team_id
  region        = var.region
  ssh_keys      = var.ssh_keys

  control_plane = {
    count = var.control_plane_nodes.count
    plan  = local.control_plane_plan
    requirements = {
      memory_gb_min = tonumber(regex("^([0-9]+)", var.control_plane_nodes.memory)[0])
      drives_gb_min = [tonumber(regex("^([0-9.]+)", var.control_plane_nodes.storage)[0]) * 1000]
    }
  }

  validator = {
    plan = local.validator_plan
    requirements = {
      memory_gb_min = tonumber(regex("^([0-9]+)", var.validator_node.memory)[0])
      drives_gb_min = [for drive in local.drives : drive.size_gb]
      nic_gbps_min  = tonumber(regex("^([0-9]+)", var.validator_node.network)[0])
    }
    profile = local.validator_profile
  }

  validator_gate = var.validator_gate
  protected      = var.protected
}

output "inventory" {
  description = "The cluster for other tools, such as Ansible."
  value       = module.cluster.inventory
}

output "validator_profile" {
  description = "The validator's profile of nodeagent."
  value       = local.validator_profile
}
