"""Is the process alive, and is the gateway whole?"""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from shared.bus import Bus
from shared.heartbeat import Pulse

SERVICES = ("policy", "router", "ledger")


def missing_parts(bus: Bus, pulse: Pulse) -> list[str]:
    """Return what keeps the gateway from doing all of its work: "router: not running", "ledger: clickhouse"."""
    if not bus.connected:
        return ["nats: not connected"]
    return [f"{service}: {lack}" for service in SERVICES if (lack := pulse.lacks(service))]


def health_routes(bus: Bus, pulse: Pulse) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/health/liveliness", summary="The edge process is alive")
    @router.get("/health/liveness", include_in_schema=False)
    @router.get("/livez", include_in_schema=False)
    async def liveliness() -> str:
        return "I'm alive!"

    @router.get("/health/readiness", summary="Every part is there; 503 names what is missing")
    @router.get("/readyz", include_in_schema=False)
    async def readiness() -> JSONResponse:
        missing = missing_parts(bus, pulse)
        stored = not any(part.startswith(("ledger", "nats")) for part in missing)
        body: dict[str, Any] = {
            "status": "unhealthy" if missing else "healthy",
            "db": "connected" if stored else "Not connected",
            "missing": missing,
        }
        return JSONResponse(body, 503 if missing else 200)

    return router
