"""What stands out in a session: rules over its events, each in a module of its own; no model is asked."""

from sojourn_gateway.apis.kore.analysis.analyse import analyse

__all__ = ["analyse"]
