"""The child's side of a Python model: runs the model with a DuckDB session of its own that stands in for the warehouse.

The warehouse's file is open in kpi's process, and DuckDB lets one process open a file for writing. So this process has a
database in memory with the warehouse's name, and asks for tables when they are first read: kpi writes each to a Parquet
file, which is read here without being copied into memory. What the model returns goes back the same way.

Messages are JSON, one a line: questions go out where standard output was, answers and jobs come in where standard input
was. What the model prints goes to standard error.
"""

import json
import os
import queue
import re
import sys
import threading
import traceback
import weakref

INTERNAL = "<kpi>"


class Channel:
    """Questions to kpi and their answers."""

    def __init__(self):
        self.incoming = os.fdopen(os.dup(0), "rb")
        self.outgoing = os.fdopen(os.dup(1), "wb")
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(2, 1)
        self.lines = queue.Queue()
        self.lock = threading.RLock()
        self.busy = False
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.incoming:
            self.lines.put(json.loads(line))
        # kpi is gone. A model that still runs must not outlive it.
        if self.busy:
            os._exit(1)
        self.lines.put(None)

    def send(self, message):
        self.outgoing.write(json.dumps(message).encode("utf-8") + b"\n")
        self.outgoing.flush()

    def ask(self, **question):
        with self.lock:
            self.send(question)
            answer = self.lines.get()
        if "error" in answer:
            raise database_error(answer["error"], answer.get("code"))
        return answer


def database_error(message, code):
    """DuckDB's exception for an error that kpi's own DuckDB raised: code `Catalog` is a CatalogException."""
    kind = getattr(duckdb, (code or "").replace(" ", "") + "Exception", duckdb.Error)
    return kind(message)


# Types that Parquet does not keep are written as text. Inside a type's text they are in capitals, names of fields that
# could be taken for them are quoted.
LOSSY = re.compile(r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|\b(U?HUGEINT|INTERVAL|TIME WITH TIME ZONE)\b")
KEPT = re.compile(
    r"BOOLEAN|U?(TINY|SMALL|BIG)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|VARCHAR|BLOB|DATE|TIME|TIMESTAMP"
    r"|TIMESTAMP_NS|TIMESTAMP WITH TIME ZONE|UUID"
)


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def text(value):
    return "'" + value.replace("'", "''") + "'"


def stored(name, kind):
    """The expression that writes a column."""
    safe = LOSSY.sub(lambda match: "VARCHAR" if match.group(1) else match.group(0), kind)
    return quoted(name) if safe == kind else f"cast({quoted(name)} as {safe}) as {quoted(name)}"


def reading(file, columns, cast=True):
    """The query that reads a Parquet file with the types that the columns had."""
    def column(name, kind):
        if not cast or KEPT.fullmatch(kind):
            return quoted(name)
        return f"cast({quoted(name)} as {kind}) as {quoted(name)}"

    chosen = ", ".join(column(name, kind) for name, kind in columns)
    return f"select {chosen} from read_parquet({text(file)})"


# A chain of names: a.b."c d"; everything that could hide one is a token of its own.
TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$"
    r"|(?P<chain>(?:\"(?:[^\"]|\"\")*\"|[^\W\d]\w*)(?:\s*\.\s*(?:\"(?:[^\"]|\"\")*\"|[^\W\d]\w*))*)"
    r"|\d[\w.]*|\S",
    re.DOTALL,
)
PART = re.compile(r"\"((?:[^\"]|\"\")*)\"|([^\W\d]\w*)")

# Words after which the name of a table may come.
BEFORE_TABLE = {
    "from", "join", "into", "update", "table", "view", "using", "describe", "desc", "summarize", "show", "exists",
    "pivot", "unpivot", "only", ",", "(",
}
QUERIES = {"select", "from", "with", "values", "table", "describe", "desc", "show", "summarize", "pivot", "unpivot", "("}
WRITES = {"insert", "update", "delete", "merge", "truncate", "create", "drop", "alter", "comment"}
# Catalogs that are asked of the warehouse, not of the session.
CATALOGS = ("information_schema", "pg_catalog", "duckdb_", "sqlite_master", "pragma_")


