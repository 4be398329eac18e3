"""A Python runtime client for the stand-in base image, with the contract of AWS's own.

Loads the handler that _HANDLER names from LAMBDA_TASK_ROOT, asks AWS_LAMBDA_RUNTIME_API for work one invocation at a
time, and answers. With AWS_LAMBDA_MAX_CONCURRENCY it forks that many processes that each do so, as AWS's does. Standard
library only, Python 3.8 and later; runs on the machine's own python.
"""

import http.client
import importlib
import json
import logging
import os
import re
import sys
import time
import traceback
import uuid
from decimal import Decimal

BASE = "/2018-06-01/runtime"
USER_AGENT = "lambdacontainer-runtime-python/1 python/%d.%d.%d" % sys.version_info[:3]


class Fault(Exception):
    """A failure with an error type of Lambda's own."""

    def __init__(self, error_type, message, trace=None):
        super().__init__(message)
        self.error_type = error_type
        self.trace = trace or []


class RuntimeApi:
    """One keep-alive connection to the Runtime API; it waits in `next` without limit."""

    def __init__(self, address):
        self._connection = http.client.HTTPConnection(address)

    def call(self, method, path, body=None, headers=None):
        sent = {"User-Agent": USER_AGENT}
        sent.update(headers or {})
        self._connection.request(method, BASE + path, body, sent)
        answer = self._connection.getresponse()
        payload = answer.read()
        return answer.status, answer.headers, payload

    def post_error(self, path, error):
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Function-Error-Type": ascii_text(error["errorType"]),
        }
        self.call("POST", path, json.dumps(error).encode(), headers)


def ascii_text(text):
    return "".join(c if " " <= c <= "~" else "?" for c in text)


class _Fields:
    """An object with the given attributes, None where the mapping has nothing."""

    def __init__(self, names, mapping):
        for name in names:
            setattr(self, name, (mapping or {}).get(name))


class LambdaContext:
    """The handler's second argument."""

    def __init__(self, headers):
        client_context = _json_header(headers, "Lambda-Runtime-Client-Context")
        identity = _json_header(headers, "Lambda-Runtime-Cognito-Identity") or {}
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.client_context = None
        if client_context is not None:
            self.client_context = _Fields(("custom", "env", "client"), client_context)
            self.client_context.client = _Fields(
                ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"),
                self.client_context.client,
            )
        self.identity = _Fields((), None)
        self.identity.cognito_identity_id = identity.get("cognitoIdentityId")
        self.identity.cognito_identity_pool_id = identity.get("cognitoIdentityPoolId")
        self._deadline_ms = int(headers.get("Lambda-Runtime-Deadline-Ms", "0"))

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))


def _json_header(headers, name):
    text = headers.get(name)
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (name, error))


# ---------------------------------------------------------------------------------------------------------------- logs

_JSON_LOGS = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
_request_id = None


class _RequestIdFilter(logging.Filter):
    def filter(self, record):
        record.aws_request_id = _request_id or ""
        return True


class _JsonFormatter(logging.Formatter):
    def format(self, record):
        line = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": _request_id,
        }
        if record.exc_info:
            kind, value, trace = record.exc_info
            line["errorType"] = kind.__name__
            line["errorMessage"] = str(value)
            line["stackTrace"] = traceback.format_tb(trace)
        return json.dumps(line, default=str)


def set_up_logging():
    handler = logging.StreamHandler(sys.stdout)
    if _JSON_LOGS:
        handler.setFormatter(_JsonFormatter())
    else:
        layout = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
        formatter = logging.Formatter(layout, "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
    handler.addFilter(_RequestIdFilter())
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    if level:
        root.setLevel({"TRACE": "DEBUG", "FATAL": "CRITICAL"}.get(level, level))


def log_error(error):
    if _JSON_LOGS:
        line = dict(error, level="ERROR", timestamp=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        print(json.dumps(line), flush=True)
        return
    lines = ["[ERROR] %s: %s" % (error["errorType"], error["errorMessage"]), "Traceback (most recent call last):"]
    for entry in error["stackTrace"]:
        lines.extend(entry.splitlines())
    # A message is one line: Lambda keeps its line ends as carriage returns.
    print("\r".join(lines), flush=True)


# ------------------------------------------------------------------------------------------------------------- handler


def load_handler(name):
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': not enough values to unpack" % name)
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            "Runtime.BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module_name
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error))
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        raise Fault("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, error), trace)
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_name))


