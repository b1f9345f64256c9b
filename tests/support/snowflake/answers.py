"""Rows of the emulator as the service writes them: in JSON, or in Arrow where a session asks for it."""

import base64
import datetime
import decimal
import io
import secrets

import pyarrow as pa


def in_arrow(data, count, parts, address):
    """Data as fakesnow made it, in `count` parts besides the first rows; `parts` keeps them, under `address`."""
    raw = base64.b64decode(data["rowsetBase64"] or "")
    if not count or not raw:
        return
    table = pa.ipc.open_stream(io.BytesIO(raw)).read_all()
    step = max(1, -(-table.num_rows // (count + 1)))
    streams = []
    for start in range(0, table.num_rows, step):
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.slice(start, step))
        streams.append(sink.getvalue())
    data["rowsetBase64"], data["chunks"] = base64.b64encode(streams[0]).decode(), []
    for stream in streams[1:]:
        part = secrets.token_hex(4)
        parts[part] = stream
        data["chunks"].append({"url": f"{address}/{part}"})


def texts(encoded, rowtype):
    """Rows of Arrow as the service writes them in JSON."""
    raw = base64.b64decode(encoded or "")
    if not raw:
        return []
    table = pa.ipc.open_stream(io.BytesIO(raw)).read_all()
    columns = [[text(value, kind) for value in column.to_pylist()] for column, kind in zip(table.columns, rowtype)]
    return [list(row) for row in zip(*columns)]


def text(value, column):
    kind, scale = column["type"], column.get("scale") or 0
    if isinstance(value, dict):
        if value.get("epoch") is None:
            return None
        zone = f" {value['timezone']}" if "timezone" in value else ""
        moment = decimal.Decimal(value["epoch"]) + decimal.Decimal(value["fraction"]).scaleb(-9)
        return f"{moment:.9f}{zone}"
    if value is None:
        return None
    if kind == "boolean":
        return "1" if value else "0"
    if kind == "binary":
        return value.hex().upper()
    if kind == "date":
        return str((value - datetime.date(1970, 1, 1)).days)
    if kind == "time":
        return f"{value // 10**9}.{value % 10**9:09d}"
    if kind == "fixed" and scale and isinstance(value, int):
        return str(decimal.Decimal(value).scaleb(-scale))
    return str(value)
