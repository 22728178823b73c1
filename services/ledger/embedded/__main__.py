"""`python -m services.ledger.embedded`: the embedded ClickHouse process, with its settings from the environment."""

import sys

from services.ledger.embedded.process import main

sys.exit(main())
