"""Anthropic: what the spans of its client say."""
