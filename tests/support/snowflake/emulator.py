"""Answers as a Snowflake account does, on this machine, for the tests.

SQL runs on fakesnow (DuckDB). Around it stands what a client meets at the real service and fakesnow does not have:
renewal of sessions, statements that take long, results in parts, aborted statements, warehouses, roles, grants, query
tags, dynamic tables. Prints its port, serves until its standard input is closed.

A statement asks for a fault in a comment, `/* emulate: NAME=VALUE */`:

    busy=503x2    HTTP 503 at the first two attempts; the statement does not run then. busy=429x1x3 asks for 3 seconds
                  of peace (Retry-After)
    running=3     the statement goes on in the background: three polls before its result is there
    expired=1     the session has expired when it is first sent; with expired=2 its master token too; with expired=2x3
                  when it is sent for the third time
    parts=3       the result comes in three parts besides the first rows
    lost=1        the statement runs, and the connection breaks off in the middle of the answer; lost=1x2 twice
    lost=0        the connection breaks off before the statement runs; lost=0x2 twice
    hold=1        the statement runs until it is aborted (or 30 seconds)
    html=1        a proxy's page instead of an answer

A statement is known by its request id: one that comes again with `retry=true` is not run but answered as the first time.
Session parameters ask too: `EMULATE_RENEW_EVERY` (the token expires after so many statements) and
`EMULATE_MASTER_SECONDS` (how long the master token holds), `EMULATE_LAST_BEAT` (a sign of life comes too late). Warehouses `ASLEEP` and `HIDDEN` run nothing. `logins.py` says
who may come in, `fabricated.py` makes schemas that hold very much, `stages.py` takes files.

Tests look at `/emulator/log?database=X` (what was sent, in order), at `/emulator/rows` (POST of SQL: rows as texts) and at
`/emulator/account` (warehouses, roles, grants). `/emulator/remember?database=X`: from here on its tables have a past.
"""

import asyncio
import collections
import datetime
import gzip
import json
import logging
import os
import re
import secrets
import socket
import sys
import threading
import uuid

import duckdb
import fakesnow.server as fake
import uvicorn
from answers import in_arrow, texts
from fabricated import Fabricated
from fakesnow.dialect import parse_one
from logins import Logins
from stages import Stages
from kinds import Kinds
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from time_travel import TimeTravel

import history

FAULT = re.compile(r"/\*\s*emulate:\s*(\w+)=(\S+)\s*\*/")
TEXT = {"type": "text", "length": 16777216, "byteLength": 16777216, "nullable": True, "precision": None, "scale": None,
        "database": "", "schema": "", "table": "", "collation": None}
OBJECT = r"(?:\"[^\"]*\"|[\w$]+)(?:\.(?:\"[^\"]*\"|[\w$]+))*"


def plain(sql):
    """The statement without comments around it and without a semicolon."""
    text = sql.strip()
    while text.startswith(("/*", "--")):
        text = (text.split("*/", 1) if text.startswith("/*") else text.split("\n", 1) + [""])[1].strip()
    while text.endswith(("*/", ";")):
        text = text[: text.rindex("/*")].strip() if text.endswith("*/") else text[:-1].strip()
    return text


def named(text):
    """Parts of a name as the catalog has them."""
    parts = re.findall(r"\"[^\"]*\"|[\w$]+", text)
    return [part[1:-1] if part.startswith('"') else part.upper() for part in parts]


class Session:
    count = 0

    def __init__(self, database, warehouse, role, parameters):
        Session.count += 1
        self.number = Session.count
        self.database = database
        self.warehouse = (warehouse or "").upper()
        self.role = (role or "PUBLIC").upper()
        self.tag = parameters.get("QUERY_TAG", "")
        self.parameters = parameters
        self.renew_every = int(parameters.get("EMULATE_RENEW_EVERY", 0))
        self.statements = 0


