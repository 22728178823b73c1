"""Everything but the hot routes: admin, models, health, metrics, documentation; on FastAPI."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from swagger_ui_bundle import swagger_ui_path

from services.edge.admin.authority import Actor
from services.edge.admin.ledger import Ledger
from services.edge.admin.routes import management_routes
from services.edge.admin.spend import spend_routes
from services.edge.calls.endpoint import Endpoint
from services.edge.health import health_routes
from services.edge.http.error_dialects import openai_error
from services.edge.http.error_response import error_body, error_headers
from services.edge.http.nowhere import dialect_of, nowhere
from services.edge.http.openapi import add_endpoints
from services.edge.identify import Identities, key_id, key_in
from services.edge.metrics import Metrics
from services.edge.model_details.cost_routes import cost_routes
from services.edge.model_details.model_facts import ModelFacts
from services.edge.model_details.model_info import model_info_routes
from services.edge.model_details.model_list import model_routes
from services.edge.model_details.model_names import ModelNames
from services.edge.model_details.token_counter import token_counter_routes
from services.edge.objects.paths import ENDPOINTS as OBJECTS
from services.edge.realtime.client_secrets import client_secret_routes
from services.edge.realtime.secret import Secrets
from shared.bus import Bus
from shared.errors import GatewayError
from shared.heartbeat import Pulse
from shared.identity.access import refusal_of_key
from shared.identity.keys import Key, entry_names

WaitUntilSeen = Callable[[str, int], Awaitable[None]]


def build_app(
    bus: Bus,
    pulse: Pulse,
    identities: Identities,
    names: ModelNames,
    facts: ModelFacts,
    metrics: Metrics,
    *,
    endpoints: Iterable[Endpoint],
    wait_until_seen: WaitUntilSeen,
    wait_until_holder_seen: WaitUntilSeen,
    secrets: Secrets,
    key_header: bytes | None,
    max_budget_usd: float,
    team_keys_count_for_users: bool = False,
    new_user_terms: Mapping[str, Any] | None = None,
    version: str,
) -> FastAPI:
    """Return the application. `wait_until_seen(token, version)` waits for this edge to know a changed key, the other
    one for a changed holder, by the name of its entry. `max_budget_usd` is the global budget, 0 where there is none.
    """
    app = FastAPI(title="Meterhouse", version=version, docs_url=None, redoc_url=None)

    def key_of(headers: Mapping[bytes, bytes], route: str) -> Key | None:
        key = identities.of(key_in(headers, key_header))
        refusal = refusal_of_key(key, route=route, now=time.time()) if key else None
        refusal = refusal or names.access.refusal(key, "")
        if refusal is not None:
            raise refusal
        return key

    def identify(headers: Mapping[str, str]) -> Actor:
        key = key_of({name.lower().encode(): value.encode("latin-1") for name, value in headers.items()}, "/key/info")
        if key is None:
            return Actor(key_id(key), is_admin=True, user_id="default_user_id")
        role = names.access.role_of(key)
        secrets = entry_names(key)[1:]
        return Actor(key.token, role == "proxy_admin", key.user_id or "", key.team_id or "", role or "unknown", secrets)

    @app.exception_handler(GatewayError)
    async def failed(request: Request, failure: Exception) -> Response:
        assert isinstance(failure, GatewayError)
        headers = {name.decode(): value.decode() for name, value in error_headers(failure)}
        body = error_body(failure, dialect_of(request.url.path, request.headers))
        return Response(body, failure.status, headers, media_type="application/json")

    @app.exception_handler(HTTPException)
    async def refused(request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, HTTPException)
        path = request.url.path
        if refusal.status_code == 404:
            failure: GatewayError = nowhere(request.method, path)
        else:
            message = f"{request.method} {path}: {refusal.detail}"
            failure = GatewayError(message, status=refusal.status_code, type="invalid_request_error")
        body = error_body(failure, dialect_of(path, request.headers))
        return Response(body, failure.status, refusal.headers, media_type="application/json")

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse(openai_error(GatewayError(f"the gateway failed: {type(error).__name__}")), 500)

    app.include_router(health_routes(bus, pulse))
    app.include_router(client_secret_routes(secrets, names, key_of))
    app.include_router(model_routes(names, facts, key_of))
    app.include_router(model_info_routes(facts, names, key_of))
    app.include_router(token_counter_routes(facts, names, key_of))
    app.include_router(cost_routes(facts, names, key_of))
    ledger = Ledger(bus, pulse)
    for routes in management_routes(
        bus,
        ledger,
        identify,
        wait_until_seen,
        wait_until_holder_seen,
        teams_count=team_keys_count_for_users,
        user_terms=new_user_terms,
    ):
        app.include_router(routes)
    app.include_router(spend_routes(bus, ledger, identify, max_budget_usd=max_budget_usd, token=identities.token))

    @app.get("/metrics/", tags=["health"], summary="Prometheus metrics; needs a key")
    async def read_metrics(request: Request) -> Response:
        key_of(dict(request.scope["headers"]), "/metrics/")
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/metrics", include_in_schema=False)
    async def metrics_slash() -> RedirectResponse:
        return RedirectResponse("/metrics/", 307)

    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("/docs", 307)

    app.mount("/docs/assets", StaticFiles(directory=swagger_ui_path))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Meterhouse API",
            swagger_js_url="/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/docs/assets/swagger-ui.css",
            swagger_favicon_url="/docs/assets/favicon-32x32.png",
        )

    add_endpoints(app, (*endpoints, *OBJECTS.values()))
    return app
