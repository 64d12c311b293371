/** The schema of D6. */
export const sensorSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  required: ['device_id', 'sensor_type', 'value', 'timestamp'],
  properties: {
    device_id: { type: 'string' },
    sensor_type: { type: 'string', enum: ['temperature', 'humidity', 'pressure', 'light', 'motion'] },
    value: { type: 'number' },
    unit: { type: 'string' },
    timestamp: { type: 'string', format: 'date-time' },
  },
  additionalProperties: false,
}

export const sensorReading = {
  device_id: 'sensor-001',
  sensor_type: 'temperature',
  value: 23.5,
  unit: 'celsius',
  timestamp: '2024-01-09T20:30:00Z',
}
