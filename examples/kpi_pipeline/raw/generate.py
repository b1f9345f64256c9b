#!/usr/bin/env python3
"""Writes the raw exports of the example pipeline, the same bytes every time.

Every company, person and number below is invented. The exports end on ANCHOR (the var `raw_data_anchor`
of the project) and reach DAYS days back; the star schema moves them to the present.

Run it without arguments to write the files beside it. With `--truth` it prints, from its own
books and not from the files, the totals that the pipeline must arrive at; the test
`tests/assert_pinned_totals.sql` holds them.
"""

import csv
import datetime as dt
import json
import math
import random
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ANCHOR = dt.date(2025, 6, 30)
DAYS = 150
WINDOW = 90
SLA_MINUTES = 15
rng = random.Random(20250630)

FIRST = "Ana Bruno Carla Diego Elisa Fábio Gabriela Heitor Inês João Karina Luís Marina Nuno Olívia Paulo Renata Sérgio Tânia Vitor".split()
LAST = "Almeida Barros Conceição Duarte Esteves Farias Gonçalves Lacerda Magalhães Nóbrega Peixoto Queirós Ramalho Siqueira Teixeira Valadão".split()
COMPANY_A = "Aroeira Buriti Cajueiro Dourado Embaúba Figueira Guará Ipê Jatobá Jequitibá Lobeira Mangaba Nascente Oiti Pequi Quaresma Sucupira Tucum Umbuzeiro Vereda".split()
COMPANY_B = "Alimentos,Comércio,Confecções,Distribuidora,Engenharia,Logística,Móveis,Química,Serviços,Tecnologia".split(",")
OWNERS = [
    (7001, "Aline Prado"), (7002, "Caio Menezes"), (7003, "Débora Luz"),
    (7004, "Igor Sampaio"), (7005, "Lívia Rocha"), (7006, "Otávio Neri"),
]
ORIGINS = [
    (1, "Google Ads", 30), (2, "Meta Ads", 24), (3, "WhatsApp", 14),
    (4, "Indicação", 12), (5, "Site", 15), (6, "Evento", 5),
]
PLANS = [("Start", 490, 50), ("Pro", 1290, 35), ("Scale", 3900, 15)]
AGENTS = [(1, "Atendimento Sul"), (2, "Atendimento Sudeste"), (3, "Atendimento Nordeste")]


def weighted(rows):
    return rng.choices(rows, weights=[row[-1] for row in rows])[0]


def day(age):
    return ANCHOR - dt.timedelta(days=age)


def moment(date, first_hour=8, last_hour=20):
    return dt.datetime.combine(date, dt.time(rng.randrange(first_hour, last_hour), rng.randrange(60), rng.randrange(60)))


def poisson(mean):
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count, product = count + 1, product * rng.random()
    return count


def ploomes_time(value):
    return value.strftime("%Y-%m-%dT%H:%M:%S-03:00") if value else None


def person():
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}"


def company(seen=set()):
    while True:
        name = f"{rng.choice(COMPANY_A)} {rng.choice(COMPANY_B)}"
        if len(seen) > 170:
            name = f"{name} {rng.randrange(2, 9)}"
        if name not in seen:
            seen.add(name)
            return name + " Ltda"


