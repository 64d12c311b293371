/** The table of the factory readings, as a Flink user has it: the text of ACCEPTANCE A1. */
export const factoryTable = `
CREATE OR REPLACE TABLE hive_catalog.mqtt.factory_iot_101 (
    ts               BIGINT,
    metadata         ROW<
        siteId        INTEGER
        ,deviceId      INTEGER
        ,sensorId      INTEGER
        ,unit          STRING
        ,ts_human      STRING
        ,location      ROW<
            latitude    DOUBLE
            ,longitude   DOUBLE>
        ,deviceType    STRING>
    ,measurement     DOUBLE
) WITH (
     'connector' = 'mqtt-v3'
    ,'broker.host' = 'localhost'  -- comment
    ,'broker.port' = '1883'
    ,'topic' = 'factory_iot/north/101'
    ,'format' = 'json'
    ,'client.id' = 'flink_iot_consumer'
    ,'qos' = '1'
    ,'automatic-reconnect' = 'true' ,'clean-session' = 'true' ,'ssl' = 'false'
    -- ,'ssl.truststore.path' = '/path/x.jks'
    ,'connection.timeout' = '30' ,'keep.alive.interval' = '60'
    ,'max.reconnect.delay' = '120' ,'executor.service.threads' = '1'
    ,'last.will.topic' = 'disconnected/client' ,'last.will.qos' = '1' ,'last.will.retain' = 'true'
);`

/** The three shapes of the factory payloads, and the rows that come of them. */
export const readings = [
  {
    payload:
      '{"ts":1729312551000,"metadata":{"siteId":101,"deviceId":1004,"sensorId":10034,"unit":"BAR"},"measurement":120}',
    row: '{"ts":1729312551000,"metadata":{"siteId":101,"deviceId":1004,"sensorId":10034,"unit":"BAR","ts_human":null,"location":null,"deviceType":null},"measurement":120}',
  },
  {
    payload:
      '{"ts":1713807946000,"metadata":{"siteId":102,"deviceId":1008,"sensorId":10073,"unit":"Liter","ts_human":"2024-04-22T19:45:46.000000","location":{"latitude":-33.924869,"longitude":18.424055}},"measurement":25}',
    row: '{"ts":1713807946000,"metadata":{"siteId":102,"deviceId":1008,"sensorId":10073,"unit":"Liter","ts_human":"2024-04-22T19:45:46.000000","location":{"latitude":-33.924869,"longitude":18.424055},"deviceType":null},"measurement":25}',
  },
  {
    payload:
      '{"ts":1707882120000,"metadata":{"siteId":103,"deviceId":1014,"sensorId":10124,"unit":"Amp","ts_human":"2024-02-14T05:42:00.000000","location":{"latitude":-33.9137,"longitude":25.5827},"deviceType":"Hoist_Motor"},"measurement":24}',
    row: '{"ts":1707882120000,"metadata":{"siteId":103,"deviceId":1014,"sensorId":10124,"unit":"Amp","ts_human":"2024-02-14T05:42:00.000000","location":{"latitude":-33.9137,"longitude":25.5827},"deviceType":"Hoist_Motor"},"measurement":24}',
  },
] as const
