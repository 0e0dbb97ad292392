"""OpenTelemetry's own exporters, unmodified, as judges of what the gateway takes in."""
