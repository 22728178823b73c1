"""Prebuilt patterns of documents, numbers and addresses by country, by LiteLLM's names.

Most are mere runs of digits; those that would be found everywhere are only taken near a word that says what they are.
"""

from collections.abc import Mapping

from services.policy.guardrails.checksums import iban
from services.policy.guardrails.patterns import Prebuilt, edged

_LETTER = "[A-Za-z]"
_DASH = r"[\s-]"
_FR_PHONE = r"(?:(?<=\+)33|(?<=0)(?:033)?)[ .]?[1-9](?:[ .-]?\d\d){4}"
_UAE_PHONE = r"(?:(?<=\+)971|(?<=0)(?:0971)?)\s?(?:[234679]|5[024568])\s?\d{3}\s?\d{4}"
_SG_PHONE = r"(?:(?<=\+)65|(?<=0)065|(?<=6)5)\s?[689]\d{3}\s?\d{4}"
_EU = "(?i:AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK)"
_AIRLINE = "(?i:EK|QF|BA|AA|LH|AF|SQ|CX|QR|EY|FZ|WY|GF|KU|SV|MS|RJ|ME|PK|AI|UL|WS|9W|6E)"
_CANADIAN_CODE = r"\d[ABCEGHJ-NPRSTV-Zabceghj-nprstv-z][\s-]?\d[ABCEGHJ-NPRSTV-Zabceghj-nprstv-z]\d"

_PASSPORT = ("passport", "passeport", "travel document", "document number", "reisepass", "paspoort", "paszport")
_POSTAL = ("postal code", "postcode", "zip code", "code postal")
_ACCOUNT = ("bank account", "account number", "bank statement", "savings account", "current account", "direct deposit")

_PASSPORTS: Mapping[str, Prebuilt] = {
    "passport_us": Prebuilt(edged(r"[\dA-Za-z]", r"\d{8}")),
    "passport_uk": Prebuilt(edged(r"\d", r"\d{8}")),
    "passport_germany": Prebuilt(edged("[CFGHJ-NPRTV-Zcfghj-nprtv-z0-9]", "[CFGHJ-NPRTV-Zcfghj-nprtv-z0-9]{8}")),
    "passport_france": Prebuilt(edged(r"\d", rf"\d{_LETTER}{{2}}\d{{5}}")),
    "passport_netherlands": Prebuilt(edged(_LETTER, rf"{_LETTER}[A-Za-z0-9]{{6}}\d")),
    "passport_canada": Prebuilt(edged(_LETTER, rf"{_LETTER}\d{{6}}|\d{{6}}{_LETTER}{{2}}")),
    "passport_india": Prebuilt(edged(_LETTER, r"\d{7}")),
    "passport_australia": Prebuilt(edged(_LETTER, r"\d{7}")),
    "passport_china": Prebuilt(edged("[EGeg]", r"\d{8}")),
    "passport_japan": Prebuilt(edged(_LETTER, rf"{_LETTER}\d{{7}}")),
    "passport_singapore": Prebuilt(edged("[EKek]", r"\d{7}"), near=(*_PASSPORT, "immigration", "ICA")),
    "eu_passport_generic": Prebuilt(edged(r"\d", rf"\d{_LETTER}{{2}}\d{{5}}"), near=_PASSPORT),
}

