#!/usr/bin/env python3
"""Plays a client in Python against a real server over mutual TLS, with nothing but the shipped protos.

    python3 -m venv target/python-venv
    target/python-venv/bin/pip install -r scripts/python/requirements.txt
    target/python-venv/bin/python scripts/python/client_test.py

Every function `test_…` is a test; they run in this order, on one server. Exits 0 if all pass. The server is
$DIGOTA_BIN, or the debug build, which is made if it is missing.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request
import uuid
from pathlib import Path

# The library prints a line for every handshake that fails; ours are meant to.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
from check_protos import compile_to
from digota_server import ROOT, Authority, connect, environment, pretending, run, serving
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

STUBS = tempfile.TemporaryDirectory()
compile_to(Path(STUBS.name))
sys.path.insert(0, STUBS.name)

import event_pb2, event_pb2_grpc  # noqa: E402
import order_pb2, order_pb2_grpc  # noqa: E402
import payment_pb2, payment_pb2_grpc  # noqa: E402
import product_pb2, product_pb2_grpc  # noqa: E402
import sku_pb2, sku_pb2_grpc  # noqa: E402

EUR = payment_pb2.EUR
VISA = "4242424242424242"
Status = order_pb2.Order.status


class Client:
    """The services as one certificate sees them. Every call has a deadline."""

    def __init__(self, channel):
        self.channel = channel
        self.products = product_pb2_grpc.ProductServiceStub(channel)
        self.skus = sku_pb2_grpc.SkuServiceStub(channel)
        self.orders = order_pb2_grpc.OrderServiceStub(channel)
        self.payments = payment_pb2_grpc.PaymentServiceStub(channel)
        self.events = event_pb2_grpc.EventServiceStub(channel)

    def product(self, **more):
        request = product_pb2.NewRequest(**{"name": "Football ticket", "active": True} | more)
        return self.products.New(request, timeout=5)

    def sku(self, price=4726, quantity=10, **more):
        stock = sku_pb2.Inventory(type=sku_pb2.Inventory.Finite, quantity=quantity)
        parent = more.pop("parent", None) or self.product().id
        request = sku_pb2.NewRequest(
            name="North stand", currency=EUR, active=True, price=price, parent=parent, inventory=stock, **more
        )
        return self.skus.New(request, timeout=5)

    def stock(self, sku) -> int:
        return self.skus.Get(sku_pb2.GetRequest(id=sku.id), timeout=5).inventory.quantity

    def order(self, sku, **more):
        return self.orders.New(order_pb2.NewRequest(currency=EUR, items=[line_of(sku, 1)], **more), timeout=5)

    def pay(self, order, number=VISA, key=None, **more):
        return self.orders.Pay(payment_of(order, number, **more), timeout=10, metadata=keyed(key))

    def once(self, order, holds, seconds=15):
        """The order as soon as something holds of it."""
        end = time.monotonic() + seconds
        while not holds(order := self.orders.Get(order_pb2.GetRequest(id=order.id), timeout=5)):
            assert time.monotonic() < end, f"not within {seconds} s: {order}"
            time.sleep(0.05)
        return order

    def charge(self, order):
        return self.payments.Get(payment_pb2.GetRequest(id=order.chargeId), timeout=5)


class Stage:
    """What the tests share: the server, its CA, and a client that may do everything."""

    def __init__(self, server, authority: Authority, other: Authority, namesake: Authority):
        self.server, self.authority, self.other, self.namesake = server, authority, other, namesake
        self.shop = self.client("shop")

    def client(self, name: str) -> Client:
        return Client(connect(self.server.address, self.authority, (self.authority, name)))


def line_of(sku, quantity):
    return order_pb2.OrderItem(type=order_pb2.OrderItem.sku, parent=sku.id, quantity=quantity)


def card_of(number):
    return payment_pb2.Card(
        type=payment_pb2.Visa, Number=number, CVC="123", ExpireMonth="12", ExpireYear="2040",
        FirstName="Yaron", LastName="Sumel",
    )


def payment_of(order, number=VISA, **more):
    return order_pb2.PayRequest(
        id=order.id, paymentProviderId=payment_pb2.Sandbox, card=card_of(number), **more
    )


def keyed(key):
    return [("idempotency-key", key)] if key else []


class Refusal:
    """A refused call: its code, and the details that come with it in `grpc-status-details-bin`."""

    def __init__(self, error: grpc.RpcError):
        self.code, self.message = error.code(), error.details()
        packed = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
        status = status_pb2.Status.FromString(packed)
        assert not packed or status.code == self.code.value[0], "code and details differ"
        self.details = {any.TypeName(): any for any in status.details}
        info = self.detail(error_details_pb2.ErrorInfo)
        self.reason, self.domain, self.facts = info.reason, info.domain, dict(info.metadata)

    def detail(self, kind):
        found = kind()
        if any := self.details.get(kind.DESCRIPTOR.full_name):
            any.Unpack(found)
        return found

    @property
    def fields(self) -> set[str]:
        return {violation.field for violation in self.detail(error_details_pb2.BadRequest).field_violations}

    @property
    def retry_after(self) -> float:
        return self.detail(error_details_pb2.RetryInfo).retry_delay.ToTimedelta().total_seconds()


def refused(call, *arguments, **named) -> Refusal:
    """Makes a call that must fail, and returns how it did."""
    try:
        answer = call(*arguments, **named)
    except grpc.RpcError as error:
        return Refusal(error)
    raise AssertionError(f"not refused: {answer}")


def expect(refusal: Refusal, code: grpc.StatusCode, reason: str) -> Refusal:
    assert (refusal.code, refusal.reason) == (code, reason), (refusal.code, refusal.reason, refusal.message)
    assert refusal.domain == "digota", refusal.domain
    return refusal


# The manual's order.


def test_the_manuals_order_is_priced_paid_once_and_returned_once(stage):
    shop = stage.shop
    sku = shop.sku(price=4726, quantity=10)
    order = shop.orders.New(manuals_order(sku), timeout=5)
    assert order.amount == 2 * 4726 - 1000 + 1000
    assert (order.Status, order.email, order.chargeId) == (Status.Created, "yaron@example.com", "")
    lines = [(item.type, item.quantity, item.amount, item.description) for item in order.items]
    kinds = order_pb2.OrderItem
    assert lines == [
        (kinds.sku, 2, 4726, "North stand"),
        (kinds.discount, 1, -1000, "Discount for being loyal customer"),
        (kinds.tax, 1, 1000, "Tax"),
    ], lines
    assert all(item.currency == EUR for item in order.items)
    assert order.shipping == manuals_order(sku).shipping
    assert shop.stock(sku) == 10, "an unpaid order takes no stock"

    paid = shop.pay(order)
    assert (paid.Status, paid.id, paid.amount) == (Status.Paid, order.id, order.amount)
    assert paid.version > order.version
    assert shop.stock(sku) == 8
    charge = shop.charge(paid)
    assert charge.paid and not charge.refunded
    assert charge.status == payment_pb2.Charge.SUCCEEDED
    assert (charge.chargeAmount, charge.currency, charge.order_id) == (order.amount, EUR, order.id)
    assert (charge.statement, charge.email) == (f"Order {order.id}", "yaron@example.com")
    assert (charge.card_last4, charge.card_brand) == ("4242", payment_pb2.Visa)
    assert VISA not in str(charge) and charge.providerChargeId

    expect(refused(shop.pay, order), grpc.StatusCode.FAILED_PRECONDITION, "ORDER_STATUS")
    assert shop.stock(sku) == 8

    back = order_pb2.ReturnRequest(id=order.id)
    returned = shop.orders.Return(back, timeout=10)
    assert (returned.Status, returned.refunded_amount) == (Status.Canceled, order.amount)
    assert [item.returned for item in returned.items if item.type == kinds.sku] == [2]
    assert shop.stock(sku) == 10, "what was paid and not fulfilled goes back into stock"
    charge = shop.charge(paid)
    assert charge.paid and charge.refunded and charge.refundAmount == order.amount
    assert [refund.status for refund in charge.refunds] == [payment_pb2.Charge.SUCCEEDED]

    expect(refused(shop.orders.Return, back, timeout=10), grpc.StatusCode.FAILED_PRECONDITION, "ORDER_STATUS")

    assert shop.orders.Get(order_pb2.GetRequest(id=order.id), timeout=5).Status == Status.Canceled
    mine = shop.orders.List(order_pb2.ListRequest(email="yaron@example.com"), timeout=5)
    assert [found.id for found in mine.orders] == [order.id] and mine.total == 1
    charges = shop.payments.List(payment_pb2.ListRequest(order_id=order.id), timeout=5)
    assert [found.id for found in charges.charges] == [charge.id]
    siblings = shop.skus.List(sku_pb2.ListRequest(parent=sku.parent), timeout=5)
    assert [found.id for found in siblings.skus] == [sku.id]
    assert sku.parent in {found.id for found in shop.products.List(product_pb2.ListRequest(), timeout=5).products}
    product = shop.products.Get(product_pb2.GetRequest(id=sku.parent), timeout=5)
    assert [found.id for found in product.skus] == [sku.id]


def manuals_order(sku):
    """Two of a SKU, a discount and a tax without a quantity, and where to send it."""
    item = order_pb2.OrderItem
    return order_pb2.NewRequest(
        currency=EUR,
        items=[
            item(parent=sku.id, quantity=2, type=item.sku),
            item(amount=-1000, description="Discount for being loyal customer", currency=EUR, type=item.discount),
            item(amount=1000, description="Tax", currency=EUR, type=item.tax),
        ],
        email="yaron@example.com",
        shipping=order_pb2.Shipping(
            name="Yaron Sumel",
            phone="+972 000 000 000",
            address=order_pb2.Shipping.Address(
                line1="Loren ipsum", city="San Jose", country="USA", line2="", postalCode="12345", state="CA"
            ),
        ),
    )


def test_the_manuals_names_charge_and_refund_work(stage):
    payments = stage.shop.payments
    request = payment_pb2.ChargeRequest(
        currency=EUR, total=5000, Card=card_of(VISA), email="yaron@example.com", statement="Season ticket",
        paymentProviderId=payment_pb2.Sandbox, metadata={"season": "2027"},
    )
    charge = payments.Charge(request, timeout=10)
    assert charge.paid and charge.statement == "Season ticket" and charge.metadata == {"season": "2027"}
    refund = payment_pb2.RefundRequest(id=charge.id, amount=2000, reason=payment_pb2.RequestedByCustomer)
    part = payments.Refund(refund, timeout=10)
    assert (part.refunded, part.refundAmount) == (True, 2000)
    rest = payments.RefundCharge(payment_pb2.RefundRequest(id=charge.id), timeout=10)
    assert rest.refundAmount == 5000
    again = refused(payments.RefundCharge, payment_pb2.RefundRequest(id=charge.id), timeout=10)
    expect(again, grpc.StatusCode.FAILED_PRECONDITION, "NOTHING_TO_REFUND")


# What goes wrong, in words for programs.


def test_a_declined_card_says_why_and_another_card_pays(stage):
    shop = stage.shop
    sku = shop.sku()
    order = shop.order(sku)
    no = expect(refused(shop.pay, order, "4000000000000002"), grpc.StatusCode.FAILED_PRECONDITION, "card_declined")
    assert no.facts["advice"] == "retry_with_new_data", no.facts
    assert shop.stock(sku) == 10, "a declined payment lets its stock go"
    assert shop.pay(order).Status == Status.Paid


def test_a_busy_gateway_says_when_to_come_again(stage):
    shop = stage.shop
    no = refused(shop.pay, shop.order(shop.sku()), "4000000001000084")
    assert expect(no, grpc.StatusCode.RESOURCE_EXHAUSTED, "rate_limit").retry_after > 0


def test_everything_wrong_with_a_request_is_named_at_once(stage):
    item = order_pb2.OrderItem(type=order_pb2.OrderItem.discount, amount=5)
    bad = order_pb2.NewRequest(items=[item], email="nobody")
    no = expect(refused(stage.shop.orders.New, bad, timeout=5), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert {"currency", "email", "items[0].amount"} <= no.fields, no.fields


def test_what_is_not_there_is_not_found(stage):
    missing = order_pb2.GetRequest(id=str(uuid.uuid4()))
    expect(refused(stage.shop.orders.Get, missing, timeout=5), grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


def test_more_than_there_is_can_not_be_paid(stage):
    shop = stage.shop
    sku = shop.sku(quantity=1)
    order = shop.orders.New(order_pb2.NewRequest(currency=EUR, items=[line_of(sku, 2)]), timeout=5)
    no = expect(refused(shop.pay, order), grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK")
    assert sku.id in no.facts, no.facts


def test_a_gateway_that_is_not_configured_is_named(stage):
    shop = stage.shop
    request = order_pb2.PayRequest(
        id=shop.order(shop.sku()).id, paymentProviderId=payment_pb2.Stripe, card=card_of(VISA)
    )
    no = refused(shop.orders.Pay, request, timeout=10)
    expect(no, grpc.StatusCode.FAILED_PRECONDITION, "PROVIDER_NOT_CONFIGURED")


def test_a_stale_version_is_told_the_current_one(stage):
    shop = stage.shop
    product = shop.product()
    change = product_pb2.UpdateRequest(id=product.id, name="Concert ticket", active=True)
    now = shop.products.Update(change, timeout=5).version
    change.expected_version = product.version
    no = expect(refused(shop.products.Update, change, timeout=5), grpc.StatusCode.ABORTED, "VERSION_STALE")
    assert no.facts["current_version"] == str(now), no.facts


def test_a_mask_changes_what_it_names_and_nothing_else(stage):
    shop = stage.shop
    sku = shop.sku()
    change = sku_pb2.UpdateRequest(id=sku.id, price=5000)
    change.update_mask.paths.append("price")
    masked = shop.skus.Update(change, timeout=5)
    assert (masked.price, masked.active, masked.name) == (5000, True, "North stand")
    plain = shop.skus.Update(sku_pb2.UpdateRequest(id=sku.id, price=5001), timeout=5)
    assert (plain.price, plain.active) == (5001, False), "without a mask, active is always taken"


# Retries.


def test_the_same_key_pays_once_and_answers_twice(stage):
    shop = stage.shop
    sku, key = shop.sku(), f"purchase-{uuid.uuid4()}"
    order = shop.order(sku)
    first, second = shop.pay(order, key=key), shop.pay(order, key=key)
    assert first == second and first.Status == Status.Paid
    assert shop.stock(sku) == 9
    assert len(shop.payments.List(payment_pb2.ListRequest(order_id=order.id), timeout=5).charges) == 1
    no = refused(shop.pay, shop.order(sku), key=key)
    expect(no, grpc.StatusCode.INVALID_ARGUMENT, "IDEMPOTENCY_KEY_REUSED")


def test_a_buyer_who_can_not_be_asked_is_refused(stage):
    no = refused(stage.shop.pay, stage.shop.order(stage.shop.sku()), "4000000001000167")
    expect(no, grpc.StatusCode.FAILED_PRECONDITION, "authentication_required")


def test_a_buyer_who_is_asked_and_agrees_has_paid(stage):
    shop = stage.shop
    back = "https://shop.example/back"
    order = shop.pay(shop.order(shop.sku()), "4000000001000167", allow_pending=True, return_url=back)
    assert (order.Status, order.pending_charge.status) == (Status.Created, payment_pb2.Charge.REQUIRES_ACTION)
    action = order.pending_charge.next_action
    with urllib.request.urlopen(action.url, timeout=5) as page:
        assert "html" in page.headers["content-type"], page.headers
    agree(action.url + "?result=ok")
    paid = shop.once(order, lambda order: order.Status == Status.Paid)
    assert not paid.HasField("pending_charge")
    assert shop.charge(paid).status == payment_pb2.Charge.SUCCEEDED
    written = (ROOT / "crates" / "proto" / "protos" / "payment.proto").read_text()
    assert f'"{action.type}"' in written, f"the protos do not know a next_action of type {action.type!r}"


def agree(url):
    """Presses the button of a challenge, without following the buyer back to the shop."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    try:
        urllib.request.build_opener(Stay).open(url, timeout=5).close()
    except urllib.error.HTTPError as answer:
        assert answer.code in (302, 303), answer.code


