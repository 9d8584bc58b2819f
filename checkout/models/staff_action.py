"""What staff did by hand, who and when."""

from typing import ClassVar

from django.conf import settings as django_settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop


class StaffAction(models.Model):
    """Written where it is done, in the transaction that does it where there is one. Never changed."""

    CHARGE: ClassVar[str] = "charge"
    MARK_PAID: ClassVar[str] = "mark_paid"
    STOP_PLAN: ClassVar[str] = "stop_plan"
    CHARGE_CUSTOMER: ClassVar[str] = "charge_customer"
    ASK_AGAIN: ClassVar[str] = "ask_again"
    SEND_AGAIN: ClassVar[str] = "send_again"
    REFUND: ClassVar[str] = "refund"
    ACCEPT: ClassVar[str] = "accept"
    PAUSE_PLAN: ClassVar[str] = "pause_plan"
    RESUME_PLAN: ClassVar[str] = "resume_plan"
    REPLAY_EVENT: ClassVar[str] = "replay_event"
    ADD_TEMPLATE: ClassVar[str] = "add_template"
    CHANGE_TEMPLATE: ClassVar[str] = "change_template"
    RETIRE_TEMPLATE: ClassVar[str] = "retire_template"

    WORDS: ClassVar[dict[str, str]] = {
        CHARGE: gettext_noop("Charged the saved card"),
        MARK_PAID: gettext_noop("Marked as paid"),
        STOP_PLAN: gettext_noop("Stopped the plan"),
        CHARGE_CUSTOMER: gettext_noop("Charged the customer"),
        ASK_AGAIN: gettext_noop("Mailed the customer a new link"),
        SEND_AGAIN: gettext_noop("Sent the mail again"),
        REFUND: gettext_noop("Gave money back"),
        ACCEPT: gettext_noop("Accepted what was put aside as paid"),
        PAUSE_PLAN: gettext_noop("Paused the plan"),
        RESUME_PLAN: gettext_noop("Went on with the plan"),
        REPLAY_EVENT: gettext_noop("Worked the event again"),
        ADD_TEMPLATE: gettext_noop("Made the template"),
        CHANGE_TEMPLATE: gettext_noop("Changed the template"),
        RETIRE_TEMPLATE: gettext_noop("Retired the template"),
    }

    verb = models.CharField(max_length=30, choices=[(slug, _(word)) for slug, word in WORDS.items()])
    user = models.ForeignKey(
        django_settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    content_type = models.ForeignKey(ContentType, on_delete=models.PROTECT, related_name="+")
    object_id = models.CharField(max_length=64)
    content_object = GenericForeignKey("content_type", "object_id")
    detail = models.CharField(max_length=255, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("action of staff")
        verbose_name_plural = _("actions of staff")
        ordering = ("-pk",)
        indexes = [models.Index(fields=["content_type", "object_id"], name="checkout_staff_action")]

    def __str__(self) -> str:
        return f"{self.created:%Y-%m-%d %H:%M} {self.user_id} {self.verb}"
