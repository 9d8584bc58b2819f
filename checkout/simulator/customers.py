"""Customers."""

from __future__ import annotations

from .call import Call
from .common import address, find, live_customer, metadata, page, shipping, unset, update_fields
from .errors import StripeFault, invalid, missing
from .legacy import is_legacy
from .render import render
from .store import Obj

_PLAIN = ("description", "email", "name", "phone", "preferred_locales", "business_name", "individual_name")


def create(call: Call, params: Obj) -> Obj:
    """POST /v1/customers"""
    _refuse_source(params)
    customer = call.new(
        "customer",
        {
            "address": None,
            "balance": 0,
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "description": None,
            "email": None,
            "invoice_prefix": call.store.token(8).upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "metadata": metadata(None, params.get("metadata")),
            "name": None,
            "phone": None,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": None,
        },
    )
    if "payment_method" in params:
        from .payment_methods import attach_to, for_use

        try:
            attach_to(call, for_use(call, params["payment_method"]), customer)
        except StripeFault:
            call.store.drop(customer)
            raise
    _fill(call, customer, params)
    call.emit("customer.created", customer)
    return render(customer)


def _refuse_source(params: Obj) -> None:
    if "source" in params:
        raise invalid(
            "The simulator saves no new cards as sources: save a PaymentMethod, with a SetupIntent for instance.",
            param="source",
        )


def _fill(call: Call, customer: Obj, params: Obj) -> None:
    if "default_source" in params:
        _default_source(call, customer, params["default_source"])
    update_fields(customer, params, _PLAIN)
    if "address" in params:
        customer["address"] = address(unset(params["address"]))
    if "shipping" in params:
        customer["shipping"] = shipping(unset(params["shipping"]))
    settings = params.get("invoice_settings", {})
    if "default_payment_method" in settings:
        _default_method(call, customer, unset(settings["default_payment_method"]))
    if customer["preferred_locales"] is None:
        customer["preferred_locales"] = []


def _default_method(call: Call, customer: Obj, ident: str | None) -> None:
    param = "invoice_settings[default_payment_method]"
    if ident is not None:
        method = find(call, "payment_method", ident, param, 400)
        if method["customer"] != customer["id"]:
            raise invalid(
                "The customer does not have a payment method with that ID. It must be attached first.",
                param=param,
            )
    customer["invoice_settings"]["default_payment_method"] = ident


def _default_source(call: Call, customer: Obj, ident: str) -> None:
    method = call.store.get("payment_method", ident)
    if method is None or not is_legacy(method) or method["customer"] != customer["id"]:
        raise missing("source", ident, "default_source", 400)
    customer["default_source"] = ident


def retrieve(call: Call, params: Obj) -> Obj:
    """GET /v1/customers/{customer}"""
    customer = find(call, "customer", call.ids[0], "id")
    return _stub(customer) if customer.get("_deleted") else render(customer)


def update(call: Call, params: Obj) -> Obj:
    """POST /v1/customers/{customer}"""
    customer = live_customer(call, call.ids[0], 404, "id")
    _refuse_source(params)
    before = render(customer)
    _fill(call, customer, params)
    changed = {key: before[key] for key in before if before[key] != customer[key]}
    call.store.touch(customer)
    if changed:
        call.emit("customer.updated", customer, changed)
    return render(customer)


def delete(call: Call, params: Obj) -> Obj:
    """DELETE /v1/customers/{customer}"""
    customer = find(call, "customer", call.ids[0], "id")
    if customer.get("_deleted"):
        raise missing("customer", customer["id"], "id")
    customer["_deleted"] = True
    call.store.touch(customer)
    for method in list(call.store.newest_first("payment_method", customer["id"])):
        method["customer"], method["_detached"] = None, True
        call.store.touch(method)
    call.emit("customer.deleted", customer)
    return _stub(customer)


def _stub(customer: Obj) -> Obj:
    return {"id": customer["id"], "object": "customer", "deleted": True}


def list_all(call: Call, params: Obj) -> Obj:
    """GET /v1/customers"""
    return page(call, "customer", params, email=params.get("email"))


def payment_methods(call: Call, params: Obj) -> Obj:
    """GET /v1/customers/{customer}/payment_methods"""
    customer = live_customer(call, call.ids[0], 404)
    return page(
        call,
        "payment_method",
        params,
        customer=customer["id"],
        type=params.get("type"),
        allow_redisplay=params.get("allow_redisplay"),
    )


def payment_method(call: Call, params: Obj) -> Obj:
    """GET /v1/customers/{customer}/payment_methods/{payment_method}"""
    customer = live_customer(call, call.ids[0], 404)
    method = find(call, "payment_method", call.ids[1], "payment_method")
    if method["customer"] != customer["id"]:
        raise missing("payment_method", method["id"], "payment_method")
    return render(method)
