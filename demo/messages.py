"""What each event says, of its context and of the `account`, `device` and `place` it happens to."""

MESSAGES = {
    "scheduler_started": "Scheduler started with {device_count} devices",
    "scheduler_stopping": "Scheduler stopping: {reason}",
    "scheduler_stopped": "Scheduler stopped: all {device_count} threads ended",
    "no_devices": "Scheduler started, but no active devices found",
    "warming_started": "Warming {account.label} on {device.name}",
    "warming_complete": "Warmed {account.label}: {videos_watched} videos",
    "warming_failed": "Warming {account.label} failed after {duration_min:.0f} min: {error}",
    "creation_started": "Creating an account on {platform} from {device.name}",
    "creation_skipped": "Creation of {account.label} skipped: {reason}",
    "device_loop_error": "Device loop of {device.name} failed: {error}",
    "device_disconnected": "{device.name} disconnected: WDA on port {wda_port} not responding "
    "after {timeout_sec} s",
    "app_deleted": "Deleted {platform} from {device.name}",
    "app_delete_failed": "Failed to delete {platform} from {device.name}: {error}",
    "app_installed": "Installed {platform} on {device.name} in {duration_sec} s",
    "install_failed": "Install of {platform} on {device.name} timed out after {timeout_sec} s",
    "login_success": "Logged in {account.label} {place}",
    "login_failed": "{account.site} login failed for {account.email}: {error}",
    "account_creation_started": "Signup on {platform} begins as {username}",
    "account_created": "Created {account.label} on {device.name}",
    "account_creation_failed": "Signup of {account.label} failed at step {step}",
    "captcha_failed": "CAPTCHA ({type}) on {platform} not solved by {solver} in {timeout_sec} s",
}