def test_a_payment_that_takes_longer_than_the_caller_waits_is_settled_later(stage):
    shop = stage.shop
    order = shop.order(shop.sku())
    request = payment_of(order, "4000000001000142")
    no = refused(shop.orders.Pay, request, timeout=0.5)
    expect(no, grpc.StatusCode.DEADLINE_EXCEEDED, "PAYMENT_PENDING")
    charge = payment_pb2.GetRequest(id=no.facts["charge_id"])
    paid = shop.once(order, lambda order: order.Status == Status.Paid)
    assert paid.chargeId == charge.id
    assert shop.payments.Get(charge, timeout=5).status == payment_pb2.Charge.SUCCEEDED


# Lists and events.


def test_a_list_can_be_followed_page_by_page(stage):
    shop = stage.shop
    parent = shop.product().id
    made = [shop.sku(parent=parent).id for _ in range(5)]
    seen, cursor = [], ""
    while True:
        request = sku_pb2.ListRequest(parent=parent, limit=2, cursor=cursor)
        page = shop.skus.List(request, timeout=5)
        assert len(page.skus) <= 2 and page.total == 5
        seen += [sku.id for sku in page.skus]
        cursor = page.next_cursor
        if not cursor:
            break
    assert seen == made, (seen, made)


def test_events_tell_what_became_of_an_order(stage):
    shop = stage.shop
    order = shop.pay(shop.order(shop.sku()))
    seen = []
    for event in shop.events.Watch(event_pb2.WatchRequest(), timeout=10):
        if event.object_id == order.id:
            seen.append(event.type)
        if event.object_id == order.id and event.type == "order.paid":
            assert event.object_version == order.version
            break
    assert seen[0] == "order.created", seen