class Statement:
    """What can be told of a statement by its words."""

    def __init__(self, sql):
        tokens = [match for match in TOKEN.finditer(sql) if not match.group().startswith(("--", "/*"))]
        words = [match.group().lower() for match in tokens]
        while words and words[-1] == ";":
            words.pop()
        self.first = words[0] if words else ""
        self.single = ";" not in words
        self.words = words
        self.chains = []
        for match, word, before in zip(tokens, words, [""] + words):
            if match.group("chain") and before in BEFORE_TABLE:
                parts = tuple(
                    (plain or quote.replace('""', '"')).lower() for quote, plain in PART.findall(word)
                )
                if parts not in self.chains:
                    self.chains.append(parts)
        self.is_catalog = any(chain[0].startswith(CATALOGS) or chain[-1].startswith(CATALOGS) for chain in self.chains)
        self.is_query = self.first in QUERIES
        head = words[:6]
        self.is_temporary = self.first == "create" and ("temp" in head or "temporary" in head)
        kinds = {"macro", "function", "secret", "type", "persistent"}
        self.is_write = self.first in WRITES and not self.is_temporary and not kinds.intersection(head)

    def target(self):
        """The name of what is written."""
        return self.chains[0] if self.chains else None


def ran(connection, sql, *parameters):
    """Runs a statement to its end and gives its rows: since version 2, a result that nobody fetched keeps its session busy."""
    return ORIGINAL["execute"](connection, sql, *parameters).fetchall()


