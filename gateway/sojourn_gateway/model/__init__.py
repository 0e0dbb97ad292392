"""What the gateway speaks of: sessions, traces, spans, usage, pages. Plain values, no engine and no HTTP."""
