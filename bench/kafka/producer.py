"""librdkafka, alone: producer.py streaming|batches '{...}', see load.ts.

streaming: produces as fast as the queue takes it, with one request in flight. batches: waits for each batch.
"""

import json
import resource
import sys
import time

from confluent_kafka import Producer

DEVICES = 100
# Streaming: how much it may hold, ten batches of ours.
QUEUE = 5000

mode, text = sys.argv[1:]
load = json.loads(text)
with open(load["values"], "rb") as file:
    values = file.read().rstrip(b"\n").split(b"\n")
keys = [f"plant/device{device}".encode() for device in range(DEVICES)]
headers = [[("mqtt.topic", key), ("mqtt.qos", b"1")] for key in keys]
producer = Producer(
    {
        "bootstrap.servers": load["brokers"],
        "enable.idempotence": True,
        "acks": "all",
        "max.in.flight.requests.per.connection": 1,
        "compression.type": load["compression"],
        "partitioner": "murmur2_random",
        "linger.ms": 5 if mode == "streaming" else 0,
        "queue.buffering.max.messages": max(QUEUE, 2 * load["batchRecords"]),
    }
)


def fail(error, _record):
    if error is not None:
        sys.exit(str(error))


def produce(records):
    times = []
    size = load["batchRecords"]
    for start in range(0, records, size):
        begun = time.perf_counter()
        count = min(size, records - start)

        def confirmed(error, record, begun=begun):
            fail(error, record)
            times.append(time.perf_counter() - begun)

        for n in range(start, start + count):
            last = n == start + count - 1
            while True:
                try:
                    producer.produce(
                        load["topic"],
                        values[n % len(values)],
                        keys[n % DEVICES],
                        headers=headers[n % DEVICES],
                        on_delivery=confirmed if last else fail,
                    )
                    break
                except BufferError:
                    producer.poll(0.001)
        if mode == "batches":
            producer.flush()
        else:
            producer.poll(0)
    producer.flush()
    return sorted(times)


produce(load["warmUp"])
before = resource.getrusage(resource.RUSAGE_SELF)
begun = time.perf_counter()
times = produce(load["records"])
seconds = time.perf_counter() - begun
after = resource.getrusage(resource.RUSAGE_SELF)
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
at = lambda share: 1000 * times[min(len(times) - 1, int(len(times) * share))]
print(
    json.dumps(
        {
            "ratePerSecond": load["records"] / seconds,
            "cpuMicrosPerRecord": cpu * 1e6 / load["records"],
            "p50Ms": at(0.5),
            "p99Ms": at(0.99),
        }
    )
)
