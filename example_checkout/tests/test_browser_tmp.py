import re
import pytest
from django.core.management import call_command

@pytest.mark.browser
@pytest.mark.parametrize("n", [1, 2])
def test_pay(site, page, n):
    call_command("demo_data")
    page.goto(site.url + "/courses/throwing/")
    page.screenshot(path="/tmp/course.png")
    page.get_by_label(re.compile("name", re.I)).first.fill("Ann")
    page.get_by_label(re.compile("email|e-mail", re.I)).first.fill("ann@example.com")
    page.screenshot(path="/tmp/course.png")
    page.locator("main button[type=submit], form button").last.click()
    page.wait_for_url(re.compile("/pay/"))
    page.wait_for_timeout(1500)
    page.screenshot(path="/tmp/pay.png")
    print(page.url)
    assert page.locator("#payment-submit").is_enabled()