def write_jsonl(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_csv(path, header, rows, delimiter=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def in_window(date):
    return 0 <= (ANCHOR - date).days < WINDOW


# --- Ploomes: leads and deals ------------------------------------------------------------------

def extracted(changed, late=0):
    """The nightly extraction after a change: 04:00 UTC; `late` more nights when the queue was stuck."""
    night = min(changed.date() + dt.timedelta(days=1 + late), ANCHOR + dt.timedelta(days=1))
    return f"{night.isoformat()}T04:00:00Z"


def lead_record(lead, status, changed, deleted=False, late=0):
    return {
        "_extracted_at": extracted(changed, late),
        "Id": lead["id"],
        "Contact": {"Id": lead["contact_id"], "Name": lead["contact"], "Company": lead["company"]},
        "Origin": {"Id": lead["origin"][0], "Name": lead["origin"][1]},
        "Owner": {"Id": lead["owner"][0], "Name": lead["owner"][1]},
        "Status": {"Name": status},
        "CreateDate": ploomes_time(lead["created"]),
        "LastUpdateDate": ploomes_time(changed),
        "Deleted": deleted,
    }


def deal_record(deal, stage, status, changed, finished=None, deleted=False, late=0):
    return {
        "_extracted_at": extracted(changed, late),
        "Id": deal["id"],
        "LeadId": deal["lead"]["id"],
        "Title": f"{deal['lead']['company']} - {deal['plan'][0]}",
        "Amount": deal["amount"],
        "Owner": {"Id": deal["lead"]["owner"][0]},
        "Stage": {"Name": stage},
        "Status": {"Id": {"e": 1, "g": 2, "p": 3}[status.strip().lower()[0]], "Name": status},
        "OtherProperties": [
            {"FieldKey": "deal_plano", "StringValue": deal["plan"][0]},
            {"FieldKey": "deal_mensalidade", "DecimalValue": deal["mrr"]},
        ],
        "CreateDate": ploomes_time(deal["created"]),
        "FinishDate": ploomes_time(finished),
        "LastUpdateDate": ploomes_time(changed),
        "Deleted": deleted,
    }


leads, deals, lead_rows, deal_rows = [], [], [], []
quiet_days = {4, 23, 57, 88, 120}
for age in range(DAYS - 1, -1, -1):
    for _ in range(0 if age in quiet_days else poisson(4.2)):
        lead = {
            "id": 410000 + 7 * len(leads) + 3,
            "contact_id": 88000 + 3 * len(leads),
            "contact": person(),
            "company": company(),
            "origin": weighted(ORIGINS),
            "owner": rng.choice(OWNERS),
            "created": moment(day(age)),
            "status": "Open",
            "value": 0.0,
            "deleted": rng.random() < 0.02,
        }
        leads.append(lead)
        late = rng.choice([0, 0, 0, 0, 0, 0, 0, 0, 2, 5])
        first = lead_record(lead, "Novo", lead["created"], late=late)
        versions = [first]
        changed = lead["created"] + dt.timedelta(hours=rng.randrange(1, 30))
        if changed.date() <= ANCHOR and rng.random() < 0.35:
            status = "Desqualificado" if rng.random() < 0.45 else "Em atendimento"
            versions = [lead_record(lead, status, changed, late=late)]
            lead["status"] = "Lost" if status == "Desqualificado" else "Open"
            # Both versions are in the export now and then: the extraction overlaps by a day.
            if rng.random() < 0.25:
                versions.insert(0, first)
        if lead["deleted"]:
            versions.append(lead_record(lead, versions[-1]["Status"]["Name"], changed + dt.timedelta(hours=4), deleted=True))
        elif rng.random() < 0.03:
            versions.append(dict(versions[-1]))  # the same row twice
        lead_rows.extend(versions)

        if lead["deleted"] or lead["status"] == "Lost" or rng.random() > 0.62:
            continue
        opened = lead["created"] + dt.timedelta(hours=rng.randrange(2, 72))
        if opened.date() > ANCHOR:
            continue
        plan = weighted(PLANS)
        mrr = round(plan[1] * rng.choice([0.9, 1.0, 1.0, 1.0, 1.2]), 2)
        deal = {
            "id": 930000 + 5 * len(deals) + 1, "lead": lead, "plan": plan, "mrr": mrr,
            "amount": round(mrr * 3 + rng.choice([0, 500, 1500]), 2), "created": opened, "won": None,
        }
        deals.append(deal)
        opening = deal_record(deal, rng.choice(["Qualificação", "Proposta"]), "Em aberto", opened)
        closing = opened + dt.timedelta(days=rng.randrange(2, 30), hours=rng.randrange(0, 6))
        roll = rng.random()
        if closing.date() > ANCHOR or roll < 0.18:
            versions = [opening]
        elif roll < 0.52:
            deal["won"] = closing
            lead["status"], lead["value"] = "Won", deal["amount"]
            versions = [deal_record(deal, "Fechamento", rng.choice(["Ganho", "Ganho", "Ganho", "GANHO", "Ganho "]), closing, closing, late=rng.choice([0, 0, 0, 3]))]
        else:
            lead["status"] = "Lost"
            versions = [deal_record(deal, "Fechamento", rng.choice(["Perdido", "Perdido", "perdido"]), closing, closing)]
        if len(versions) == 1 and versions[0] is not opening and rng.random() < 0.15:
            versions.insert(0, opening)
        if rng.random() < 0.03:
            # A deal that was deleted: the lead is as if it had never been quoted.
            changed = max(closing, opened) if versions[-1] is not opening else opened
            last = dict(versions[-1])
            last["LastUpdateDate"] = ploomes_time(changed + dt.timedelta(minutes=9))
            last["Deleted"] = True
            versions.append(last)
            deal["won"], lead["status"], lead["value"] = None, "Open", 0.0
        elif rng.random() < 0.03:
            versions.append(dict(versions[-1]))
        deal_rows.extend(versions)

# Rows come in the order of their extraction, so a late one stands far from its neighbours.
lead_rows.sort(key=lambda row: (row["_extracted_at"], row["Id"]))
deal_rows.sort(key=lambda row: (row["_extracted_at"], row["Id"]))

# --- SAP Business One: customers, contracts, invoices, journal -----------------------------------

def sap_date(date):
    return f"{date.isoformat()} 00:00:00.000"


def money(value):
    return f"{value:.6f}"


customers, contracts = [], []


def add_customer(name, group, contact_id=None):
    code = f"C{len(customers) + 1:05d}"
    customers.append([code, name, group, "BR", rng.choice(["SP", "RJ", "MG", "PR", "BA", "PE", "GO"]), rng.choice([15, 28, 30]), contact_id or "", "Y"])
    return code, name


def add_contract(card, plan, mrr, start, end=None):
    contracts.append({"id": 5000 + len(contracts), "card": card, "plan": plan, "mrr": mrr, "start": start, "end": end})


for _ in range(58):
    card = add_customer(company(), rng.choice(["Pequeno", "Médio", "Grande"]))
    plan = weighted(PLANS)
    start = day(rng.randrange(DAYS, 700))
    end = day(rng.randrange(0, DAYS - 10)) if rng.random() < 0.12 else None
    add_contract(card, plan[0], round(plan[1] * rng.choice([0.8, 1.0, 1.0]), 2), start, end)
for deal in deals:
    if deal["won"]:
        card = add_customer(deal["lead"]["company"], rng.choice(["Pequeno", "Médio", "Grande"]), deal["lead"]["contact_id"])
        start = deal["won"].date() + dt.timedelta(days=rng.randrange(1, 6))
        add_contract(card, deal["plan"][0], deal["mrr"], start)

invoices, lines = [], []
for contract in contracts:
    due_day = contract["start"].day
    for age in range(DAYS - 1, -1, -1):
        date = day(age)
        last_day = (date.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)
        if date.day != min(due_day, last_day.day) or date < contract["start"]:
            continue
        if contract["end"] and date > contract["end"]:
            continue
        entry = 30000 + len(invoices)
        items = [("ASSIN-" + contract["plan"].upper(), 1, contract["mrr"])]
        if date == contract["start"]:
            items.append(("IMPLANT", 1, rng.choice([0.0, 500.0, 1500.0])))
        if rng.random() < 0.22:
            items.append(("MSG-PACK", rng.randrange(1, 6), 89.9))
        net = round(sum(quantity * price for _, quantity, price in items), 2)
        vat = round(net * 0.0565, 2)
        invoices.append({
            "entry": entry, "date": date, "due": date + dt.timedelta(days=customers[int(contract["card"][0][1:]) - 1][5]),
            "card": contract["card"], "net": net, "vat": vat, "canceled": "N",
        })
        for number, (item, quantity, price) in enumerate(items):
            lines.append([entry, number, item, quantity, money(price), money(quantity * price)])

# A cancelled invoice stays in the books, with a second document that undoes it.
for invoice in list(invoices):
    if rng.random() < 0.02 and invoice["date"] < ANCHOR:
        invoice["canceled"] = "Y"
        entry = 30000 + len(invoices)
        invoices.append({**invoice, "entry": entry, "date": invoice["date"] + dt.timedelta(days=1), "canceled": "C"})
        for line in [line for line in lines if line[0] == invoice["entry"]]:
            lines.append([entry, *line[1:]])

invoice_rows = []
for invoice in invoices:
    total = invoice["net"] + invoice["vat"]
    paid_on = invoice["due"] + dt.timedelta(days=rng.choice([-4, -1, 0, 0, 0, 1, 3, 12]))
    invoice["paid"] = total if paid_on <= ANCHOR and invoice["canceled"] == "N" and rng.random() < 0.94 else 0.0
    states = [(invoice["date"], 0.0)] if invoice["paid"] == 0 else [(paid_on, invoice["paid"])]
    if invoice["paid"] and rng.random() < 0.08:
        states.insert(0, (invoice["date"], 0.0))  # exported before and after the payment
    for changed, paid in states:
        time = moment(changed)
        invoice_rows.append([
            invoice["entry"], 120000 + invoice["entry"], sap_date(invoice["date"]), sap_date(invoice["due"]),
            invoice["card"][0], invoice["card"][1], money(total), money(invoice["vat"]), money(paid), "BRL", invoice["canceled"],
            "C" if paid else "O", sap_date(changed), time.hour * 10000 + time.minute * 100 + time.second,
        ])

journal, journal_truth = [], []


def post(date, account, amount, centre, memo, storno=False):
    entry = 70000 + len(journal_truth)
    journal_truth.append((date, account, -amount if storno else amount))
    journal.append([entry, 0, sap_date(date), account, money(0 if storno else amount), money(amount if storno else 0), centre, memo])
    journal.append([entry, 1, sap_date(date), "2.1.01.0001", money(amount if storno else 0), money(0 if storno else amount), "", memo])


for age in range(DAYS - 1, -1, -1):
    date = day(age)
    post(date, "4.1.01.0001", round(rng.uniform(620, 910), 2), "OPS", "Nuvem e mensageria")
    if age % 7 == 3:
        post(date, "4.2.02.0003", round(rng.uniform(900, 1700), 2), "MKT", "Eventos e conteúdo")
    if date.day == 5:
        post(date, "4.2.01.0001", round(rng.uniform(41000, 46000), 2), "COM", "Folha comercial")
        post(date, "4.1.02.0001", round(rng.uniform(22000, 26000), 2), "OPS", "Folha atendimento")
    if date.day == 10:
        post(date, "4.3.01.0001", 9800.0, "ADM", "Aluguel")
    if rng.random() < 0.02:
        amount = round(rng.uniform(200, 900), 2)
        post(date, "4.1.01.0001", amount, "OPS", "Estorno de fatura", storno=True)

# --- WhatsApp Business ---------------------------------------------------------------------------

conversations, conversation_rows = [], []
for age in range(DAYS - 1, -1, -1):
    for _ in range(poisson(3.0)):
        opened = moment(day(age), 8, 19)
        epoch = int((opened + dt.timedelta(hours=3) - dt.datetime(1970, 1, 1)).total_seconds())
        number = len(conversations)
        messages = []

        def say(direction, at, author=None, kind="text"):
            message = {"id": f"wamid.{number:04X}{len(messages):02X}", "direction": direction, "timestamp": str(at), "type": kind}
            if author:
                message["author"] = author
            messages.append(message)

        say("inbound", epoch)
        if rng.random() < 0.4:
            say("outbound", epoch + 2, "bot", "template")  # the greeting is no answer
        answered = rng.random() > 0.06
        seconds = int(60 * rng.lognormvariate(math.log(6.0), 0.85)) + 1
        if answered:
            say("outbound", epoch + seconds, "agent")
            if rng.random() < 0.3:
                say("inbound", epoch + seconds + rng.randrange(60, 900))
        deleted = rng.random() < 0.012
        conversations.append({"date": opened.date(), "seconds": seconds if answered else None, "deleted": deleted})
        if rng.random() < 0.05:
            messages.append(dict(messages[0]))  # a webhook delivered twice
        if rng.random() < 0.05:
            messages.reverse()
        agent = rng.choice(AGENTS)
        conversation_rows.append({
            "_extracted_at": extracted(opened, rng.choice([0, 0, 0, 0, 4])),
            "conversation_id": f"cv-{number:05d}",
            "contact": {"wa_id": f"55{rng.choice([11, 21, 31, 41, 71])}9{rng.randrange(10**7, 10**8)}"},
            "agent": {"id": agent[0], "team": agent[1]},
            "messages": messages,
            "deleted_at": str(epoch + 86400) if deleted else None,
        })
conversation_rows.sort(key=lambda row: (row["_extracted_at"], row["conversation_id"]))

# --- Ad platforms --------------------------------------------------------------------------------

google, meta, spend_truth = [], [], []
google_campaigns = [(2100000001, "Busca | Marca"), (2100000002, "Busca | Atendimento"), (2100000003, "Display | Remarketing")]
meta_campaigns = [("23850000000001", "Feed - Pequenas empresas"), ("23850000000002", "Stories - Demonstração")]


def brazilian(value):
    return f"{value:,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".")


for age in range(DAYS - 1, -1, -1):
    date = day(age)
    for campaign, name in google_campaigns:
        cost = round(rng.uniform(60, 260), 2)
        clicks = rng.randrange(20, 120)
        exported = date + dt.timedelta(days=1)
        if rng.random() < 0.04 and age > 5:
            # The platform restates a day after removing invalid clicks: both rows are in the export.
            before = round(cost * 1.07, 2)
            google.append([date.isoformat(), campaign, name, int(round(before * 1e6)), clicks + 6, clicks * 31, exported.isoformat()])
            exported += dt.timedelta(days=3)
        google.append([date.isoformat(), campaign, name, int(round(cost * 1e6)), clicks, clicks * 29, exported.isoformat()])
        spend_truth.append((date, cost))
    for campaign, name in meta_campaigns:
        cost = round(rng.uniform(40, 1250 if age % 30 == 0 else 210), 2)
        clicks = rng.randrange(15, 150)
        meta.append([date.strftime("%d/%m/%Y"), campaign, name, brazilian(cost), clicks * 41, clicks])
        spend_truth.append((date, cost))
google.sort(key=lambda row: row[-1])


def truth():
    kept = [lead for lead in leads if not lead["deleted"] and in_window(lead["created"].date())]
    won = [lead for lead in kept if lead["status"] == "Won"]
    talks = [talk for talk in conversations if not talk["deleted"] and in_window(talk["date"])]
    active = [c for c in contracts if c["start"] <= ANCHOR and (c["end"] is None or c["end"] >= ANCHOR)]
    return {
        "total_leads": len(kept),
        "converted_leads": len(won),
        "total_revenue": round(sum(lead["value"] for lead in won), 2),
        "conversations": len(talks),
        "within_sla": sum(1 for talk in talks if talk["seconds"] is not None and talk["seconds"] <= SLA_MINUTES * 60),
        "invoiced_revenue": round(sum(i["net"] for i in invoices if i["canceled"] == "N" and in_window(i["date"])), 2),
        "costs": round(sum(amount for date, _, amount in journal_truth if in_window(date)), 2),
        "ad_spend": round(sum(cost for date, cost in spend_truth if in_window(date)), 2),
        "mrr_on_last_day": round(sum(c["mrr"] for c in active), 2),
    }


def main():
    if "--truth" in sys.argv[1:]:
        print(json.dumps(truth(), indent=2))
        return
    write_jsonl(HERE / "ploomes/leads.jsonl", lead_rows)
    write_jsonl(HERE / "ploomes/deals.jsonl", deal_rows)
    write_jsonl(HERE / "whatsapp/conversations.jsonl", conversation_rows)
    sap = HERE / "sap_b1"
    write_csv(sap / "OCRD.csv", ["CardCode", "CardName", "GroupName", "Country", "State1", "ExtraDays", "U_PloomesContactId", "validFor"], customers)
    write_csv(
        sap / "OCTR.csv", ["ContractID", "CstmrCode", "U_Plan", "U_MRR", "StartDate", "TermDate"],
        [[c["id"], c["card"][0], c["plan"], money(c["mrr"]), sap_date(c["start"]), sap_date(c["end"]) if c["end"] else ""] for c in contracts],
    )
    write_csv(
        sap / "OINV.csv",
        ["DocEntry", "DocNum", "DocDate", "DocDueDate", "CardCode", "CardName", "DocTotal", "VatSum", "PaidToDate", "DocCur", "CANCELED", "DocStatus", "UpdateDate", "UpdateTS"],
        invoice_rows,
    )
    write_csv(sap / "INV1.csv", ["DocEntry", "LineNum", "ItemCode", "Quantity", "Price", "LineTotal"], lines)
    write_csv(sap / "JDT1.csv", ["TransId", "Line_ID", "RefDate", "Account", "Debit", "Credit", "ProfitCode", "LineMemo"], journal)
    write_csv(
        HERE / "ads/google_campaign_days.csv",
        ["segments_date", "campaign_id", "campaign_name", "metrics_cost_micros", "metrics_clicks", "metrics_impressions", "exported_at"], google,
    )
    write_csv(
        HERE / "ads/meta_campaign_days.csv",
        ["Dia", "Identificação da campanha", "Nome da campanha", "Valor usado (BRL)", "Impressões", "Cliques no link"], meta, delimiter=";",
    )


if __name__ == "__main__":
    main()
