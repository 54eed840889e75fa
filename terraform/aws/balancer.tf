# The balancer. It has no address on the internet: CloudFront reaches it from within the network, as a VPC origin.

resource "aws_security_group" "balancer" {
  name_prefix = "${var.name}-balancer-"
  description = "promptcdn: asked by CloudFront alone, or by the network where there is no CloudFront"
  vpc_id      = var.network.vpc_id
  lifecycle {
    create_before_destroy = true
  }
}

# AWS makes this group with the first VPC origin of a network, and puts CloudFront's interfaces into it.
data "aws_security_group" "cloudfront" {
  count      = var.cloudfront ? 1 : 0
  name       = "CloudFront-VPCOrigins-Service-SG"
  vpc_id     = var.network.vpc_id
  depends_on = [aws_cloudfront_vpc_origin.balancer]
}

resource "aws_vpc_security_group_ingress_rule" "from_cloudfront" {
  #checkov:skip=CKV_AWS_260:From one security group and from no address, which checkov cannot see
  count                        = var.cloudfront ? 1 : 0
  description                  = "CloudFront asks"
  security_group_id            = aws_security_group.balancer.id
  referenced_security_group_id = data.aws_security_group.cloudfront[0].id
  ip_protocol                  = "tcp"
  from_port                    = 80
  to_port                      = 80
}

resource "aws_vpc_security_group_ingress_rule" "from_network" {
  count             = var.cloudfront ? 0 : 1
  description       = "A cache in the network asks"
  security_group_id = aws_security_group.balancer.id
  cidr_ipv4         = var.network.cidr
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  description                  = "The service is asked"
  security_group_id            = aws_security_group.balancer.id
  referenced_security_group_id = aws_security_group.service.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

resource "aws_lb" "service" {
  #checkov:skip=CKV_AWS_91:Its log would hold whole URLs, and with them prompts
  #checkov:skip=CKV_AWS_150:It can be made anew at any time; the pictures are in the bucket
  #checkov:skip=CKV2_AWS_20:It is reached from CloudFront within the network alone; readers are sent to HTTPS by CloudFront
  #checkov:skip=CKV2_AWS_28:It is not on the internet; web_acl_arn puts a web ACL before CloudFront
  name                       = var.name
  internal                   = true
  load_balancer_type         = "application"
  subnets                    = var.network.private_subnets
  security_groups            = [aws_security_group.balancer.id]
  idle_timeout               = 130 # `wait` goes up to 120 s
  drop_invalid_header_fields = true
  xff_header_processing_mode = "append" # the service walks from the right end past what it trusts
}

resource "aws_lb_target_group" "service" {
  #checkov:skip=CKV_AWS_378:From the balancer to the task within the network: the service speaks plain HTTP
  name_prefix = "pcdn-"
  vpc_id      = var.network.vpc_id
  target_type = "ip"
  protocol    = "HTTP"
  port        = local.port
  # SIGTERM comes after this time: whoever CloudFront still waits for has the answer by then.
  deregistration_delay = var.origin_timeout

  health_check {
    # Not /readyz: that one is 503 while the bucket does not answer, and then pictures in memory are still shown.
    path                = "/healthz"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "http" {
  #checkov:skip=CKV_AWS_2:Within the network, from CloudFront's interfaces to the balancer
  #checkov:skip=CKV_AWS_103:Within the network, from CloudFront's interfaces to the balancer
  load_balancer_arn = aws_lb.service.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.service.arn
  }
}
