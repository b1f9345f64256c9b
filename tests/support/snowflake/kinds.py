"""Kinds of objects that fakesnow does not have: interactive tables, Iceberg tables as such, functions, procedures.

Tables of all kinds are tables of DuckDB; what they are besides is kept here. A procedure does not run its Python: the
comment `# emulate: QUERY` in it says which rows its table gets.
"""

import re

OBJECT = r"(?:\"[^\"]*\"|[\w$]+)(?:\.(?:\"[^\"]*\"|[\w$]+))*"
DONE = ["status"], [["Statement executed successfully."]]
CREATE = re.compile(
    rf"(?is)create\s+(or\s+replace\s+)?(?:transient\s+)?(dynamic\s+)?(iceberg\s+|interactive\s+)?table\s+({OBJECT})(.*)"
)
TRANSIENT_DYNAMIC = re.compile(r"(?is)create\s+(?:or\s+replace\s+)?transient\s+dynamic\s")
RENAME = re.compile(rf"(?is)alter\s+(?:dynamic\s+|interactive\s+)?(table|view)\s+({OBJECT})\s+rename\s+to\s+({OBJECT})")
DROP = re.compile(rf"(?is)drop\s+(?:dynamic\s+)?(table|view)\s+(?:if\s+exists\s+)?({OBJECT})")
# fakesnow describes tables of the session's own database only: linked ones have these names.
LINKED = re.compile(r"(?is)describe\s+table\s+(\"?(?:lake|glue|linked)_\w+\"?\.\S+)")
FUNCTION = re.compile(
    rf"(?is)create\s+or\s+replace\s+(aggregate\s+)?function\s+({OBJECT})\s*\((.*?)\)\s*returns\s+(.*?)\s+language\s+(\w+)(.*?)\s+as\s+\$\$(.*)\$\$"
)


def named(text):
    parts = re.findall(r"\"[^\"]*\"|[\w$]+", text)
    return [part[1:-1] if part.startswith('"') else part.upper() for part in parts]


def key(text):
    """The whole name: tests have databases of their own, and the same names in them."""
    return ".".join(named(text))


