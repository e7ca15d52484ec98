output "bucket" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.bucket
}

output "backend" {
  description = "Lines for the backend.hcl of an environment, but for its region."
  value       = "bucket = \"${aws_s3_bucket.this.bucket}\"${var.kms_key_arn == null ? "" : "\nkms_key_id = \"${var.kms_key_arn}\""}"
}

output "access_policy" {
  description = "IAM policy, as JSON, with just what whoever runs Terraform needs: list, read and write states, and take and give back their locks."
  value = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        { Effect = "Allow", Action = "s3:ListBucket", Resource = local.arn },
        { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = "${local.arn}/*.tfstate" },
        { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource = "${local.arn}/*.tflock" },
      ],
      var.kms_key_arn == null ? [] : [
        { Effect = "Allow", Action = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"], Resource = var.kms_key_arn },
      ],
    )
  })
}
