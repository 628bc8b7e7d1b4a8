"""Compares responses with the document, for thousands of requests by schemathesis."""

import json
import tempfile
from pathlib import Path

from support import BIN, KEY, ROOT, FunctionTest, command

HERE = Path(__file__).resolve().parent


class Schemathesis(FunctionTest):
    def compare(self, *options, with_key):
        environment = self.function.environment(
            GROUP=self.function.group,
            FUNCTION_LOG=self.function.log,
            MOTO_LOG=self.function.moto_log,
            WITH_KEY="true" if with_key else "false",
            PYTHONPATH=f"{HERE}:{ROOT / 'tools'}",
        )
        with tempfile.TemporaryDirectory() as folder:
            # A file: given a URL, schemathesis would skip the route of the document itself.
            document = Path(folder, "openapi.json")
            document.write_text(json.dumps(self.function.openapi()))
            environment["SENT_FORMS"] = str(Path(folder, "forms"))
            printed = command(
                BIN / "schemathesis", "--config-file", HERE / "schemathesis.toml", "run", document,
                "--url", self.function.url, "--request-timeout", "35", *options,
                cwd=folder, env=environment, timeout=600,
            )  # fmt: skip
            forms = set(Path(folder, "forms").read_text().splitlines())
        print(printed.partition("= SUMMARY =")[2])
        return forms

    def test_with_the_key_every_answer_is_as_the_document_says(self):
        forms = self.compare("-H", f"x-api-key: {KEY}", with_key=True)
        in_forms = {"gzip", "multipart/form-data", "brackets in a body", "brackets in a query"}
        self.assertEqual(forms, {*in_forms, "all accounts", "another account"})

    def test_without_a_key_nothing_answers_but_what_is_open(self):
        self.compare("--phases", "examples,coverage", with_key=False)
