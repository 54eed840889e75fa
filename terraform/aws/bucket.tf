# The pictures. Nothing here deletes a master: the two rules look at what is no object (any more) only.

resource "aws_s3_bucket" "pictures" {
  bucket = var.bucket # without force_destroy: AWS deletes no bucket that has pictures in it
  #checkov:skip=CKV_AWS_18:A log of requests would hold nothing that the service's own log does not, for a second price
  #checkov:skip=CKV_AWS_144:One region: docs/scaling.md says what a second one would be
  #checkov:skip=CKV_AWS_145:With KMS an ETag is no MD5, so that each write would be read again; SSE-S3 encrypts too
  #checkov:skip=CKV2_AWS_62:Nobody waits for events
}

resource "aws_s3_bucket_public_access_block" "pictures" {
  bucket                  = aws_s3_bucket.pictures.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "pictures" {
  bucket = aws_s3_bucket.pictures.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "pictures" {
  bucket = aws_s3_bucket.pictures.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "pictures" {
  bucket = aws_s3_bucket.pictures.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "pictures" {
  bucket = aws_s3_bucket.pictures.id

  rule {
    id     = "uploads-that-were-never-completed"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  rule {
    id     = "what-was-deleted-or-overwritten"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = var.deleted_kept_days
    }
    expiration {
      expired_object_delete_marker = true # the mark of a deletion whose versions are all gone
    }
  }

  depends_on = [aws_s3_bucket_versioning.pictures]
}

data "aws_iam_policy_document" "only_tls" {
  statement {
    sid       = "OnlyTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.pictures.arn, "${aws_s3_bucket.pictures.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "pictures" {
  bucket     = aws_s3_bucket.pictures.id
  policy     = data.aws_iam_policy_document.only_tls.json
  depends_on = [aws_s3_bucket_public_access_block.pictures]
}
