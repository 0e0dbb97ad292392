"""Programs under a plain OpenTelemetry SDK, run in the environments that `make` prepares: nothing of ours is there."""