class Kinds:
    def __init__(self, account):
        self.account = account
        self.iceberg = set()
        self.transient = set()
        self.interactive = {}
        self.functions = []

    def takes(self, sql):
        """Whether a statement is for `answer`."""
        create, rename = CREATE.match(sql), RENAME.fullmatch(sql)
        return bool(
            (create and ((create[3] or "").strip().lower() == "interactive" or TRANSIENT_DYNAMIC.match(sql)))
            or re.match(r"(?is)show\s+interactive\s+tables|alter\s+interactive\s+table|drop\s+dynamic\s+table", sql)
            or re.match(rf"(?is)alter\s+iceberg\s+table\s+{OBJECT}\s+(?:alter\s.*\scomment\s|set\s+comment)", sql)
            or LINKED.fullmatch(sql)
            or (rename and named(rename[2])[:-1] == named(rename[3])[:-1])
            or FUNCTION.fullmatch(sql)
            or re.match(r"(?is)with\s+\w+\s+as\s+procedure|create\s+or\s+replace\s+procedure|call\s+|drop\s+procedure", sql)
        )

    def answer(self, connection, sql):
        """Columns and rows of a statement."""
        run = connection.cursor().execute
        if match := LINKED.fullmatch(sql):
            found = connection._duck_conn.execute(  # noqa: SLF001
                "select column_name, data_type from information_schema.columns where (upper(table_catalog), upper(table_schema), "
                "upper(table_name)) = (?, ?, ?) order by ordinal_position", [part.upper() for part in named(match[1])]).fetchall()
            types = {"VARCHAR": "VARCHAR(16777216)", "INTEGER": "NUMBER(38,0)", "BIGINT": "NUMBER(38,0)"}
            return ["name", "type"], [[name, types.get(kind, kind)] for name, kind in found]
        if match := RENAME.fullmatch(sql):
            target = named(match[3])[-1]
            run(f'alter {match[1]} {match[2]} rename to "{target}"')
            self.renamed(match[2], match[3])
        elif match := CREATE.match(sql):
            head, query = re.split(r"(?i)\sas\s*(?=\()", match[5], maxsplit=1)
            run(f"create {match[1] or ''}table {match[4]} as {query}")
            self.note(sql)
            if match[2]:
                self.account.note(sql)
                return DONE
            lag = re.search(r"(?i)target_lag\s*=\s*'([^']*)'", head)
            setting = lambda name: (re.search(rf"(?i)\b{name}\s*=\s*([\w\"]+)", head) or [None, None])[1]  # noqa: E731
            self.interactive[key(match[4])] = {
                "cluster_by": re.search(r"(?is)cluster\s+by\s*(\(.*?\))", head)[1],
                "target_lag": lag[1] if lag else None,
                "refresh_warehouse": setting("warehouse"),
                "initialization_warehouse": setting("initialization_warehouse"),
            }
        elif match := re.match(r"(?is)show\s+interactive\s+tables\s+like\s+'([^']*)'\s+in\s+schema\s+(.*)", sql):
            place = named(match[2])
            columns = ["name", "schema_name", "database_name", "cluster_by", "target_lag", "refresh_warehouse", "initialization_warehouse"]
            rows = []
            for name, kept in self.interactive.items():
                database, schema, table = name.split(".")
                if [database, schema] == place and table.upper() == match[1].upper():
                    rows.append([table, schema, database, *[kept[c] for c in columns[3:]]])
            return columns, rows
        elif match := re.match(rf"(?is)alter\s+interactive\s+table\s+({OBJECT})\s+(set|unset)\s+(.*)", sql):
            kept = self.interactive[key(match[1])]
            if match[2].lower() == "unset":
                kept[match[3].strip().lower()] = None
            for name, value in re.findall(r"(\w+)\s*=\s*('[^']*'|[\w\"]+)", match[3]):
                kept["refresh_warehouse" if name.lower() == "warehouse" else name.lower()] = value.strip("'")
        elif match := DROP.match(sql):
            run(f"drop table if exists {match[2]}")
            self.note(sql)
        elif match := FUNCTION.fullmatch(sql):
            names = [re.match(r"\s*(\"[^\"]*\"|\w+)", part)[1] for part in match[3].split(",") if part.strip()]
            self.functions.append({"name": key(match[2]), "language": match[5].upper(), "aggregate": bool(match[1])})
            body = match[7].strip() if match[5].lower() == "sql" else "null"
            place = ".".join(f'"{part}"' for part in named(match[2]))
            connection._duck_conn.execute(  # noqa: SLF001
                f"create or replace macro {place}({', '.join(names)}) as cast(({body}) as {match[4]})")
        elif table := re.search(r"save_as_table\(\s*['\"](.*?)['\"]\s*,", sql):
            query = re.search(r"#\s*emulate:\s*(.*)", sql)
            run(f"create or replace table {table[1]} as ({query[1] if query else 'select 1 as id'})".replace('\\"', '"'))
        return DONE

    def renamed(self, old, new):
        for kept in (self.interactive, self.account.dynamic):
            if key(old) in kept:
                kept[key(new)] = kept.pop(key(old))
        if key(old) in self.iceberg:
            self.iceberg.discard(key(old))
            self.iceberg.add(key(new))

    def note(self, sql):
        """Keeps what a statement that fakesnow runs says besides."""
        if match := CREATE.match(sql):
            self.iceberg.discard(key(match[4]))
            self.transient.discard(key(match[4]))
            if re.match(r"(?is)create\s+(?:or\s+replace\s+)?transient\s", sql):
                self.transient.add(key(match[4]))
            self.interactive.pop(key(match[4]), None)
            if (match[3] or "").strip().lower() == "iceberg":
                self.iceberg.add(key(match[4]))
        elif match := DROP.match(sql):
            self.iceberg.discard(key(match[2]))
            self.interactive.pop(key(match[2]), None)
            self.account.dynamic.pop(key(match[2]), None)

    def mark(self, data):
        """Says in a listing what is an Iceberg table, what is interactive, what is transient."""
        names = [column["name"] for column in data["rowtype"]]
        if "is_external" in names:
            for row in data["rowset"]:
                cells = dict(zip(names, row))
                if f"{cells['database_name']}.{cells['schema_name']}.{cells['name']}" in self.transient:
                    row[names.index("kind")] = "TRANSIENT"
            return
        data["rowtype"].append({**data["rowtype"][names.index("name")], "name": "is_interactive"})
        for row in data["rowset"]:
            cells = dict(zip(names, row))
            place = f"{cells['database_name']}.{cells['schema_name']}.{cells['name']}"
            if place in self.iceberg:
                row[names.index("is_iceberg")] = "Y"
            row.append("Y" if place in self.interactive else "N")
