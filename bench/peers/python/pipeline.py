"""MQTT to Kafka by hand: decodes each reading, writes it, and acknowledges it when Kafka has confirmed it, in order.

Arguments: MQTT port, client id, filter, Kafka brokers, Kafka topic.
"""

import json
import os
import sys
import time
from collections import deque

from confluent_kafka import Producer
from paho.mqtt.client import CallbackAPIVersion, Client

port, client_id, topic_filter, brokers, kafka_topic = sys.argv[1:]
producer = Producer(
    {
        "bootstrap.servers": brokers,
        "enable.idempotence": True,
        "linger.ms": 5,
        "partitioner": "murmur2_random",
    }
)
client = Client(CallbackAPIVersion.VERSION2, client_id, clean_session=False, manual_ack=True)
unacknowledged = deque()


class Delivery:
    """One reading on its way; called with Kafka's answer."""

    __slots__ = ("mid", "qos", "confirmed")

    def __init__(self, mid, qos):
        self.mid = mid
        self.qos = qos
        self.confirmed = False

    def __call__(self, error, _record):
        if error is not None:  # What is not acknowledged comes again after a restart.
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
        self.confirmed = True
        while unacknowledged and unacknowledged[0].confirmed:
            first = unacknowledged.popleft()
            client.ack(first.mid, first.qos)


def on_connect(client, _userdata, _flags, _reason, _properties):
    client.subscribe(topic_filter, qos=1)


def on_message(_client, _userdata, message):
    row = json.dumps(json.loads(message.payload)).encode()
    delivery = Delivery(message.mid, message.qos)
    unacknowledged.append(delivery)
    while True:
        try:
            producer.produce(kafka_topic, row, key=message.topic, on_delivery=delivery)
            return
        except BufferError:
            time.sleep(0.001)


client.on_connect = on_connect
client.on_message = on_message
client.connect("127.0.0.1", int(port), keepalive=60)
client.loop_start()
while True:
    producer.poll(0.1)