def format_error(request_id=""):
    """The exception being handled, as Lambda words it, without the frames of this file."""
    kind, value, trace = sys.exc_info()
    if isinstance(value, Fault):
        error_type, frames = value.error_type, value.trace
    else:
        error_type = kind.__name__
        entries = traceback.extract_tb(trace)
        own = [entry for entry in entries if entry.filename != __file__]
        frames = traceback.format_list(own or entries)
    return {"errorMessage": str(value), "errorType": error_type, "requestId": request_id, "stackTrace": frames}


# json writes numbers only of its own types; a Decimal keeps all its digits by passing through as a marked string.
_MARK = uuid.uuid4().hex
_MARKED = re.compile('"%s([^"]*)"' % _MARK)


def _encode_other(value):
    if isinstance(value, Decimal):
        return _MARK + str(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def encode(result):
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        text = json.dumps(result, default=_encode_other, ensure_ascii=sys.version_info < (3, 12))
    except Exception as error:
        raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error)
    if _MARK in text:
        text = _MARKED.sub(r"\1", text)
    return text.encode("utf-8"), "application/json"


def decode(payload):
    try:
        return json.loads(payload)
    except ValueError as error:
        raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)


def serve(api, handler):
    global _request_id
    while True:
        status, headers, payload = api.call("GET", "/invocation/next")
        if status != 200:
            raise ConnectionError("next: %s %s" % (status, payload.decode("utf-8", "replace")))
        request_id = _request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        trace_id = headers.get("Lambda-Runtime-Trace-Id")
        if trace_id:
            os.environ["_X_AMZN_TRACE_ID"] = trace_id
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        path = "/invocation/" + request_id
        try:
            answer, content_type = encode(handler(decode(payload), LambdaContext(headers)))
        except Exception:
            error = format_error(request_id)
            log_error(error)
            api.post_error(path + "/error", error)
        else:
            api.call("POST", path + "/response", answer, {"Content-Type": content_type})
        sys.stdout.flush()
        sys.stderr.flush()
        _request_id = None


def find_code():
    """Puts the function's own folder first, then its layers, as AWS's images do."""
    # The interpreter put this file's folder first; the function's modules must not be shadowed by what lies there.
    sys.path.pop(0)
    root = os.environ["LAMBDA_TASK_ROOT"]
    paths = [root]
    runtime_dir = os.environ.get("LAMBDA_RUNTIME_DIR")
    if runtime_dir:
        # With an unpacked image, /opt is beside the runtime's own folder.
        opt = os.path.join(os.path.abspath(os.path.join(runtime_dir, "..", "..")), "opt", "python")
        site = "lib/python%d.%d/site-packages" % sys.version_info[:2]
        paths += [opt, os.path.join(opt, site)]
    sys.path[:0] = paths


def main():
    for name in ("AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "_HANDLER"):
        if not os.environ.get(name):
            sys.exit("runtime: %s is not set" % name)
    sys.stdout.reconfigure(line_buffering=True)
    set_up_logging()
    find_code()
    concurrency = os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY")
    if concurrency is None:
        run()
    elif concurrency.isdigit() and int(concurrency) > 0:
        run_several(int(concurrency))
    else:
        sys.exit("runtime: AWS_LAMBDA_MAX_CONCURRENCY is '%s', not a whole number" % concurrency)


def run_several(count):
    """One process per invocation at once; ends when all of them have, which is when none can serve any more."""
    children = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            run()
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    sys.exit("runtime: none of the %d processes is left" % count)


def run():
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except Exception:
        error = format_error()
        log_error(error)
        api.post_error("/init/error", error)
        sys.exit(1)
    try:
        serve(api, handler)
    except (OSError, http.client.HTTPException) as error:
        sys.exit("runtime: the Runtime API at %s has gone: %s" % (os.environ["AWS_LAMBDA_RUNTIME_API"], error))


if __name__ == "__main__":
    main()
