"""What a Snowflake account knows of statements: its history, the partitions that they read, and plans.

Figures are made up from the text, so that tests know them: every `from` and `join` reads 10 partitions, 4 of them after
pruning, and a million bytes. A statement says more in comments: `/* emulate: took=2500 */` (milliseconds of computing),
`/* emulate: at=1000 */` (when it began, in milliseconds), `/* emulate: waited=3000 */` (for the warehouse to start),
`/* emulate: cluster=2 */`.

The role BLIND may not see the history, the role NARROW no operators.
"""

import json
import re
import time

COMPUTES = re.compile(
    r"(?is)(select|with|insert|merge|update|delete|copy|call)\b|create\s+(or\s+replace\s+)?((transient|temporary|dynamic)\s+)*table\b.*\bas\b"
)
WITHOUT = re.compile(r"(?is)select\s+(current_\w+|last_query_id|system\$\w*)\s*\(")
READS = re.compile(r"(?i)\b(?:from|join)\s+(?!\()")


class Refused(Exception):
    def __init__(self, code, state, message):
        super().__init__(message)
        self.code, self.state, self.message = code, state, message


def scans(sql):
    return len(READS.findall(re.sub(r"(?s)/\*.*?\*/", " ", sql)))


class History:
    def __init__(self):
        self.entries = []

    def note(self, account, session, sql, query_id, start, faults):
        if not query_id:
            return
        kept = account.warehouses.get(session.warehouse, {})
        computes = bool(session.warehouse and COMPUTES.match(sql) and not WITHOUT.match(sql))
        end = time.time()
        execution = int(faults.get("took", (end - start) * 1000))
        if "at" in faults:
            start = int(faults["at"]) / 1000
            end = start + execution / 1000
        self.entries.append({
            "query_id": query_id,
            "session_id": session.number,
            "warehouse_name": session.warehouse or None,
            "warehouse_size": kept.get("WAREHOUSE_SIZE", "X-Small") if computes else None,
            "cluster_number": int(faults.get("cluster", 1)) if computes else None,
            "date_part(epoch_millisecond, start_time)": int(start * 1000),
            "date_part(epoch_millisecond, end_time)": int(end * 1000),
            "compilation_time": 5,
            "execution_time": execution,
            "queued_provisioning_time": int(faults.get("waited", 0)),
            "queued_overload_time + queued_repair_time": 0,
            "bytes_scanned": 1_000_000 * scans(sql) if computes else 0,
            "credits_used_cloud_services": "0.000010000",
            "partitions": scans(sql),
        })

    def answer(self, sql, session):
        """Columns and rows of a question about statements, or None."""
        if "query_history_by_session" in sql:
            if session.role == "BLIND":
                raise Refused("003001", "42501", "SQL access control error:\nInsufficient privileges to operate on table function 'QUERY_HISTORY_BY_SESSION'")
            return self.of_sessions(sql)
        if "get_query_operator_stats" in sql:
            if session.role == "NARROW":
                raise Refused("003001", "42501", "SQL access control error:\nInsufficient privileges to operate on warehouse 'WH'")
            return self.of_operators(sql)
        if re.fullmatch(r"(?is)select\s+current_region\(\)", sql):
            return ["CURRENT_REGION()"], [["AWS_EU_CENTRAL_1"]]
        return None

    def of_sessions(self, sql):
        names, rows = None, []
        for part in re.split(r"(?i)\nunion all\n", sql):
            match = re.fullmatch(r"(?is)select (.*)\nfrom table\(\S+\.information_schema\.query_history_by_session\((.*)\)\)", part)
            asked = dict(re.findall(r"(\w+) => (\w+(?:\([^)]*\))?)", match[2]))
            columns = [re.split(r"(?i) as ", column) for column in re.split(r", (?![^(]*\))", match[1])]
            names = names or [column[-1].upper() for column in columns]
            found = [entry for entry in self.entries if entry["session_id"] == int(asked["session_id"])]
            if before := re.match(r"to_timestamp_ltz\((\d+), 3\)", asked.get("end_time_range_end", "")):
                found = [entry for entry in found if entry["date_part(epoch_millisecond, end_time)"] <= int(before[1])]
            for entry in found[-int(asked.get("result_limit", 100)):]:
                rows.append([entry[column[0]] for column in columns])
        return names, rows

    def of_operators(self, sql):
        known = {entry["query_id"]: entry["partitions"] for entry in self.entries}
        ids = re.findall(r"get_query_operator_stats\('([^']*)'\)", sql)
        return ["QUERY_ID", "SCANNED", "TOTAL"], [[query, 4 * known[query], 10 * known[query]] for query in ids]


def plan(sql):
    """What `explain using json` answers."""
    count = scans(sql)
    stats = {"partitionsTotal": 10 * count, "partitionsAssigned": 4 * count, "bytesAssigned": 1_000_000 * count}
    return ["content"], [[json.dumps({"GlobalStats": stats, "Operations": []})]]
