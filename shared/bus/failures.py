"""How the bus can fail.

* BusError
  * NotConnected   no NATS server right now; nothing was sent
  * MessageTooBig  larger than the server takes, now or ever; nothing was sent
  * NoResponders   nobody serves that subject
  * NotStored      JetStream refused, or did not answer in time: it may or may not be stored
    * Conflict     an expected sequence did not match: somebody else wrote first
"""


class BusError(Exception):
    pass


class NotConnected(BusError):
    pass


class MessageTooBig(BusError):
    pass


class NoResponders(BusError):
    pass


class NotStored(BusError):
    pass


class Conflict(NotStored):
    pass
