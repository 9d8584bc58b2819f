"""Charges: what the card networks answer, and the money that arrives later."""

from __future__ import annotations

from dataclasses import replace

from .call import Call
from .cards import DECLINES, Card, Decline
from .common import find, metadata, page, shipping, unset
from .render import copy, render
from .schedule import later, task
from .store import Obj

#: Seconds until the balance transaction of an ``automatic_async`` charge is there.
SETTLE_AFTER = 30
_TWO_DAYS = 2 * 86400
_NETWORK_CODES = {"insufficient_funds": "51", "expired_card": "54", "lost_card": "41", "stolen_card": "43"}


def _details(call: Call, intent: Obj, method: Obj, card: Card, authenticated: bool) -> Obj:
    shown = method["card"]
    options = (intent["payment_method_options"] or {}).get("card") or {}
    three_d_secure = None
    if authenticated:
        three_d_secure = {
            "authentication_flow": "challenge",
            "electronic_commerce_indicator": "05",
            "exemption_indicator": None,
            "result": "authenticated",
            "result_reason": None,
            "transaction_id": call.store.token(24),
            "version": "2.2.0",
        }
    details = {
        "amount_authorized": intent["amount"],
        "authorization_code": None,
        "brand": shown["brand"],
        "checks": {**shown["checks"], "cvc_check": card.cvc_check if method["_cvc"] else None},
        "country": shown["country"],
        "electronic_commerce_indicator": None,
        "exp_month": shown["exp_month"],
        "exp_year": shown["exp_year"],
        "fingerprint": shown["fingerprint"],
        "funding": shown["funding"],
        "installments": None,
        "last4": shown["last4"],
        "mandate": None,
        "network": shown["brand"],
        "network_transaction_id": call.store.token(15),
        "regulated_status": "unregulated",
        "three_d_secure": three_d_secure,
        "transaction_link_id": None,
        "wallet": None,
    }
    for name in ("setup_credential_usage", "stored_credential_usage"):
        if options.get(name):
            details[name] = options[name]
    return {"card": details, "type": "card"}


def _outcome(card: Card, no: Decline | None) -> Obj:
    if no is None:
        status, kind, message = "approved_by_network", "authorized", "Payment complete."
    elif no.blocked:
        status, kind, message = "not_sent_to_network", "blocked", "Stripe blocked this payment as too risky."
    else:
        status, kind = "declined_by_network", "issuer_declined"
        message = f"The bank returned the decline code `{no.reason}`."
    return {
        "advice_code": no.advice if no else None,
        "network_advice_code": no.network_advice if no else None,
        "network_decline_code": _network_code(no) if no and not no.blocked else None,
        "network_status": status,
        "reason": None if no is None else "highest_risk_level" if no.blocked else no.reason,
        "risk_level": card.risk,
        "risk_score": {"normal": 30, "elevated": 70, "highest": 95}[card.risk],
        "seller_message": message,
        "type": kind,
    }


def _network_code(no: Decline) -> str:
    return no.network_code or _NETWORK_CODES.get(no.reason, "05")


def forced_decline(call: Call, payment: bool = True) -> Decline | None:
    """The decline that trouble asks for, if any; of a payment, with the advice and network codes it names."""
    rule = call.account.trouble.take("decline", call.method, call.path)
    if rule is None:
        return None
    code = rule.code or "generic_decline"
    no = DECLINES.get(code) or Decline("card_declined", code)
    if not payment:
        return no
    return replace(
        no,
        advice=rule.advice_code or no.advice,
        network_code=rule.network_decline_code,
        network_advice=rule.network_advice_code,
    )


def decline_of(card: Card, method: Obj) -> Decline | None:
    """The decline that belongs to a card."""
    no = card.decline
    return None if no is None or (no.needs_cvc and not method["_cvc"]) else no


def make(call: Call, intent: Obj, method: Obj, card: Card, no: Decline | None, authenticated: bool) -> Obj:
    """A charge for a payment intent: succeeded, held or failed. Its event is the caller's business."""
    held = intent["capture_method"] == "manual"
    paid = no is None
    charge = call.new(
        "charge",
        {
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if paid and not held else 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": copy(method["billing_details"]),
            "calculated_statement_descriptor": "SIMULATED SHOP",
            "captured": paid and not held,
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": no.code if no else None,
            "failure_message": no.message if no else None,
            "fraud_details": {},
            "metadata": copy(intent["metadata"]),
            "on_behalf_of": None,
            "outcome": _outcome(card, no),
            "paid": paid,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": _details(call, intent, method, card, authenticated),
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": f"{call.account.origin}/_simulator/receipt/{call.store.token(16)}" if paid else None,
            "refunded": False,
            "review": None,
            "shipping": copy(intent["shipping"]),
            "source": None,
            "source_transfer": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
            "status": "succeeded" if paid else "failed",
            "transfer_data": None,
            "transfer_group": None,
            "_card": card.name,
            "_release_at_once": card.bypass_pending,
        },
    )
    if paid and not held:
        collect(call, charge, intent["capture_method"])
    return charge


def collect(call: Call, charge: Obj, capture_method: str) -> None:
    """The money comes to the balance, at once or a little later."""
    if capture_method == "automatic":
        _settle(call, charge)
    else:
        later(call, SETTLE_AFTER, "settle_charge", charge)


def _settle(call: Call, charge: Obj) -> None:
    amount = charge["amount_captured"]
    fee = amount * 15 // 1000 + 20
    charge["balance_transaction"] = book(
        call, "charge", charge["id"], amount, charge["currency"], fee, charge["_release_at_once"]
    )["id"]
    call.store.touch(charge)


@task("settle_charge", "charge")
def _settle_later(call: Call, charge: Obj) -> None:
    _settle(call, charge)
    call.emit("charge.updated", charge, {"balance_transaction": None})


def book(call: Call, kind: str, source: str, amount: int, currency: str, fee: int = 0, at_once: bool = False) -> Obj:
    """An entry in the balance."""
    names = {"refund_failure": "refund_failure", "adjustment": "dispute"}
    fees = {
        "amount": fee,
        "application": None,
        "currency": currency,
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }
    entry = call.new(
        "balance_transaction",
        {
            "amount": amount,
            "available_on": call.now + (0 if at_once else _TWO_DAYS),
            "balance_type": "payments",
            "currency": currency,
            "description": None,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [fees] if fee else [],
            "net": amount - fee,
            "reporting_category": names.get(kind, kind),
            "source": source,
            "status": "available" if at_once else "pending",
            "type": kind,
        },
    )
    # The one object without a mode.
    del entry["livemode"]
    return entry


def retrieve(call: Call, params: Obj) -> Obj:
    """GET /v1/charges/{charge}"""
    return render(find(call, "charge", call.ids[0], "id"))


def update(call: Call, params: Obj) -> Obj:
    """POST /v1/charges/{charge}"""
    charge = find(call, "charge", call.ids[0], "id")
    before = render(charge)
    for name in ("description", "receipt_email"):
        if name in params:
            charge[name] = unset(params[name])
    if "shipping" in params:
        charge["shipping"] = shipping(params["shipping"])
    charge["metadata"] = metadata(charge["metadata"], params.get("metadata"))
    changed = {key: before[key] for key in before if before[key] != charge[key]}
    call.store.touch(charge)
    if changed:
        call.emit("charge.updated", charge, changed)
    return render(charge)


def list_all(call: Call, params: Obj) -> Obj:
    """GET /v1/charges"""
    return page(call, "charge", params, customer=params.get("customer"), payment_intent=params.get("payment_intent"))
