"""What each prebuilt pattern finds, and what it leaves alone."""

import pytest

from services.policy.guardrails.patterns import Prebuilt, prebuilt_finder
from services.policy.guardrails.prebuilt_patterns import PREBUILT, WORD_LISTS

AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC\n\nMIIE+/aa==\n"
    "-----END RSA PRIVATE KEY-----"
)

FOUND = [
    ("us_ssn", "123-45-6789"),
    ("us_ssn_no_dash", "123456789"),
    ("email", "john.doe+x@mail.example.com"),
    ("email", "jürgen@example.de"),
    ("us_phone", "(555) 123-4567"),
    ("us_phone", "+1-555-123-4567"),
    ("us_phone", "555.123.4567"),
    ("us_phone", "1 555 123 4567"),
    ("us_phone", "5551234567"),
    ("phone", "+1-555-123-4567"),
    ("phone", "+44 20 7946 0958"),
    ("phone", "+49 (30) 901820"),
    ("phone", "555-123-4567"),
    ("street_address", "742 Evergreen Terrace Ave"),
    ("street_address", "10 Downing Street"),
    ("visa", "4111 1111 1111 1111"),
    ("visa", "4532015112830366"),
    ("mastercard", "5425-2334-3010-9903"),
    ("mastercard", "2223003122003222"),
    ("amex", "3782-822463-10005"),
    ("discover", "6011111111111117"),
    ("credit_card", "4111-1111-1111-1111"),
    ("credit_card", "5555555555554444"),
    ("credit_card", "378282246310005"),
    ("iban", "DE89370400440532013000"),
    ("iban", "DE89 3704 0044 0532 0130 00"),
    ("iban", "BE71 0961 2345 6769"),
    ("iban", "NO93 8601 1117 947"),
    ("iban", "GB29NWBK60161331926819"),
    ("eu_iban_enhanced", "FR14 2004 1010 0505 0001 3M02 606"),
    ("aws_access_key", "AKIAIOSFODNN7EXAMPLE"),
    ("aws_access_key", "ASIAIOSFODNN7EXAMPLE"),
    ("aws_secret_key", AWS_SECRET),
    ("github_token", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("github_token", "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz"),
    ("slack_token", "xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"),
    ("generic_api_key", "api_key=abcdefghij0123456789"),
    ("generic_api_key", "apiKey: 'abcdefghij0123456789'"),
    ("openai_api_key", "sk-proj-abcdefghijklmnopqrstuvwxyz012345"),
    ("anthropic_api_key", "sk-ant-api03-abcdefghijklmnopqrstuvwxyz"),
    ("google_api_key", "AIzaSyA0123456789abcdefghijklmnopqrstuv"),
    ("private_key", PEM),
    ("private_key", "-----BEGIN PGP PRIVATE KEY BLOCK-----\nabc=\n-----END PGP PRIVATE KEY BLOCK-----"),
    ("private_key", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg+/=="),
    ("jwt", JWT),
    ("ipv4", "192.168.0.1"),
    ("ipv6", "2001:db8::8a2e:370:7334"),
    ("ipv6", "fe80::1"),
    ("ipv6", "::1"),
    ("url", "https://example.com/a?b=c"),
    ("url", "www.example.com"),
    ("passport_us", "A12345678"),
    ("passport_uk", "123456789"),
    ("passport_germany", "C01X00T47"),
    ("passport_france", "12AB34567"),
    ("passport_netherlands", "SPECI2014"),
    ("passport_canada", "AB123456"),
    ("passport_canada", "A123456BC"),
    ("passport_india", "A1234567"),
    ("passport_australia", "N1234567"),
    ("passport_china", "E12345678"),
    ("passport_japan", "TK1234567"),
    ("fr_nir", "185057800608436"),
    ("fr_nir", "1 85 05 78 006 084 36"),
    ("fr_phone", "+33123456789"),
    ("fr_phone", "01 23 45 67 89"),
    ("br_cpf", "123.456.789-09"),
    ("br_cpf_unformatted", "12345678909"),
    ("br_cnpj", "12.345.678/0001-95"),
    ("br_rg", "12.345.678-X"),
    ("br_cep", "01310-100"),
    ("br_phone_landline", "(11) 3234-5678"),
    ("br_phone_mobile", "+55 (11) 91234-5678"),
    ("br_phone_mobile", "91234-5678"),
    ("au_abn", "51 824 753 556"),
    ("au_medicare", "2123 45670 1"),
    ("sg_nric", "S1234567D"),
    ("sg_phone", "+65 9123 4567"),
    ("uae_emirates_id", "784-1990-1234567-1"),
    ("uae_phone", "+971 50 123 4567"),
    ("uae_phone", "0501234567"),
]

NOT_FOUND = [
    ("us_ssn", "123-45-67890"),
    ("us_ssn", "x123-45-6789"),
    ("us_ssn_no_dash", "000456789"),
    ("us_ssn_no_dash", "666456789"),
    ("us_ssn_no_dash", "923456789"),
    ("us_ssn_no_dash", "123006789"),
    ("us_ssn_no_dash", "123450000"),
    ("email", "john@example"),
    ("email", "john at example.com"),
    ("us_phone", "555-123-45678"),
    ("us_phone", "order 15551234567890"),
    ("visa", "4111 1111 1111 1112"),
    ("mastercard", "5425-2334-3010-9900"),
    ("amex", "378282246310006"),
    ("credit_card", "4532-1234-5678-9010"),
    ("credit_card", "41111111111111111"),
    ("iban", "DE89 3704 0044 0532 0130 01"),
    ("iban", "DE893704004405320130001"),
    ("iban", "XX89370400440532013000"),
    ("aws_access_key", "AKIAIOSFODNN7EXAMPLEX"),
    ("aws_access_key", "akiaiosfodnn7example"),
    ("aws_secret_key", "356a192b7913b04c54574d18c28d46e6395428ab"),
    ("aws_secret_key", AWS_SECRET + "x"),
    ("github_token", "ghp_short"),
    ("openai_api_key", "task-abcdefghijklmnopqrstuvwxyz012345"),
    ("openai_api_key", "sk-short"),
    ("private_key", "-----BEGIN PUBLIC KEY-----"),
    ("jwt", "eyJhbGciOiJIUzI1NiJ9"),
    ("ipv4", "1.2.3"),
    ("ipv4", "256.1.1.1"),
    ("ipv4", "1.2.3.4.5"),
    ("ipv6", "at 12:30:45"),
    ("ipv6", "std::vector"),
    ("ipv6", "foo::bar"),
    ("ipv6", "::"),
    ("ipv6", "00:1b:44:11:3a:b7"),
    ("url", "example.com"),
]

BY_A_WORD = [
    ("nl_bsn_contextual", "BSN: 123456782", "123456782"),
    ("au_tfn", "my tax file number is 123456782", "123456782"),
    ("eu_vat", "VAT DE123456789", "DE123456789"),
    ("eu_passport_generic", "passport 12AB34567", "12AB34567"),
    ("fr_postal_code", "code postal : 75001", "75001"),
    ("passport_singapore", "E1234567 passport", "E1234567"),
    ("sg_postal_code", "Singapore postal code 238858", "238858"),
    ("sg_uen", "UEN 200312345A", "200312345A"),
    ("sg_uen", "UEN T08LL1234A", "T08LL1234A"),
    ("sg_bank_account", "DBS 123-45678-9", "123-45678-9"),
    ("ca_sin", "SIN 123-456-789", "123-456-789"),
    ("ca_ohip", "health card 1234-567-890-AB", "1234-567-890-AB"),
    ("ca_on_drivers_licence", "driver's licence A1234-56789-01234", "A1234-56789-01234"),
    ("ca_immigration_doc", "UCI 1234-5678-90", "1234-5678-90"),
    ("ca_immigration_doc", "work permit U123456789", "U123456789"),
    ("ca_immigration_doc", "immigration form IMM 5710", "IMM 5710"),
    ("ca_bank_account", "account number 12345-678-1234567", "12345-678-1234567"),
    ("ca_postal_code", "postal code M5V 3L9", "M5V 3L9"),
    ("uoft_student_id", "student number 1001234567", "1001234567"),
    ("uoft_utorid", "utorid smithj12", "smithj12"),
    ("uoft_tcard", "TCard 1234567890123456", "1234567890123456"),
    ("airline_pnr", "booking reference: ABCDEF", "ABCDEF"),
    ("skywards_number", "Skywards EK 123456789", "EK 123456789"),
    ("skywards_number", "frequent flyer 1234567890", "1234567890"),
    ("flight_number", "flight EK 202", "EK 202"),
    ("flight_number", "flight 6E123", "6E123"),
]


def found(name: str, text: str) -> list[str]:
    return [text[start:end] for start, end in prebuilt_finder(PREBUILT[name])(text, text.lower())]


@pytest.mark.parametrize(("name", "value"), FOUND)
def test_a_pattern_finds_a_value_alone_and_in_a_sentence(name: str, value: str) -> None:
    assert found(name, value) == [value]
    assert found(name, f"It is {value}, they say.\n") == [value]
    assert found(name, f"({value})") == [value]


@pytest.mark.parametrize(("name", "text"), NOT_FOUND)
def test_a_pattern_leaves_alone_what_only_resembles_it(name: str, text: str) -> None:
    assert found(name, text) == []


@pytest.mark.parametrize(("name", "text", "value"), BY_A_WORD)
def test_a_contextual_pattern_finds_a_value_near_its_word_alone(name: str, text: str, value: str) -> None:
    assert found(name, text) == [value]
    assert found(name, value) == []
    assert found(name, text.replace(value, f"and some other words {value} and more of them")) == []


def test_every_pattern_has_a_case() -> None:
    assert {name for name, *_ in FOUND + BY_A_WORD} == set(PREBUILT)
    assert not WORD_LISTS & set(PREBUILT)


@pytest.mark.parametrize("name", ["us_ssn", "us_phone", "credit_card", "email", "ipv4", "aws_access_key"])
def test_letters_of_another_script_next_to_a_value_do_not_hide_it(name: str) -> None:
    value = next(value for of, value in FOUND if of == name)
    assert found(name, f"番号は{value}です") == [value]


def test_digits_of_another_width_are_digits() -> None:
    assert found("us_ssn", "１２３-４５-６７８９") == ["１２３-４５-６７８９"]
    assert found("us_phone", "５５５-１２３-４５６７") == ["５５５-１２３-４５６７"]


def test_a_card_number_inside_a_failed_candidate_is_found() -> None:
    assert found("credit_card", "4223 4111 1111 1111 1111") == ["4111 1111 1111 1111"]


@pytest.mark.parametrize("following", [" then pay", " 12 times", ".", "\n9", ""])
def test_an_iban_ends_where_its_country_says(following: str) -> None:
    assert found("iban", f"BE71 0961 2345 6769{following}") == ["BE71 0961 2345 6769"]


def test_two_private_keys_are_two() -> None:
    assert found("private_key", f"{PEM}\nand\n{PEM}") == [PEM, PEM]


def test_a_word_too_far_away_does_not_count() -> None:
    finder = prebuilt_finder(Prebuilt(r"\d{4}", near=("code",)))
    near, far = "code" + "." * 80 + "1234", "code" + "." * 81 + "1234"
    assert finder(near, near)
    assert not finder(far, far)
