"""Compares responses with the document, for thousands of requests by schemathesis."""

import json
import tempfile
from pathlib import Path

from support import BIN, KEY, FunctionTest, command

HERE = Path(__file__).resolve().parent


class Schemathesis(FunctionTest):
    def compare(self, *options, with_key):
        environment = self.function.environment(
            GROUP=self.function.group,
            FUNCTION_LOG=self.function.log,
            MOTO_LOG=self.function.moto_log,
            WITH_KEY="true" if with_key else "false",
            PYTHONPATH=str(HERE),
        )
        with tempfile.TemporaryDirectory() as folder:
            # A file: given a URL, schemathesis would skip the route of the document itself.
            document = Path(folder, "openapi.json")
            document.write_text(json.dumps(self.function.openapi()))
            printed = command(
                BIN / "schemathesis", "--config-file", HERE / "schemathesis.toml", "run", document,
                "--url", self.function.url, "--request-timeout", "35", *options,
                cwd=folder, env=environment, timeout=600,
            )  # fmt: skip
        print(printed.partition("= SUMMARY =")[2])

    def test_with_the_key_every_answer_is_as_the_document_says(self):
        self.compare("-H", f"x-api-key: {KEY}", with_key=True)

    def test_without_a_key_nothing_answers_but_what_is_open(self):
        self.compare("--phases", "examples,coverage", with_key=False)
