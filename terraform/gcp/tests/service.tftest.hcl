# terraform test: without an account, and without the internet where Google's provider is on the machine.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  region       = "europe-west1"
  image        = "europe-west1-docker.pkg.dev/project/promptcdn/promptcdn@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  bucket       = "pictures-of-example"
  signing_keys = "k1:0123456789abcdef0123456789abcdef"
  admin_token  = "0123456789abcdef0123456789abcdef"
}

run "the_bucket_is_closed" {
  command = plan

  assert {
    condition     = google_storage_bucket.pictures.public_access_prevention == "enforced" && google_storage_bucket.pictures.uniform_bucket_level_access
    error_message = "Nobody but the service reads the bucket."
  }
  assert {
    condition     = length(google_storage_bucket.pictures.lifecycle_rule) == 0
    error_message = "No rule deletes a picture."
  }
}

run "a_picture_is_finished_after_its_answer" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.promptcdn.template[0].containers[0].resources[0].cpu_idle == false
    error_message = "The processor is there between requests, too."
  }
  assert {
    condition     = google_cloud_run_v2_service.promptcdn.template[0].scaling[0].max_instance_count == 1
    error_message = "Without a Redis there is one instance, since each counts its budget alone."
  }
}

run "secrets_are_in_the_secret_manager" {
  command = plan

  assert {
    condition     = toset(keys(google_secret_manager_secret.promptcdn)) == toset(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PROMPTCDN_SIGNING_KEYS", "PROMPTCDN_ADMIN_TOKEN"])
    error_message = "Without a key there is no secret for one."
  }
}

run "a_short_token_is_refused" {
  command = plan
  variables {
    admin_token = "short"
  }
  expect_failures = [var.admin_token]
}
