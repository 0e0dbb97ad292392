"""AgentMark's `/v1` read API, which is also our own: theirs as documented, ours as further fields.

The routes are in `routes`, apart, so that commands which present what the API does need no web framework.
"""
