"""Starts router: settings, bus, providers; and drains it before it ends."""

import asyncio
import os
import sys
import time
from random import Random

import structlog

from services.router.choice.health import Health
from services.router.choice.plan import Groups
from services.router.complete import Completer
from services.router.endpoints import Endpoints
from services.router.objects.at_provider import AtProvider
from services.router.objects.batch_watch import BatchWatch
from services.router.objects.settle import Settler
from services.router.objects.stored import StoredResponses
from services.router.outcome import no_adapter
from services.router.providers.registry import load_providers
from services.router.realtime.sessions import Sessions
from services.router.settings import RouterSettings
from services.router.transport.transports import Transports
from services.router.tries import Tries
from shared.bus import Bus, Outbox, prepare_streams
from shared.config import Config, load_config
from shared.heartbeat import beat
from shared.interrupted import Interrupted
from shared.observe import run_service, set_up_logging
from shared.price_refresh import FETCH_S, keep_prices_fresh
from shared.prices import PriceBook, snapshots
from shared.serving.fallbacks import context_fallbacks_of, fallbacks_of, policy_fallbacks_of
from shared.serving.model_groups import ModelGroups, model_groups_of
from shared.serving.pass_through import PREFIX, pass_through_deployments

log = structlog.get_logger()


async def work(stopping: asyncio.Event, settings: RouterSettings) -> int:
    config = load_config(settings.config, os.environ)
    snapshots.load()
    environ = {**os.environ, **_variables(config)}
    providers = load_providers(environ)
    models = model_groups_of(config, pass_through_deployments(config))
    for deployment in models:
        passing = deployment.group.startswith(PREFIX)
        if deployment.provider not in providers and deployment.provider != "*" and not passing:
            log.warning(f"calls of '{deployment.group}' will fail: {no_adapter(deployment).message}")
    calls = Transports(environ)
    bus = await Bus.connect(settings.nats_url, name="router")
    await prepare_streams(bus, replicas=settings.stream_replicas)
    outbox = Outbox(bus)
    router = config.router_settings
    prices = PriceBook()
    for deployment in models:  # the first look into the catalogue takes 30 ms, which no request has to wait for
        prices.row_for(deployment.id, deployment.provider, deployment.priced_as, own=deployment.prices, now=time.time())
    async with calls as transports:
        own = config.general_settings.meterhouse
        sessions = Sessions(bus, transports, models, silence_s=own.admission_timeout_s)
        await sessions.start()
        groups = _groups(config, models)
        tries = Tries(
            bus,
            transports,
            sessions,
            providers,
            groups,
            Health(allowed_fails=router.allowed_fails, cooldown_s=router.cooldown_time),
            prices,
            timeout_s=router.timeout,
            stream_timeout_s=router.stream_timeout,
            drop_params=config.litellm_settings.drop_params,
            chance=Random(),
        )
        completer = Completer(
            bus,
            outbox,
            tries,
            StoredResponses(bus, transports, providers, groups.deployments),
            sessions,
            prices,
            cost_in_streams=config.litellm_settings.include_cost_in_streaming_usage,
        )
        interrupted = Interrupted(
            own.interrupted_stream or own.client_disconnect,
            own.interrupted_stream_cap_s,
            own.interrupted_stream_cap_tokens,
        )
        endpoints = Endpoints(bus, completer, interrupted=interrupted)
        await endpoints.start()
        at_provider = AtProvider(transports, providers)
        batches = BatchWatch(
            bus,
            outbox,
            groups,
            at_provider,
            Settler(bus, outbox, prices, at_provider),
            poll_s=own.batch_poll_s,
        )
        await batches.start()
        loop = asyncio.get_running_loop()
        background = [
            loop.create_task(batches.run()),
            loop.create_task(beat(bus, "router", mismatches=completer.mismatches, overruns=completer.overruns)),
            loop.create_task(endpoints.report()),
        ]
        if own.price_refresh_s is not None:
            # Later than policy: what was held for by the old prices is by then settled.
            refresh = keep_prices_fresh(
                own.price_refresh_url, own.price_refresh_s, apply_after_s=own.request_timeout_s + FETCH_S
            )
            background.append(loop.create_task(refresh))
        log.info("router is running", process=bus.process)
        await stopping.wait()
        await endpoints.drain(settings.drain_s)
        for task in background:
            task.cancel()
    unstored = await outbox.drain(5.0)
    if unstored:
        log.error("facts were not stored before the end", facts=unstored)
    await bus.close()
    return 0


def _groups(config: Config, models: ModelGroups) -> Groups:
    router = config.router_settings
    return Groups(
        models,
        fallbacks_of(config, models),
        context_fallbacks_of(config, models),
        policy_fallbacks_of(config, models),
        router.routing_strategy != "ordered",
        router.num_retries,
        router.retry_after,
    )


def _variables(config: Config) -> dict[str, str]:
    return {name: value for name, value in config.environment_variables.items() if isinstance(value, str)}


def main() -> int:
    settings = RouterSettings()
    set_up_logging("router", level=settings.log_level, as_json=settings.log_json)
    return run_service(lambda stopping: work(stopping, settings))


if __name__ == "__main__":
    sys.exit(main())
