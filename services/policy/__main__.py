"""Starts policy: settings, bus, keys, control plane, partitions; and ends it in the reverse order."""

import asyncio
import os
import sys
from pathlib import Path

import structlog

from services.policy.admit import Admission
from services.policy.asking import Asking
from services.policy.budgets.ceilings import Ceilings
from services.policy.budgets.configured import tree_rules_of
from services.policy.budgets.tree import BudgetTree
from services.policy.control.endpoints import serve_control
from services.policy.control.plane import ControlPlane
from services.policy.control.projection.projector import Projector
from services.policy.examine import Examiner
from services.policy.guardrails import Chain
from services.policy.hooks.notifier import Notifier
from services.policy.hooks.targets import hooks_of
from services.policy.in_progress import InProgress
from services.policy.limits.configured import limit_rules_of
from services.policy.limits.tree import LimitTree
from services.policy.partitions.journal.layout import check_layout
from services.policy.partitions.owning.open_partitions import OpenPartitions
from services.policy.partitions.owning.owner import Owner
from services.policy.partitions.owning.ownership import Leases
from services.policy.partitions.settlements import Settlements
from services.policy.replies import Replies
from services.policy.reserve import Reserve, Rules
from services.policy.settings import PolicySettings
from services.policy.thresholds.terms import Directory
from services.policy.thresholds.told import decode_told
from services.policy.thresholds.watch import ThresholdWatch
from services.policy.windows.keeper import WindowKeeper
from shared import subjects
from shared.bus import Bus, KvView, Outbox, prepare_streams
from shared.config import load_config
from shared.heartbeat import beat
from shared.identity.holder_access import HolderAccess
from shared.identity.holders import decode_holder
from shared.identity.keys import decode_key
from shared.observe import run_service, set_up_logging
from shared.payloads.bodies import BodyHolder
from shared.price_refresh import keep_prices_fresh
from shared.prices import snapshots
from shared.serving.deployments import access_groups_of
from shared.serving.fallbacks import context_fallbacks_of, fallbacks_of, policy_fallbacks_of
from shared.serving.model_groups import model_groups_of
from shared.serving.pass_through import pass_through_deployments

log = structlog.get_logger()


async def work(stopping: asyncio.Event, settings: PolicySettings) -> int:
    config = load_config(settings.config, os.environ)
    snapshots.load()
    own = config.general_settings.meterhouse
    chain = Chain.build(config.guardrails, base_dir=settings.config.parent if settings.config else Path())
    for warning in chain.warnings:
        log.warning(warning)
    bus = await Bus.connect(settings.nats_url, name="policy")
    await prepare_streams(bus, replicas=settings.stream_replicas)
    await check_layout(bus, own.partitions)
    outbox = Outbox(bus)
    keys = KvView(bus, subjects.KEYS_BUCKET, decode_key)
    await keys.start()
    holders = KvView(bus, subjects.HOLDERS_BUCKET, decode_holder)
    await holders.start()
    control = ControlPlane(bus, config, keys, holders)
    projector = Projector(bus, outbox)
    await serve_control(bus, control)
    tree = BudgetTree(holders.entries, tree_rules_of(config))
    holders.on_change(tree.changed)
    limits = LimitTree(holders.entries, limit_rules_of(config))
    holders.on_change(limits.changed)
    models = model_groups_of(config, pass_through_deployments(config))
    ceilings = Ceilings(
        models,
        fallbacks_of(config, models),
        context_fallbacks_of(config, models),
        own.default_max_output_tokens,
        policy_fallbacks_of(config, models),
    )
    access = HolderAccess(holders.entries, access_groups_of(config))
    holders.on_change(access.changed)
    partitions = OpenPartitions()
    bodies, replies = BodyHolder(bus), Replies(bus, outbox)
    in_progress = InProgress(replies, bodies)
    reserve = Reserve(
        bus,
        asking=Asking(
            keys.entries,
            access,
            tree,
            limits,
            ceilings,
            hold_grace_ms=int(own.hold_grace_s * 1000),
            batch_hold_ms=int(own.batch_hold_s * 1000),
        ),
        partitions=partitions,
        ceilings=ceilings,
        rules=Rules(
            own.allow_unpriced_models_on_budgets,
            config.litellm_settings.budget_exceeded_status_code,
            int(own.admission_timeout_s * 900),
        ),
        bodies=bodies,
        replies=replies,
        in_progress=in_progress,
        counts=partitions.counts,
    )
    admission = Admission(
        bus,
        outbox,
        keys=keys.entries,
        access=access,
        chain=chain,
        bodies=bodies,
        replies=replies,
        in_progress=in_progress,
        partitions=partitions,
        reserve=reserve,
    )
    await bodies.start()
    await reserve.start()
    await Examiner(bus, keys.entries, access, chain, replies).start()
    await bus.subscribe(subjects.cancel(bus.process), admission.on_cancel)
    settlements = Settlements(bus)
    leases = Leases(bus, settings.policy_name, own.partitions)
    await leases.start()
    told = KvView(bus, subjects.TOLD_BUCKET, decode_told)
    await told.start()
    directory = Directory(keys.entries, holders.entries, tree_rules_of(config))
    watch = ThresholdWatch(bus, outbox, told, directory, own.budget_thresholds)
    windows = WindowKeeper(bus, outbox, directory)
    hooks = hooks_of(config, os.environ)
    for problem in hooks.problems:
        log.warning(problem)
    notifier = Notifier(bus, hooks.targets)
    owner = Owner(bus, outbox, leases, settlements, partitions, admission.on_admit)
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(settlements.run()),
            tasks.create_task(owner.run()),
            tasks.create_task(projector.run()),
            tasks.create_task(watch.run(partitions, leases.holds)),
            tasks.create_task(windows.run(partitions, leases.holds)),
            tasks.create_task(notifier.run(lambda: owner.serves(0))),
            tasks.create_task(replies.remind()),
            tasks.create_task(beat(bus, "policy", owner.lacks, counts=partitions.counts.told)),
        ]
        if own.price_refresh_s is not None:
            running.append(tasks.create_task(keep_prices_fresh(own.price_refresh_url, own.price_refresh_s)))
        log.info("policy is running", process=bus.process)
        await stopping.wait()
        for task in running:
            task.cancel()
    await owner.stop()
    unstored = await outbox.drain(5.0)
    if unstored:
        log.error("facts were not stored before the end", facts=unstored)
    await leases.stop()
    await told.stop()
    await holders.stop()
    await keys.stop()
    await bus.close()
    return 0


def main() -> int:
    settings = PolicySettings()
    set_up_logging("policy", level=settings.log_level, as_json=settings.log_json)
    return run_service(lambda stopping: work(stopping, settings))


if __name__ == "__main__":
    sys.exit(main())
