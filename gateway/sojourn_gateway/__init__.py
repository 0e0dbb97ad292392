"""The gateway: takes OpenTelemetry spans and session events in, keeps them, and answers session APIs."""
