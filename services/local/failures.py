"""Why a gateway cannot start, each a sentence for the operator.

* CannotStart          exit code 1: what is around it is not right (a port, a directory, a server)
  * ChildFailed        a process ended again and again before it was ready
* BadUsage             exit code 2: what was asked for is not right (an option, the config)
"""


class CannotStart(Exception):
    pass


class ChildFailed(CannotStart):
    pass


class BadUsage(Exception):
    pass
