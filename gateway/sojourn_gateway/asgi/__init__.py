"""What every HTTP surface of the gateway shares: errors, limits, the guard at the door, the services behind it."""

from sojourn_gateway.asgi.paths import Rest as Rest  # routes name the convertor that it registers
