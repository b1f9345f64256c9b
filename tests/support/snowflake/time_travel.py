"""What tables were: for the databases that a test names, since remembering copies each table before it changes.

`create schema A clone B at (timestamp => ...)` makes what B's tables were at that moment, those included that were
dropped or replaced since. `last_altered` is when a statement last changed a table.
"""

import datetime
import re

OBJECT = r"(?:\"[^\"]*\"|[\w$]+)(?:\.(?:\"[^\"]*\"|[\w$]+))*"
CHANGES = re.compile(
    rf"(?is)(?:create\s+(?:or\s+replace\s+)?(?:transient\s+|temporary\s+)*table\s+(?:if\s+not\s+exists\s+)?|"
    rf"insert\s+(?:overwrite\s+)?into\s+|merge\s+into\s+|update\s+|delete\s+from\s+|truncate\s+(?:table\s+)?|"
    rf"drop\s+table\s+(?:if\s+exists\s+)?)({OBJECT})"
)
RECALL = re.compile(
    rf"(?is)create\s+or\s+replace\s+(?:transient\s+)?schema\s+({OBJECT})\s+clone\s+({OBJECT})\s+"
    rf"at\s*\(\s*timestamp\s*=>\s*'([^']+)'::timestamp_tz\s*\)"
)

ALTERED = re.compile(r"(?is)select\s+table_schema,\s*table_name,\s*to_varchar\(last_altered\)")


def parts(name, session):
    """Database, schema and name as the catalog has them."""
    found = [p[1:-1] if p.startswith('"') else p.upper() for p in re.findall(r"\"[^\"]*\"|[\w$]+", name)]
    return [session.database, "PUBLIC"][: 3 - len(found)] + found


def quoted(*names):
    return ".".join(f'"{name}"' for name in names)


class TimeTravel:
    def __init__(self):
        self.databases = set()
        self.past = []
        self.since = {}

    def answer(self, sql, session, connection):
        """Columns and rows of what is asked of the past; a change of a table is remembered, and done by others."""
        if session.database not in self.databases:
            return None
        if RECALL.match(sql):
            return self.recall(sql, session, connection)
        if ALTERED.match(sql):
            return ["table_schema", "table_name", "last_altered"], [
                [place[1], place[2], at.strftime("%Y-%m-%d %H:%M:%S.%f +0000")] for place, at in self.since.items()
            ]
        self.before(sql, session, connection)
        return None

    def before(self, sql, session, connection):
        """Remembers what a statement is about to change."""
        match = CHANGES.match(sql)
        if not match:
            return
        place = tuple(parts(match[1], session))
        now = datetime.datetime.now(datetime.timezone.utc)
        kept = f'"{place[0]}"."kpi_emulator_past"'
        cursor = connection._duck_conn.cursor()  # noqa: SLF001
        there = cursor.execute(
            "select 1 from duckdb_tables() where database_name = ? and schema_name = ? and table_name = ?", place
        ).fetchall()
        if there:
            cursor.execute(f"create schema if not exists {kept}")
            name = f"t{len(self.past)}"
            cursor.execute(f'create table {kept}."{name}" as from {quoted(*place)}')
            self.past.append((place, self.since.get(place, now), now, f'{kept}."{name}"'))
        self.since[place] = now

    def recall(self, sql, session, connection):
        """A schema as it was."""
        match = RECALL.match(sql)
        to, of = parts(match[1], session)[-2:], parts(match[2], session)[-2:]
        at = datetime.datetime.strptime(match[3], "%Y-%m-%d %H:%M:%S.%f %z")
        cursor = connection._duck_conn.cursor()  # noqa: SLF001
        cursor.execute(f"drop schema if exists {quoted(*to)} cascade; create schema {quoted(*to)}")
        tables = cursor.execute(
            "select table_name from duckdb_tables() where database_name = ? and schema_name = ?", of
        ).fetchall()
        for (name,) in tables:
            if self.since.get((*of, name), at) <= at:
                cursor.execute(f"create table {quoted(*to, name)} as from {quoted(*of, name)}")
        for place, since, until, copy in self.past:
            if list(place[:2]) == of and since <= at < until:
                cursor.execute(f"create table {quoted(*to, place[2])} as from {copy}")
        return ["status"], [[f"Schema {to[1]} successfully created."]]
