"""Starts edge: settings, bus, view of keys, application, HTTP server; and drains it before it ends."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

import structlog
import uvicorn

from services.edge.admin.own_view import seen_in
from services.edge.app import build_app
from services.edge.calls.door import Door
from services.edge.calls.journey import Journey
from services.edge.calls.pass_through import PassThrough
from services.edge.calls.table import Table
from services.edge.exchange import Exchanges
from services.edge.http.front import Front
from services.edge.http.http_protocol import Protocol
from services.edge.http.listener import listen
from services.edge.http.request_headers import END_USER_HEADERS
from services.edge.identify import Identities
from services.edge.metrics import Metrics
from services.edge.model_details.model_facts import ModelFacts
from services.edge.model_details.model_names import ModelNames
from services.edge.objects.paths import ObjectPaths
from services.edge.objects.reach import NamedObjects
from services.edge.objects.requests import ObjectRequests
from services.edge.objects.upload import MB, FileLimits
from services.edge.realtime.journey import RealtimeJourney
from services.edge.realtime.refusal_log import leave_out_refusals
from services.edge.realtime.secret import Secrets
from services.edge.settings import EdgeSettings
from shared import subjects
from shared.bus import Bus, KvView, Outbox, prepare_streams
from shared.config import Config, load_config
from shared.config.sections.general_settings import GeneralSettings
from shared.heartbeat import Pulse
from shared.identity.holder_access import HolderAccess
from shared.identity.holders import Holder, decode_holder
from shared.identity.keys import decode_key
from shared.observe import run_service, set_up_logging
from shared.payloads.bodies import BodyHolder
from shared.price_refresh import keep_prices_fresh
from shared.realtime import MESSAGE_MAX_BYTES
from shared.serving.deployments import access_groups_of
from shared.serving.model_groups import model_groups_of
from shared.serving.pass_through import pass_through_deployments

log = structlog.get_logger()

KEEP_ALIVE_S = 75


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process has one place that is told to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def work(stopping: asyncio.Event, settings: EdgeSettings) -> int:
    config = load_config(settings.config, os.environ)
    general, own = config.general_settings, config.general_settings.meterhouse
    master_key = general.master_key or settings.master_key
    if not master_key:
        log.error("no master key: set general_settings.master_key or METERHOUSE_MASTER_KEY")
        return 2
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        log.error(f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}")
        return 1
    bus = await Bus.connect(settings.nats_url, name="edge")
    await prepare_streams(bus, replicas=settings.stream_replicas)
    keys = KvView(bus, subjects.KEYS_BUCKET, decode_key)
    await keys.start()
    holders = KvView(bus, subjects.HOLDERS_BUCKET, decode_holder)
    await holders.start()
    outbox = Outbox(bus)
    pulse = Pulse(bus)
    await pulse.start()
    metrics = Metrics(outbox, pulse.mismatches, pulse.overruns, policies=pulse.policies)
    bodies = BodyHolder(bus)
    await bodies.start()
    exchanges = Exchanges(bus, pulse, silence_s=own.admission_timeout_s)
    await exchanges.start()
    identities = Identities(keys.entries, master_key, time.time)
    names = _names(config, holders.entries)
    holders.on_change(names.access.changed)
    end_user_headers = (*END_USER_HEADERS, *(name.lower().encode() for name in general.end_user_headers()))
    key_header = general.litellm_key_header_name.lower().encode() if general.litellm_key_header_name else None
    table = Table()
    body_limit = int(general.max_request_size_mb * MB)
    providers = _pass_through_providers(config)
    named = NamedObjects(bus, model_groups_of(config, pass_through_deployments(config)))
    door = Door(bus, outbox, bodies, names, partitions=own.partitions)
    journey = Journey(
        bus,
        door,
        exchanges,
        bodies,
        identities,
        names,
        metrics,
        named,
        body_limit=body_limit,
        timeout_s=own.request_timeout_s,
        key_header=key_header,
        end_user_headers=end_user_headers,
    )
    secrets = Secrets(master_key)
    realtime = RealtimeJourney(
        bus,
        door,
        exchanges,
        identities,
        secrets,
        names,
        metrics,
        key_header=key_header,
        end_user_headers=end_user_headers,
    )
    app = build_app(
        bus,
        pulse,
        identities,
        names,
        ModelFacts(config),
        metrics,
        endpoints=table.endpoints,
        wait_until_seen=seen_in(keys),
        wait_until_holder_seen=seen_in(holders),
        secrets=secrets,
        key_header=key_header,
        max_budget_usd=config.litellm_settings.max_budget or 0.0,
        team_keys_count_for_users=config.general_settings.apply_user_budget_to_team_keys,
        new_user_terms=config.litellm_settings.default_internal_user_params,
        version=version("meterhouse"),
    )
    leave_out_refusals()
    server = _Server(
        uvicorn.Config(
            Front(
                journey,
                table,
                PassThrough(providers),
                app,
                realtime=realtime,
                object_paths=ObjectPaths(providers),
                objects=ObjectRequests(bus, names, table, providers, named, _file_limits(general), body_limit),
            ),
            loop="none",
            http=Protocol,
            ws="websockets-sansio",
            ws_max_size=MESSAGE_MAX_BYTES,
            ws_per_message_deflate=False,  # sound hardly gets smaller, and what does not is most of it
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(settings.drain_s),
        )
    )
    async with asyncio.TaskGroup() as tasks:
        sweep = tasks.create_task(exchanges.sweep())
        refresh: asyncio.Task[None] | None = None
        if own.price_refresh_s is not None:  # for what is told of models and their costs
            refresh = tasks.create_task(keep_prices_fresh(own.price_refresh_url, own.price_refresh_s))
        serving = tasks.create_task(server.serve([listener]))
        log.info("edge is listening", host=settings.host, port=settings.port)
        stopped = tasks.create_task(stopping.wait())
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving
        stopped.cancel()
        sweep.cancel()
        if refresh is not None:
            refresh.cancel()
    unstored = await outbox.drain(5.0)
    if unstored:
        log.error("facts were not stored before the end", facts=unstored)
    await holders.stop()
    await keys.stop()
    await bus.close()
    return 0


def _pass_through_providers(config: Config) -> frozenset[str]:
    return frozenset(deployment.provider for deployment in pass_through_deployments(config))


def _file_limits(general: GeneralSettings) -> FileLimits:
    return FileLimits(
        int(general.max_file_size_mb * MB), int(general.max_batch_file_size_mb * MB), general.max_batch_file_records
    )


def _names(config: Config, holders: Mapping[str, Holder]) -> ModelNames:
    aliases = config.router_settings.model_group_alias
    return ModelNames(
        model_groups_of(config),
        {name: alias.model for name, alias in aliases.items()},
        {name for name, alias in aliases.items() if alias.hidden},
        HolderAccess(holders, access_groups_of(config)),
    )


def main() -> int:
    settings = EdgeSettings()
    set_up_logging("edge", level=settings.log_level, as_json=settings.log_json)
    return run_service(lambda stopping: work(stopping, settings))


if __name__ == "__main__":
    sys.exit(main())
