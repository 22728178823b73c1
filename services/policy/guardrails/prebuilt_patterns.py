"""The prebuilt patterns by LiteLLM's names: persons, cards, credentials and networks; the regional ones stand apart.

Every regex takes time in proportion to the text: a repeat is bounded, or gives nothing back (`++`), or starts only
where a run of its characters starts. Names that are not LiteLLM's: `phone` (its documentation alone has it),
`openai_api_key`, `anthropic_api_key`, `google_api_key`, `private_key`, `jwt`.
"""

from collections.abc import Mapping

from services.policy.guardrails.checksums import iban, ipv6, luhn, mixed_case
from services.policy.guardrails.patterns import Prebuilt, edged
from services.policy.guardrails.regional_patterns import REGIONAL

_FOUR = r"[\s-]?\d{4}"
_VISA = rf"(?<=4)\d{{3}}{_FOUR}{_FOUR}{_FOUR}"
_MASTERCARD = rf"(?:(?<=5)[1-5]\d\d|(?<=2)(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)){_FOUR}{_FOUR}{_FOUR}"
_AMEX = r"(?<=3)[47]\d\d[\s-]?\d{6}[\s-]?\d{5}"
_DISCOVER = rf"(?<=6)(?:011|4[4-9]\d|5\d\d){_FOUR}{_FOUR}{_FOUR}"

_AREA = r"(?:(?<=\+)1[\s.-]?\(?\d{3}\)?|(?<=1)[\s.-]?\(?\d{3}\)?|(?<=\()\d{3}\)|(?<=\d)\d\d\)?)"
_US_PHONE = rf"{_AREA}[\s.-]?\d{{3}}[\s.-]?\d{{4}}"
_E164 = r"(?<=\+)[1-9](?:[\s.()-]{0,2}\d){6,14}"

_LATIN = r"A-Za-z0-9\u00c0-\u024f"
_EMAIL = rf"(?<![{_LATIN}._%+-])[{_LATIN}._%+-]++@(?:[{_LATIN}-]++\.)+[A-Za-z]{{2,}}"

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])"
_HEX = r"[0-9A-Fa-f]"
_URL = r"(?i:(?<=h)ttps?://|(?<=w)ww\.)[^\s<>\"]*[\w/]"

_KEY_TO = r"(?![A-Za-z0-9_-])"
_OPENAI_KEY = rf"sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{{20,}}+{_KEY_TO}"
_PEM = r"-----{} [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----"
_PEM_BEGIN, _PEM_END = _PEM.format("BEGIN"), _PEM.format("END")
_SEGMENT = r"[A-Za-z0-9_-]{8,}+"

_GENERAL: Mapping[str, Prebuilt] = {
    # Persons
    "us_ssn": Prebuilt(edged(r"\d", r"\d\d-\d\d-\d{4}"), needs="-"),
    "us_ssn_no_dash": Prebuilt(edged(r"\d", r"(?<!9)(?!(?<=0)00)(?!(?<=6)66)\d\d(?!00)\d\d(?!0000)\d{4}")),
    "email": Prebuilt(_EMAIL, needs="@"),
    "us_phone": Prebuilt(edged(r"[\d+(]", _US_PHONE)),
    "phone": Prebuilt(edged(r"[\d+(]", f"{_E164}|{_US_PHONE}")),
    "street_address": Prebuilt(
        edged(
            r"\d",
            r"\d{0,5}\s{1,3}(?:[A-Za-z0-9.'-]{1,30}\s{1,3}){1,6}?"
            r"(?i:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Drive|Dr|Lane|Ln|Way|Court|Ct|Place|Pl|Circle|Cir)",
        )
    ),
    # Cards and accounts
    "visa": Prebuilt(edged(r"\d", _VISA), check=luhn),
    "mastercard": Prebuilt(edged(r"\d", _MASTERCARD), check=luhn),
    "amex": Prebuilt(edged(r"\d", _AMEX), check=luhn),
    "discover": Prebuilt(edged(r"\d", _DISCOVER), check=luhn),
    "credit_card": Prebuilt(edged(r"\d", f"{_VISA}|{_MASTERCARD}|{_AMEX}|{_DISCOVER}"), check=luhn),
    "iban": Prebuilt(r"[A-Za-z](?<![\dA-Za-z_][A-Za-z])[A-Za-z]\d\d(?: ?[A-Za-z0-9]){11,30}", check=iban),
    # Credentials
    "aws_access_key": Prebuilt(edged("A", r"(?:KIA|SIA)[0-9A-Z]{16}")),
    "aws_secret_key": Prebuilt(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])", check=mixed_case),
    "github_token": Prebuilt(edged("g", r"h[pousr]_[A-Za-z0-9]{36,255}|ithub_pat_[A-Za-z0-9_]{22,255}")),
    "slack_token": Prebuilt(
        edged("x", r"ox[abeoprs]-(?:\d{8,14}-){1,3}[A-Za-z0-9]{24,64}|app-\d-[A-Za-z0-9-]{24,128}")
    ),
    "generic_api_key": Prebuilt(
        r"[Aa][Pp][Ii][-_]?[Kk][Ee][Yy][\"']?[\s:=]{1,8}[\"']?[A-Za-z0-9_-]{20,}+[\"']?", needs="key"
    ),
    "openai_api_key": Prebuilt(rf"(?<![A-Za-z0-9_-]){_OPENAI_KEY}", needs="sk-"),
    "anthropic_api_key": Prebuilt(rf"(?<![A-Za-z0-9_-])sk-ant-[A-Za-z0-9_-]{{20,}}+{_KEY_TO}", needs="sk-ant-"),
    "google_api_key": Prebuilt(rf"(?<![A-Za-z0-9_-])AIza[A-Za-z0-9_-]{{35}}{_KEY_TO}", needs="aiza"),
    # With its end, or, cut off, as far as it looks like one. Blocks cannot overlap: a body has no five dashes.
    "private_key": Prebuilt(
        rf"{_PEM_BEGIN}(?:(?:[^-]|-(?!----))*+{_PEM_END}|[A-Za-z0-9+/=\s\\]*+)", needs="private key"
    ),
    "jwt": Prebuilt(rf"(?<![A-Za-z0-9_-])eyJ{_SEGMENT}\.eyJ{_SEGMENT}\.{_SEGMENT}", needs="eyj"),
    # Networks
    "ipv4": Prebuilt(rf"(?<![\dA-Za-z_])(?<!\d\.){_OCTET}(?:\.{_OCTET}){{3}}(?!\.?\d)(?![A-Za-z_])", needs="."),
    "ipv6": Prebuilt(rf"(?<![\w:.]){_HEX}{{0,4}}:{_HEX}{{0,4}}:[0-9A-Fa-f:.]{{0,36}}(?![\w:])", needs=":", check=ipv6),
    "url": Prebuilt(rf"[HhWw](?<![\dA-Za-z_][HhWw])(?:{_URL})"),
}

PREBUILT: Mapping[str, Prebuilt] = {**_GENERAL, **REGIONAL}

WORD_LISTS = frozenset(
    {
        "age_discrimination",
        "disability",
        "explosives",
        "gender_sexual_orientation",
        "harassment_hate",
        "illegal_activities",
        "marital_family_status",
        "military_status",
        "public_assistance",
        "race_ethnicity_national_origin",
        "religion",
        "self_harm_suicide",
        "terrorism",
        "violence_threats",
        "weapons_firearms",
        "weapons_other",
    }
)
"""Names under which LiteLLM has lists of plain words; which words those are is for each gateway's owner to say."""
