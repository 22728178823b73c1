"""Check digits and lengths: whether what looks like a card, an account or an address can be one.

Each takes what a pattern matched and returns how many characters from its start are the real thing, 0 for none.
"""

from ipaddress import AddressValueError, IPv6Address

_IBANS = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20
    EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30
    KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23
    PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26
    UA29 VA22 VG24 XK20 YE30
"""
IBAN_LENGTHS = {row[:2]: int(row[2:]) for row in _IBANS.split()}
"""Characters of an IBAN by country. Source: the IBAN registry of SWIFT, ISO 13616."""


def luhn(text: str) -> int:
    """Return the whole length if its digits pass the check of ISO/IEC 7812-1, as payment cards do."""
    total = 0
    for place, digit in enumerate(int(char) for char in reversed(text) if char.isdecimal()):
        total += digit if place % 2 == 0 else sum(divmod(digit * 2, 10))
    return len(text) if total % 10 == 0 else 0


def iban(text: str) -> int:
    """Return the length of the IBAN, blanks included, that `text` starts with.

    The length a country prescribes says where it ends: the pattern may have taken a following word along.
    """
    wanted = IBAN_LENGTHS.get(text[:2].upper(), 0)
    compact = ""
    for at, char in enumerate(text):
        if char == " ":
            continue
        compact += char
        if len(compact) == wanted:
            ends_here = not text[at + 1 : at + 2].isalnum()
            return at + 1 if ends_here and _iban_remainder(compact) == 1 else 0
    return 0


def _iban_remainder(compact: str) -> int:
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97


def ipv6(text: str) -> int:
    """Return the length of the address `text` starts with; `::` alone is code more often than an address."""
    length = len(text.rstrip("."))
    if length > 2 and text[length - 1] == ":" and text[length - 2] != ":":
        length -= 1  # a sentence's colon
    try:
        IPv6Address(text[:length])
    except AddressValueError:
        return 0
    return length if length > 2 else 0


def mixed_case(text: str) -> int:
    """Return the whole length unless all letters have one case, as those of hex digests have."""
    return 0 if text in (text.lower(), text.upper()) else len(text)
