//! MQTT to Kafka by hand: decodes each reading into a typed row, writes the row, and acknowledges the reading when
//! Kafka has confirmed it, in order. Arguments: MQTT port, client id, filter, Kafka brokers, Kafka topic.

use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::ClientContext;
use rumqttc::{Client, Event, MqttOptions, Packet, Publish, QoS};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::time::Duration;

#[derive(Deserialize, Serialize)]
struct Location {
    latitude: f64,
    longitude: f64,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    site_id: i32,
    device_id: i32,
    sensor_id: i32,
    unit: String,
    #[serde(rename = "ts_human")]
    ts_human: String,
    location: Location,
    device_type: String,
}

#[derive(Deserialize, Serialize)]
struct Reading {
    ts: i64,
    metadata: Metadata,
    measurement: f64,
}

enum Step {
    Arrived(Publish),
    /// The number of the reading, counted from 0.
    Confirmed(u64),
}

struct Confirmations(Sender<Step>);

impl ClientContext for Confirmations {}

impl ProducerContext for Confirmations {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<u64>) {
        match result {
            Ok(_) => self.0.send(Step::Confirmed(*number)).expect("the acknowledging thread"),
            // What is not acknowledged comes again after a restart.
            Err((error, _)) => fail(error),
        }
    }
}

fn fail(error: impl std::fmt::Display) -> ! {
    eprintln!("{error}");
    std::process::exit(1)
}

fn acknowledge(steps: Receiver<Step>, client: Client) {
    let mut open: VecDeque<(Publish, bool)> = VecDeque::new();
    let mut first = 0;
    for step in steps {
        match step {
            Step::Arrived(publish) => open.push_back((publish, false)),
            Step::Confirmed(number) => open[(number - first) as usize].1 = true,
        }
        while matches!(open.front(), Some((_, true))) {
            let (publish, _) = open.pop_front().expect("just seen");
            first += 1;
            client.ack(&publish).unwrap_or_else(|error| fail(error));
        }
    }
}

fn produce(producer: &ThreadedProducer<Confirmations>, topic: &str, publish: &Publish, number: u64) {
    let reading: Reading = serde_json::from_slice(&publish.payload).unwrap_or_else(|error| fail(error));
    let row = serde_json::to_vec(&reading).unwrap_or_else(|error| fail(error));
    let mut record = BaseRecord::with_opaque_to(topic, Box::new(number)).key(&publish.topic).payload(&row);
    while let Err((error, refused)) = producer.send(record) {
        match error {
            KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => std::thread::sleep(Duration::from_millis(1)),
            _ => fail(error),
        }
        record = refused;
    }
}

fn main() {
    let [port, client_id, filter, brokers, topic] =
        <[String; 5]>::try_from(std::env::args().skip(1).collect::<Vec<_>>()).expect("five arguments");
    let (steps, taken) = channel();
    let producer: ThreadedProducer<Confirmations> = ClientConfig::new()
        .set("bootstrap.servers", &brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .set("partitioner", "murmur2_random")
        .create_with_context(Confirmations(steps.clone()))
        .unwrap_or_else(|error| fail(error));

    let mut options = MqttOptions::new(client_id, "127.0.0.1", port.parse().expect("a port"));
    options.set_clean_session(false).set_manual_acks(true).set_keep_alive(Duration::from_secs(60));
    let (client, mut connection) = Client::new(options, 100_000);
    client.subscribe(filter, QoS::AtLeastOnce).unwrap_or_else(|error| fail(error));
    std::thread::spawn(move || acknowledge(taken, client));

    let mut number = 0;
    for event in connection.iter() {
        match event {
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                steps.send(Step::Arrived(publish.clone())).expect("the acknowledging thread");
                produce(&producer, &topic, &publish, number);
                number += 1;
            }
            Ok(_) => {}
            Err(error) => {
                let _ = producer.flush(Duration::from_secs(10));
                fail(error)
            }
        }
    }
}