class Account:
    """What fakesnow does not keep: warehouses, roles, grants, dynamic tables, masking of nothing."""

    def __init__(self):
        self.warehouses = {}
        self.roles = {}
        self.grants = []
        self.dynamic = {}
        self.clusters = {}
        self.comments = {}

    def answer(self, sql, session):
        """Columns and rows of a statement that the account answers by itself, or None."""
        done = ["status"], [["Statement executed successfully."]]
        if match := re.fullmatch(r"(?is)alter\s+session\s+set\s+query_tag\s*=\s*'((?:[^'\\]|''|\\.)*)'", sql):
            session.tag = match[1].replace("''", "'").replace("\\\\", "\\")
            return done
        if re.fullmatch(r"(?is)alter\s+session\s+unset\s+query_tag", sql):
            session.tag = ""
            return done
        if re.match(r"(?is)show\s+parameters\s+like\s+'query_tag'\s+in\s+session", sql):
            return ["key", "value", "default"], [["QUERY_TAG", session.tag, ""]]
        if match := re.fullmatch(rf"(?is)use\s+warehouse\s+({OBJECT})", sql):
            session.warehouse = named(match[1])[0]
            return done
        if match := re.fullmatch(rf"(?is)use\s+(?:secondary\s+)?roles?\s+({OBJECT})", sql):
            session.role = named(match[1])[0]
            return done
        if re.fullmatch(r"(?is)select\s+current_warehouse\(\)(?:\s+as\s+\w+)?", sql):
            return ["WAREHOUSE"], [[session.warehouse or None]]
        if re.match(r"(?is)select\s+system\$", sql):
            return ["SYSTEM"], [["done"]]
        return self.owned(sql, done)

    def owned(self, sql, done):
        if match := re.match(rf"(?is)create\s+warehouse\s+(if\s+not\s+exists\s+)?({OBJECT})\s*(.*)", sql):
            name = named(match[2])[0]
            if not (match[1] and name in self.warehouses):
                self.warehouses[name] = self.properties(match[3])
            return done
        if match := re.match(rf"(?is)alter\s+warehouse\s+(?:if\s+exists\s+)?({OBJECT})\s+set\s+(.*)", sql):
            self.warehouses[named(match[1])[0]].update(self.properties(match[2]))
            return done
        if re.match(r"(?is)show\s+warehouses", sql):
            like = re.search(r"(?i)like\s+'([^']*)'", sql)
            rows = [
                [name, "SUSPENDED", kept.get("WAREHOUSE_SIZE", "X-Small"), kept.get("AUTO_SUSPEND", "600"),
                 kept.get("AUTO_RESUME", "true").lower(), kept.get("COMMENT", ""), kept.get("WAREHOUSE_TYPE", "STANDARD"),
                 kept.get("RESOURCE_CONSTRAINT", "")]
                for name, kept in self.warehouses.items()
                if not like or like[1].upper() == name
            ]
            return ["name", "state", "size", "auto_suspend", "auto_resume", "comment", "type", "resource_constraint"], rows
        if match := re.match(rf"(?is)create\s+role\s+(?:if\s+not\s+exists\s+)?({OBJECT})(.*)", sql):
            self.roles.setdefault(named(match[1])[0], self.properties(match[2]).get("COMMENT", ""))
            return done
        if re.match(r"(?is)show\s+roles", sql):
            return ["name", "comment"], [[name, comment] for name, comment in self.roles.items()]
        if match := re.match(rf"(?is)show\s+grants\s+to\s+(role|user)\s+({OBJECT})", sql):
            grantee = named(match[2])[0]
            rows = [[g[0], g[1], g[2], g[3], g[4]] for g in self.grants if g[3:] == [match[1].upper(), grantee]]
            return ["privilege", "granted_on", "name", "granted_to", "grantee_name"], rows
        if match := re.match(rf"(?is)show\s+grants\s+of\s+role\s+({OBJECT})", sql):
            name = named(match[1])[0]
            rows = [[g[2], g[3], g[4]] for g in self.grants if g[1] == "ROLE" and g[2] == name]
            return ["role", "granted_to", "grantee_name"], rows
        if match := re.match(rf"(?is)show\s+future\s+grants\s+to\s+role\s+({OBJECT})", sql):
            rows = [
                [g[0], g[1].removeprefix("FUTURE "), g[2], g[3], g[4]]
                for g in self.grants
                if g[4] == named(match[1])[0] and g[1].startswith("FUTURE ")
            ]
            return ["privilege", "grant_on", "name", "grant_to", "grantee_name"], rows
        if match := re.match(rf"(?is)show\s+grants\s+on\s+(?:\w+\s+)?({OBJECT})$", sql):
            rows = [g for g in self.grants if g[2] == ".".join(named(match[1]))]
            owner = ["OWNERSHIP", "TABLE", ".".join(named(match[1])), "ROLE", "SYSADMIN"]
            return ["privilege", "granted_on", "name", "granted_to", "grantee_name"], [owner, *rows]
        pattern = (
            rf"(?is)(grant|revoke)\s+([\w\s,]+?)\s+on\s+((?:future\s+)?[\w\s]+?\s+in\s+(?:schema|database)|(?:\w+\s+)??)\s*"
            rf"({OBJECT})\s+(?:to|from)\s+(?:(role|user|share)\s+)?({OBJECT})"
        )
        if match := re.fullmatch(pattern, sql):
            for privilege in match[2].split(","):
                kind = " ".join(match[3].upper().split()) or "TABLE"
                if kind.startswith("FUTURE "):
                    words = kind.removeprefix("FUTURE ").split()
                    kind, name = f"FUTURE {words[0].removesuffix('S')}", ".".join(named(match[4]) + [f"<{words[0].removesuffix('S')}>"])
                else:
                    name = ".".join(named(match[4]))
                grant = [" ".join(privilege.upper().split()), kind, name, (match[5] or "role").upper(), named(match[6])[0]]
                if match[1].lower() == "grant" and grant not in self.grants:
                    self.grants.append(grant)
                elif match[1].lower() == "revoke":
                    self.grants = [g for g in self.grants if [g[0], g[2], g[4]] != [grant[0], grant[2], grant[4]]]
            return done
        if match := re.fullmatch(rf"(?is)(grant|revoke)\s+role\s+({OBJECT})\s+(?:to|from)\s+(role|user)\s+({OBJECT})", sql):
            grant = ["USAGE", "ROLE", named(match[2])[0], match[3].upper(), named(match[4])[0]]
            if match[1].lower() == "grant" and grant not in self.grants:
                self.grants.append(grant)
            return done
        if match := re.match(rf"(?is)alter\s+(?:iceberg\s+|dynamic\s+)?table\s+({OBJECT})\s+cluster\s+by\s+(.*)", sql):
            self.clusters[".".join(named(match[1]))] = match[2]
            return done
        if re.match(rf"(?is)alter\s+(?:iceberg\s+)?table\s+{OBJECT}\s+(resume|suspend)\s+recluster", sql):
            return done
        return self.of_dynamic_tables(sql, done)

    def of_dynamic_tables(self, sql, done):
        if match := re.match(r"(?is)show\s+dynamic\s+tables\s+like\s+'([^']*)'\s+in\s+schema\s+(.*)", sql):
            place = named(match[2])
            rows = [
                [name, key.split(".")[-3] if key.count(".") > 1 else "", place[-1], "", kept.get("TARGET_LAG", ""), kept.get("WAREHOUSE", "").upper(), kept.get("REFRESH_MODE", "AUTO"),
                 kept.get("INITIALIZATION_WAREHOUSE"), kept.get("SCHEDULER"), kept.get("cluster_by", ""), kept.get("immutable_where", "")]
                for key, kept in self.dynamic.items()
                for name in [key.split(".")[-1]]
                if name.upper() == match[1].upper() and key.split(".")[:-1][-len(place):] == place
            ]
            columns = ["name", "database_name", "schema_name", "text", "target_lag", "warehouse", "refresh_mode", "initialization_warehouse",
                       "scheduler", "cluster_by", "immutable_where"]
            return columns, rows
        if match := re.match(rf"(?is)alter\s+dynamic\s+table\s+({OBJECT})\s+set\s+(.*)", sql):
            self.dynamic.setdefault(".".join(named(match[1])), {}).update(self.properties(match[2]))
            return done
        if match := re.match(rf"(?is)alter\s+dynamic\s+table\s+({OBJECT})\s+unset\s+(\w+)", sql):
            self.dynamic.setdefault(".".join(named(match[1])), {}).pop(match[2].upper(), None)
            return done
        if re.match(r"(?is)alter\s+dynamic\s+table\s", sql):
            return done
        return None

    def note(self, sql):
        """Keeps what a statement that fakesnow runs says besides."""
        match = re.match(rf"(?is)create\s+(?:or\s+replace\s+)?(?:transient\s+)?(dynamic\s+)?(?:\w+\s+)?table\s+({OBJECT})(.*)", sql)
        if match and match[1]:
            head = re.split(r"(?i)\bas\s*\(", match[3])[0]
            kept = self.properties(head)
            for clause in ("cluster by", "immutable where"):
                if found := re.search(rf"(?i){clause}\s*\((.*?)\)", head):
                    kept[clause.replace(" ", "_")] = found[1]
            self.dynamic[".".join(named(match[2]))] = kept
        elif match:
            self.dynamic.pop(".".join(named(match[2])), None)
        elif match := re.match(rf"(?is)drop\s+(?:dynamic\s+)?(?:table|view)\s+(?:if\s+exists\s+)?({OBJECT})", sql):
            self.dynamic.pop(".".join(named(match[1])), None)

    @staticmethod
    def properties(text):
        found = re.findall(r"(\w+)\s*=\s*('(?:[^']|'')*'|[\w-]+)", text)
        return {key.upper(): value.strip("'") for key, value in found}


