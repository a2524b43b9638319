"""How often `examples/triage.rtfs` is right, by a model, by its rules, and by both.

    python benches/triage_quality.py                    the 308 rows of benches/data/banking77_held_out.csv
    python benches/triage_quality.py train.csv          rows of a file with the columns text and category (or intent)

Banking77 gives an intent for each message; the tables below say which topic an intent belongs to, and whether it says that
something has gone wrong (`urgent`).  Some of its messages have the wrong intent, and some intents straddle two topics, so
100 % is out of reach.  Prints agreement for both, with the share of the most frequent answer as the floor.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import rtfs

ROOT = Path(__file__).parents[1]
HELD_OUT = ROOT / "benches" / "data" / "banking77_held_out.csv"

TOPICS = {
    "card": """
        activate_my_card card_about_to_expire card_acceptance card_arrival card_delivery_estimate card_linking card_not_working
        card_payment_fee_charged card_payment_not_recognised card_swallowed change_pin compromised_card contactless_not_working
        declined_card_payment direct_debit_payment_not_recognised disposable_card_limits extra_charge_on_statement
        get_disposable_virtual_card get_physical_card getting_spare_card getting_virtual_card lost_or_stolen_card
        order_physical_card pending_card_payment pin_blocked Refund_not_showing_up request_refund
        reverted_card_payment? transaction_charged_twice virtual_card_not_working visa_or_mastercard""",
    "transfer": """
        balance_not_updated_after_bank_transfer beneficiary_not_allowed cancel_transfer declined_transfer failed_transfer
        pending_transfer receiving_money transfer_fee_charged transfer_into_account transfer_not_received_by_recipient
        transfer_timing""",
    "top-up": """
        apple_pay_or_google_pay automatic_top_up pending_top_up top_up_by_bank_transfer_charge top_up_by_card_charge
        top_up_by_cash_or_cheque top_up_failed top_up_limits top_up_reverted topping_up_by_card verify_top_up""",
    "cash": """
        atm_support balance_not_updated_after_cheque_or_cash_deposit cash_withdrawal_charge cash_withdrawal_not_recognised
        declined_cash_withdrawal pending_cash_withdrawal wrong_amount_of_cash_received""",
    "currency": """
        card_payment_wrong_exchange_rate exchange_charge exchange_rate exchange_via_app fiat_currency_support
        supported_cards_and_currencies wrong_exchange_rate_for_cash_withdrawal""",
    "identity": """
        age_limit country_support edit_personal_details lost_or_stolen_phone passcode_forgotten terminate_account
        unable_to_verify_identity verify_my_identity verify_source_of_funds why_verify_identity""",
}
TOPIC_OF = {intent: topic for topic, intents in TOPICS.items() for intent in intents.split()}

_GONE_WRONG = """
    Refund_not_showing_up balance_not_updated_after_bank_transfer balance_not_updated_after_cheque_or_cash_deposit
    beneficiary_not_allowed cancel_transfer card_arrival card_not_working card_payment_fee_charged card_payment_not_recognised
    card_payment_wrong_exchange_rate card_swallowed cash_withdrawal_not_recognised compromised_card contactless_not_working
    declined_card_payment declined_cash_withdrawal declined_transfer direct_debit_payment_not_recognised extra_charge_on_statement
    failed_transfer lost_or_stolen_card lost_or_stolen_phone passcode_forgotten pending_card_payment pending_cash_withdrawal
    pending_top_up pending_transfer pin_blocked request_refund reverted_card_payment? top_up_failed top_up_reverted
    transaction_charged_twice transfer_not_received_by_recipient unable_to_verify_identity virtual_card_not_working
    wrong_amount_of_cash_received wrong_exchange_rate_for_cash_withdrawal
"""
GONE_WRONG = set(_GONE_WRONG.split())


def read_rows(path: Path) -> list[tuple[str, str]]:
    """(text, intent) of a CSV file with a heading."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(" ".join(row["text"].split()), row.get("intent") or row["category"]) for row in csv.DictReader(file)]
    unknown = {intent for _, intent in rows} - TOPIC_OF.keys()
    assert not unknown, f"no topic for {unknown}"
    return rows


def tickets(texts: list[str], way: str) -> tuple[list[dict[str, Any]], list[Any]]:
    """What `triage` gives for each text, and the records of the calls.

    Args:
        way: `model`, `rules`, or `both`: the model where the rules are not sure.
    """
    examples = ROOT / "examples"
    program = (examples / "triage.rtfs").read_text(encoding="utf-8")
    if way == "model":  # asked for every message
        program = program.replace(':local-model "rules"', ':local-model "smollm2"')
    with tempfile.TemporaryDirectory() as folder:
        inbox = Path(folder, "messages.txt")
        inbox.write_text("\n".join(texts) + "\n", encoding="utf-8")
        with rtfs.Runtime(
            allow=["io.read-lines"],
            read=[folder],
            context={"args": [str(inbox)]},
            policy=examples / "delegation.toml" if way == "both" else None,
            on_warning=lambda message, span: None,
        ) as runtime:
            return runtime.run(program), runtime.records.calls


def show(name: str, rows: list[tuple[str, str]], found: list[dict[str, Any]], seconds: float) -> None:
    topics = sum(ticket["topic"] == TOPIC_OF[intent] for ticket, (_, intent) in zip(found, rows, strict=True))
    urgent = [(ticket["urgent"], intent in GONE_WRONG) for ticket, (_, intent) in zip(found, rows, strict=True)]
    right = sum(a == b for a, b in urgent)
    caught = sum(a and b for a, b in urgent) / max(1, sum(b for _, b in urgent))
    calm = sum(not a and not b for a, b in urgent) / max(1, sum(not b for _, b in urgent))
    n = len(rows)
    print(
        f"{name:6} topic {topics}/{n} = {topics / n:.3f}   urgent {right}/{n} = {right / n:.3f} "
        f"(of the urgent {caught:.3f}, of the others {calm:.3f})   {1000 * seconds / n:.0f} ms a message"
    )


def main(argv: list[str]) -> None:
    rows = read_rows(Path(argv[0]) if argv else HELD_OUT)
    most_frequent = max(Counter(TOPIC_OF[intent] for _, intent in rows).values())
    urgent = sum(intent in GONE_WRONG for _, intent in rows)
    n = len(rows)
    print(f"{n} messages; floor: topic {most_frequent / n:.3f}, urgent {max(urgent, n - urgent) / n:.3f}")
    for name in ("model", "rules", "both"):
        begin = time.perf_counter()
        found, calls = tickets([text for text, _ in rows], name)
        outcomes = [[a.outcome for a in call.attempts if a.provider == "llama.cpp"] for call in calls]
        asked, answered = sum(map(bool, outcomes)), sum("answered" in of_call for of_call in outcomes)
        if answered < asked or (name == "model" and asked < n):
            sys.exit(f"the model answered {answered} of {n} calls: install it with `rtfs models add smollm2`")
        show(name, rows, found, time.perf_counter() - begin)
        if name == "both":
            print(f"       the model was asked for {asked} of {n} messages")


if __name__ == "__main__":
    main(sys.argv[1:])
