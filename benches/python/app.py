"""The Python contender of `make bench`: python-boto3-api for Lambda, by Flask and boto3.

Faster than the original: it has the role's credentials, and keeps its clients.
"""

import os
from functools import cache

import boto3
from apig_wsgi import make_lambda_handler
from flask import Flask, jsonify, request

UBUNTU = "resolve:ssm:/aws/service/canonical/ubuntu/server/26.04/stable/current/amd64/hvm/ebs-gp3/ami-id"

app = Flask(__name__)
app.json.sort_keys = False


@cache
def client(region):
    return boto3.client("ec2", region_name=region)


def ec2():
    return client(request.values["region_name"])


@app.get("/ec2/list")
def list_instances():
    rows = []
    for page in ec2().get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 1000}):
        rows += [row(instance) for reservation in page["Reservations"] for instance in reservation["Instances"]]
    return jsonify(rows)


def row(instance):
    return {
        "id": instance["InstanceId"],
        "instance-type": instance["InstanceType"],
        "instance-state": instance["State"]["Name"],
        "private-ip": instance.get("PrivateIpAddress"),
        "key-name": instance.get("KeyName"),
        "image-id": instance["ImageId"],
        "vpc-id": instance.get("VpcId"),
        "subnet-id": instance.get("SubnetId"),
        "security-group-ids": instance["SecurityGroups"],
    }


@app.post("/ec2/create")
def create():
    launched = ec2().run_instances(
        ImageId=UBUNTU,
        InstanceType="t3.micro",
        KeyName=request.values["KeyName"],
        SecurityGroupIds=[request.values["SecurityGroupId"]],
        MinCount=1,
        MaxCount=1,
    )
    return jsonify(launched["Instances"][0])


@app.post("/ec2/start")
def start():
    return jsonify(ec2().start_instances(InstanceIds=[request.values["instance_id"]])["StartingInstances"][0])


@app.post("/ec2/stop")
def stop():
    return jsonify(ec2().stop_instances(InstanceIds=[request.values["instance_id"]])["StoppingInstances"][0])


@app.post("/ec2/terminate")
def terminate():
    return jsonify(ec2().terminate_instances(InstanceIds=[request.values["instance_id"]])["TerminatingInstances"][0])


client(os.environ["AWS_REGION"])  # before the first request, as AWS recommends
handler = make_lambda_handler(app)