# The doors.


def test_who_has_no_certificate_is_not_let_in(stage):
    turned_away(stage, None, "no client certificate")


def test_an_expired_certificate_is_not_let_in(stage):
    stage.authority.issue_expired("expired")
    turned_away(stage, (stage.authority, "expired"), "client certificate expired")


def test_a_certificate_of_another_ca_is_not_let_in(stage):
    turned_away(stage, (stage.other, "shop"), "client certificate of an unknown CA")


def test_a_certificate_of_another_ca_with_the_same_name_is_not_let_in(stage):
    turned_away(stage, (stage.namesake, "shop"), "client certificate not signed by the CA it names")


def turned_away(stage, identity, reason):
    """TLS has no status to send: the client sees UNAVAILABLE, and the server's log names the reason."""
    before = [event for event in stage.server.events() if event.get("reason") == reason]
    assert not before, before
    client = Client(connect(stage.server.address, stage.authority, identity))
    no = refused(client.products.List, product_pb2.ListRequest(), timeout=5)
    assert no.code == grpc.StatusCode.UNAVAILABLE, (no.code, no.message)
    stage.server.wait_for("connection refused", reason=reason)


def test_a_certificate_that_is_not_listed_is_not_known(stage):
    no = refused(stage.client("unlisted").products.List, product_pb2.ListRequest(), timeout=5)
    expect(no, grpc.StatusCode.UNAUTHENTICATED, "NOT_LISTED")
    assert "is not in the whitelist" in no.message, no.message
    assert any(no.message in line for line in stage.server.log.read_text().splitlines())


