"""An ordinary Python function behind a load balancer."""
import json
import platform


def handler(event, context):
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"message": "Hello from Python", "path": event["path"], "python": platform.python_version()}),
    }
