variable "bucket" {
  description = "Name of the bucket, which nobody else in the world may have."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket: wanted 3 to 63 small letters, digits and -, not beginning or ending with -; got \"${var.bucket}\"."
  }
}

variable "kms_key_arn" {
  description = "Key of yours that encrypts the state. Without one S3 encrypts with a key of its own."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn: wanted the ARN of a key, such as arn:aws:kms:eu-north-1:111122223333:key/ID, got \"${coalesce(var.kms_key_arn, "null")}\"."
  }
}

variable "kept_versions" {
  description = "How many earlier states are kept, however old."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.kept_versions >= 1 && var.kept_versions <= 100
    error_message = "kept_versions: wanted 1 to 100, as S3 allows, got ${var.kept_versions}."
  }
}

variable "kept_days" {
  description = "How many days every earlier state is kept, in whatever number."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.kept_days >= 30
    error_message = "kept_days: wanted 30 or more, so that a mistake can be found out in time, got ${var.kept_days}."
  }
}

variable "tags" {
  description = "Tags of the bucket."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.tags) : !startswith(name, "aws:")])
    error_message = "tags: names that begin with aws: belong to AWS, got ${jsonencode(keys(var.tags))}."
  }
}
