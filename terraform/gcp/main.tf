# promptcdn on Cloud Run: a bucket, its keys, the secrets and the service. docs/deploy/cloud-run.md says what each
# setting is for.

locals {
  secrets = merge(
    {
      AWS_ACCESS_KEY_ID      = google_storage_hmac_key.promptcdn.access_id
      AWS_SECRET_ACCESS_KEY  = google_storage_hmac_key.promptcdn.secret
      PROMPTCDN_SIGNING_KEYS = var.signing_keys
      PROMPTCDN_ADMIN_TOKEN  = var.admin_token
    },
    var.stability_key == "" ? {} : { STABILITY_KEY = var.stability_key },
  )
  settings = merge(
    {
      PROMPTCDN_STORE           = "s3://${google_storage_bucket.pictures.name}"
      AWS_ENDPOINT_URL_S3       = "https://storage.googleapis.com"
      AWS_DEFAULT_REGION        = "auto"
      PROMPTCDN_MISSES          = "signed"
      PROMPTCDN_BUDGET          = var.budget
      PROMPTCDN_TRUSTED_PROXIES = "169.254.0.0/16"
      PROMPTCDN_GRACE           = "8"
      PROMPTCDN_MEMORY          = "134217728"
      PROMPTCDN_PUBLIC_URL      = var.public_url == "" ? local.given_url : var.public_url
    },
    var.stability_host == "" ? {} : { STABILITY_HOST = var.stability_host },
    var.settings,
  )
  # Known before the service is there: https://cloud.google.com/run/docs/triggering/https-request#deterministic
  given_url = "https://${var.name}-${data.google_project.promptcdn.number}.${var.region}.run.app"
}

data "google_project" "promptcdn" {}

resource "google_service_account" "promptcdn" {
  account_id   = var.name
  display_name = "promptcdn"
}

resource "google_storage_bucket" "pictures" {
  name                        = var.bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
}

resource "google_storage_bucket_iam_member" "promptcdn" {
  bucket = google_storage_bucket.pictures.name
  role   = "roles/storage.objectAdmin"
  member = google_service_account.promptcdn.member
}

# Google's S3 interface knows these keys, not the account itself.
resource "google_storage_hmac_key" "promptcdn" {
  service_account_email = google_service_account.promptcdn.email
}

resource "google_secret_manager_secret" "promptcdn" {
  for_each  = nonsensitive(toset(keys(local.secrets)))
  secret_id = "${var.name}-${lower(replace(trimprefix(each.key, "PROMPTCDN_"), "_", "-"))}"
  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "promptcdn" {
  for_each    = google_secret_manager_secret.promptcdn
  secret      = each.value.id
  secret_data = local.secrets[each.key]
}

resource "google_secret_manager_secret_iam_member" "promptcdn" {
  for_each  = google_secret_manager_secret.promptcdn
  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.promptcdn.member
}

resource "google_cloud_run_v2_service" "promptcdn" {
  name     = var.name
  location = var.region

  template {
    service_account                  = google_service_account.promptcdn.email
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = 250
    timeout                          = "150s"

    scaling {
      min_instance_count = 0
      max_instance_count = var.max_instances
    }

    containers {
      image = var.image

      ports {
        container_port = 8080
      }

      resources {
        limits            = { cpu = "1", memory = "1Gi" }
        cpu_idle          = false # pictures are made on after the answer
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local.settings
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = google_secret_manager_secret.promptcdn
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value.secret_id
              version = "latest"
            }
          }
        }
      }

      startup_probe {
        period_seconds    = 1
        timeout_seconds   = 1
        failure_threshold = 30
        http_get {
          path = "/healthz"
        }
      }

      liveness_probe {
        period_seconds    = 10
        timeout_seconds   = 5
        failure_threshold = 3
        http_get {
          path = "/healthz"
        }
      }
    }
  }

  depends_on = [
    google_secret_manager_secret_version.promptcdn,
    google_secret_manager_secret_iam_member.promptcdn,
    google_storage_bucket_iam_member.promptcdn,
  ]
}

# Readers have no Google account.
resource "google_cloud_run_v2_service_iam_member" "public" {
  name     = google_cloud_run_v2_service.promptcdn.name
  location = google_cloud_run_v2_service.promptcdn.location
  role     = "roles/run.invoker"
  member   = "allUsers"
}
