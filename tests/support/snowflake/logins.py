"""Who may log in to the emulator, and how: every way of Snowflake's, verified as the service does.

A user that was registered (`POST /emulator/user`) is held to what it was registered with; any other name may come in with
anything, so that tests of other things need no user. Names with a meaning: users `nobody` and `locked`, password `wrong`,
role `forbidden`, accounts `NOWHERE` (no such account) and `SLOW` (one that does not answer)
and `BUSY` (one that answers the fourth login).

`/emulator/secrets?database=X` lists every secret that was given out or shown in a database's sessions, for tests that
look for them where none may be.
"""

import asyncio
import base64
import collections
import hashlib
import secrets
import shutil
import subprocess
import time
import uuid
from urllib.parse import parse_qs, urlencode

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.responses import JSONResponse, Response

#: The key of the OpenID Connect provider that the account trusts.
ISSUER, ISSUER_KEY = "https://tokens.example.com", secrets.token_hex(32)


def refused(code, message):
    return JSONResponse({"data": {"authnMethod": ""}, "code": code, "message": message, "success": False})


def fingerprint(public):
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()


class User:
    def __init__(self, name, given):
        self.name, self.given = name.upper(), given
        self.public = None
        self.used = set()
        self.not_before = 0
        self.access, self.browser, self.kept = {}, {}, set()


