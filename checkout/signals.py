"""Signals for every fact that a site may want to hear of, sent after the commit.

Each is sent once for each fact, by whichever process wrote it down, after its transaction has been committed. A process
that dies in that very moment sends nothing, and a receiver that raises is logged (by Django, ``django.dispatch``) and
does not disturb anybody: so what must never be missed belongs into ``checkout_success``, ``checkout_fail`` and
``checkout_refund``, which run inside the transaction. ``sender`` is the model.
"""

from django.dispatch import Signal

#: ``checkout``: it was paid, or its card saved.
checkout_settled = Signal()
#: ``checkout``: the attempt came to nothing.
checkout_failed = Signal()
#: ``checkout``: the bank wants the customer.
checkout_needs_customer = Signal()
#: ``refund``: given back, on its way, or failed (also after it was given back): see ``refund.state``.
checkout_refunded = Signal()
#: ``dispute``: opened, decided, or opened anew by an appeal: see ``dispute.state``.
checkout_disputed = Signal()
