"""The shop's own tasks: here it says which of its customers can sign in."""

from celery import shared_task

from checkout.accounts import can_login_and_pay
from checkout.models import ObjectPaymentPlanInstalment


@shared_task
def send_on_session_payment_emails() -> int:
    """Mail the customers whose bank wants them for an instalment, each once; how many were mailed."""
    return ObjectPaymentPlanInstalment.objects.send_on_session_payment_emails(can_login_and_pay)