class Emulator:
    text_type = TEXT

    def __init__(self):
        self.account = Account()
        self.logins = Logins()
        self.fabricated = Fabricated()
        self.stages = Stages(self.logins.secrets)
        self.kinds = Kinds(self.account)
        self.sessions = {}
        self.stale = set()
        self.masters = {}
        self.log = []
        self.times = collections.Counter()
        self.background = {}
        self.requests = {}
        self.parts = {}
        self.aborts = {}
        self.past = TimeTravel()
        self.history = history.History()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await fake.app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        path = request.url.path
        if path == "/session/v1/login-request":
            response = await self.login(request, body)
        elif path == "/session/authenticator-request":
            response = self.logins.authenticator(request, json.loads(body))
        elif path == "/oauth/token-request":
            response = self.logins.refresh(request, body, "")
        elif path == "/session/heartbeat":
            response = await self.heartbeat(fake.to_token(request))
        elif path == "/session/token-request":
            response = self.renew(request, json.loads(body))
        elif path == "/queries/v1/query-request":
            response = await self.query(request, json.loads(body))
        elif path == "/queries/v1/abort-request":
            response = self.abort(json.loads(body))
        elif match := re.fullmatch(r"/queries/([^/]+)/result", path):
            response = await self.result(match[1])
        elif match := re.fullmatch(r"/emulator/part/(\w+)", path):
            response = Response(self.parts[match[1]])
        elif path == "/emulator/log":
            response = JSONResponse([e for e in self.log if e["database"] == request.query_params["database"].upper()])
        elif path == "/emulator/account":
            kept = self.account
            response = JSONResponse({"warehouses": kept.warehouses, "roles": list(kept.roles), "grants": kept.grants,
                                     "dynamic": kept.dynamic, "clusters": kept.clusters, "asked": self.logins.asked})
        elif path == "/emulator/remember":
            self.past.databases.add(request.query_params["database"].upper())
            response = JSONResponse({})
        elif path == "/emulator/user":
            response = self.logins.register(json.loads(body))
        elif match := re.fullmatch(r"/emulator/sso/(\w+)", path):
            response = self.logins.page(match[1])
        elif path == "/emulator/secrets":
            known = self.logins.secrets
            response = JSONResponse(sorted(known[request.query_params["database"].upper()] | known[""]))
        elif path == "/emulator/fabricate":
            response = self.fabricated.make(json.loads(body))
        elif re.match(r"/emulator/(s3|azure|gcs)/", path):
            response = self.stages.store(request, body)
        elif path == "/emulator/rows":
            response = self.rows(body.decode())
        else:
            status, answer = await self.inside(request, body)
            response = JSONResponse(answer, status_code=status)
        if response is None:
            # A head that promises more than comes: the server closes the connection.
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
            await send({"type": "http.response.body", "body": b"{", "more_body": False})
            return
        await response(scope, receive, send)

    async def inside(self, request, body):
        """What fakesnow answers."""
        headers = [(k, v) for k, v in request.scope["headers"] if k not in (b"content-encoding", b"content-length")]
        sent, told = False, {}

        async def receive():
            nonlocal sent
            if sent:
                await asyncio.sleep(3600)
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
            else:
                told["body"] = told.get("body", b"") + message.get("body", b"")

        try:
            await fake.app({**request.scope, "headers": headers}, receive, send)
            return told["status"], json.loads(told["body"])
        except Exception as error:  # noqa: BLE001: what fakesnow cannot do is an error of the statement
            return 200, {"success": False, "code": "000001", "message": f"the emulator cannot: {error}", "data": {"sqlState": "XX000"}}

    async def login(self, request, body):
        asked = json.loads(body)["data"]
        parameters = {key.upper(): value for key, value in (asked.get("SESSION_PARAMETERS") or {}).items()}
        database = (request.query_params.get("databaseName") or "").upper()
        entry = {"database": database, "login": asked.get("LOGIN_NAME"), "account": asked.get("ACCOUNT_NAME"),
                 "authenticator": asked.get("AUTHENTICATOR"), "parameters": parameters,
                 "proofs": [key for key in ("PASSWORD", "TOKEN", "PASSCODE", "PROOF_KEY") if key in asked]}
        self.log.append(entry)
        refused, brought = await self.logins.check(request, asked, database, entry)
        if refused is not None:
            return refused
        status, answer = await self.inside(request, body)
        data = answer.get("data")
        if not answer.get("success"):
            return JSONResponse(answer, status_code=status)
        master = secrets.token_hex(16)
        self.masters[master] = data["token"]
        session = Session(database, request.query_params.get("warehouse"), request.query_params.get("roleName"), parameters)
        session.user = self.logins.users.get((asked.get("LOGIN_NAME") or "").upper())
        self.sessions[data["token"]] = session
        self.logins.secrets[database].update({data["token"], master})
        validity = int(parameters.get("EMULATE_MASTER_SECONDS", 14400))
        data.update(masterToken=master, validityInSeconds=3600, masterValidityInSeconds=validity, sessionId=session.number, **brought)
        data["sessionInfo"].update(warehouseName=session.warehouse, roleName=session.role)
        return JSONResponse({"code": None, "message": None, **answer})

    async def heartbeat(self, token):
        session = self.sessions.get(token)
        self.log.append({"database": session.database if session else "", "heartbeat": True})
        if session and session.parameters.get("EMULATE_LAST_BEAT"):
            await self.end(session, token)
            self.stale.add(token)
            return JSONResponse({"data": None, "code": "390112", "success": False, "message": "Your session has expired."})
        return JSONResponse({"success": True, "code": None, "message": None, "data": None})

    def renew(self, request, asked):
        master, old = fake.to_token(request), asked.get("oldSessionToken")
        session = self.sessions.get(old)
        self.log.append({"database": session.database if session else "", "renewed": master in self.masters})
        if master not in self.masters or old not in fake.sessions:
            return JSONResponse({"data": None, "code": "390114", "success": False,
                                 "message": "Authentication token has expired. The user must authenticate again."})
        new = secrets.token_hex(16)
        fake.sessions[new], self.sessions[new] = fake.sessions[old], session
        self.logins.secrets[session.database].add(new)
        return JSONResponse({"success": True, "code": None, "message": None, "data": {
            "sessionToken": new, "masterToken": master, "sessionId": session.number,
            "validityInSecondsST": 3600, "validityInSecondsMT": 14400}})

    def abort(self, asked):
        held = self.aborts.get(asked.get("requestId"))
        self.log.append({"database": held[0] if held else "", "aborted": asked.get("sqlText")})
        if held:
            held[1].set()
        return JSONResponse({"data": None, "code": None, "message": None, "success": True})

    async def query(self, request, asked):
        sql = asked["sqlText"]
        token = fake.to_token(request)
        session = self.sessions.get(token)
        if session is None:
            return JSONResponse({"data": None, "code": "390104", "success": False,
                                 "message": "User must login again to access the service."}, status_code=401)
        number = request.query_params.get("requestId")
        again = request.query_params.get("retry") == "true"
        faults = dict(FAULT.findall(sql))
        # Once per statement of a session's database, however many attempts it takes.
        self.times[session.database, sql] += 1
        time = self.times[session.database, sql]
        entry = {"database": session.database, "session": session.number, "warehouse": session.warehouse,
                 "tag": session.tag, "sql": sql, "describe": bool(asked.get("describeOnly")), "request": number,
                 "again": again, "at": asyncio.get_running_loop().time()}
        self.log.append(entry)
        if "busy" in faults:
            status, attempts, *wait = faults["busy"].split("x")
            if time <= int(attempts):
                return Response("busy", status_code=int(status), headers={"retry-after": wait[0]} if wait else {})
        if "html" in faults and time == 1:
            return Response("<html>proxy</html>", status_code=403)
        if session.renew_every and token not in self.stale:
            session.statements += 1
            if session.statements % session.renew_every == 0:
                self.stale.add(token)
        level, _, when = faults.get("expired", "").partition("x")
        struck = bool(level) and time == int(when or 1)
        if token in self.stale or struck:
            if struck and level == "2":
                await self.end(session, token)
            return JSONResponse({"data": None, "code": "390112", "success": False,
                                 "message": "Your session has expired. Please login again."})
        lost, _, attempts = faults.get("lost", "").partition("x")
        broken = bool(lost) and time <= int(attempts or 1)
        if broken and lost == "0":
            return None
        known = self.requests.get((session.number, number)) if again else None
        if known is None:
            known = self.requests[session.number, number] = asyncio.get_running_loop().create_future()
            entry["ran"] = True
            try:
                known.set_result(await self.executed(request, asked, session, faults))
            except Exception as error:  # noqa: BLE001: nobody may wait for ever
                known.set_result(self.refused("000001", "XX000", f"the emulator cannot: {error!r}"))
        answer = await asyncio.shield(known)
        return None if broken else JSONResponse(answer)

    async def end(self, session, token):
        """A session that is over: its transaction is rolled back, and nothing opens it again."""
        self.masters = {key: value for key, value in self.masters.items() if self.sessions.get(value) is not session}
        fake.sessions[token]._duck_conn.execute("rollback") if self.in_transaction(fake.sessions[token]) else None  # noqa: SLF001
        if session.user is not None:
            # A login that was signed before does not count any more.
            session.user.not_before = int(datetime.datetime.now().timestamp()) + 1
            await asyncio.sleep(1.1)

    @staticmethod
    def in_transaction(connection):
        try:
            connection._duck_conn.execute("begin")  # noqa: SLF001
        except duckdb.Error:
            return True
        connection._duck_conn.execute("rollback")  # noqa: SLF001
        return False

    async def executed(self, request, asked, session, faults):
        """The answer to a statement that was not known before."""
        number = request.query_params.get("requestId")
        if "hold" in faults:
            event = asyncio.Event()
            self.aborts[number] = session.database, event
            try:
                await asyncio.wait_for(event.wait(), 30)
            except TimeoutError:
                pass
            else:
                return {"success": False, "code": "000604", "message": "SQL execution canceled", "data": {
                    "errorCode": "000604", "sqlState": "57014", "queryId": str(uuid.uuid4()), "line": -1, "pos": -1}}
        start = history.time.time()
        answer = await self.run(request, asked, session, faults)
        asked_id = (answer.get("data") or {}).get("queryId")
        self.history.note(self.account, session, plain(asked["sqlText"]), asked_id, start, faults)
        if "running" in faults:
            query = (answer.get("data") or {}).get("queryId")
            self.background[query] = [int(faults["running"]), answer]
            return self.in_progress(query, "333334")
        return answer

    @staticmethod
    def in_progress(query, code):
        return {"success": code == "333334", "code": code, "message": "Query execution in progress.",
                "data": {"queryId": query, "getResultUrl": f"/queries/{query}/result", "queryAbortsAfterSecs": 300}}

    async def result(self, query):
        if query not in self.background:
            return JSONResponse({"data": None, "code": "000709", "message": "Statement not found", "success": False})
        waiting = self.background[query]
        self.log.append({"database": "", "polled": query})
        if waiting[0] > 0:
            waiting[0] -= 1
            await asyncio.sleep(0.05)
            return JSONResponse(self.in_progress(query, "333333"))
        return JSONResponse(waiting[1])

    async def run(self, request, asked, session, faults):
        sql = plain(asked["sqlText"])
        if session.warehouse in ("ASLEEP", "HIDDEN") and re.match(r"(?is)(select|with|create\s+.*\bas\b|insert|merge)", sql):
            if session.warehouse == "ASLEEP":
                return self.refused("090073", "22000", "Warehouse 'ASLEEP' cannot be resumed because resource monitor 'SPEND' has exceeded its quota.")
            return self.refused("000606", "57P03", "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command.\n")
        if (staged := await self.stages.run(self, request, session, sql)) is not None:
            return staged
        try:
            told = self.history.answer(sql, session)
            if told is None and not self.kinds.takes(sql):
                told = self.account.answer(sql, session) or self.fabricated.answer(sql)
        except history.Refused as error:
            return self.refused(error.code, error.state, error.message)
        if told is None:
            try:
                told = await asyncio.get_running_loop().run_in_executor(None, self.by_hand, request, sql)
            except duckdb.Error as error:
                missing = isinstance(error, (duckdb.CatalogException, duckdb.BinderException))
                return self.refused("002003" if missing else "100038", "42S02" if missing else "22018", str(error))
            except ProgrammingError as error:
                return self.refused(f"{error.errno:06d}", error.sqlstate, error.msg)
        if told is not None:
            columns, rows = told
            return self.finished(session, {
                "rowtype": [{**TEXT, "name": name} for name in columns],
                "rowset": [[None if v is None else str(v) for v in row] for row in rows],
                "statementTypeId": self.kind_of(sql), "queryId": str(uuid.uuid4()), "total": len(rows)}, faults, request)
        text = re.sub(r"(?is)^(create\s+(?:or\s+replace\s+)?)(?:temporary|temp)\s+", r"\1", sql)
        if re.match(r"(?is)create\s", text):
            text = self.without_clauses(text)
        status, answer = await self.inside(request, json.dumps({**asked, "sqlText": text}).encode())
        data = answer.get("data")
        if not answer.get("success"):
            code = answer.get("code") or "000001"
            return self.refused(code, (data or {}).get("sqlState"), answer.get("message") or f"HTTP {status}")
        self.account.note(sql)
        self.kinds.note(sql)
        if data.get("queryResultFormat") == "arrow" and session.parameters.get("GO_QUERY_RESULT_FORMAT") == "ARROW":
            in_arrow(data, int(faults.get("parts", 0)), self.parts, f"{request.url.scheme}://{request.url.netloc}/emulator/part")
            data.update(finalWarehouseName=session.warehouse, finalRoleName=session.role, version=1, sqlState=None)
            return {"success": True, "code": None, "message": None, "data": data}
        if data.get("queryResultFormat") == "arrow":
            data["rowset"] = texts(data.pop("rowsetBase64"), data["rowtype"])
        if re.match(r"(?is)show\s+(terse\s+)?objects", sql):
            self.mark_dynamic(data)
        if re.match(r"(?is)show\s+(objects|tables)", sql):
            self.kinds.mark(data)
        return self.finished(session, data, faults, request)

    @staticmethod
    def without_clauses(sql):
        """A create without what DuckDB has no word for: the log holds it as it was sent."""
        cloned = rf"(?is)create\s+or\s+replace\s+(?:\w+\s+)?table\s+({OBJECT})\s+clone\s+({OBJECT})(?:\s+copy\s+\w+)*"
        if match := re.fullmatch(cloned, sql.strip()):
            # fakesnow replaces nothing by a clone.
            return f"create or replace table {match[1]} as select * from {match[2]}"
        head, *rest = re.split(r"(?i)(\sas\s*\()", sql, maxsplit=1)
        head = re.sub(r"(?is)^(create\s+(?:or\s+replace\s+)?)transient\s+(?=dynamic\s)", r"\1", head)
        head = re.sub(r"(?is)\bcopy\s+(grants|tags)\b", " ", head)
        head = re.sub(r"(?is)\bwith\s+row\s+access\s+policy\s+\S+\s+on\s*\([^)]*\)", " ", head)
        head = re.sub(r"(?is)\bwith\s+tag\s*\((?:[^()']|'[^']*')*\)", " ", head)
        head = re.sub(r"(?is)\b(change_tracking|data_retention_time_in_days)\s*=\s*\S+", " ", head)
        return head + "".join(rest)

    def mark_dynamic(self, data):
        names = [column["name"] for column in data["rowtype"]]
        for row in data["rowset"]:
            cells = dict(zip(names, row))
            place = ".".join([cells["database_name"], cells["schema_name"], cells["name"]])
            if any(place.endswith(key) for key in self.account.dynamic):
                row[names.index("is_dynamic")] = "Y"

    @staticmethod
    def kind_of(sql):
        word = sql.split(None, 1)[0].lower()
        return {"merge": 0x3400, "delete": 0x3300, "insert": 0x3100}.get(word, 0)

    def by_hand(self, request, sql):
        """Statements that fakesnow refuses and DuckDB can be made to do."""
        connection = fake.sessions[fake.to_token(request)]
        told = self.past.answer(sql, self.sessions[fake.to_token(request)], connection)
        if told is not None:
            return told
        if self.kinds.takes(sql):
            return self.kinds.answer(connection, sql)
        if re.match(r"(?is)merge\s", sql):
            return self.merge(connection, sql)
        if match := re.fullmatch(rf"(?is)alter\s+table\s+({OBJECT})\s+drop\s+column\s+(.*,.*)", sql):
            for column in match[2].split(","):
                connection.cursor().execute(f"alter table {match[1]} drop column {column}")
            return ["status"], [["Statement executed successfully."]]
        if match := re.fullmatch(rf"(?is)alter\s+table\s+({OBJECT})\s+swap\s+with\s+({OBJECT})", sql):
            one, other = match[1], match[2]
            last = f'"{secrets.token_hex(6)}"'
            beside = ".".join(one.split(".")[:-1] + [last])
            for old, new in ((one, last), (other, named(one)[-1]), (beside, named(other)[-1])):
                new = new if new.startswith('"') else f'"{new}"'
                connection.cursor().execute(f"alter table {old} rename to {new}")
            return ["status"], [["Statement executed successfully."]]
        if match := re.fullmatch(rf"(?is)alter\s+(?:table|view)\s+({OBJECT})\s+(?:alter|modify)\s+(.*\scomment\s.*)", sql):
            return ["status"], [["Statement executed successfully."]]
        if match := re.match(rf"(?is)comment\s+on\s+([\w\s]+?)\s+({OBJECT})\s+is\s+(\$\$.*\$\$|'.*')$", sql):
            # fakesnow reads no quotes inside.
            words = re.sub(r"['\\]", "`", match[3].strip("$'"))
            connection.cursor().execute(f"comment on {match[1].split()[-1]} {match[2]} is '{words}'")
            return ["status"], [["Statement executed successfully."]]
        if match := re.match(r"(?is)explain\s+using\s+(json|tabular)\s+(.*)", sql):
            connection.cursor().execute(f"explain {match[2]}")
            return history.plan(match[2])
        return None

    @staticmethod
    def merge(connection, sql):
        cursor = connection.cursor()
        statement = parse_one(sql)
        whens = [when.args["then"] for when in statement.args["whens"].expressions]
        text = cursor._transform(statement, None).sql(dialect="duckdb")  # noqa: SLF001
        actions = collections.Counter(row[0] for row in connection._duck_conn.execute(f"{text} returning merge_action").fetchall())  # noqa: SLF001
        kinds = [
            ("INSERT", "inserted", any(isinstance(then, exp.Insert) for then in whens)),
            ("UPDATE", "updated", any(isinstance(then, exp.Update) for then in whens)),
            ("DELETE", "deleted", any(not isinstance(then, (exp.Insert, exp.Update)) for then in whens)),
        ]
        kinds = [(kind, word) for kind, word, asked in kinds if asked]
        return [f"number of rows {word}" for _, word in kinds], [[actions[kind] for kind, _ in kinds]]

    @staticmethod
    def refused(code, state, message):
        return {"success": False, "code": code, "message": message, "data": {
            "errorCode": code, "sqlState": state or "42000", "queryId": str(uuid.uuid4()), "line": -1, "pos": -1,
            "internalError": False, "type": "COMPILATION"}}

    def finished(self, session, data, faults, request):
        if "parts" in faults:
            rows, count = data["rowset"], int(faults["parts"]) + 1
            step = max(1, -(-len(rows) // count))
            data["rowset"], data["chunks"] = rows[:step], []
            for start in range(step, len(rows), step):
                part, text = secrets.token_hex(4), json.dumps(rows[start : start + step])[1:-1]
                self.parts[part] = text.encode()
                data["chunks"].append({"url": f"{request.url.scheme}://{request.url.netloc}/emulator/part/{part}",
                                       "rowCount": len(rows[start : start + step]), "uncompressedSize": len(text)})
            data["chunkHeaders"] = {"x-emulator": "part"}
        data.update(queryResultFormat="json", finalWarehouseName=session.warehouse, finalRoleName=session.role,
                    version=1, sqlState=None, returned=len(data.get("rowset") or []))
        return {"success": True, "code": None, "message": None, "data": data}

    def rows(self, sql):
        """Rows of DuckDB behind fakesnow, names of databases in front of those of tables."""
        cursor = fake.shared_fs.duck_conn.cursor()
        try:
            found = cursor.execute(sql).fetchall()
        except duckdb.Error as error:
            return JSONResponse({"error": str(error)})
        return JSONResponse([["NULL" if value is None else str(value) for value in row] for row in found])


def main():
    logging.disable(logging.CRITICAL)
    sockets = [socket.socket()]
    sockets[0].bind(("127.0.0.1", 0))
    sockets[0].listen(128)
    print(sockets[0].getsockname()[1], flush=True)
    # The tests' process holds the other end: this one never outlives it.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    uvicorn.Server(uvicorn.Config(Emulator(), log_level="error", lifespan="off")).run(sockets)


if __name__ == "__main__":
    main()
