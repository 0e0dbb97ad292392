"""Kore.ai's contract, over sockets and by hand."""