class Session:
    """A DuckDB connection that finds the warehouse's tables."""

    def __init__(self, channel, job):
        self.channel = channel
        self.folder = job["exchange"]
        self.database = job["database"]
        self.version = job["duckdb"]
        self.files = 0
        self.exports = {}
        self.brought = set()
        # Whether nothing was made in this session that kpi's own does not have.
        self.pristine = True
        self.connection = duckdb.connect(":memory:")
        self.run = lambda sql: ran(self.connection, sql)
        self.attach(self.database)
        self.run(f"use {quoted(self.database)}.main")
        for statement in job["statements"]:
            try:
                self.run(statement)
            except duckdb.Error:
                pass  # a setting or an extension that this version does not have
        self.plain = duckdb.DuckDBPyConnection.cursor(self.connection)

    def attach(self, database):
        known = {row[0] for row in ran(self.connection, "select database_name from duckdb_databases()")}
        if database not in known:
            ran(self.connection, f"attach ':memory:' as {quoted(database)}")

    def new_file(self):
        self.files += 1
        return os.path.join(self.folder, f"{self.files}.parquet")

    # From the warehouse.

    def export(self, query, of_parent=False):
        """A query that reads what `query` gives in the warehouse."""
        file = self.new_file()
        answer = self.channel.ask(export=query, file=file, of_parent=of_parent)
        query = reading(file, answer["columns"])
        try:
            ran(self.plain, f"describe {query}")
        except duckdb.Error:
            # A type that only the warehouse knows.
            query = reading(file, answer["columns"], cast=False)
        return query

    def load(self, name):
        """What `dbt.ref` and `dbt.source` give."""
        if name not in self.exports:
            self.exports[name] = self.export(f"select * from {name}", of_parent=True)
        return ORIGINAL["sql"](self.connection, self.exports[name])

    def find(self, chains):
        """Which of these names the warehouse has: as (database, schema, name)."""
        chains = [chain for chain in chains if len(chain) <= 3]
        return [tuple(found) for found in self.channel.ask(find=chains)["found"]] if chains else []

    def bring(self, found):
        """Makes the warehouse's tables readable here under their names."""
        for database, schema, name in found:
            if (database, schema, name) in self.brought:
                continue
            full = ".".join(map(quoted, (database, schema, name)))
            query = self.exports.get(full) or self.export(f"select * from {full}")
            self.exports[full] = query
            if database == "temp":
                ran(self.plain, f"create or replace temp view {quoted(name)} as {query}")
            else:
                self.attach(database)
                ran(self.plain, f"create schema if not exists {quoted(database)}.{quoted(schema)}")
                ran(self.plain, f"create or replace view {full} as {query}")
            self.brought.add((database, schema, name))

    # To the warehouse.

    def stage(self, connection, name, value):
        """Gives a data frame or relation to the warehouse under a name."""
        if isinstance(value, duckdb.DuckDBPyRelation):
            query = self.as_query(value)
            if query:
                try:
                    return self.channel.ask(stage=name, query=query)
                except duckdb.Error:
                    pass  # it is more than the warehouse understands
        else:
            # A stream may come from the connection itself, which is busy with it then.
            connection = self.plain
        ORIGINAL["register"](connection, "__kpi_staged", value)
        try:
            rows = ran(connection, "describe select * from __kpi_staged")
            columns = [(row[0], row[1]) for row in rows]
            file = self.new_file()
            chosen = ", ".join(stored(name, kind) for name, kind in columns)
            ran(connection, f"copy (select {chosen} from __kpi_staged) to {text(file)} (format parquet)")
        finally:
            ORIGINAL["unregister"](connection, "__kpi_staged")
        self.channel.ask(stage=name, file=file, columns=columns)

    def as_query(self, relation):
        """The SQL of a relation over nothing but what the warehouse exported: there its rows need no second way."""
        if not (self.pristine and duckdb.__version__ == self.version):
            return None
        try:
            query = relation.sql_query()
        except duckdb.Error:
            return None
        words = Statement(query).words
        sources = {word for before, word in zip(words, words[1:]) if before in ("from", "join")}
        return query if sources <= {"read_parquet", "("} else None

    # Statements of the model.

    def statement(self, method, connection, sql, arguments, keywords, frame):
        here = lambda query: evaluated(method, connection, query, arguments, keywords, frame)
        statement = Statement(sql)
        if statement.is_write:
            return self.write(here, statement, sql, connection, frame, bool(arguments or keywords))
        found = self.find(statement.chains) if statement.chains else []
        if found or statement.is_catalog:
            plain = not arguments and not (set(keywords) - {"alias"})
            if plain and self.pushes(statement, found, frame):
                try:
                    return here(self.export(sql.strip().rstrip(";")))
                except duckdb.Error:
                    pass  # what is wrong with it is told by running it here
            self.bring(found)
        if not statement.is_query:
            self.pristine = False
        try:
            return here(sql)
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            # A name in a place where no name was expected.
            missing = missing_table(error)
            found = self.find([missing]) if missing else []
            if not found:
                raise
            self.bring(found)
            return here(sql)

    def pushes(self, statement, found, frame):
        """Whether the statement can run in the warehouse, which then need not give whole tables."""
        if not (self.pristine and statement.is_query and statement.single):
            return False
        names = {name for _, _, name in found}
        for chain in statement.chains:
            if len(chain) == 1 and chain[0] not in {name.lower() for name in names}:
                if any(chain[0] in {key.lower() for key in scope} for scope in (frame.f_locals, frame.f_globals)):
                    return False
        return True

    def write(self, here, statement, sql, connection, frame, bound):
        target = statement.target()
        if target and len(target) == 1 and self.is_own(target[0]):
            return here(sql)
        if bound:
            raise duckdb.NotImplementedException(
                "a statement that writes to the warehouse takes no parameters here: write the values into the statement"
            )
        for _ in range(20):
            try:
                self.channel.ask(execute=sql)
                break
            except (duckdb.CatalogException, duckdb.BinderException) as error:
                missing = missing_table(error)
                value = self.named(missing[0], connection, frame) if missing and len(missing) == 1 else None
                if value is None:
                    raise
                self.stage(connection, missing[0], value)
        # What was read before may have changed.
        self.exports.clear()
        self.brought.clear()
        return here("select 1 where false")

    def is_own(self, name):
        """Whether a table was made in this session."""
        query = (
            "select 1 from duckdb_tables() where lower(table_name) = lower(?) union all "
            "select 1 from duckdb_views() where temporary and not internal and lower(view_name) = lower(?)"
        )
        return bool(ran(self.plain, query, [name, name]))

    def named(self, name, connection, frame):
        """A data frame of the model, or what the session has under a name."""
        for scope in (frame.f_locals, frame.f_globals):
            for key, value in scope.items():
                if key.lower() == name.lower():
                    return value
        try:
            return ORIGINAL["sql"](connection, f"select * from {quoted(name)}")
        except duckdb.Error:
            return None


