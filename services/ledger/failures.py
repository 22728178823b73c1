"""Why the ledger would rather end than go on."""


class CannotGoOn(Exception):
    """Going on could count facts twice or not at all. The text is a sentence for the operator, with the remedy."""


def new_epoch(epoch: int) -> str:
    """Return the remedy where streams and database tell different stories."""
    return (
        "Restore the streams and the database from the same moment; or, if the streams are lost for good, set "
        f"METERHOUSE_LEDGER_EPOCH={epoch + 1}: what ClickHouse has is kept, and facts are counted from the start of "
        "the new stream"
    )
