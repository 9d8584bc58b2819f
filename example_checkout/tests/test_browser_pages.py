"""Every page of shop and checkout: what axe finds, 360 px, the policy against inline code, the keyboard alone."""

from typing import Any

import pytest

from example_checkout.tests.browser import (
    PAID,
    PAY_BUTTON,
    book,
    heading,
    problems,
    ready,
    recorded,
    shown,
    taken,
)
from example_checkout.tests.browser_plans import CONFIRM_DEPOSIT, THANKS, start
from example_checkout.tests.browser_walk import every_page
from example_checkout.tests.factories import ProductFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FOCUS = """() => {
  const one = document.activeElement;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  return {
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    inSight: box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    html: one.outerHTML.slice(0, 120),
  };
}"""
INLINE = """() => [...document.querySelectorAll("*")].filter((one) =>
  one.hasAttribute("style") || one.tagName === "STYLE" || (one.tagName === "SCRIPT" && !one.src)
  || one.getAttributeNames().some((name) => name.startsWith("on"))).map((one) => one.outerHTML.slice(0, 120))"""


def faults(page: Any) -> dict[str, Any]:
    """What is wrong with the page as it stands: for axe, light and dark; at 360 and 1280 px; inline code."""
    found: dict[str, Any] = {}
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found[scheme] = problems(page)
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        needed = page.evaluate("document.documentElement.scrollWidth")
        found[f"{width} px"] = needed if needed > width else None
    found["inline"] = page.evaluate(INLINE)
    return {name: fault for name, fault in found.items() if fault}


def test_every_page_is_accessible_fits_and_has_no_inline_code(
    page: Any, site: Any, stripe_server: Any, settings: Any, console_errors: list[str]
) -> None:
    """One walk for all of it: it is the walk that takes the time."""
    policies: dict[str, str] = {}

    def note(response: Any) -> None:
        if response.request.resource_type == "document":
            policies[response.url] = response.headers.get("content-security-policy", "")

    page.on("response", note)
    found = {name: bad for name in every_page(page, site, stripe_server, settings) if (bad := faults(page))}
    # The walk provokes refusals on purpose; Chromium notes each with its status, and nothing else may be noted.
    assert [line for line in console_errors if "the server responded with a status of 4" not in line] == []
    console_errors.clear()
    assert found == {}
    assert len(policies) > 10
    for url, policy in policies.items():
        assert "default-src 'none'" in policy, url
        assert "unsafe" not in policy, url


def test_the_amount_stays_in_sight_on_a_phone(page: Any, site: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    book(page, site)
    in_sight = """(texts) => [...document.querySelectorAll(".checkout-amount, #payment-submit")].some((one) => {
      const box = one.getBoundingClientRect();
      return one.textContent.includes("£120.00") && box.height > 0 && box.top >= 0 && box.bottom <= innerHeight;
    })"""
    for y in (0, 150, 300, 10_000):
        page.evaluate("y => window.scrollTo(0, y)", y)
        assert page.evaluate(in_sight), f"scrolled to {y}"


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until the element has the focus; every stop on the way must be in sight and outlined."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            continue
        focus = page.evaluate(FOCUS)
        assert focus["outlined"], focus["html"]
        assert focus["inSight"], focus["html"]
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


@pytest.mark.parametrize("width", [360, 1280])
def test_booking_and_paying_with_3d_secure_by_keyboard_alone(
    page: Any, site: Any, stripe_server: Any, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    product = ProductFactory()
    page.goto(site.url)
    tab_to(page, f"a[href='{product.get_absolute_url()}']")
    page.keyboard.press("Enter")
    heading(page, product.name)
    tab_to(page, "[name=name]")
    page.keyboard.type("Ada Lovelace")
    tab_to(page, "[name=email]")
    page.keyboard.type("ada@example.com")
    tab_to(page, "[name=action]")
    tab_to(page, "button[type=submit]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/pay/*/")
    ready(page)
    checkout = shown(page)
    for name, text in (("cc-number", "4000002760003184"), ("cc-exp", "1234"), ("cc-csc", "123")):
        tab_to(page, f"[name={name}]")
        page.keyboard.type(text)
    tab_to(page, PAY_BUTTON)
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    assert page.evaluate("document.activeElement.textContent") == "Complete"
    assert page.evaluate(FOCUS)["outlined"]
    page.keyboard.press("Enter")
    heading(page, PAID)
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]


@pytest.mark.parametrize("width", [360, 1280])
def test_signing_up_and_confirming_the_deposit_by_keyboard_alone(
    page: Any, site: Any, stripe_server: Any, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    checkout = start(page, site)
    for name, text in (("cc-number", "4000002760003184"), ("cc-exp", "1234"), ("cc-csc", "123")):
        tab_to(page, f"[name={name}]")
        page.keyboard.type(text)
    tab_to(page, "#checkout-consent")
    tab_to(page, PAY_BUTTON)
    # without the tick the focus goes to the box
    page.keyboard.press("Enter")
    page.locator("#checkout-consent[aria-invalid=true]:focus").wait_for()
    page.keyboard.press("Space")
    tab_to(page, PAY_BUTTON)
    page.keyboard.press("Enter")
    for answer in ("Complete", "Fail"):
        page.get_by_role("dialog").wait_for()
        assert page.evaluate("document.activeElement.textContent") == "Complete"
        if answer == "Fail":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        if answer == "Complete":
            heading(page, CONFIRM_DEPOSIT)
    page.locator("#deposit-message:focus").wait_for()
    tab_to(page, "#deposit-submit")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Enter")
    heading(page, THANKS)
    assert taken(stripe_server) == [3000]
    assert checkout.content_object.on_plan is not None
