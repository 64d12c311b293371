//! Drains a session and acknowledges each message by hand as soon as it is there: what a subscriber costs that does
//! nothing else. Arguments: MQTT port, client id, filter, number of messages, and for TLS the file of the authority.

use rumqttc::{AsyncClient, Event, MqttOptions, Outgoing, Packet, TlsConfiguration, Transport};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs_f64() * 1000.0
}

async fn drain(arguments: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let [port, client_id, filter, messages, authority @ ..] = arguments else {
        return Err("four or five arguments".into());
    };
    let messages: usize = messages.parse()?;
    let mut options = MqttOptions::new(client_id, "127.0.0.1", port.parse()?);
    options.set_clean_session(false).set_manual_acks(true).set_keep_alive(Duration::from_secs(60));
    if let [file] = authority {
        rustls::crypto::ring::default_provider().install_default().expect("the first provider");
        let ca = std::fs::read(file)?;
        options.set_transport(Transport::Tls(TlsConfiguration::Simple { ca, alpn: None, client_auth: None }));
    }
    // Acknowledgements never wait for a place in this queue.
    let (client, mut connection) = AsyncClient::new(options, messages + 10);
    client.subscribe(filter, rumqttc::QoS::AtLeastOnce).await?;
    let (mut acknowledged, mut first_ms) = (0, None);
    loop {
        match connection.poll().await? {
            Event::Incoming(Packet::Publish(publish)) => {
                first_ms.get_or_insert_with(now_ms);
                client.try_ack(&publish)?;
            }
            // What is read is not yet acknowledged: the queue of acknowledgements may be long.
            Event::Outgoing(Outgoing::PubAck(_)) => {
                acknowledged += 1;
                if acknowledged == messages {
                    println!("drained {client_id} {} {}", first_ms.expect("a message"), now_ms());
                }
            }
            _ => {}
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    if let Err(error) = runtime.block_on(drain(&arguments)) {
        eprintln!("{error}");
        std::process::exit(1)
    }
}
