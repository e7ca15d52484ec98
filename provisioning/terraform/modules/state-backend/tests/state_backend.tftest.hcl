# What the bucket is like, from the plan; nothing of it depends on an answer of AWS.

mock_provider "aws" {}

variables {
  bucket = "example-nodeagent-state"
}

run "keeps_earlier_states" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Wanted versioning."
  }

  assert {
    condition = (
      aws_s3_bucket_lifecycle_configuration.this.rule[0].noncurrent_version_expiration[0].newer_noncurrent_versions == 50
      && aws_s3_bucket_lifecycle_configuration.this.rule[0].noncurrent_version_expiration[0].noncurrent_days == 90
      && length(aws_s3_bucket_lifecycle_configuration.this.rule[0].expiration) == 0
    )
    error_message = "Wanted old versions to go after 90 days but for the last 50, and the current state never."
  }
}

run "encrypts_with_the_key_of_s3" {
  command = plan

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule :
      rule.apply_server_side_encryption_by_default[0].sse_algorithm == "AES256" && !rule.bucket_key_enabled
    ])
    error_message = "Wanted AES256."
  }

  assert {
    condition     = !strcontains(output.access_policy, "kms:")
    error_message = "Wanted no right to a key that there is not."
  }
}

run "encrypts_with_a_key_of_yours" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-north-1:111122223333:key/example"
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule :
      rule.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
      && rule.apply_server_side_encryption_by_default[0].kms_master_key_id == var.kms_key_arn
    ])
    error_message = "Wanted the key that was named."
  }

  assert {
    condition     = strcontains(output.access_policy, "kms:GenerateDataKey") && strcontains(output.backend, var.kms_key_arn)
    error_message = "Wanted users to have a right to the key, and their backends to name it."
  }
}

run "refuses_the_public_and_plain_http" {
  command = plan

  assert {
    condition = (
      aws_s3_bucket_public_access_block.this.block_public_acls
      && aws_s3_bucket_public_access_block.this.block_public_policy
      && aws_s3_bucket_public_access_block.this.ignore_public_acls
      && aws_s3_bucket_public_access_block.this.restrict_public_buckets
      && aws_s3_bucket_ownership_controls.this.rule[0].object_ownership == "BucketOwnerEnforced"
    )
    error_message = "Wanted all four blocks, and no access lists."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_s3_bucket_policy.this.policy).Statement :
      statement.Effect == "Deny" && statement.Principal == "*" && length(statement.Resource) == 2
    ])
    error_message = "Wanted refusals for everybody, of the bucket and what is in it."
  }

  assert {
    condition = (
      jsondecode(aws_s3_bucket_policy.this.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
      && jsondecode(aws_s3_bucket_policy.this.policy).Statement[1].Condition.NumericLessThan["s3:TlsVersion"] == "1.2"
    )
    error_message = "Wanted TLS 1.2 or newer."
  }
}

run "users_may_delete_locks_and_no_state" {
  command = plan

  assert {
    condition = [
      for statement in jsondecode(output.access_policy).Statement :
      statement.Resource if contains(flatten([statement.Action]), "s3:DeleteObject")
    ] == ["arn:aws:s3:::example-nodeagent-state/*.tflock"]
    error_message = "Wanted only locks to be deleted, got ${output.access_policy}."
  }
}

run "no_name_that_s3_refuses" {
  command = plan

  variables {
    bucket = "Nodeagent_State"
  }

  expect_failures = [var.bucket]
}

run "no_key_that_is_none" {
  command = plan

  variables {
    kms_key_arn = "alias/state"
  }

  expect_failures = [var.kms_key_arn]
}

run "no_version_gone_within_a_month" {
  command = plan

  variables {
    kept_days     = 7
    kept_versions = 0
    tags          = { "aws:name" = "x" }
  }

  expect_failures = [var.kept_days, var.kept_versions, var.tags]
}
