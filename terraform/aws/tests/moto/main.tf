# What ./scripts/terraform-test applies and destroys: the module on a server that plays AWS, without what moto does not
# know: CloudFront's policies and functions, scaling, Redis. For these the provider tries again and again.

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.82, < 7"
    }
  }
}

variable "endpoint" {
  description = "Where moto answers, like http://127.0.0.1:5000."
  type        = string
}

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "testing"
  secret_key                  = "testing"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  endpoints {
    cloudwatch     = var.endpoint
    ec2            = var.endpoint
    ecs            = var.endpoint
    elbv2          = var.endpoint
    iam            = var.endpoint
    logs           = var.endpoint
    s3             = var.endpoint
    secretsmanager = var.endpoint
    sns            = var.endpoint
    sts            = var.endpoint
  }
}

module "network" {
  source = "../../network"
  zones  = ["eu-central-1a", "eu-central-1b"]
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:For a test
  name = "promptcdn-alarms"
}

resource "aws_secretsmanager_secret" "secrets" {
  #checkov:skip=CKV_AWS_149:For a test
  #checkov:skip=CKV2_AWS_57:For a test
  for_each = toset(["admin-token", "signing-keys"])
  name     = "promptcdn/${each.key}"
}

module "promptcdn" {
  source     = "../.."
  network    = module.network.network
  image      = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/promptcdn@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  bucket     = "pictures-of-example"
  cloudfront = false
  public_url = "https://pictures.example.org"
  secrets = {
    PROMPTCDN_ADMIN_TOKEN  = aws_secretsmanager_secret.secrets["admin-token"].arn
    PROMPTCDN_SIGNING_KEYS = aws_secretsmanager_secret.secrets["signing-keys"].arn
  }
  alarm_topics = [aws_sns_topic.alarms.arn]
}

output "bucket" {
  description = "The bucket."
  value       = module.promptcdn.bucket
}
