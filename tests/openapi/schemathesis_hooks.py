"""Hooks for schemathesis: valid names for its requests, and exceptions from its checks.

Each exception has its reason beside it. test_schemathesis.py sets the variables.
"""

import gzip
import json
import os
import re
from pathlib import Path
from urllib.parse import unquote
from zlib import crc32

import boto3
import run_local
import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, ServerError
from schemathesis.openapi.checks import RejectedPositiveData
from urllib3.filepost import encode_multipart_formdata

WITH_KEY = os.environ["WITH_KEY"] == "true"
EC2 = boto3.client("ec2")


class Tail:
    """Reads the new lines of a growing file."""

    def __init__(self, path):
        self.file = Path(path).open(errors="replace")
        self.begun = ""

    def new(self):
        *lines, self.begun = (self.begun + self.file.read()).split("\n")
        return lines


function_log, moto_log = Tail(os.environ["FUNCTION_LOG"]), Tail(os.environ["MOTO_LOG"])


# ----------------------------------------------------------------------------------------- requests


class Instance:
    """An instance for the requests."""

    identifier = None

    @classmethod
    def running(cls):
        if not cls.identifier:
            launched = EC2.run_instances(ImageId=os.environ["DEFAULT_IMAGE"], MinCount=1, MaxCount=1)
            cls.identifier = launched["Instances"][0]["InstanceId"]
        return cls.identifier


def sometimes(value, share):
    """Returns true for this percentage of values, always the same ones."""
    return crc32(value.encode(errors="surrogatepass")) % 100 < share


REGION = r"[a-z]{2,4}(-[a-z]{1,12}){1,2}-[0-9]{1,2}"
ACCOUNT = r"[0-9]{12}|[A-Za-z][A-Za-z0-9_.-]{0,63}"
ANY = r"[^\x00-\x1f\x7f-\x9f,]{1,255}"

# Random names lead to nothing, and moto fails at some of them. Most names of valid form are
# replaced by names of existing resources. Names of invalid form stay, and test validation.
RESOURCES = [  # parameters, form, percentage, replacement
    # AWS has no host for an unknown region. moto answers, and fails.
    (("region_name", "region"), REGION, 100, lambda: "us-east-1"),
    (("placement",), REGION + "([a-z]|-[a-z0-9-]+)", 100, lambda: "us-east-1a"),
    (("instance_id", "id"), "i-0123456789abcdef0", 100, Instance.running),  # the document's example
    (("instance_id", "id"), "i-([0-9a-fA-F]{8}|[0-9a-fA-F]{17})", 70, Instance.running),
    (("SecurityGroupId",), "sg-([0-9a-fA-F]{8}|[0-9a-fA-F]{17})", 90, lambda: os.environ["GROUP"]),
    (("security_groups",), ANY, 100, lambda: "demo"),  # moto fails at unknown groups
    (("KeyName", "key_name"), ANY, 90, lambda: "demo"),
    (("ImageId", "ami"), "ami-.*|resolve:ssm:.+", 90, lambda: os.environ["DEFAULT_IMAGE"]),
    (("InstanceType", "instance_type"), r"[a-z0-9-]+\.[a-z0-9-]+", 90, lambda: "t3.micro"),
    (("bucket",), "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", 90, lambda: "demo-bucket"),
    # A deployment has few accounts: none, or the other one of the emulator.
    (("account",), ACCOUNT, 80, lambda: ""),
    (("account",), ACCOUNT, 100, lambda: "sandbox"),
    (("next_token",), ANY, 100, lambda: ""),  # moto fails at unknown tokens
    (("name",), "[A-Za-z0-9_-]{1,48}", 90, lambda: "office-hours"),
]
# Long waits and large launches only take time.
MAX = {"wait": 1, "MinCount": 1, "min_count": 1, "MaxCount": 1, "max_count": 1}


def known(name, value):
    if isinstance(value, list):
        return [known(name, item) for item in value]
    if name in MAX:
        number = int(float(value)) if re.fullmatch(r"[0-9]{1,4}(\.0)?", str(value)) else 0
        return type(value)(MAX[name]) if number > MAX[name] else value
    for names, form, share, replacement in RESOURCES:
        if name in names and isinstance(value, str) and re.fullmatch(form, value) and sometimes(value, share):
            return replacement()
    return value


@schemathesis.hook
def before_call(context, case, kwargs):
    for part in (case.path_parameters, case.query, case.body):
        if isinstance(part, dict):
            part.update({name: known(name, value) for name, value in part.items()})
    if isinstance(case.query, dict):
        choose_account(case.operation, case.query)
    if isinstance(case.query, dict) and sometimes(json.dumps(case.query, default=str), 20):
        put_brackets_into(case.query, case.operation.definition.raw.get("parameters", []))
    if case.media_type == "application/json" and isinstance(case.body, dict) and case.body:
        send_in_another_form(case, kwargs)


