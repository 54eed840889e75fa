# CloudFront. It does not look at Vary: what answers depend on has to be in the cache's key. viewer.js writes that into
# User-Agent and Accept in a few words, and these two are the key beside the URL. The service sees the same words, so
# that nobody is shown what was made for others.

resource "aws_cloudfront_vpc_origin" "balancer" {
  count = var.cloudfront ? 1 : 0
  vpc_origin_endpoint_config {
    name                   = var.name
    arn                    = aws_lb.service.arn
    http_port              = 80
    https_port             = 443
    origin_protocol_policy = "http-only"
    origin_ssl_protocols {
      items    = ["TLSv1.2"]
      quantity = 1
    }
  }
}

resource "aws_cloudfront_function" "viewer" {
  count   = var.cloudfront ? 1 : 0
  name    = "${var.name}-viewer"
  comment = "Who asks, in a few words"
  runtime = "cloudfront-js-2.0"
  publish = true
  code    = file("${path.module}/viewer.js")
}

locals {
  year = 31536000 # the longest max-age of the service
  # Permalinks are the one kind of picture with a method that needs the operator's token: DELETE takes one down.
  key_headers = {
    pictures   = ["Accept", "User-Agent"]
    permalinks = ["Accept", "Authorization", "User-Agent"]
  }
  # Bodies and tokens, answers for one client: nothing is kept. Whatever a setting switches off answers 404 here.
  passed = ["/v1/*", "/work/*", "/mcp", "/slack/*", "/discord/*", "/metrics", "/readyz"]
  all    = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
  # AWS's own policy that keeps nothing: CachingDisabled.
  no_caching = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
}

resource "aws_cloudfront_cache_policy" "service" {
  for_each    = var.cloudfront ? local.key_headers : {}
  name        = "${var.name}-${each.key}"
  comment     = "As long as the service says; by the whole URL and by who asks"
  min_ttl     = 0
  default_ttl = 0 # every answer of the service says how long
  max_ttl     = local.year

  parameters_in_cache_key_and_forwarded_to_origin {
    # Pictures are compressed already; with these on, Accept-Encoding would be in the key.
    enable_accept_encoding_brotli = false
    enable_accept_encoding_gzip   = false
    query_strings_config {
      query_string_behavior = "all"
    }
    headers_config {
      header_behavior = "whitelist"
      headers {
        items = each.value
      }
    }
    cookies_config {
      cookie_behavior = "none"
    }
  }
}

resource "aws_cloudfront_origin_request_policy" "passed" {
  count   = var.cloudfront ? 1 : 0
  name    = "${var.name}-passed"
  comment = "All that the client says, but for what only a proxy may say"

  query_strings_config {
    query_string_behavior = "all"
  }
  headers_config {
    # Forwarded: CloudFront would pass on the client's own, and with it any address. X-Forwarded-For it adds to itself.
    header_behavior = "allExcept"
    headers {
      items = ["Forwarded", "Host"]
    }
  }
  cookies_config {
    cookie_behavior = "none"
  }
}

resource "aws_cloudfront_distribution" "service" {
  #checkov:skip=CKV_AWS_86:Its log would hold whole URLs, and with them prompts
  #checkov:skip=CKV_AWS_68:web_acl_arn puts one there; rates, signatures and the budget guard the money without it
  #checkov:skip=CKV2_AWS_47:web_acl_arn puts one there; nothing here is Java
  #checkov:skip=CKV_AWS_305:The page at / is the service's
  #checkov:skip=CKV_AWS_310:There is one origin
  #checkov:skip=CKV_AWS_374:Pictures are for readers everywhere
  #checkov:skip=CKV_AWS_174:TLS 1.2 with a domain of one's own; of CloudFront's own name AWS decides
  #checkov:skip=CKV2_AWS_42:With a domain of one's own there is a certificate; else CloudFront's own name has AWS's
  #checkov:skip=CKV2_AWS_32:The service writes the headers of every answer
  count           = var.cloudfront ? 1 : 0
  comment         = var.name
  enabled         = true
  is_ipv6_enabled = true
  http_version    = "http2and3"
  price_class     = var.price_class
  aliases         = var.domain == null ? [] : [var.domain.name]
  web_acl_id      = var.web_acl_arn

  origin {
    origin_id   = "balancer"
    domain_name = aws_lb.service.dns_name
    # A second try joins the picture that the first one began: nothing is paid for twice.
    connection_attempts = 2
    connection_timeout  = 2

    vpc_origin_config {
      vpc_origin_id            = aws_cloudfront_vpc_origin.balancer[0].id
      origin_read_timeout      = var.origin_timeout
      origin_keepalive_timeout = 60
    }
    dynamic "origin_shield" {
      for_each = var.origin_shield ? [data.aws_region.here.name] : []
      content {
        enabled              = true
        origin_shield_region = origin_shield.value
      }
    }
  }

  default_cache_behavior {
    target_origin_id       = "balancer"
    viewer_protocol_policy = "redirect-to-https"
    allowed_methods        = ["GET", "HEAD", "OPTIONS"]
    cached_methods         = ["GET", "HEAD"]
    cache_policy_id        = aws_cloudfront_cache_policy.service["pictures"].id
    compress               = false
    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.viewer[0].arn
    }
  }

  ordered_cache_behavior {
    path_pattern           = "/i/*"
    target_origin_id       = "balancer"
    viewer_protocol_policy = "redirect-to-https"
    allowed_methods        = local.all
    cached_methods         = ["GET", "HEAD"]
    cache_policy_id        = aws_cloudfront_cache_policy.service["permalinks"].id
    compress               = false
    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.viewer[0].arn
    }
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.passed
    content {
      path_pattern             = ordered_cache_behavior.value
      target_origin_id         = "balancer"
      viewer_protocol_policy   = "https-only"
      allowed_methods          = local.all
      cached_methods           = ["GET", "HEAD"]
      cache_policy_id          = local.no_caching
      origin_request_policy_id = aws_cloudfront_origin_request_policy.passed[0].id
      compress                 = false
    }
  }

  # Without these CloudFront keeps errors for 10 s, also those that say no-store. With 0 it is as the service says.
  dynamic "custom_error_response" {
    for_each = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504]
    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 0
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.domain == null
    acm_certificate_arn            = try(var.domain.certificate_arn, null)
    ssl_support_method             = var.domain == null ? null : "sni-only"
    minimum_protocol_version       = var.domain == null ? null : "TLSv1.2_2021"
  }
}

resource "aws_route53_record" "service" {
  #checkov:skip=CKV2_AWS_23:It is an alias of the distribution
  for_each = var.cloudfront && try(var.domain.zone_id, null) != null ? toset(["A", "AAAA"]) : toset([])
  zone_id  = var.domain.zone_id
  name     = var.domain.name
  type     = each.value
  alias {
    name                   = aws_cloudfront_distribution.service[0].domain_name
    zone_id                = aws_cloudfront_distribution.service[0].hosted_zone_id
    evaluate_target_health = false
  }
}