_EUROPE: Mapping[str, Prebuilt] = {
    "nl_bsn_contextual": Prebuilt(
        edged(r"\d", r"\d{8}"),
        near=("BSN", "B.S.N.", "burger service nummer", "sofi nummer", "persoonsnummer", "citizen service number"),
    ),
    "fr_nir": Prebuilt(
        edged("[12]", r"\s?\d\d\s?(?:0[1-9]|1[0-2])\s?\d\d\s?\d{3}\s?\d{3}\s?\d\d"),
    ),
    "fr_phone": Prebuilt(edged(r"[+0]", _FR_PHONE)),
    "fr_postal_code": Prebuilt(edged(r"\d", r"\d{4}"), near=(*_POSTAL, "CP")),
    "eu_iban_enhanced": Prebuilt(r"[A-Za-z](?<![\dA-Za-z_][A-Za-z])[A-Za-z]\d\d(?: ?[A-Za-z0-9]){11,30}", check=iban),
    "eu_vat": Prebuilt(
        edged(_LETTER, rf"{_LETTER}(?<={_EU})[0-9A-Za-z]{{8,12}}"),
        near=("VAT", "V.A.T.", "TVA", "IVA", "BTW", "MWST", "value added tax", "tax number", "tax id", "fiscal code"),
    ),
}

_AMERICAS: Mapping[str, Prebuilt] = {
    "br_cpf": Prebuilt(edged(r"\d", r"\d\d\.\d{3}\.\d{3}[-/]\d\d")),
    "br_cpf_unformatted": Prebuilt(edged(r"\d", r"\d{10}")),
    "br_cnpj": Prebuilt(edged(r"\d", r"\d\.\d{3}\.\d{3}/\d{4}-\d\d")),
    "br_rg": Prebuilt(edged(r"\d", r"\d?\.\d{3}\.\d{3}-[\dXx]")),
    "br_cep": Prebuilt(edged(r"\d", r"\d{4}-?\d{3}")),
    "br_phone_landline": Prebuilt(
        edged(r"[\d(]", r"(?:(?<=\()\d\d\)\s?\d|(?<=\d)\d\s?\d|(?<=\d))(?:(?<=9)\d{4}|\d{3})-?\d{4}")
    ),
    "br_phone_mobile": Prebuilt(
        edged(r"[\d+(]", r"(?:(?<=\+)\d{1,3}\s?\(?\d\d\)?\s?9|(?<=\()\d\d\)\s?9|(?<=\d)\d\s?9|(?<=9))\d{4}-?\d{4}")
    ),
    "ca_sin": Prebuilt(
        edged("[1-9]", rf"\d\d{_DASH}\d{{3}}{_DASH}\d{{3}}"),
        near=("social insurance number", "social insurance", "numéro d'assurance sociale", "SIN", "NAS"),
    ),
    "ca_ohip": Prebuilt(
        edged(r"\d", rf"\d{{3}}{_DASH}?\d{{3}}{_DASH}?\d{{3}}{_DASH}?{_LETTER}{{2}}"),
        near=("OHIP", "OHIP number", "health card", "health card number", "health insurance", "health number"),
    ),
    "ca_on_drivers_licence": Prebuilt(
        edged(_LETTER, rf"\d{{4}}{_DASH}\d{{5}}{_DASH}\d{{5}}"),
        near=("driver's licence", "drivers licence", "driver's license", "drivers license", "licence number",
              "license number", "DL number", "permis de conduire", "numéro de permis"),
    ),
    "ca_immigration_doc": Prebuilt(
        edged(r"[\dTUFWItufwi]", rf"(?<=\d)\d{{3}}{_DASH}\d{{4}}{_DASH}\d\d|(?<=[TUFWtufw])\d{{8,10}}"
              rf"|(?<=[Ii])[Mm][Mm]{_DASH}?\d{{4,5}}"),
        near=("UCI", "unique client identifier", "study permit", "study permit number", "work permit",
              "work permit number", "immigration", "IRCC", "permanent resident", "PR card", "permis d'études",
              "permis de travail"),
    ),
    "ca_bank_account": Prebuilt(
        edged(r"\d", rf"\d{{4}}{_DASH}\d{{3}}{_DASH}\d{{7,12}}"),
        near=(*_ACCOUNT, "transit number", "institution number", "branch number", "routing number", "void cheque",
              "chequing", "numéro de compte", "dépôt direct"),
    ),
    "ca_postal_code": Prebuilt(
        edged("[ABCEGHJ-NPRSTVXYabceghj-nprstvxy]", _CANADIAN_CODE),
        near=(*_POSTAL, "mailing address", "street address", "shipping address", "home address"),
    ),
    "uoft_student_id": Prebuilt(
        edged("1", r"0\d{8}"),
        near=("student id", "student number", "student id number", "employee id", "employee number",
              "employee id number", "utorid", "uoft id", "university of toronto"),
    ),
    "uoft_utorid": Prebuilt(
        edged(_LETTER, rf"{_LETTER}{{1,5}}\d{{1,4}}"),
        near=("utorid", "uoft login", "acorn login", "acorn portal", "quercus login", "portal login", "weblogin"),
    ),
    "uoft_tcard": Prebuilt(
        edged(r"\d", r"\d{15}"),
        near=("tcard", "t-card", "tcard number", "t-card number", "campus card", "campus id", "university card"),
    ),
}  # fmt: skip

