"""As Agentuity's tests over the embedded engine, over a server."""

import pytest

from tests.gateway.agentuity.conftest import *  # noqa: F403  # its fixture
from tests.gateway.agentuity.test_gathering import *  # noqa: F403  # the tests themselves
from tests.gateway.agentuity.test_lists import *  # noqa: F403
from tests.gateway.agentuity.test_sessions import *  # noqa: F403
from tests.gateway.agentuity.test_spans import *  # noqa: F403
from tests.gateway.agentuity.test_threads import *  # noqa: F403

pytestmark = pytest.mark.soak
