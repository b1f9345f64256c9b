"""Schemas with very many relations, which cost nothing because nobody reads them.

`POST /emulator/fabricate` with `{"schema": "DB.SCHEMA", "count": N}` makes relations `T000000`, `T000001`... beside those that
are really there.
"""

import re

import fakesnow.server as fake
from starlette.responses import JSONResponse

SHOW = re.compile(
    r"(?is)show\s+(?:terse\s+)?objects\s+in\s+(?:schema\s+)?(\S+?)(?:\s+limit\s+(\d+))?(?:\s+from\s+'((?:[^']|'')*)')?"
)
COLUMNS = ["created_on", "name", "database_name", "schema_name", "kind", "comment", "cluster_by", "is_dynamic", "is_iceberg"]


class Fabricated:
    def __init__(self):
        self.counts = {}

    def make(self, asked):
        self.counts[asked["schema"].upper()] = asked["count"]
        return JSONResponse({})

    def answer(self, sql):
        """Columns and rows of a page of a fabricated schema, or None."""
        match = SHOW.fullmatch(sql)
        place = match and match[1].replace('"', "").upper()
        if place not in self.counts:
            return None
        database, schema = place.split(".")
        found = fake.shared_fs.duck_conn.cursor().execute(
            "select table_name, table_type from information_schema.tables where table_catalog = ? and table_schema = ?",
            [database, schema],
        )
        kinds = {name: "VIEW" if kind == "VIEW" else "TABLE" for name, kind in found.fetchall()}
        kinds.update((f"T{n:06}", "TABLE") for n in range(self.counts[place]))
        # Never more than this, whatever is asked for.
        most = min(int(match[2] or 10_000), 10_000)
        after = (match[3] or "").replace("''", "'")
        page = [name for name in sorted(kinds) if name > after][:most]
        rows = [["0", name, database, schema, kinds[name], "", "", "N", "N"] for name in page]
        return COLUMNS, rows
