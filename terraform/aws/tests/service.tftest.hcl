# terraform test: without an account, and without the internet. Most runs only plan; the apply is one of made-up values.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/promptcdn" }
  }
  mock_resource "aws_lb" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/promptcdn/0123456789abcdef"
      arn_suffix = "app/promptcdn/0123456789abcdef"
      dns_name   = "internal-promptcdn.eu-central-1.elb.amazonaws.com"
    }
  }
  mock_resource "aws_lb_target_group" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/pcdn/0123456789abcdef"
      arn_suffix = "targetgroup/pcdn/0123456789abcdef"
    }
  }
  mock_resource "aws_cloudfront_distribution" {
    defaults = { domain_name = "d111111abcdef8.cloudfront.net" }
  }
  mock_resource "aws_cloudfront_function" {
    defaults = { arn = "arn:aws:cloudfront::123456789012:function/promptcdn-viewer" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:task-definition/promptcdn:1" }
  }
  mock_resource "aws_elasticache_replication_group" {
    defaults = { primary_endpoint_address = "master.promptcdn.abcdef.euc1.cache.amazonaws.com" }
  }
}

variables {
  image  = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/promptcdn@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  bucket = "pictures-of-example"
  network = {
    vpc_id          = "vpc-1"
    cidr            = "10.90.0.0/20"
    public_subnets  = ["subnet-1", "subnet-2"]
    private_subnets = ["subnet-3", "subnet-4"]
  }
  secrets = {
    PROMPTCDN_ADMIN_TOKEN  = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:promptcdn/admin-token-AbCdEf"
    PROMPTCDN_SIGNING_KEYS = "arn:aws:ssm:eu-central-1:123456789012:parameter/promptcdn/signing-keys"
  }
}

run "by_default" {
  assert {
    condition     = [for each in jsondecode(aws_ecs_task_definition.service.container_definitions) : each.readonlyRootFilesystem && each.user == "10001" && each.stopTimeout == 120 && each.linuxParameters.capabilities.drop == ["ALL"]] == [true]
    error_message = "A task has a root that cannot be written, no rights of root, and more time to stop than its grace."
  }
  assert {
    condition     = { for each in jsondecode(aws_ecs_task_definition.service.container_definitions)[0].secrets : each.name => each.valueFrom } == { for name, arn in var.secrets : name => arn }
    error_message = "Secrets are in the task's definition by their ARNs alone."
  }
  assert {
    condition     = { for each in jsondecode(aws_ecs_task_definition.service.container_definitions)[0].environment : each.name => each.value } == { AWS_DEFAULT_REGION = "eu-central-1", PORT = "8080", PROMPTCDN_BUDGET = "100/day", PROMPTCDN_GRACE = "110", PROMPTCDN_LOG = "json", PROMPTCDN_MEMORY = "268435456", PROMPTCDN_MISSES = "signed", PROMPTCDN_PUBLIC_URL = "https://d111111abcdef8.cloudfront.net", PROMPTCDN_STORE = "s3://pictures-of-example", PROMPTCDN_TRUSTED_PROXIES = "10.90.0.0/20", TMPDIR = "/data" }
    error_message = "The settings are those of docs/deploy/aws.md."
  }
  assert {
    condition     = aws_lb.service.internal && aws_lb.service.idle_timeout > 120
    error_message = "The balancer is not on the internet, and waits longer than the longest wait=."
  }
  assert {
    condition     = aws_lb_target_group.service.deregistration_delay == "60" && aws_lb_target_group.service.health_check[0].path == "/healthz"
    error_message = "A task is asked to stop once CloudFront waits for none of its answers, and is healthy while it lives."
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.from_cloudfront) == 1 && length(aws_vpc_security_group_ingress_rule.from_network) == 0
    error_message = "CloudFront alone reaches the balancer."
  }
  assert {
    condition     = length(aws_appautoscaling_target.service) == 0 && length(aws_elasticache_replication_group.redis) == 0 && length(aws_route53_record.service) == 0
    error_message = "One task needs no Redis and no scaling, and without a domain there are no records."
  }
  assert {
    condition     = output.url == "https://d111111abcdef8.cloudfront.net"
    error_message = "Without a domain people reach the service by CloudFront's name."
  }
}

