# Two roles: the service's own, which knows the bucket and nothing else, and that of whoever starts it, which reads the
# image and the secrets and writes the log.

data "aws_iam_policy_document" "by_tasks" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "service" {
  name               = "${var.name}-service"
  assume_role_policy = data.aws_iam_policy_document.by_tasks.json
}

# The four rights of docs/stores.md. Without a condition on the prefix: with one, Amazon answers 403 for what is absent.
data "aws_iam_policy_document" "service" {
  statement {
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.pictures.arn]
  }
  statement {
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.pictures.arn}/*"]
  }
}

resource "aws_iam_role_policy" "service" {
  name   = "pictures"
  role   = aws_iam_role.service.id
  policy = data.aws_iam_policy_document.service.json
}

resource "aws_iam_role" "start" {
  name               = "${var.name}-start"
  assume_role_policy = data.aws_iam_policy_document.by_tasks.json
}

locals {
  # ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:…; an image elsewhere needs no right of AWS.
  ecr = try(regex("^([0-9]{12})\\.dkr\\.ecr\\.([a-z0-9-]+)\\.amazonaws\\.com(?:\\.cn)?/([^@]+)@", var.image), null)

  # A secret's ARN may name one key of the secret: ARN:KEY::
  secret_arns = distinct([for arn in values(var.secrets) : try(regex("^arn:[^:]+:secretsmanager:[^:]+:[^:]+:secret:[^:]+", arn), arn)])
  secrets     = [for arn in local.secret_arns : arn if strcontains(arn, ":secretsmanager:")]
  parameters  = [for arn in local.secret_arns : arn if strcontains(arn, ":ssm:")]
}

data "aws_partition" "here" {}

data "aws_iam_policy_document" "start" {
  #checkov:skip=CKV_AWS_356:ecr:GetAuthorizationToken knows no resource
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.service.arn}:*"]
  }
  dynamic "statement" {
    for_each = local.ecr == null ? [] : [local.ecr]
    content {
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = ["arn:${data.aws_partition.here.partition}:ecr:${statement.value[1]}:${statement.value[0]}:repository/${statement.value[2]}"]
    }
  }
  dynamic "statement" {
    for_each = local.ecr == null ? [] : [local.ecr]
    content {
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"]
    }
  }
  dynamic "statement" {
    for_each = length(local.secrets) == 0 ? [] : [local.secrets]
    content {
      actions   = ["secretsmanager:GetSecretValue"]
      resources = statement.value
    }
  }
  dynamic "statement" {
    for_each = length(local.parameters) == 0 ? [] : [local.parameters]
    content {
      actions   = ["ssm:GetParameters"]
      resources = statement.value
    }
  }
  dynamic "statement" {
    for_each = length(var.secret_kms_keys) == 0 ? [] : [var.secret_kms_keys]
    content {
      actions   = ["kms:Decrypt"]
      resources = statement.value
    }
  }
}

resource "aws_iam_role_policy" "start" {
  name   = "start"
  role   = aws_iam_role.start.id
  policy = data.aws_iam_policy_document.start.json
}
