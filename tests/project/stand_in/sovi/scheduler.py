"""Call sites of the kinds that SOVI's scheduler has; prints the ids of its events as JSON.

`python -m sovi.scheduler` runs those that its own events took, `... odd` those that they did not.
"""

import json
import sys

from sovi import events

DEVICE_ID = "0b6f7a52-93ad-4b3b-8c0e-4b1f2f9f2d11"
ACCOUNT_ID = "5d9a2c1e-7f40-4c0b-9a53-3f6f0a7c8e22"


def usual():
    yield events.emit("scheduler", "info", "scheduler_started", "Scheduler begins with 1 devices")
    yield events.emit(
        "scheduler",
        "error",
        "warming_failed",
        "WDA not responding",
        device_id=DEVICE_ID,
        account_id=ACCOUNT_ID,
        context={"platform": "tiktok", "phase": "LIGHT"},
    )
    yield events.emit(
        "account", "error", "login_failed", "No login", DEVICE_ID, ACCOUNT_ID, {"step": "login"}
    )
    yield events.emit("device", "critical", "device_disconnected", "No answer", device_id="")


def odd():
    yield events.emit("device", "warning", "no_devices", "A test", device_id="test-device")
    yield events.emit("scheduler", "fatal", "device_loop_error", RuntimeError("thread died"))
    yield events.emit("auth", "warning", "captcha_failed", "", context="capsolver")
    yield events.emit(None, None, None, None)


if __name__ == "__main__":
    print(json.dumps(list(odd() if "odd" in sys.argv else usual())))
