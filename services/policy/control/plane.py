"""The control plane: the commands of each kind of thing, built over one event store and two mirrors."""

import time
from collections.abc import Callable

from services.policy.control.holders.commands import Holders
from services.policy.control.keys.commands import KeyCommands
from services.policy.control.mirror import Mirror
from services.policy.control.organizations.commands import Organizations
from services.policy.control.organizations.members import OrganizationMembers
from services.policy.control.others.commands import Standalone
from services.policy.control.providers import ProviderBudgets
from services.policy.control.store.aggregates import Aggregates
from services.policy.control.store.recorder import EventRecorder
from services.policy.control.teams.commands import Teams
from services.policy.control.teams.members import Members
from services.policy.control.users.commands import Users
from shared import subjects
from shared.bus import Bus, KvView
from shared.config import Config
from shared.identity.holders import Holder, decode_holder
from shared.identity.keys import Key, decode_key


class ControlPlane:
    def __init__(
        self,
        bus: Bus,
        config: Config,
        keys: KvView[Key] | None = None,
        holders: KvView[Holder] | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`keys` and `holders` are the process's own mirrors; without them lists read the buckets."""
        aggregates = Aggregates(EventRecorder(bus))
        all_keys = Mirror(bus, subjects.KEYS_BUCKET, decode_key, keys, own_name=lambda key: key.token)
        all_holders = Mirror(bus, subjects.HOLDERS_BUCKET, decode_holder, holders)
        self.keys = KeyCommands(bus, config, all_keys, clock=clock)
        self.holders = Holders(bus, config, aggregates, all_holders, clock=clock)
        self.members = Members(self.holders, self.keys)
        self.teams = Teams(config, self.holders, self.members, self.keys)
        organization_members = OrganizationMembers(self.holders)
        self.organizations = Organizations(self.holders, organization_members, self.teams, self.keys)
        self.users = Users(config, self.holders, self.members, organization_members, self.keys)
        self.budgets = Standalone(self.holders, "budget")
        self.customers = Standalone(self.holders, "end_user")
        self.tags = Standalone(self.holders, "tag")
        self.providers = ProviderBudgets(bus, config, clock=clock)
