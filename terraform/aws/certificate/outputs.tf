output "domain" {
  description = "What the module of the service takes as domain, once the certificate is valid."
  value = {
    name            = var.name
    certificate_arn = aws_acm_certificate_validation.service.certificate_arn
    zone_id         = var.zone_id
  }
}