_ASIA_PACIFIC: Mapping[str, Prebuilt] = {
    "au_tfn": Prebuilt(
        edged(r"\d", r"\d{7,8}"), near=("TFN", "T.F.N.", "tax file", "tax file number", "tax file no", "ATO number")
    ),
    "au_abn": Prebuilt(edged(r"\d", r"\d\s?\d{3}\s?\d{3}\s?\d{3}")),
    "au_medicare": Prebuilt(edged(r"\d", r"\d{3}\s?\d{5}\s?\d|\d{10}")),
    "sg_nric": Prebuilt(edged("[STFGMstfgm]", rf"\d{{7}}{_LETTER}")),
    "sg_phone": Prebuilt(edged("[+06]", _SG_PHONE)),
    "sg_postal_code": Prebuilt(
        edged("[0-8]", r"\d{5}"), near=(*_POSTAL, "block", "blk", "address", "HDB", "flat", "unit")
    ),
    "sg_uen": Prebuilt(
        edged(r"[\dTRtr]", rf"(?<=\d)\d{{7,8}}{_LETTER}|(?<=[TRtr])\d\d{_LETTER}{{2}}\d{{4}}{_LETTER}"),
        near=("UEN", "ACRA", "company registration", "business registration", "entity number", "ROC", "ROS"),
    ),
    "sg_bank_account": Prebuilt(
        edged(r"\d", r"\d\d-\d{5,6}-\d{1,3}"), near=(*_ACCOUNT, "DBS", "OCBC", "UOB", "POSB", "savings")
    ),
    "uae_emirates_id": Prebuilt(edged("7", r"84-?\d{4}-?\d{7}-?\d")),
    "uae_phone": Prebuilt(edged(r"[+0]", _UAE_PHONE)),
}

_AVIATION: Mapping[str, Prebuilt] = {
    "airline_pnr": Prebuilt(
        edged(_LETTER, rf"{_LETTER}{{5}}"),
        near=("PNR", "booking reference", "booking ref", "booking code", "booking number", "booking confirmation",
              "reservation code", "reservation number", "record locator", "confirmation code", "confirmation number"),
    ),
    "skywards_number": Prebuilt(
        edged(r"[\dEe]", r"(?:(?<=[Ee])[Kk]\s?\d|(?<=\d))\d{8,9}"),
        near=("skywards", "frequent flyer", "FF number", "loyalty number", "loyalty member", "loyalty id",
              "member number", "member id", "miles account", "tier status"),
    ),
    "flight_number": Prebuilt(
        edged("[A-Za-z69]", rf"[A-Za-z](?<={_AIRLINE})\s?\d{{1,4}}"),
        near=("flight", "departure", "arrival", "gate", "boarding", "schedule", "route", "aircraft", "plane",
              "outbound", "inbound", "leg", "sector", "flying"),
    ),
}  # fmt: skip

REGIONAL: Mapping[str, Prebuilt] = {**_PASSPORTS, **_EUROPE, **_AMERICAS, **_ASIA_PACIFIC, **_AVIATION}
