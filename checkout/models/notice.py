"""One row per fact that somebody must be told."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class Notice(models.Model):
    """Unique by kind and key; inserted in the settling transaction, sent after it, retried by a task."""

    QUARANTINE: ClassVar[str] = "quarantine"

    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=100)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    recipients = models.JSONField(default=list)
    created = models.DateTimeField(auto_now_add=True)
    sent = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ("-pk",)
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="checkout_notice_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
