"""Refunds."""

from __future__ import annotations

from .call import Call
from .cards import by_name, by_number
from .charges import book
from .common import find, metadata, page
from .disputes import blocks_refund
from .errors import missing, refused
from .params import absent
from .render import render
from .rules import check_positive
from .schedule import later, task
from .store import Obj

#: Seconds until a pending refund goes through, or a doomed one fails.
OUTCOME_AFTER = 3600


def _charge_for(call: Call, params: Obj) -> Obj:
    if "charge" in params:
        return find(call, "charge", params["charge"], "id")
    if "payment_intent" not in params:
        raise absent("payment_intent")
    intent = find(call, "payment_intent", params["payment_intent"], "payment_intent")
    charge = call.store.get("charge", intent["latest_charge"] or "")
    if charge is None or not charge["paid"]:
        raise refused(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            param="payment_intent",
        )
    return charge


def create(call: Call, params: Obj) -> Obj:
    """POST /v1/refunds"""
    if "amount" in params:
        check_positive(params["amount"])
    charge = _charge_for(call, params)
    amount = _refundable(call, charge, params.get("amount"))
    card = by_name("pm_card_" + charge["_card"]) or by_number(charge["_card"])
    pending = card.refund == "pending"
    refund = call.new(
        "refund",
        {
            "amount": amount,
            "balance_transaction": None,
            "charge": charge["id"],
            "currency": charge["currency"],
            "customer": charge["customer"],
            "customer_account": None,
            "destination_details": {
                "card": {
                    "reference_status": "pending",
                    "reference_type": "acquirer_reference_number",
                    "type": "pending" if pending else "refund",
                },
                "type": "card",
            },
            "metadata": metadata(None, params.get("metadata")),
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": params.get("reason"),
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "pending" if pending else "succeeded",
            "transfer_reversal": None,
        },
    )
    del refund["livemode"]
    charge["_pending_refunds"] = charge.get("_pending_refunds", 0) + (amount if pending else 0)
    call.store.touch(charge)
    if pending:
        refund["pending_reason"] = "processing"
        later(call, OUTCOME_AFTER, "complete_refund", refund)
        call.emit("refund.created", refund)
        return render(refund)
    _pay_out(call, refund, charge)
    if card.refund == "fail":
        later(call, OUTCOME_AFTER, "fail_refund", refund)
    call.emit("refund.created", refund)
    call.emit("charge.refunded", charge, _before(charge, amount))
    return render(refund)


def _refundable(call: Call, charge: Obj, wanted: int | None) -> int:
    if not charge["paid"]:
        raise refused(f"Charge {charge['id']} has failed and cannot be refunded.")
    if not charge["captured"]:
        raise refused(f"Charge {charge['id']} has not been captured. Cancel the PaymentIntent to release the hold.")
    if blocks_refund(call, charge):
        raise refused(f"Charge {charge['id']} has been charged back.", code="charge_disputed")
    left: int = charge["amount"] - charge["amount_refunded"] - charge.get("_pending_refunds", 0)
    if left <= 0:
        raise refused(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = left if wanted is None else wanted
    if amount > left:
        raise refused(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount")
    return amount


def _before(charge: Obj, amount: int) -> Obj:
    before = {"amount_refunded": charge["amount_refunded"] - amount}
    return {**before, "refunded": False} if charge["refunded"] else before


def _pay_out(call: Call, refund: Obj, charge: Obj) -> None:
    entry = book(call, "refund", refund["id"], -refund["amount"], refund["currency"], at_once=True)
    refund["balance_transaction"] = entry["id"]
    charge["amount_refunded"] += refund["amount"]
    charge["refunded"] = charge["amount_refunded"] >= charge["amount"]
    call.store.touch(refund)
    call.store.touch(charge)


@task("complete_refund", "refund")
def _complete(call: Call, refund: Obj) -> None:
    charge = find(call, "charge", refund["charge"], "charge")
    charge["_pending_refunds"] -= refund["amount"]
    refund["status"] = "succeeded"
    refund.pop("pending_reason", None)
    refund["destination_details"]["card"]["type"] = "refund"
    _pay_out(call, refund, charge)
    call.emit("refund.updated", refund, {"status": "pending"})
    call.emit("charge.refunded", charge, _before(charge, refund["amount"]))


@task("fail_refund", "refund")
def _fail(call: Call, refund: Obj) -> None:
    charge = find(call, "charge", refund["charge"], "charge")
    entry = book(call, "refund_failure", refund["id"], refund["amount"], refund["currency"], at_once=True)
    refund.update(status="failed", failure_reason="lost_or_stolen_card", failure_balance_transaction=entry["id"])
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    call.store.touch(refund)
    call.store.touch(charge)
    call.emit("refund.failed", refund, {"status": "succeeded"})


def retrieve(call: Call, params: Obj) -> Obj:
    """GET /v1/refunds/{refund}"""
    return render(find(call, "refund", call.ids[0], "refund"))


def update(call: Call, params: Obj) -> Obj:
    """POST /v1/refunds/{refund}"""
    refund = find(call, "refund", call.ids[0], "refund")
    before = refund["metadata"]
    refund["metadata"] = metadata(before, params.get("metadata"))
    call.store.touch(refund)
    if refund["metadata"] != before:
        call.emit("refund.updated", refund, {"metadata": before})
    return render(refund)


def list_all(call: Call, params: Obj) -> Obj:
    """GET /v1/refunds"""
    for name in ("charge", "payment_intent"):
        if name in params and call.store.get(name, params[name]) is None:
            raise missing(name, params[name], name, 400)
    return page(call, "refund", params, charge=params.get("charge"), payment_intent=params.get("payment_intent"))