MISSING = re.compile(r"(?:Table|View) with name (.+?) does not exist|Referenced table \"(.+?)\" not found")


def missing_table(error):
    match = MISSING.search(str(error))
    if not match:
        return None
    name = match.group(1) or match.group(2)
    return tuple((plain or quote.replace('""', '"')).lower() for quote, plain in PART.findall(name))


def evaluated(method, connection, query, arguments, keywords, frame):
    """Calls a method of the connection as if it were called in the model's frame: DuckDB looks for data frames there."""
    scope = dict(frame.f_locals)
    scope.update(
        __kpi_method=method, __kpi_connection=connection, __kpi_query=query, __kpi_arguments=arguments,
        __kpi_keywords=keywords,
    )
    code = "__kpi_method(__kpi_connection, __kpi_query, *__kpi_arguments, **__kpi_keywords)"
    return eval(compile(code, INTERNAL, "eval"), frame.f_globals, scope)


# The methods of DuckDB's connection that take SQL or the name of a table. They are replaced on the class, so that the
# session is a true DuckDB connection for every library that is given it.
ORIGINAL = {}
SESSIONS = weakref.WeakKeyDictionary()
TAKES_SQL = ("sql", "query", "from_query", "execute", "executemany")
TAKES_NAME = ("table", "view")
CHANGES = (
    "register", "create_function", "remove_function", "register_filesystem", "append", "begin", "install_extension",
)


def patch():
    kind = duckdb.DuckDBPyConnection
    for name in TAKES_SQL + TAKES_NAME + CHANGES + ("cursor", "duplicate", "unregister"):
        if hasattr(kind, name):
            ORIGINAL[name] = getattr(kind, name)

    def replace(name, make):
        original = ORIGINAL.get(name)
        if original is not None:
            method = make(original)
            method.__name__, method.__doc__ = name, original.__doc__
            setattr(kind, name, method)

    def takes_sql(original):
        def method(connection, *arguments, **keywords):
            session = SESSIONS.get(connection)
            query = arguments[0] if arguments else keywords.get("query")
            if session is None or not isinstance(query, (str, duckdb.Statement)):
                return original(connection, *arguments, **keywords)
            query = query if isinstance(query, str) else query.query
            arguments = arguments[1:]
            keywords.pop("query", None)
            return session.statement(original, connection, query, arguments, keywords, sys._getframe(1))

        return method

    def takes_name(original):
        def method(connection, name, *arguments, **keywords):
            session = SESSIONS.get(connection)
            if session is not None and isinstance(name, str):
                chain = tuple((plain or quote.replace('""', '"')).lower() for quote, plain in PART.findall(name))
                found = session.find([chain])
                if found:
                    session.bring(found)
                    full = ".".join(map(quoted, found[0]))
                    return ORIGINAL["sql"](connection, f"select * from {full}")
            return original(connection, name, *arguments, **keywords)

        return method

    def changes(original):
        def method(connection, *arguments, **keywords):
            session = SESSIONS.get(connection)
            if session is not None:
                session.pristine = False
            return original(connection, *arguments, **keywords)

        return method

    def copies(original):
        def method(connection):
            copy = original(connection)
            session = SESSIONS.get(connection)
            if session is not None:
                ORIGINAL["execute"](copy, f"use {quoted(session.database)}.main")
                SESSIONS[copy] = session
            return copy

        return method

    for name in TAKES_SQL:
        replace(name, takes_sql)
    for name in TAKES_NAME:
        replace(name, takes_name)
    for name in CHANGES:
        replace(name, changes)
    for name in ("cursor", "duplicate"):
        replace(name, copies)


