import os

from mangum import Mangum
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

base = f"/{os.environ['AWS_LAMBDA_FUNCTION_NAME']}"


async def root(request):
    response = JSONResponse({"framework": "starlette", "query": dict(request.query_params)})
    response.set_cookie("a", "1")
    return response


async def echo(request):
    return JSONResponse({"received": await request.json()}, 201)


async def binary(request):
    return Response(bytes([137, 80, 78, 71, 0, 255]), media_type="image/png")


async def moved(request):
    return RedirectResponse(base, 302)


async def throws(request):
    raise RuntimeError("on purpose")


handler = Mangum(
    Starlette(
        routes=[
            Route(base, root),
            Route(f"{base}/echo", echo, methods=["POST"]),
            Route(f"{base}/binary", binary),
            Route(f"{base}/moved", moved),
            Route(f"{base}/throws", throws),
        ]
    ),
    lifespan="off",
)
