"""A corpus of what is hidden in traces and logs, and of what must stay readable."""

from __future__ import annotations

import json
import time
from typing import Final

import pytest

from polystep.trace import Preview, SecretNames
from polystep.trace.secrets import REDACTED, without_secrets

SECRET_NAMES: Final = """
password Password PASSWORD userPassword user_password user-password passwordHash password_confirmation newPassword
passwd pwd dbPwd PGPASSWORD passphrase passcode pass db_pass smtpPass secret secrets clientSecret client_secret
webhookSecret appsecret token authToken auth_token accesstoken refresh_token idToken sessionToken csrfToken
bot_token X-Auth-Token apiKey api_key apikey x-api-key OPENAI_API_KEY privateKey private_key secretKey
secretAccessKey signingKey sshKey authorization Authorization Proxy-Authorization cookie Cookie set-cookie cookies
credential credentials jwt userJwt bearer bearerToken otp otpCode totp pin PIN cardPin pinCode signature
x-hub-signature-256 Stripe-Signature _csrf cvv cvc securityCode
""".split()
PLAIN_NAMES: Final = """
name email sessionId session_id secretary secretariat cookieConsent cookie_policy cookieBanner tokens maxTokens
max_tokens total_tokens completion_tokens tokenCount tokenType token_type tokenize nextPageToken continuation_token
passenger passport compass bypass boardingPass passed passwordLess passwordStrength passwordResetSentAt
hasPasswordReset author authorized authorName key keys keyboard primaryKey foreign_key keyId accessKeyId publicKey
monkey pins_count pinned spinner shipping opinion pinterest otpSentAt option jwtIssuer signatureAlgorithm signedAt
designature bearing zipCode countryCode secretsCount csrfEnabled keyword hotkey accountId idempotencyKey sortKey
partitionKey
""".split()

PEM: Final = """-----BEGIN RSA PRIVATE KEY-----
MIIEpAIBAAKCAQEAr8Zk4a0S1mVtqz7vKXy
Qb3kP0z5uW9jX2c8T6yR1nLxD4fHsG7aE0
-----END RSA PRIVATE KEY-----"""
JWT: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"

SECRET_TEXTS: Final = {
    f"key: {PEM} end": f"key: {REDACTED} end",
    "key: " + PEM.replace("\n", "\\n"): f"key: {REDACTED}",
    "cut: -----BEGIN PRIVATE KEY-----\nMIIEpAIB": f"cut: {REDACTED}",
    "to postgres://user:pw@host:5432/db?x=1": f"to postgres://user:{REDACTED}@host:5432/db?x=1",
    "redis://:hunter2@cache": f"redis://:{REDACTED}@cache",
    "mongodb+srv://a.b:p%40ss@c.example/d": f"mongodb+srv://a.b:{REDACTED}@c.example/d",
    "Authorization: Bearer abcdef1234567890": f"Authorization: Bearer {REDACTED}",
    "authorization: basic dXNlcjpwYXNzd29yZA==": f"authorization: basic {REDACTED}",
    f"got {JWT}.": f"got {REDACTED}.",
    "sk-proj-abcdefghijklmnopqrstu": REDACTED,
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789": REDACTED,
    "AKIAIOSFODNN7EXAMPLE": REDACTED,
    "GET /cb?code=1&access_token=abc123&x=2": f"GET /cb?code=1&access_token={REDACTED}&x=2",
    "url?X-Amz-Signature=deadbeef": f"url?X-Amz-Signature={REDACTED}",
}
PLAIN_TEXTS: Final = (
    "https://user@host/path",
    "http://localhost:3000/a:b@c",
    "see https://example.com:8080/x and mail a@b.example",
    "the bearer of this letter",
    "basic training",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "a=b&page_token_count=3",
    "risk-averse task-force desk-lamp",
    "12:30:00 postgres: user connected",
    "eyJ",
)


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_of_secrets(name: str) -> None:
    assert SecretNames().has(name)


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_names_that_only_look_like_it(name: str) -> None:
    assert not SecretNames().has(name)


@pytest.mark.parametrize("text", SECRET_TEXTS)
def test_secrets_in_a_text_and_in_a_payload(text: str) -> None:
    assert without_secrets(text) == SECRET_TEXTS[text]
    preview = Preview({})
    assert preview.text(text) == SECRET_TEXTS[text]
    assert json.loads(preview.encode({"line": [text], "ok": 1})) == {"line": [SECRET_TEXTS[text]], "ok": 1}


@pytest.mark.parametrize("text", PLAIN_TEXTS)
def test_texts_that_only_look_like_it(text: str) -> None:
    assert without_secrets(text) == text
    assert json.loads(Preview({}).encode({"line": text})) == {"line": text}


def test_a_project_may_add_and_remove_names_in_any_spelling() -> None:
    names = SecretNames(redact=["customer_number"], reveal=["emailSignature", "PUBLIC_API_KEY"])
    assert [names.has(name) for name in ("customerNumber", "Customer-Number", "email_signature", "signature")] == [
        True, True, False, True,
    ]  # fmt: skip
    assert names.of_environment({"PUBLIC_API_KEY": "shown-to-all", "CUSTOMER_NUMBER": "12345678"}) == {"12345678"}


def test_lines_of_a_key_in_the_environment_are_hidden_one_by_one() -> None:
    preview = Preview({"SIGNING_KEY": PEM, "FLAT_KEY": PEM.replace("\n", "\\n").replace("MIIEp", "NOTTp")})
    for line in PEM.split("\n")[1:3]:
        assert preview.text(f"| {line} |") == f"| {REDACTED} |"
    assert preview.text("NOTTpAIBAAKCAQEAr8Zk4a0S1mVtqz7vKXy") == REDACTED
    assert preview.text("-----END RSA PRIVATE KEY-----") == "-----END RSA PRIVATE KEY-----"


def test_variables_count_by_their_words() -> None:
    found = SecretNames().of_environment(
        {
            "DB_PASSWORD": "longenough",
            "MONKEY_BUSINESS": "bananas-are-fine",
            "TOKENIZERS_PARALLELISM": "true-or-false",
            "GITHUB_TOKEN": "ghx-12345",
            "SHORT_KEY": "short",
            "KEYCLOAK_URL": "http://keycloak",
            "STRIPE_KEY": "rk_live_1",
            "PWD": "/home/somebody/shop",
            "OLDPWD": "/home/somebody",
            "DB_PWD": "longer-than-8",
        }
    )
    assert found == {"longenough", "ghx-12345", "rk_live_1", "longer-than-8"}


@pytest.mark.parametrize(
    "text",
    [
        "a." * 8192 + "=",
        "eyJ-" * 4096,
        "://a:" * 3000,
        "&" + "token" * 3000,
        "-----BEGIN A PRIVATE KEY-" * 600,
        "sk-" * 5000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    began_s = time.process_time()
    without_secrets(text)
    # A few milliseconds; a shape that is tried from everywhere to the end takes seconds.
    assert time.process_time() - began_s < 0.5