def test_who_may_only_read_can_not_write(stage):
    reader = stage.client("reader")
    assert reader.products.List(product_pb2.ListRequest(), timeout=5).total > 0
    no = expect(refused(reader.product), grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert no.facts["scope"] == "WRITE", no.facts


def test_who_may_only_write_can_not_read(stage):
    writer = stage.client("writer")
    assert writer.product().id
    no = refused(writer.products.List, product_pb2.ListRequest(), timeout=5)
    assert expect(no, grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING").facts["scope"] == "READ"


# What the server says of itself.


def test_reflection_lists_the_services(stage):
    served = set(ProtoReflectionDescriptorDatabase(stage.shop.channel).get_services())
    ours = {"productpb.ProductService", "skupb.SkuService", "orderpb.OrderService", "paymentpb.PaymentService"}
    assert ours <= served, served


def test_health_is_serving(stage):
    health = health_pb2_grpc.HealthStub(stage.client("reader").channel)
    answer = health.Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_no_card_number_is_in_the_log(stage):
    log = stage.server.log.read_text()
    assert log and not re.search(r"\b(4242424242424242|4000000\d{9})\b", log)


def test_every_log_line_is_a_json_object_that_has_each_key_once(stage):
    def each_once(pairs):
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), f"{keys} in {pairs}"
        return dict(pairs)

    for line in stage.server.log.read_text().splitlines():
        json.loads(line, object_pairs_hook=each_once)


# What the documents say.


def test_the_minute_of_the_readme_is_true(stage):
    with dev_server() as (folder, dev):
        script = ROOT / "scripts" / "python" / "one_minute.py"
        told = run_python(folder, script, "--address", dev.address)
        assert "the order is Paid, 8 tickets are left" in told, told


def test_the_examples_for_clients_run(stage):
    text = (ROOT / "docs" / "clients.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 3, "the document lost its examples"
    with dev_server() as (folder, dev):
        program = folder / "examples.py"
        program.write_text("\n".join(blocks).replace("127.0.0.1:3051", dev.address))
        assert "paid" in run_python(folder, program)


@contextlib.contextmanager
def dev_server():
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), "--dev") as dev:
        yield Path(folder), dev


