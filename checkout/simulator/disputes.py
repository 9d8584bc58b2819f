"""Disputes of the dispute cards."""

from __future__ import annotations

from .call import Call
from .cards import Card
from .charges import book
from .common import find, metadata, page, unset
from .errors import refused
from .render import render
from .schedule import later, task
from .store import Obj

_ANSWER_WITHIN = 9 * 86400
_DECIDED_AFTER = 3600
_FEE = 2000
_OPEN = ("needs_response", "warning_needs_response")
_REASON_CODES = {"fraudulent": "10.4", "product_not_received": "13.1"}
_EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure "
    "cancellation_rebuttal customer_communication customer_email_address customer_name customer_purchase_ip "
    "customer_signature duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id "
    "product_description receipt refund_policy refund_policy_disclosure refund_refusal_explanation service_date "
    "service_documentation shipping_address shipping_carrier shipping_date shipping_documentation "
    "shipping_tracking_number uncategorized_file uncategorized_text"
).split()


def open_all(call: Call, charge: Obj, card: Card) -> None:
    """Open what a dispute card brings, right after its charge."""
    for reason in card.disputes:
        _open(call, charge, reason, card.inquiry)


def _open(call: Call, charge: Obj, reason: str, inquiry: bool) -> None:
    charge["disputed"] = True
    call.store.touch(charge)
    dispute = call.new(
        "dispute",
        {
            "amount": charge["amount"],
            "balance_transactions": [],
            "charge": charge["id"],
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": {**dict.fromkeys(_EVIDENCE), "appeal": None, "enhanced_evidence": {}},
            "evidence_details": {
                "due_by": call.now + _ANSWER_WITHIN,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
                "submission_method": "not_submitted",
            },
            "intended_submission_method": None,
            "is_charge_refundable": inquiry,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "payment_method_details": {
                "card": {
                    "brand": charge["payment_method_details"]["card"]["brand"],
                    "case_type": "inquiry" if inquiry else "chargeback",
                    "network": charge["payment_method_details"]["card"]["network"],
                    "network_reason_code": _REASON_CODES[reason],
                },
                "type": "card",
            },
            "reason": reason,
            "status": "warning_needs_response" if inquiry else "needs_response",
        },
    )
    call.emit("charge.dispute.created", dispute)
    if not inquiry:
        _withdraw(call, dispute)
    later(call, _ANSWER_WITHIN, "expire_dispute", dispute)


def _withdraw(call: Call, dispute: Obj) -> None:
    _book(call, dispute, -dispute["amount"], _FEE)
    call.emit("charge.dispute.funds_withdrawn", dispute)


def _book(call: Call, dispute: Obj, amount: int, fee: int) -> None:
    entry = book(call, "adjustment", dispute["id"], amount, dispute["currency"], fee, at_once=True)
    dispute["balance_transactions"] = [*dispute["balance_transactions"], render(entry)]
    call.store.touch(dispute)


def blocks_refund(call: Call, charge: Obj) -> bool:
    """Whether a dispute stands in the way: an inquiry and a won dispute do not."""
    if not charge["disputed"]:
        return False
    disputes = (one for one in call.store.kinds["dispute"].values() if one["charge"] == charge["id"])
    return any(
        one["status"] not in ("won", "prevented") and not one["status"].startswith("warning") for one in disputes
    )


def update(call: Call, params: Obj) -> Obj:
    """POST /v1/disputes/{dispute}"""
    dispute = find(call, "dispute", call.ids[0], "dispute")
    before = render(dispute)
    evidence = params.get("evidence")
    if evidence and dispute["status"] not in _OPEN:
        raise refused(f"This dispute is already closed or under review: {dispute['status']}.")
    dispute["metadata"] = metadata(dispute["metadata"], params.get("metadata"))
    if evidence:
        known = {key: unset(value) for key, value in evidence.items() if key in _EVIDENCE}
        dispute["evidence"].update(known)
        dispute["evidence_details"]["has_evidence"] = any(dispute["evidence"][key] for key in _EVIDENCE)
    if params.get("submit", bool(evidence)) and dispute["status"] in _OPEN:
        _submit(call, dispute)
    call.store.touch(dispute)
    changed = {key: before[key] for key in before if before[key] != dispute[key]}
    if changed:
        call.emit("charge.dispute.updated", dispute, changed)
    return render(dispute)


def _submit(call: Call, dispute: Obj) -> None:
    details = dispute["evidence_details"]
    details["submission_count"] += 1
    details["submission_method"] = "manual"
    inquiry = dispute["status"].startswith("warning")
    dispute["status"] = "warning_under_review" if inquiry else "under_review"
    later(call, _DECIDED_AFTER, "decide_dispute", dispute)


@task("decide_dispute", "dispute")
def _decide(call: Call, dispute: Obj) -> None:
    text = dispute["evidence"]["uncategorized_text"]
    if dispute["status"] == "warning_under_review":
        if text == "escalate_inquiry_evidence":
            dispute.update(status="needs_response", is_charge_refundable=False)
            dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
            dispute["evidence_details"]["due_by"] = call.now + _ANSWER_WITHIN
            call.emit("charge.dispute.updated", dispute, {"status": "warning_under_review"})
            _withdraw(call, dispute)
            later(call, _ANSWER_WITHIN, "expire_dispute", dispute)
        else:
            _close(call, dispute, "warning_closed")
    elif dispute["status"] == "under_review":
        _close(call, dispute, "won" if text == "winning_evidence" else "lost")


@task("expire_dispute", "dispute")
def _expire(call: Call, dispute: Obj) -> None:
    if dispute["status"] in _OPEN and call.now >= dispute["evidence_details"]["due_by"]:
        dispute["evidence_details"]["past_due"] = True
        _close(call, dispute, "warning_closed" if dispute["status"].startswith("warning") else "lost")


def _close(call: Call, dispute: Obj, status: str) -> None:
    before = dispute["status"]
    dispute["status"] = status
    if status == "won":
        dispute["is_charge_refundable"] = True
        _book(call, dispute, dispute["amount"], 0)
    call.store.touch(dispute)
    call.emit("charge.dispute.closed", dispute, {"status": before})
    if status == "won":
        call.emit("charge.dispute.funds_reinstated", dispute)


def close(call: Call, params: Obj) -> Obj:
    """POST /v1/disputes/{dispute}/close"""
    dispute = find(call, "dispute", call.ids[0], "dispute")
    if dispute["status"] not in _OPEN:
        raise refused("This dispute is already closed.")
    _close(call, dispute, "lost")
    return render(dispute)


def retrieve(call: Call, params: Obj) -> Obj:
    """GET /v1/disputes/{dispute}"""
    return render(find(call, "dispute", call.ids[0], "dispute"))


def list_all(call: Call, params: Obj) -> Obj:
    """GET /v1/disputes"""
    return page(call, "dispute", params, charge=params.get("charge"), payment_intent=params.get("payment_intent"))