run "the_bucket_keeps_masters" {
  command = plan

  assert {
    condition     = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.pictures.rule : length(rule.transition) == 0 && alltrue([for each in rule.expiration : each.expired_object_delete_marker == true && coalesce(each.days, 0) == 0 && each.date == null])])
    error_message = "No rule deletes or moves an object that is there."
  }
  assert {
    condition     = aws_s3_bucket.pictures.force_destroy != true
    error_message = "A bucket with pictures in it is not deleted."
  }
  assert {
    condition     = aws_s3_bucket_public_access_block.pictures.block_public_acls && aws_s3_bucket_public_access_block.pictures.block_public_policy && aws_s3_bucket_public_access_block.pictures.ignore_public_acls && aws_s3_bucket_public_access_block.pictures.restrict_public_buckets
    error_message = "Nobody but the service reads the bucket."
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.pictures.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "What is in the bucket is encrypted."
  }
}

run "cloudfront_does_as_the_service_says" {
  command = plan

  assert {
    condition     = aws_cloudfront_distribution.service[0].default_cache_behavior[0].origin_request_policy_id == null
    error_message = "The service sees nothing of a request for a picture that is not in the key."
  }
  assert {
    condition     = alltrue([for policy in aws_cloudfront_cache_policy.service : policy.min_ttl == 0 && policy.default_ttl == 0 && policy.max_ttl == 31536000 && policy.parameters_in_cache_key_and_forwarded_to_origin[0].query_strings_config[0].query_string_behavior == "all"])
    error_message = "The key has the whole query, and the service alone says how long an answer is kept."
  }
  assert {
    condition     = toset(one(one(aws_cloudfront_cache_policy.service["pictures"].parameters_in_cache_key_and_forwarded_to_origin).headers_config).headers[0].items) == toset(["Accept", "User-Agent"])
    error_message = "The key has the two headers that viewer.js writes."
  }
  assert {
    condition     = alltrue([for each in aws_cloudfront_distribution.service[0].custom_error_response : each.error_caching_min_ttl == 0])
    error_message = "No error is kept longer than the service says."
  }
  assert {
    condition     = !aws_cloudfront_distribution.service[0].default_cache_behavior[0].compress && alltrue([for each in aws_cloudfront_distribution.service[0].ordered_cache_behavior : !each.compress])
    error_message = "Nothing is compressed on the way: a digest in the headers is that of the bytes."
  }
  assert {
    condition     = [for each in aws_cloudfront_distribution.service[0].ordered_cache_behavior : each.path_pattern if each.cache_policy_id == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"] == ["/v1/*", "/work/*", "/mcp", "/slack/*", "/discord/*", "/metrics", "/readyz"]
    error_message = "What is for one client is kept for nobody."
  }
}

run "with_all_there_is" {
  variables {
    replicas       = { min = 2, max = 6 }
    redis          = { copies = 2 }
    domain         = { name = "pictures.example.org", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1", zone_id = "Z123" }
    alarm_topics   = ["arn:aws:sns:eu-central-1:123456789012:alarms"]
    origin_timeout = 120
    origin_shield  = true
    settings       = { PROMPTCDN_BUDGET = "5/day", PROMPTCDN_ENGINE = "core" }
  }

  assert {
    condition     = toset(keys(aws_route53_record.service)) == toset(["A", "AAAA"]) && output.url == "https://pictures.example.org"
    error_message = "A domain has its two records."
  }
  assert {
    condition     = aws_elasticache_replication_group.redis[0].transit_encryption_enabled && aws_elasticache_replication_group.redis[0].automatic_failover_enabled && one(aws_elasticache_parameter_group.redis[0].parameter).value == "noeviction"
    error_message = "Redis is asked over TLS, and evicts nothing."
  }
  assert {
    condition     = { for each in jsondecode(aws_ecs_task_definition.service.container_definitions)[0].environment : each.name => each.value }["PROMPTCDN_REDIS_URL"] == "rediss://master.promptcdn.abcdef.euc1.cache.amazonaws.com:6379/0"
    error_message = "Replicas find their Redis."
  }
  assert {
    condition     = { for each in jsondecode(aws_ecs_task_definition.service.container_definitions)[0].environment : each.name => each.value }["PROMPTCDN_BUDGET"] == "5/day"
    error_message = "The operator's settings go before the module's."
  }
  assert {
    condition     = aws_appautoscaling_target.service[0].max_capacity == 6
    error_message = "The load decides how many replicas there are."
  }
  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.seen), [aws_cloudwatch_metric_alarm.down], aws_cloudwatch_metric_alarm.redis) : alarm.alarm_actions == toset(var.alarm_topics)])
    error_message = "Each alarm is told to somebody."
  }
}

run "a_password_of_redis_is_in_the_secrets" {
  command = plan
  variables {
    redis = {}
    secrets = {
      PROMPTCDN_ADMIN_TOKEN  = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:promptcdn/admin-token-AbCdEf"
      PROMPTCDN_SIGNING_KEYS = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:promptcdn/signing-keys-AbCdEf"
      PROMPTCDN_REDIS_URL    = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:promptcdn/redis-AbCdEf"
    }
  }
  assert {
    condition     = !contains(keys(local.settings), "PROMPTCDN_REDIS_URL")
    error_message = "A setting is in the environment once: a task with the same name in both is refused."
  }
}

run "without_cloudfront_the_network_alone_asks" {
  command = plan
  variables {
    cloudfront = false
    public_url = "https://pictures.example.org"
  }
  assert {
    condition     = length(aws_cloudfront_distribution.service) == 0 && aws_vpc_security_group_ingress_rule.from_network[0].cidr_ipv4 == "10.90.0.0/20" && output.url == "https://pictures.example.org"
    error_message = "Without CloudFront the balancer is asked from its network."
  }
}

run "what_is_wrong_is_refused" {
  command = plan
  variables {
    name              = "Prompt CDN"
    image             = "promptcdn:latest"
    bucket            = "My_Bucket"
    network           = { vpc_id = "vpc-1", cidr = "0.0.0.0/0", public_subnets = ["a"], private_subnets = ["b"] }
    deleted_kept_days = 0
    settings          = { STABILITY_KEY = "sk-0123456789" }
    misses            = "all"
    budget            = ""
    grace             = 300
    cpu               = 4096
    architecture      = "arm"
    redis             = { copies = 9 }
    price_class       = "cheap"
    domain            = { name = "https://example.org/", certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1" }
    public_url        = "pictures.example.org"
    alarm_topics      = ["me@example.org"]
    log_days          = 31
  }
  expect_failures = [
    var.name, var.image, var.bucket, var.network, var.deleted_kept_days, var.settings, var.misses, var.budget,
    var.grace, var.cpu, var.architecture, var.redis, var.price_class, var.domain, var.public_url,
    var.alarm_topics, var.log_days,
  ]
}

run "a_secret_itself_is_refused" {
  command = plan
  variables {
    secrets = { PROMPTCDN_ADMIN_TOKEN = "0123456789abcdef0123456789abcdef", PROMPTCDN_SIGNING_KEYS = "k1:0123456789abcdef" }
  }
  expect_failures = [var.secrets]
}

run "signed_misses_without_keys_are_refused" {
  command = plan
  variables {
    secrets = { PROMPTCDN_ADMIN_TOKEN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:promptcdn/admin-token-AbCdEf" }
  }
  expect_failures = [var.secrets]
}

run "no_admin_token_is_refused" {
  command = plan
  variables {
    misses  = "open"
    secrets = {}
  }
  expect_failures = [var.secrets]
}

run "memory_that_fargate_does_not_sell_is_refused" {
  command = plan
  variables {
    memory = 512
  }
  expect_failures = [var.memory]
}

run "fewer_replicas_at_most_than_at_least_are_refused" {
  command = plan
  variables {
    replicas = { min = 3, max = 2 }
  }
  expect_failures = [var.replicas]
}

run "several_replicas_without_a_redis_are_refused" {
  command = plan
  variables {
    replicas = { min = 2, max = 2 }
  }
  expect_failures = [var.replicas]
}

run "a_wait_above_cloudfronts_is_refused" {
  command = plan
  variables {
    settings = { PROMPTCDN_WAIT = "90" }
  }
  expect_failures = [var.origin_timeout]
}

run "a_time_out_that_cloudfront_has_not_is_refused" {
  command = plan
  variables {
    origin_timeout = 121
  }
  expect_failures = [var.origin_timeout]
}

run "no_public_url_without_cloudfront_is_refused" {
  command = plan
  variables {
    cloudfront = false
  }
  expect_failures = [var.public_url]
}