def run_python(folder: Path, *command) -> str:
    """Runs a script as its reader would; returns what it printed."""
    stubs = environment(PYTHONPATH=STUBS.name)
    done = subprocess.run([sys.executable, "-B", *command], cwd=folder, env=stubs, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_examples_of_settings_are_understood(stage):
    file = settings_document(r"^```toml\n(.*?)^```")
    lines = settings_document(r"^```sh\n(DIGOTA_.*?)^```").splitlines()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "digota.toml").write_text(file)
        assert 'clients.1.name = "reports"  (file digota.toml, line ' in run("config", folder=folder)
    with tempfile.TemporaryDirectory() as folder:
        told = run("config", folder=folder, **dict(line.split("=", 1) for line in lines))
        assert all(f"(env {line.split('=')[0]})" in told for line in lines), told


def settings_document(pattern: str) -> str:
    text = (ROOT / "docs" / "configuration.md").read_text()
    found = re.search(pattern, text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/configuration.md has nothing like {pattern!r}"
    return found.group(1)


def open_stage(stack: contextlib.ExitStack) -> Stage:
    """Makes three CAs and a server that trusts the first, with three of its certificates listed."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    authority = Authority(folder / "ca")
    other, namesake = Authority(folder / "other", "another CA"), Authority(folder / "namesake")
    listed = [
        authority.issue("shop", "READ", "WRITE"),
        authority.issue("reader", "READ"),
        authority.issue("writer", "WRITE"),
    ]
    authority.issue("unlisted", "WILDCARD")
    for stranger in (other, namesake):
        stranger.issue("shop", "WILDCARD")
    sandbox = stack.enter_context(pretending(folder))
    payment = f'[[payment]]\nprovider = "sandbox"\naddress = "http://{sandbox.address}"'
    storage = '[storage]\naddress = "shop.db"'
    sections = [authority.settings, storage, payment, *listed]
    (folder / "digota.toml").write_text("\n\n".join(sections) + "\n")
    return Stage(stack.enter_context(serving(folder)), authority, other, namesake)


def main() -> bool:
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    failed = 0
    with contextlib.ExitStack() as stack:
        stage = open_stage(stack)
        for name, test in tests:
            start = time.monotonic()
            try:
                test(stage)
                outcome = "ok"
            except Exception:
                failed += 1
                outcome = "FAILED\n" + traceback.format_exc()
            seconds = time.monotonic() - start
            print(f"test python::{name.removeprefix('test_')} ... {outcome} ({seconds:.2f} s)", flush=True)
    print(f"\n{len(tests) - failed} passed, {failed} failed, 0 skipped")
    return failed == 0


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
