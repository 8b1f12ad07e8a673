// k6 iterates a known number of times, counts, and sends what it counted.
import { sleep } from "k6";
import { Counter } from "k6/metrics";

export const options = { vus: 3, iterations: 90 };

const orders = new Counter("orders");

export default function () {
  orders.add(2, { kind: "book" });
}

// k6 ends without a last flush: what was counted in its last interval is sent only if the run goes on for longer than that.
export function teardown() {
  sleep(3);
}
