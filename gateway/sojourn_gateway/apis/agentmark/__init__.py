"""AgentMark's `/v1` read API, which is also our own: theirs as documented, ours as further fields."""

from sojourn_gateway.apis.agentmark.routes import router

__all__ = ["router"]
