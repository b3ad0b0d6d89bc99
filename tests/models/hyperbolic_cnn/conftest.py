"""geoopt warns when it is first imported; the references import it quietly, before any test."""

import tests.references.lorentz_layers  # noqa: F401
