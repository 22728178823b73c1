"""The table of docs/providers.md: `python -m services.local.providers_page docs/providers.md` writes it anew."""

import sys

from services.local.providers_report import address_of, credential_of
from services.router.providers.supported import Supported, supported_providers
from shared.config.documentation.marked_page import rewrite, with_part

BEGIN, END = "<!-- providers:begin -->", "<!-- providers:end -->"


def providers_tables() -> str:
    """Return one table of the providers with a protocol of their own, and one of those that speak OpenAI's."""
    providers = supported_providers()
    compatible = [each for each in providers if each.protocol.startswith("OpenAI ")]
    own = [each for each in providers if each not in compatible]
    lines = ["### By their own protocol", "", "| provider | protocol | credential | address | needs, takes | calls |"]
    lines += ["|---|---|---|---|---|---|", *map(_own, own)]
    lines += [
        "",
        "### By OpenAI's protocol",
        "",
        "| provider | credential | address | takes | calls |",
        "|---|---|---|---|---|",
    ]
    lines += map(_compatible, compatible)
    return "\n".join(lines)


def rewritten(page: str) -> str:
    """Return the page with what stands between its two markers replaced by the tables; ValueError without markers."""
    return with_part(page, BEGIN, END, providers_tables())


def main(arguments: list[str]) -> None:
    rewrite(arguments, "services.local.providers_page", rewritten)


def _own(each: Supported) -> str:
    wants = [*(f"`{name}`" for name in each.needs), *(f"`{name}`" for name in each.settings)]
    return (
        f"| {_name(each)} | {each.protocol} | {_key(each)} | {_address(each)} | {', '.join(wants)} | {_calls(each)} |"
    )


def _compatible(each: Supported) -> str:
    takes = "; ".join(filter(None, (", ".join(f"`{name}`" for name in each.settings), each.note)))
    return f"| {_name(each)} | {_key(each)} | {_address(each)} | {takes} | {_calls(each)} |"


def _name(each: Supported) -> str:
    return ", ".join([f"[`{each.name}`]({each.docs})", *(f"`{name}`" for name in each.other_names)])


def _key(each: Supported) -> str:
    return credential_of(each)


def _address(each: Supported) -> str:
    return address_of(each)


def _calls(each: Supported) -> str:
    return ", ".join(each.calls)


if __name__ == "__main__":
    main(sys.argv[1:])
