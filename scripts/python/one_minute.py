#!/usr/bin/env python3
"""One minute with digota: a product, a SKU, an order, a payment. Start a server beside it with `digota serve --dev`.

    python3 -m venv target/python-venv
    target/python-venv/bin/pip install -r scripts/python/requirements.txt
    target/python-venv/bin/python scripts/python/one_minute.py
"""

import argparse
import sys
import tempfile
from pathlib import Path

import grpc
from check_protos import compile_to

options = argparse.ArgumentParser(description="Makes and pays an order.")
options.add_argument("--address", default="127.0.0.1:3051", help="where the server listens")
options.add_argument("--certs", type=Path, default="digota-dev/certs", help="where ca.crt, dev.crt, dev.key are")
options.add_argument("--stubs", type=Path, help="a folder with stubs; without it they are compiled now")
options = options.parse_args()

# 1. The stubs: protoc's work, here done on the way.
with tempfile.TemporaryDirectory() as folder:
    if options.stubs is None:
        compile_to(Path(folder))
    sys.path.insert(0, str(options.stubs or folder))
    import order_pb2, order_pb2_grpc, payment_pb2, product_pb2, product_pb2_grpc, sku_pb2, sku_pb2_grpc

# 2. The connection: mutual TLS, so the server knows us by our certificate as we know it by its CA.
credentials = grpc.ssl_channel_credentials(
    root_certificates=(options.certs / "ca.crt").read_bytes(),
    private_key=(options.certs / "dev.key").read_bytes(),
    certificate_chain=(options.certs / "dev.crt").read_bytes(),
)
channel = grpc.secure_channel(options.address, credentials)
products = product_pb2_grpc.ProductServiceStub(channel)
skus = sku_pb2_grpc.SkuServiceStub(channel)
orders = order_pb2_grpc.OrderServiceStub(channel)

# 3. Something to sell. Money counts smallest units: 4726 is 47.26 EUR.
product = products.New(product_pb2.NewRequest(name="Football ticket", active=True, attributes=["stand"]), timeout=5)
sku = skus.New(
    sku_pb2.NewRequest(
        name="North stand", parent=product.id, active=True, price=4726, currency=payment_pb2.EUR,
        attributes={"stand": "north"}, inventory=sku_pb2.Inventory(type=sku_pb2.Inventory.Finite, quantity=10),
    ),
    timeout=5,
)
print(f"product {product.id}  {product.name}\nSKU     {sku.id}  {sku.name}, {sku.inventory.quantity} in stock")

# 4. An order: the server prices it.
line = order_pb2.OrderItem(type=order_pb2.OrderItem.sku, parent=sku.id, quantity=2)
order = orders.New(order_pb2.NewRequest(currency=payment_pb2.EUR, items=[line], email="ada@example.com"), timeout=5)
print(f"order   {order.id}  {order.amount / 100:.2f} EUR")

# 5. The payment: a card that the sandbox takes. The key makes it safe to send the same request again.
card = payment_pb2.Card(
    type=payment_pb2.Visa, Number="4242424242424242", ExpireMonth="12", ExpireYear="2040", CVC="123"
)
pay = order_pb2.PayRequest(id=order.id, paymentProviderId=payment_pb2.Sandbox, card=card)
paid = orders.Pay(pay, timeout=30, metadata=[("idempotency-key", f"pay-{order.id}")])
left = skus.Get(sku_pb2.GetRequest(id=sku.id), timeout=5).inventory.quantity
print(f"paid    {paid.chargeId}  the order is {order_pb2.Order.status.Name(paid.Status)}, {left} tickets are left")
