"""Formats in which libraries hand over messages, read into the words of the conventions."""
