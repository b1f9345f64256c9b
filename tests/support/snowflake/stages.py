"""Temporary stages of the emulator, their storage in three clouds, and `copy into`.

The session parameter `EMULATE_STAGE` says how the account is: `s3` (the default), `azure`, `gcs` (a token), `gcs_signed` (an
address), `no_stage` (the role may make none), `no_put` (files are refused), `no_storage` (nothing listens where the storage
should be), `no_entry` (the storage lets nobody in), `busy_storage` (it takes a file at the third attempt), `client_side`
(files must come encrypted).
"""

import collections
import hashlib
import hmac
import os
import re
import secrets
import tempfile

import duckdb
import fakesnow.server as fake
from starlette.responses import Response

NAME = r"((?:\"[^\"]*\"|[\w$]+)(?:\.(?:\"[^\"]*\"|[\w$]+))*)"


class Stage:
    def __init__(self, kind):
        self.kind = kind
        self.number = secrets.token_hex(4)
        self.secret, self.token = secrets.token_urlsafe(30), secrets.token_urlsafe(30)
        self.files = {}


class Stages:
    def __init__(self, known_secrets):
        self.known = {}
        self.by_number = {}
        self.attempts = collections.Counter()
        self.secrets = known_secrets

    async def run(self, emulator, request, session, sql):
        """The answer to a statement about stages, or None."""
        kind = session.parameters.get("EMULATE_STAGE", "s3")
        done = {"rowtype": [{**emulator.text_type, "name": "status"}], "rowset": [["done"]], "statementTypeId": 0}
        if match := re.fullmatch(rf"(?is)create\s+temporary\s+stage\s+{NAME}\s+encryption\s*=\s*\(type\s*=\s*'SNOWFLAKE_SSE'\)", sql):
            if kind == "no_stage":
                return emulator.refused("003001", "42501", "SQL access control error:\nInsufficient privileges to operate on schema 'SALES'.")
            stage = self.known[session.number, match[1].upper()] = Stage(kind)
            self.by_number[stage.number] = stage
            self.secrets[session.database].update({stage.secret, stage.token})
            return self.told(done)
        if match := re.match(rf"(?is)put\s+'file://([^']*)'\s+@{NAME}\s", sql):
            if kind == "no_put":
                return emulator.refused("001057", "0A000", "Unsupported feature 'PUT in this account'.")
            stage = self.known[session.number, match[2].upper()]
            data = {"command": "UPLOAD", "src_locations": [match[1]], "parallel": 4, "autoCompress": False, "overwrite": True,
                    "sourceCompression": "none", "encryptionMaterial": None, "stageInfo": self.place(request, stage, match[1])}
            if kind == "client_side":
                data["encryptionMaterial"] = {"queryStageMasterKey": secrets.token_hex(16), "queryId": "q", "smkId": 1}
            return self.told(data)
        if match := re.fullmatch(rf"(?is)drop\s+stage\s+if\s+exists\s+{NAME}", sql):
            self.known.pop((session.number, match[1].upper()), None)
            return self.told(done)
        if match := re.match(rf"(?is)copy\s+into\s+(\S+)\s+\(([^)]*)\)\s+from\s+@{NAME}\s+file_format", sql):
            stage = self.known[session.number, match[3].upper()]
            try:
                loaded = self.copy(request, match[1], match[2], stage)
            except duckdb.Error as error:
                return emulator.refused("100038", "22018", str(error))
            names = ["file", "status", "rows_parsed", "rows_loaded"]
            return self.told({"rowtype": [{**emulator.text_type, "name": name} for name in names],
                              "rowset": [[name, "LOADED", str(rows), str(rows)] for name, rows in loaded],
                              "statementTypeId": 0})
        return None

    @staticmethod
    def told(data):
        return {"success": True, "code": None, "message": None, "data": {**data, "queryId": secrets.token_hex(16)}}

    @staticmethod
    def copy(request, table, names, stage):
        connection = fake.sessions[fake.to_token(request)]._duck_conn  # noqa: SLF001
        loaded = []
        with tempfile.TemporaryDirectory() as folder:
            for name, text in sorted(stage.files.items()):
                path = os.path.join(folder, name)
                with open(path, "wb") as file:
                    file.write(text)
                columns = ", ".join(f"'c{i}': 'varchar'" for i in range(len(names.split(","))))
                picked = ", ".join(f"c{i}" for i in range(len(names.split(","))))
                rows = connection.execute(
                    f"insert into {table} ({names}) select {picked} from read_csv('{path}', header = false, quote = '\"', escape = '\"', "
                    f"nullstr = '', allow_quoted_nulls = false, columns = {{{columns}}}, auto_detect = false, delim = ',', "
                    "parallel = false)"
                ).fetchall()
                loaded.append((name, rows[0][0]))
        return loaded

    @staticmethod
    def place(request, stage, name):
        own = f"{request.url.scheme}://{request.url.netloc}"
        if stage.kind == "no_storage":
            own = "http://127.0.0.1:9"
        common = {"location": f"bucket/{stage.number}/", "region": "eu-central-1", "isClientSideEncrypted": False}
        if stage.kind == "azure":
            return {**common, "locationType": "AZURE", "storageAccount": "emulator", "endPoint": f"{own}/emulator/azure",
                    "creds": {"AZURE_SAS_TOKEN": f"?se=2099&sig={stage.token}"}}
        if stage.kind == "gcs":
            return {**common, "locationType": "GCS", "endPoint": f"{own}/emulator/gcs", "presignedUrl": None,
                    "creds": {"GCS_ACCESS_TOKEN": stage.token}}
        if stage.kind in ("gcs_signed", "no_entry", "busy_storage"):
            signed = f"{own}/emulator/gcs/bucket/{stage.number}/{name}?signature={stage.token}"
            return {**common, "locationType": "GCS", "endPoint": None, "presignedUrl": signed, "creds": {}}
        return {**common, "locationType": "S3", "endPoint": f"{own}/emulator/s3",
                "creds": {"AWS_KEY_ID": "key-of-stage", "AWS_SECRET_KEY": stage.secret, "AWS_TOKEN": stage.token}}

    def store(self, request, body):
        """A file that comes to the storage, if it shows what it must."""
        cloud, _, number, name = request.url.path.removeprefix("/emulator/").split("/", 3)
        stage = self.by_number.get(number)
        self.attempts[number] += 1
        if stage is None or stage.kind == "no_entry" or request.method != "PUT":
            return Response("<Error><Code>AccessDenied</Code></Error>", status_code=403)
        if stage.kind == "busy_storage" and self.attempts[number] < 3:
            return Response("busy", status_code=503)
        query, headers = request.query_params, request.headers
        shown = {
            "azure": lambda: query.get("sig") == stage.token and headers.get("x-ms-blob-type") == "BlockBlob",
            "gcs": lambda: stage.token in (query.get("signature"), headers.get("authorization", "").removeprefix("Bearer ")),
            "s3": lambda: headers.get("x-amz-security-token") == stage.token and self.signed(request, body, stage.secret),
        }[cloud]()
        if not shown:
            return Response("<Error><Code>SignatureDoesNotMatch</Code></Error>", status_code=403)
        stage.files[name] = body
        return Response("", status_code=201 if cloud == "azure" else 200, headers={"etag": '"e"'})

    @staticmethod
    def signed(request, body, secret):
        """Whether a request carries AWS's signature, version 4, made with this secret."""
        match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^,]*), ?SignedHeaders=([^,]*), ?Signature=(\w+)",
                             request.headers.get("authorization", ""))
        if match is None or hashlib.sha256(body).hexdigest() != request.headers.get("x-amz-content-sha256"):
            return False
        _, date, region, service, end = match[1].split("/")
        headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in match[2].split(";"))
        canonical = "\n".join([request.method, request.url.path, request.url.query, headers, match[2],
                               request.headers["x-amz-content-sha256"]])
        key = f"AWS4{secret}".encode()
        for part in (date, region, service, end):
            key = hmac.digest(key, part.encode(), "sha256")
        text = "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], "/".join([date, region, service, end]),
                          hashlib.sha256(canonical.encode()).hexdigest()])
        return hmac.digest(key, text.encode(), "sha256").hex() == match[3]
