# The log, and alarms on it: on lines that the service writes whatever else is watched. What needs numbers (a budget
# that is nearly spent, slow answers) needs Prometheus: docs/telemetry.md

resource "aws_cloudwatch_log_group" "service" {
  #checkov:skip=CKV_AWS_158:AWS's own key: no line has a prompt, a secret or a client's address
  #checkov:skip=CKV_AWS_338:log_days decides; what is older helps nobody
  name              = "/promptcdn/${var.name}"
  retention_in_days = var.log_days
}

locals {
  # Each is counted over five minutes, and tells of the first.
  seen_in_the_log = {
    budget-spent = {
      pattern     = "{ $.outcome = \"budget_spent\" }"
      description = "The budget is spent: new pictures are refused until its period ends. To raise it, set budget."
    }
    counter-unavailable = {
      pattern     = "{ $.outcome = \"counter_unavailable\" }"
      description = "The budget's counter does not answer, so no new pictures are made. Look at Redis."
    }
    spool = {
      pattern     = "{ ($.message = \"a paid picture waits in the spool*\") || ($.outcome = \"spool_full\") }"
      description = "Paid pictures wait because the bucket does not take them. They are lost if the task ends before it does. Look at the bucket and its policies, and stop no task."
    }
    store-unavailable = {
      pattern     = "{ $.outcome = \"store_unavailable\" }"
      description = "The bucket does not answer: only pictures in memory are shown. Look at the task's role, and at the bucket."
    }
    upstream = {
      pattern     = "{ $.outcome = \"upstream_*\" }"
      description = "The image generator fails, so that new pictures are missing. Stored ones are shown. Look at its key and its credit."
    }
    errors = {
      pattern     = "{ $.level = \"ERROR\" }"
      description = "The service logged an error. Look at the line."
    }
  }
}

resource "aws_cloudwatch_log_metric_filter" "seen" {
  for_each       = local.seen_in_the_log
  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.service.name
  pattern        = each.value.pattern

  metric_transformation {
    namespace     = "promptcdn/${var.name}"
    name          = each.key
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "seen" {
  for_each            = local.seen_in_the_log
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "promptcdn/${var.name}"
  metric_name         = aws_cloudwatch_log_metric_filter.seen[each.key].metric_transformation[0].name
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
}

resource "aws_cloudwatch_metric_alarm" "down" {
  alarm_name          = "${var.name}-down"
  alarm_description   = "No task answers /healthz. Look at the service's events and at the log."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HealthyHostCount"
  dimensions          = { LoadBalancer = aws_lb.service.arn_suffix, TargetGroup = aws_lb_target_group.service.arn_suffix }
  statistic           = "Maximum" # one zone may have no task; the alarm is for none at all
  period              = 60
  evaluation_periods  = 3
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
}

resource "aws_cloudwatch_metric_alarm" "redis" {
  count               = var.redis == null ? 0 : 1
  alarm_name          = "${var.name}-redis-memory"
  alarm_description   = "Redis is nearly full. It evicts nothing: once it is full, no new pictures are made. Take a larger node."
  namespace           = "AWS/ElastiCache"
  metric_name         = "DatabaseMemoryUsagePercentage"
  dimensions          = { CacheClusterId = "${var.name}-001" }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 80
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
}