# Lists that can be of all accounts, and what these do not go with.
OF_ALL_ACCOUNTS = ("/ec2/list", "/ec2/reservations", "/regions")
OF_ONE_ACCOUNT = {"account", "instance_id", "max_results", "next_token"}


def choose_account(operation, query):
    """Asks for all accounts now and then."""
    text = json.dumps(query, default=str)
    is_list = operation.method.lower() == "get" and operation.path in OF_ALL_ACCOUNTS
    if is_list and not OF_ONE_ACCOUNT & query.keys() and sometimes(f"accounts of {text}", 30):
        query["account"] = "all"


def put_brackets_into(query, parameters):
    """Writes the names of lists as some clients do: `name[]`."""
    lists = {parameter["name"] for parameter in parameters if parameter["schema"].get("type") == "array"}
    for name in lists & query.keys():
        query[f"{name}[]"] = query.pop(name)
        sent("brackets in a query")


def sent(form):
    """Records that a request was sent in this form."""
    with Path(os.environ["SENT_FORMS"]).open("a") as file:
        file.write(f"{form}\n")


def send_in_another_form(case, kwargs):
    """Sends some JSON bodies with gzip, as multipart/form-data or with brackets, as clients do.

    The document lists JSON only: a generated client could mix the types up.
    """
    text = json.dumps(case.body)
    share = crc32(text.encode(errors="surrogatepass")) % 100
    if share < 15:
        kwargs["data"] = gzip.compress(text.encode())
        case.headers["Content-Encoding"] = "gzip"
        sent("gzip")
    elif share < 30 and (fields := form_fields(case.body)):
        kwargs["data"], case.headers["Content-Type"] = encode_multipart_formdata(fields)
        sent("multipart/form-data")
    elif share < 45:
        lists = list_names(case.operation.schema.raw_schema)
        members = {name + "[]" * (name in lists): value for name, value in case.body.items()}
        kwargs["data"] = json.dumps(members).encode()
        if members.keys() != case.body.keys():
            sent("brackets in a body")


def list_names(document):
    """Returns the names of parameters that are lists in every body."""
    schemas = document["components"]["schemas"].values()
    members = [member for schema in schemas for member in schema.get("properties", {}).items()]
    return {name for name, _ in members} - {name for name, schema in members if schema.get("type") != "array"}


def form_fields(members):
    """Returns the fields of a form with these members; None if a form can't say the same."""
    fields = []
    for name, value in members.items():
        for item in value if isinstance(value, list) and value else [value]:
            # In a form 0 is a boolean, too, and 1.0 is no whole number.
            if isinstance(item, (dict, list, float)) or item is None or (type(item) is int and item < 2):
                return None
            fields.append((name, str(item).lower() if isinstance(item, bool) else str(item)))
    whole = all(text.isprintable() and text.isascii() for field in fields for text in field)
    return fields if whole else None


# ---------------------------------------------------------------------------------------- responses

lines = {}  # the function's log lines, by request ID
moto_failed = set()  # IDs of requests during which moto answered 5xx


def is_json(entry):
    return entry.startswith("{")


@schemathesis.hook
def after_call(context, case, response):
    lines.update((line["request_id"], line) for line in map(json.loads, filter(is_json, function_log.new())))
    line = line_of(response)
    if any(re.search(r'" 5\d\d ', entry) for entry in moto_log.new()) and line:
        moto_failed.add(line["request_id"])
    if line and line["status"] == 200 and (account := line.get("account")) in ("all", run_local.SANDBOX):
        sent("all accounts" if account == "all" else "another account")
    if line and line.get("action") == "TerminateInstances" and line["status"] < 300:
        Instance.identifier = None


def line_of(response):
    """Returns the function's log line of a request; None if the function was not called."""
    (identifier,) = response.headers.get("x-request-id", [None])
    return lines.get(identifier)


def by_the_gateway(failure, case, response):
    """cargo-lambda rejects requests that are not UTF-8; API Gateway passes them on (limits.md)."""
    return not line_of(response) and response.json().get("type", "").startswith("https://httpstatuses.com/")


def by_moto(failure, case, response):
    """moto answered 5xx, and the function 502, 503 or 504, in /v1 408, as documented."""
    line = line_of(response)
    failed = line and line["request_id"] in moto_failed and (line["status"] > 500 or line["status"] == 408)
    return isinstance(failure, (ServerError, RejectedPositiveData)) and failed


def by_aws(failure, case, response):
    """AWS has rejected the request, by a rule that the schema cannot express."""
    line = line_of(response)
    return isinstance(failure, RejectedPositiveData) and line and "aws_request_id" in line


