"""What is kept in a data file survives a restart."""

from pathlib import Path

from .simulated import World


def test_everything_survives(tmp_path: Path) -> None:
    data = str(tmp_path / "state")
    before = World(data_file=data)
    endpoint = before.v1.webhook_endpoints.create(
        {"url": "http://127.0.0.1/hook/", "enabled_events": ["charge.updated", "refund.updated"]}
    )
    customer = before.customer()
    method = before.save_card("authenticationRequiredOnSetup", customer)
    paid = before.pay("pendingRefund")
    refund = before.v1.refunds.create({"payment_intent": paid.id}, {"idempotency_key": "once"})
    parked = before.pay("authenticationRequired")
    events = before.events()
    before.simulator.clock.advance(10)
    now = before.simulator.clock.now()
    before.simulator.close()

    after = World(data_file=data)
    assert after.simulator.clock.now() >= now
    assert after.events() == events
    again = after.v1.refunds.create({"payment_intent": paid.id}, {"idempotency_key": "once"})
    assert (again.id, again.last_response.headers["Idempotent-Replayed"]) == (refund.id, "true")
    charged = after.create(customer=customer, payment_method=method, confirm=True, off_session=True)
    assert charged.status == "succeeded"
    assert after.simulator.authenticate(parked.id, "complete", parked.client_secret)["status"] == "succeeded"
    after.simulator.clock.advance(7200)
    assert after.v1.refunds.retrieve(refund.id).status == "succeeded"
    urls: list[str] = []
    after.simulator.deliver_pending(lambda url, body, headers: urls.append(url) or 200)
    assert urls
    assert set(urls) == {endpoint.url}
    after.check()
    after.simulator.close()


def test_a_killed_process_loses_no_answer(tmp_path: Path) -> None:
    data = str(tmp_path / "state")
    killed = World(data_file=data)
    made = killed.pay()
    # Nothing is closed: what was answered is already in the file.
    after = World(data_file=data)
    assert after.intent(made.id).status == "succeeded"
    after.simulator.close()
    killed.simulator.close()


def test_a_reset_empties_the_file(tmp_path: Path) -> None:
    data = str(tmp_path / "state")
    world = World(data_file=data)
    world.pay()
    world.simulator.reset()
    world.simulator.close()
    after = World(data_file=data)
    assert after.events() == []
    after.simulator.close()
