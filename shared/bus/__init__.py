"""The door to NATS: commands, stored facts, ordered reading, key-value views. Nothing else imports the NATS client."""

from shared.bus.acknowledgement import Outcome
from shared.bus.batch import store_batch
from shared.bus.connection import Bus
from shared.bus.failures import BusError, Conflict, MessageTooBig, NoResponders, NotConnected, NotStored
from shared.bus.headers import header_value
from shared.bus.kv import KvView
from shared.bus.lookup import newest, read
from shared.bus.message import Message
from shared.bus.outbox import Outbox
from shared.bus.reader import Reader, Stored
from shared.bus.topology import prepare_streams

__all__ = [
    "Bus",
    "BusError",
    "Conflict",
    "KvView",
    "Message",
    "MessageTooBig",
    "NoResponders",
    "NotConnected",
    "NotStored",
    "Outbox",
    "Outcome",
    "Reader",
    "Stored",
    "header_value",
    "newest",
    "prepare_streams",
    "read",
    "store_batch",
]
