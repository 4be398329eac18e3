import os

from apig_wsgi import make_lambda_handler
from flask import Flask, Response, redirect, request

app = Flask(__name__)
base = f"/{os.environ['AWS_LAMBDA_FUNCTION_NAME']}"


@app.get(base)
def root():
    response = app.json.response({"framework": "flask", "query": request.args.to_dict()})
    response.set_cookie("a", "1")
    return response


@app.post(f"{base}/echo")
def echo():
    return {"received": request.get_json()}, 201


@app.get(f"{base}/binary")
def binary():
    return Response(bytes([137, 80, 78, 71, 0, 255]), mimetype="image/png")


@app.get(f"{base}/moved")
def moved():
    return redirect(base, 302)


@app.get(f"{base}/throws")
def throws():
    raise RuntimeError("on purpose")


handler = make_lambda_handler(app, binary_support=True)
