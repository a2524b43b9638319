"""A Python program with RTFS inside: run this file to see what it prints.

The host decides what the program may do, gives it functions of its own, calls its functions, and survives its errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import rtfs

PROGRAM = """
(defn price
  "The price of an order, after the discount of the customer."
  [order : [:map [:customer :string] [:amounts [:vector :number]]]] :-> :number
  (* (reduce + 0 (:amounts order))
     (- 1 (discount (:customer order)))))
"""

DISCOUNTS = {"gold": 0.1}


@dataclass
class Order:
    """Becomes a map with keyword keys: `{:customer "gold" :amounts [10 20.0]}`."""

    customer: str
    amounts: list[float]


def discount(customer: str) -> float:
    """A Python function that the program calls."""
    if customer not in DISCOUNTS:
        raise KeyError(customer)
    return DISCOUNTS[customer]


def main() -> None:
    with rtfs.Runtime(limits=rtfs.Limits(max_steps=10_000, timeout_s=5)) as runtime:
        runtime.define("discount", discount)
        runtime.run(PROGRAM, name="price.rtfs")
        price = runtime.function("price")

        # Python values go in and come out
        print(price(Order("gold", [10, 20.0])))

        # an error is an exception that says what and where
        try:
            price({rtfs.kw("customer"): "gold", rtfs.kw("amounts"): "ten"})
        except rtfs.EvalError as error:
            print(error.code, error.message)

        # what the Python function raised, the program could have caught
        print(runtime.run('(try (price {:customer "tin" :amounts [1]}) (catch ToolError e (:message e)))'))

        # nothing is allowed that the host did not allow
        try:
            runtime.run('(call :io.read-file "/etc/passwd")')
        except rtfs.HostError as error:
            print(error.code, error.message)

        # and a program that does not end is ended, even if it catches everything
        try:
            runtime.run("(try (loop [i 0] (recur (inc i))) (catch _ :never))")
        except rtfs.LimitExceeded as error:
            print(error.code, error.message)

        # RTFS values themselves, for a host that needs keywords to stay keywords
        print(runtime.run("{:status :ok}", raw=True).get(rtfs.kw("status")))


if __name__ == "__main__":
    main()
