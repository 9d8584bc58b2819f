"""What a site with dj-stripe has before the first event: its account, its key, its endpoint. Prints the path."""

import django


def main() -> None:
    """Ask the stand-in for the account as dj-stripe does by itself, so that no request pays for it."""
    django.setup()
    from django.conf import settings
    from django.urls import reverse
    from djstripe.models import APIKey, WebhookEndpoint

    key, _created = APIKey.objects.get_or_create_by_api_key(settings.STRIPE_SECRET_KEY)
    key.refresh_account()
    key.refresh_from_db()
    endpoint = WebhookEndpoint.objects.create(
        id="we_benchmark",
        livemode=False,
        djstripe_owner_account=key.djstripe_owner_account,
        api_version="2026-10-28.endive",
        enabled_events=["*"],
        secret=settings.WEBHOOK_SECRET,
        status="enabled",
        url="https://shop.example.com/stripe/webhook/",
    )
    print(reverse("djstripe:djstripe_webhook_by_uuid", args=[endpoint.djstripe_uuid]))


if __name__ == "__main__":
    main()
