// Google's own Go client as a publisher, to compare with: the batching is given, a window of messages is under way.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"syscall"
	"time"

	"cloud.google.com/go/pubsub/v2"
)

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func main() {
	project := flag.String("project", "", "project id")
	topic := flag.String("topic", "", "short name of the topic")
	messages := flag.Int("messages", 0, "how many")
	size := flag.Int("bytes", 0, "of a message")
	keys := flag.Int("keys", 0, "ordering keys; 0 is none")
	batch := flag.Int("batch", 0, "most messages of a request")
	window := flag.Int("window", 0, "most messages under way")
	flag.Parse()

	ctx := context.Background()
	client, err := pubsub.NewClient(ctx, *project)
	if err != nil {
		log.Fatal(err)
	}
	publisher := client.Publisher(*topic)
	publisher.EnableMessageOrdering = *keys > 0
	publisher.PublishSettings.CountThreshold = *batch
	publisher.PublishSettings.ByteThreshold = 9_000_000
	publisher.PublishSettings.DelayThreshold = 10 * time.Millisecond

	payload := bytes.Repeat([]byte("a"), *size)
	results := make(chan *pubsub.PublishResult, *window)
	done := make(chan struct{})
	start, cpu := time.Now(), cpuSeconds()
	go func() {
		for result := range results {
			if _, err := result.Get(ctx); err != nil {
				log.Fatal(err)
			}
		}
		close(done)
	}()
	for i := 0; i < *messages; i++ {
		message := &pubsub.Message{Data: payload}
		if *keys > 0 {
			message.OrderingKey = fmt.Sprintf("plant/%d", i%*keys)
		}
		results <- publisher.Publish(ctx, message)
	}
	close(results)
	<-done
	_ = json.NewEncoder(os.Stdout).Encode(map[string]float64{"seconds": time.Since(start).Seconds(), "cpuSeconds": cpuSeconds() - cpu})
}