class Writer:
    """What `materialize` is given as its connection: statements run in the warehouse, over what is registered."""

    def __init__(self, session):
        self._session = session
        self._rows = []

    def register(self, name, value):
        if type(value).__module__.split(".")[0] == "pyarrow":
            import pyarrow.dataset  # DuckDB reads Arrow's tables only when this module is loaded
        try:
            self._session.stage(self._session.connection, name, value)
        except duckdb.InvalidInputException as error:
            if value is not None and "not suitable" not in str(error):
                raise
            kind = "None" if value is None else f"a value of the type {type(value).__module__}.{type(value).__name__}"
            raise ModelFault(
                f"the model returned {kind}; it must return a data frame (pandas, polars), a DuckDB relation, or an Arrow "
                "table, dataset or record batch reader"
            ) from None
        return self

    def execute(self, sql, *parameters):
        self._rows = [tuple(row) for row in self._session.channel.ask(execute=sql, rows=True)["rows"]]
        return self

    def fetchall(self):
        rows, self._rows = self._rows, []
        return rows

    def fetchone(self):
        return self._rows.pop(0) if self._rows else None

    def unregister(self, name):
        self._session.channel.ask(unstage=name)
        return self

    def __getattr__(self, name):
        return getattr(self._session.connection, name)


class ModelFault(Exception):
    """What is wrong with a model's result."""


def run(channel, job):
    session = Session(channel, job)
    SESSIONS[session.connection] = session
    try:
        for path in job["module_paths"]:
            if path not in sys.path:
                sys.path.append(path)
        namespace = {"__name__": job["name"], "__file__": job["file"], "__builtins__": __builtins__}
        own, rest = job["code"][: job["own"]], job["code"][job["own"] :]
        own = "\n" * (job["line"] - 1) + own
        exec(compile(own, job["file"], "exec", dont_inherit=True), namespace)
        exec(compile(rest, INTERNAL, "exec", dont_inherit=True), namespace)
        result = namespace["model"](namespace["dbtObj"](session.load), session.connection)
        namespace["materialize"](result, Writer(session))
    finally:
        SESSIONS.pop(session.connection, None)
        session.plain.close()
        session.connection.close()


def failure(error, file):
    """What happened, with the lines of the model and of what it called."""
    told = traceback.TracebackException.from_exception(error)
    place = [None, None]
    seen = told
    first = True
    while seen is not None:
        frames = [frame for frame in seen.stack if frame.filename != INTERNAL]
        if first:
            for frame in frames:
                if frame.filename == file:
                    place = [frame.lineno, getattr(frame, "colno", None)]
            first = False
        seen.stack = traceback.StackSummary.from_list(frames)
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, SyntaxError) and error.filename == file:
        place = [error.lineno, (error.offset or 1) - 1]
    missing = None
    if isinstance(error, ImportError) and error.name:
        missing = error.name.split(".")[0]
    elif isinstance(error, duckdb.Error):
        absent = re.search(r"'(\w+)' is required for this operation but it was not installed", str(error))
        missing = absent and absent.group(1)
    lines = "".join(told.format()).rstrip()
    if isinstance(error, ModelFault):
        lines = str(error)
    return {"failed": lines, "line": place[0], "column": place[1], "missing": missing}


def main(hello):
    channel = Channel()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, encoding="utf-8", errors="backslashreplace")
    global duckdb
    try:
        import duckdb
    except ImportError as error:
        channel.send(dict(hello, missing=error.name or "duckdb", error=str(error)))
        return
    patch()
    channel.send(dict(hello, duckdb=duckdb.__version__))
    while True:
        job = channel.lines.get()
        if job is None:
            return
        channel.busy = True
        try:
            run(channel, job)
            outcome = {"done": True}
        except BaseException as error:
            outcome = failure(error, job["file"])
        channel.busy = False
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(2, (job["mark"] + "\n").encode())
        channel.send(outcome)


main({"version": ".".join(map(str, sys.version_info[:3])), "executable": sys.executable})
