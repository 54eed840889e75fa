# A certificate for CloudFront, proven by records in a hosted zone of Route 53. Give it a provider for us-east-1.

resource "aws_acm_certificate" "service" {
  domain_name       = var.name
  validation_method = "DNS"
  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = data.aws_region.here.name == "us-east-1"
      error_message = "CloudFront takes certificates of us-east-1 only: give this module a provider for that region."
    }
  }
}

data "aws_region" "here" {}

locals {
  proof = one(aws_acm_certificate.service.domain_validation_options)
}

resource "aws_route53_record" "proof" {
  zone_id = var.zone_id
  name    = local.proof.resource_record_name
  type    = local.proof.resource_record_type
  records = [local.proof.resource_record_value]
  ttl     = 300
}

resource "aws_acm_certificate_validation" "service" {
  certificate_arn         = aws_acm_certificate.service.arn
  validation_record_fqdns = [aws_route53_record.proof.fqdn]
}
