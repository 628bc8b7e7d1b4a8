#!/usr/bin/env python3
"""EventBridge Scheduler's clock for `make run`, over the schedules that moto keeps but never fires.

At each minute it lists the schedules of the group, and invokes the second function with the message
of those that are due, as Scheduler does. aws-croniter reads cron expressions as AWS has them. There
are no retries: a failure is in the log at once.
"""

import argparse
import datetime
import json
import re
import sys
import time
import urllib.error
import urllib.request
from zoneinfo import ZoneInfo

import boto3
from aws_croniter import AwsCroniter
from run_local import REGION, SCHEDULE_GROUP

UTC = datetime.timezone.utc
MINUTE = datetime.timedelta(minutes=1)
# The text that Scheduler replaces in a message.
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"


def due_time(schedule, minute):
    """The time that is due at this minute of UTC, if one is, of a schedule of GetSchedule."""
    first, last = schedule.get("StartDate"), schedule.get("EndDate")
    if schedule["State"] != "ENABLED" or (first and minute < first) or (last and minute > last):
        return None
    kind, _, argument = schedule["ScheduleExpression"].rstrip(")").partition("(")
    zone = ZoneInfo(schedule.get("ScheduleExpressionTimezone") or "UTC")
    if kind == "rate":
        value, unit = re.fullmatch(r"(\d+) (minute|hour|day)s?", argument).groups()
        period = datetime.timedelta(**{f"{unit}s": int(value)})
        elapsed = minute - (first or schedule["CreationDate"]).replace(second=0, microsecond=0)
        is_due = elapsed % period == datetime.timedelta(0) and (elapsed > datetime.timedelta(0) or first is not None)
        return minute if is_due else None
    if kind == "at":
        # A time that clocks skip is as much later as they are set forward.
        planned = datetime.datetime.fromisoformat(argument).replace(tzinfo=zone).astimezone(UTC)
        return planned if minute - MINUTE < planned <= minute else None
    local = minute.astimezone(zone)
    if local.fold:
        return None  # an hour that clocks repeat counts once
    # The library computes in UTC: it gets the local time as if it were that.
    local = local.replace(tzinfo=UTC)
    return minute if AwsCroniter(argument).get_next(local - MINUTE, n=1)[:1] == [local] else None


def fire_due(scheduler, url, minute, log):
    """Fires every schedule of the group that is due at this minute."""
    pages = scheduler.get_paginator("list_schedules").paginate(GroupName=SCHEDULE_GROUP)
    for name in [listed["Name"] for page in pages for listed in page["Schedules"]]:
        try:
            schedule = scheduler.get_schedule(GroupName=SCHEDULE_GROUP, Name=name)
            planned = due_time(schedule, minute)
            if planned is None:
                continue
        except scheduler.exceptions.ResourceNotFoundException:
            continue  # deleted in between
        except Exception as error:  # moto takes every expression
            log("ERROR", f"{name}: {error!r}")
            continue
        message = schedule["Target"]["Input"].replace(SCHEDULED_TIME, planned.strftime("%Y-%m-%dT%H:%M:%SZ"))
        try:
            urllib.request.urlopen(urllib.request.Request(url, message.encode(), method="POST"), timeout=330).close()
            log("INFO", f"{name} has fired")
        except urllib.error.HTTPError as error:
            log("ERROR", f"{name} has failed: {error.read().decode(errors='replace')}")
        except OSError as error:
            log("ERROR", f"{name}: the second function does not answer: {error}")


def print_line(level, message):
    now = datetime.datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    print(json.dumps({"timestamp": now, "level": level, "service": "clock", "message": message}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--invoke", required=True, help="URL that invokes the second function")
    parser.add_argument("--endpoint", required=True, help="URL of the emulator")
    options = parser.parse_args()
    scheduler = boto3.client("scheduler", region_name=REGION, endpoint_url=options.endpoint)
    done = datetime.datetime.now(UTC).replace(second=0, microsecond=0)
    while True:
        minute = done + MINUTE
        time.sleep(max(0, (minute - datetime.datetime.now(UTC)).total_seconds()))
        fire_due(scheduler, options.invoke, minute, print_line)
        done = minute


if __name__ == "__main__":
    sys.exit(main())