class Logins:
    def __init__(self):
        self.users = {}
        self.secrets = collections.defaultdict(set)
        self.busy = collections.Counter()
        self.waiting = {}
        self.asked = []

    # What tests ask for.

    def register(self, given):
        """Makes a user and answers with what it proves itself by."""
        user = self.users[given["name"].upper()] = User(given["name"], given)
        told = {}
        if given.get("key"):
            key = rsa.generate_private_key(65537, 2048)
            user.public = key.public_key()
            told.update(self.forms(key, given.get("passphrase", "none")))
        if given.get("oidc"):
            claims = {"iss": ISSUER, "sub": user.name, "aud": "snowflakecomputing.com", "exp": time.time() + 600}
            told["token"] = jwt.encode(claims, ISSUER_KEY, "HS256")
        return JSONResponse(told)

    @staticmethod
    def forms(key, passphrase):
        """A private key in all forms that people have one in."""
        pem, der, pkcs8 = serialization.Encoding.PEM, serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
        bare = serialization.NoEncryption()
        locked = serialization.BestAvailableEncryption(passphrase.encode())
        plain = key.private_bytes(pem, pkcs8, bare).decode()
        forms = {
            "plain": plain,
            "encrypted": key.private_bytes(pem, pkcs8, locked).decode(),
            "base64": base64.b64encode(key.private_bytes(der, pkcs8, bare)).decode(),
            "encrypted_base64": base64.b64encode(key.private_bytes(der, pkcs8, locked)).decode(),
            "traditional": key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, bare).decode(),
        }
        if shutil.which("openssl"):
            # As Snowflake's own instructions make one.
            command = ["openssl", "pkcs8", "-topk8", "-v2", "des3", "-passout", f"pass:{passphrase}"]
            forms["des3"] = subprocess.run(command, input=plain, capture_output=True, text=True, check=True).stdout
        return forms

    # The OAuth server of the account.

    def refresh(self, request, body, database):
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        kind, _, basic = (request.headers.get("authorization") or "").partition(" ")
        client = base64.b64decode(basic).decode().split(":") if kind == "Basic" else ["", ""]
        self.asked.append({"oauth": form.get("grant_type"), "client": client[0]})
        for user in self.users.values():
            given = user.given
            if given.get("refresh_token") == form.get("refresh_token"):
                if client != [given.get("client_id"), given.get("client_secret")]:
                    break
                token = secrets.token_urlsafe(24)
                user.access[token] = int(given.get("uses_of_access_token", 1_000_000))
                self.secrets[database].add(token)
                return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 600})
        else:
            return JSONResponse({"error": "invalid_grant", "message": form.get("refresh_token")}, status_code=400)
        return JSONResponse({"error": "invalid_client", "message": client[1]}, status_code=401)

    # The identity provider in the browser.

    def authenticator(self, request, asked):
        data = asked["data"]
        user = self.users.get(data["LOGIN_NAME"].upper())
        if user is None or not user.given.get("browser"):
            return refused("390190", "There was an error related to the SAML Identity Provider account parameter.")
        proof, page = secrets.token_urlsafe(24), secrets.token_hex(8)
        self.waiting[page] = user, int(data["BROWSER_MODE_REDIRECT_PORT"]), proof
        address = f"{request.url.scheme}://{request.url.netloc}/emulator/sso/{page}"
        return JSONResponse({"success": True, "code": None, "message": None, "data": {"ssoUrl": address, "proofKey": proof}})

    def page(self, name):
        """The page on which the person logs in: it sends the browser on to the waiting program."""
        user, port, proof = self.waiting.pop(name)
        token = secrets.token_urlsafe(24) + "+/="
        user.browser[token] = proof
        for database in user.given["databases"]:
            self.secrets[database.upper()].update({token, proof})
        return Response(status_code=302, headers={"location": f"http://localhost:{port}/?{urlencode({'token': token})}"})

    # The login itself.

    async def check(self, request, asked, database, log):
        """An answer where the login is refused, and else what it brings besides the session's tokens."""
        name = (asked.get("LOGIN_NAME") or "").upper()
        account = (asked.get("ACCOUNT_NAME") or "").upper()
        authenticator = (asked.get("AUTHENTICATOR") or "SNOWFLAKE").upper()
        if account == "NOWHERE":
            return Response("<html><title>404 Not Found</title></html>", status_code=404), {}
        if account == "SLOW":
            await asyncio.sleep(30)
        if account == "BUSY":
            self.busy[database] += 1
            if self.busy[database] <= 3:
                return Response("busy", status_code=503), {}
        if asked.get("PASSWORD") == "wrong" or name == "NOBODY":
            return refused("390100", "Incorrect username or password was specified."), {}
        if name == "LOCKED":
            return refused("390102", "User account is locked."), {}
        role = (request.query_params.get("roleName") or "").upper()
        if role == "FORBIDDEN":
            return refused("390189", "Role 'FORBIDDEN' specified in the connect string is not granted to this user."), {}
        token = asked.get("TOKEN")
        for secret in (token, asked.get("PASSCODE")):
            if secret and len(secret) > 8:
                self.secrets[database].add(secret)
        user = self.users.get(name) if name else self.named_by(authenticator, token)
        if user is None:
            # Tests of other things register nobody.
            strict = authenticator in ("SNOWFLAKE_JWT", "ID_TOKEN", "EXTERNALBROWSER", "WORKLOAD_IDENTITY")
            return (refused("390144", "JWT token is invalid.") if strict else None), {}
        log["known"] = True
        verify = {
            "SNOWFLAKE": self.password, "USERNAME_PASSWORD_MFA": self.second_factor, "SNOWFLAKE_JWT": self.signed,
            "OAUTH": self.access_token, "PROGRAMMATIC_ACCESS_TOKEN": self.programmatic, "ID_TOKEN": self.kept,
            "EXTERNALBROWSER": self.browser, "WORKLOAD_IDENTITY": self.workload,
        }[authenticator]
        answer, brought = verify(user, asked, account)
        for secret in brought.values():
            self.secrets[database].add(secret)
        return answer, brought

    def named_by(self, authenticator, token):
        """The user that a token names by itself."""
        if authenticator == "WORKLOAD_IDENTITY":
            try:
                subject = jwt.decode(token, options={"verify_signature": False})["sub"]
            except jwt.InvalidTokenError:
                subject = "?"
            return self.users.get(subject) or User("?", {})
        for user in self.users.values():
            if token in user.access or token == user.given.get("access_token", ()):
                return user
        return None

    @staticmethod
    def password(user, asked, _account):
        if asked.get("PASSWORD") != user.given.get("password"):
            return refused("390100", "Incorrect username or password was specified."), {}
        if user.given.get("passcodes") and asked.get("EXT_AUTHN_DUO_METHOD"):
            return Logins.second_factor(user, asked, _account)
        if user.given.get("passcodes"):
            return refused("390127", "Multi-factor authentication is required for this account."), {}
        return None, {}

    @staticmethod
    def second_factor(user, asked, _account):
        if asked.get("PASSWORD") != user.given.get("password"):
            return refused("390100", "Incorrect username or password was specified."), {}
        if asked.get("TOKEN") in user.kept:
            return None, {}
        passcode = asked.get("PASSCODE")
        if asked.get("EXT_AUTHN_DUO_METHOD") != "passcode" or passcode not in user.given.get("passcodes", []):
            return refused("390127", "Invalid passcode or the request for a second factor was denied."), {}
        if passcode in user.used:
            return refused("390127", "The passcode has been used already."), {}
        user.used.add(passcode)
        if not user.given.get("caching") or not asked["SESSION_PARAMETERS"].get("CLIENT_REQUEST_MFA_TOKEN"):
            return None, {}
        token = secrets.token_urlsafe(24)
        user.kept.add(token)
        return None, {"mfaToken": token}

    @staticmethod
    def signed(user, asked, account):
        invalid = refused("390144", f"JWT token is invalid. [{uuid.uuid4()}]"), {}
        if user.public is None:
            return invalid
        try:
            claims = jwt.decode(asked["TOKEN"], user.public, algorithms=["RS256"], options={"require": ["exp", "iat"]})
        except jwt.InvalidTokenError:
            return invalid
        subject = f"{account}.{user.name}"
        issuer = f"{subject}.{fingerprint(user.public)}"
        # The signed names are in upper case, and the account's has no region.
        if [claims["sub"], claims["iss"]] != [subject, issuer] or "." in account:
            return invalid
        # What was signed before the session's end has run out.
        return (None, {}) if claims["iat"] >= user.not_before else invalid

    @staticmethod
    def access_token(user, asked, _account):
        token = asked.get("TOKEN")
        if token == user.given.get("access_token", ()):
            return None, {}
        left = user.access.get(token)
        if left is None:
            return refused("390303", "Invalid OAuth access token."), {}
        if left == 0:
            return refused("390318", "OAuth access token expired."), {}
        user.access[token] = left - 1
        return None, {}

    @staticmethod
    def programmatic(user, asked, _account):
        if asked.get("TOKEN") != user.given.get("programmatic_token", ()):
            return refused("394400", "Programmatic access token is invalid."), {}
        return None, {}

    @staticmethod
    def browser(user, asked, _account):
        if user.browser.pop(asked.get("TOKEN"), None) != asked.get("PROOF_KEY"):
            return refused("390191", "The SAML response is invalid or matches no user."), {}
        if not user.given.get("caching") or not asked["SESSION_PARAMETERS"].get("CLIENT_STORE_TEMPORARY_CREDENTIAL"):
            return None, {}
        token = secrets.token_urlsafe(24)
        user.kept.add(token)
        return None, {"idToken": token}

    @staticmethod
    def kept(user, asked, _account):
        if asked.get("TOKEN") not in user.kept:
            return refused("390195", "ID Token is invalid."), {}
        return None, {}

    @staticmethod
    def workload(_user, asked, _account):
        try:
            jwt.decode(asked["TOKEN"], ISSUER_KEY, algorithms=["HS256"], audience="snowflakecomputing.com", issuer=ISSUER)
        except jwt.InvalidTokenError:
            return refused("394600", "The workload identity token is invalid or matches no user."), {}
        if asked.get("PROVIDER") != "OIDC":
            return refused("394600", "The workload identity provider is not known."), {}
        return None, {}
