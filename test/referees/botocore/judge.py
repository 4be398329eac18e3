"""Holds recorded answers of the local cloud against botocore's own service models: what the AWS CLI and boto3 know of AWS.

Reads exchanges as JSON lines on standard input, writes one JSON document: what every operation was seen to answer, and
every difference. An answer must parse, hold what is required, nothing that the model does not know, values of the right
type and of the enumerations; an error's code must be one of the operation's, or one that every AWS service may answer.
"""
import base64
import json
import re
import sys
import urllib.parse

import botocore.session
from botocore.parsers import create_parser
from botocore.validate import ParamValidator

# https://docs.aws.amazon.com/general/latest/gr/api-error-codes.html, and per service the "Common Errors" page of its reference.
COMMON_ERRORS = {
    "AccessDenied", "AccessDeniedException", "IncompleteSignature", "InternalFailure", "InvalidAction",
    "InvalidClientTokenId", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "MissingParameter",
    "InvalidParameterValue", "InvalidParameterCombination", "MalformedQueryString", "OptInRequired", "RequestExpired",
    "ServiceUnavailable", "ThrottlingException", "Throttling", "ValidationError", "ValidationException",
    "UnknownOperationException", "SerializationException", "InvalidInputException",
}
SERVICES = {
    "elasticloadbalancing": "elbv2",
    "tagging": "resourcegroupstaggingapi",
    "servicequotas": "service-quotas",
}

session = botocore.session.get_session()
models = {}


def service_of(exchange):
    scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", exchange["headers"].get("authorization", ""))
    name = scope.group(1) if scope else ""
    if name == "dynamodb" and exchange["headers"].get("x-amz-target", "").startswith("DynamoDBStreams"):
        name = "dynamodbstreams"
    name = SERVICES.get(name, name)
    if name not in models:
        models[name] = session.get_service_model(name)
    return name, models[name]


def operation_of(model, exchange):
    target = exchange["headers"].get("x-amz-target")
    if target:
        return model.operation_model(target.split(".")[-1])
    body = base64.b64decode(exchange["body"]).decode("utf8", "replace")
    if model.metadata["protocol"] in ("query", "ec2"):
        return model.operation_model(urllib.parse.parse_qs(body)["Action"][0])
    path = exchange["path"].split("?")[0]
    found = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        if operation.http["method"] != exchange["method"]:
            continue
        uri = operation.http["requestUri"].split("?")[0]
        pattern = re.sub(r"\\\{[^}]*\\\+\\\}", ".+", re.escape(uri))
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", pattern)
        if re.fullmatch(pattern, path):
            found.append((uri.count("{"), operation))
    return sorted(found, key=lambda one: one[0])[0][1]


def walk(shape, value, path, problems, strict):
    """What ParamValidator leaves out: members that the model does not know, and values outside of an enumeration."""
    if value is None or shape is None:
        return
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        for name, member in value.items():
            known = shape.members.get(name)
            if known is None:
                if strict and name not in ("ResponseMetadata", "__type"):
                    problems.append(f"{path}.{name}: the model knows no such member")
                continue
            walk(known, member, f"{path}.{name}", problems, strict)
    elif kind == "list" and isinstance(value, list):
        for member in value:
            walk(shape.member, member, f"{path}[]", problems, strict)
    elif kind == "map" and isinstance(value, dict):
        for member in value.values():
            walk(shape.value, member, f"{path}.*", problems, strict)
    elif kind == "string" and getattr(shape, "enum", None) and value not in shape.enum:
        problems.append(f"{path}: {value!r} is not one of {', '.join(shape.enum)}")


def judge(exchange):
    name, model = service_of(exchange)
    operation = operation_of(model, exchange)
    protocol = model.metadata["protocol"]
    body = base64.b64decode(exchange["answer"])
    status = exchange["status"]
    answer = {"status_code": status, "headers": exchange["answerHeaders"], "body": body}
    # A header is looked up in any case, as HTTP has it.
    from botocore.compat import HTTPHeaders
    headers = HTTPHeaders()
    for key, value in exchange["answerHeaders"].items():
        headers[key] = value
    answer["headers"] = headers
    problems = []
    shape = operation.output_shape
    if status < 300 and shape is not None and operation.has_streaming_output:
        answer["body"] = b""
    parsed = create_parser(protocol).parse(answer, shape)
    if status >= 300:
        code = parsed.get("Error", {}).get("Code", "")
        modelled = set()
        for error in operation.error_shapes:
            modelled.update({error.name, error.error_code})
        if code.split(":")[0] not in modelled | COMMON_ERRORS:
            problems.append(f"error {code}: not one of the operation's: {', '.join(sorted(m for m in modelled if m))}")
        return name, operation.name, code, problems
    if shape is not None:
        parsed.pop("ResponseMetadata", None)
        report = ParamValidator().validate(parsed, shape)
        if report.has_errors():
            problems.extend(report.generate_report().split("\n"))
        walk(shape, parsed, "", problems, False)
        payload = shape.serialization.get("payload")
        if protocol in ("json", "rest-json") and body and not payload and not operation.has_streaming_output:
            raw = json.loads(body)
            names = {m.serialization.get("name", key): m for key, m in shape.members.items()}
            for key, value in raw.items():
                if key in names:
                    walk(names[key], value, f".{key}", problems, True)
                else:
                    problems.append(f".{key}: the model knows no such member")
    return name, operation.name, "ok", problems


operations = {}
differences = []
for line in sys.stdin:
    exchange = json.loads(line)
    try:
        service, operation, outcome, problems = judge(exchange)
    except Exception as error:  # what botocore cannot read is a difference, too
        service, operation, outcome = "?", exchange["headers"].get("x-amz-target", exchange["path"]), "unreadable"
        problems = [f"{type(error).__name__}: {error}"]
    seen = operations.setdefault(f"{service} {operation}", {})
    seen[outcome] = seen.get(outcome, 0) + 1
    differences.extend(f"{service} {operation} ({outcome}): {problem}" for problem in problems)
print(json.dumps({"botocore": botocore.__version__, "operations": operations, "differences": sorted(set(differences))}))