# Rules about two parameters, or about the configuration, which the schema does not express.
RULES = {
    "bucket must begin with demo-",
    "min_count must not be more than max_count",
    "MaxCount must not be less than MinCount",
    "region must be that of placement",
    "can't be given where region_name is all",
    "value must be ",  # which depends on `attribute`
    "value has a control character",  # `value` may be text, a boolean or a list
    "value is required",
    "instance_id or tag:KEY is required",
    "instance_id and tag:KEY can't be given together",
    "is an empty list",
    "can be given only where instances are given by tag:KEY",
    "expect is required where instances are terminated by tag:KEY",
    "stop_after and terminate_after can't be given together",
    "stop_after can't be given",  # with spot instances
    "under the same Idempotency-Key",  # with another end
    "until must be ",  # in the next 30 days
    "start or stop, reboot or terminate is required",
    "must not be a time that has passed",
    "must not have passed",
    "must not be before start_date",
    "must not be given with at(...)",
    "applies to times such as 08:00 only",
    "has no effect on the actions of this schedule",
    "name must be the name in the path",
    "action must be an action of the schedule",
    "timezone must be ",  # of the IANA database
    "skip must ",  # of the calendar
    "must be a date",
    "must be a time that exists",
    "in cron(...)",
    "of cron(...)",
    "such as rate(5 minutes)",
}


def by_a_rule(failure, case, response):
    """The response names such a rule."""
    return isinstance(failure, RejectedPositiveData) and any(rule in response.text for rule in RULES)


def given(case):
    """Returns the parameters of a request's query and body."""
    return [item for part in (case.query, case.body) if isinstance(part, dict) for item in part.items()]


def not_given(failure, case, response):
    """An empty or null parameter, or white space only, counts as absent, as documented."""
    absent = any(value is None or (isinstance(value, str) and not value.strip()) for _, value in given(case))
    return isinstance(failure, AcceptedNegativeData) and absent


def given_twice(failure, case, response):
    """Duplicates in a list count once."""
    repeated = any(isinstance(value, list) and len({*map(str, value)}) < len(value) for _, value in given(case))
    return isinstance(failure, AcceptedNegativeData) and "maxItems" in failure.message and repeated


def unknown(failure, case, response):
    """Documents ignore parameters, /instance those of a body, and every route _names."""
    public = case.operation.definition.raw.get("security") == []
    exempt = any(name.startswith("_") for name, _ in given(case))
    ignored = public or exempt or case.path.startswith("/instance")
    unexpected = "object with unexpected properties" in failure.message
    return isinstance(failure, AcceptedNegativeData) and unexpected and ignored


def passed_over(failure, case, response):
    """/instance passes over a body that is no object, as documented."""
    no_object = case.path.startswith("/instance") and not isinstance(case.body, dict)
    return isinstance(failure, AcceptedNegativeData) and no_object


def given_as_text(failure, case, response):
    """A list, a number or a boolean may be given as a string, as documented."""
    schemas = case.operation.schema.raw_schema["components"]["schemas"]
    names = {
        name
        for schema in schemas.values()
        for name, member in schema.get("properties", {}).items()
        if member.get("type") in ("array", "integer", "boolean")
    }
    query = case.query if isinstance(case.query, dict) else {}  # where 1 and "1" are the same
    as_text = any(name in names and (isinstance(value, str) or name in query) for name, value in given(case))
    return isinstance(failure, AcceptedNegativeData) and "ncorrect type" in failure.message and as_text


def not_as_described(failure, case, response):
    """schemathesis sometimes draws an object key that does not match the documented pattern."""
    members = case.operation.schema.raw_schema["paths"][case.path]
    patterns = {member["name"]: member["schema"].get("pattern", "") for member in members.get("parameters", [])}
    matches = (re.search(patterns.get(name, ""), unquote(str(value))) for name, value in case.path_parameters.items())
    return isinstance(failure, RejectedPositiveData) and not all(matches)


REASONS = (
    by_the_gateway, by_moto, by_aws, by_a_rule, not_given, given_twice, unknown, passed_over, given_as_text,
    not_as_described,
)  # fmt: skip


@schemathesis.hook
def filter_failure(context, failure, case, response):
    return not any(reason(failure, case, response) for reason in REASONS)


@schemathesis.check
def only_open_routes_answer_without_a_key(ctx, response, case):
    """Without a key the response is 401, whatever else is wrong with the request."""
    line = line_of(response)
    if WITH_KEY or not line or "route" not in line:
        return
    security = case.operation.definition.raw.get("security", case.operation.schema.raw_schema["security"])
    assert response.status_code == 401 or not security, f"{response.status_code} without a key"
