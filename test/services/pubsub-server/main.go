// Google's own in-memory Pub/Sub (pstest) behind a front that adds what a sink's test needs: the limits of the
// real service, faults on demand, and a journal of what was accepted that survives kill -9 of this process.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	mostRequestBytes = 10_000_000
	mostMessages     = 1000
	mostAttributes   = 100
	mostNameBytes    = 256
	mostValueBytes   = 1024
	mostKeyBytes     = 1024
)

// fault answers the next Count calls of RPC that fit (Count < 0: until it is taken away).
type fault struct {
	RPC string `json:"rpc"`
	// Code is a name such as UNAVAILABLE; empty with a delay alone.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Key fits requests of this ordering key, Contains those with this text in a message's data, Topic those that end so.
	Key      string `json:"key"`
	Contains string `json:"contains"`
	Topic    string `json:"topic"`
	Count    int64  `json:"count"`
	DelayMs  int64  `json:"delayMs"`
	// Lost carries the call out and keeps the answer.
	Lost bool `json:"lost"`
}

func (x *fault) fits(rpc string, req any) bool {
	if x.Count == 0 || x.RPC != rpc {
		return false
	}
	publish, ok := req.(*pubsubpb.PublishRequest)
	if !ok {
		get, isGet := req.(*pubsubpb.GetTopicRequest)
		return x.Key == "" && x.Contains == "" && (x.Topic == "" || isGet && strings.HasSuffix(get.Topic, x.Topic))
	}
	if !strings.HasSuffix(publish.Topic, x.Topic) {
		return false
	}
	for _, m := range publish.Messages {
		if (x.Key == "" || x.Key == m.OrderingKey) && bytes.Contains(m.Data, []byte(x.Contains)) {
			return true
		}
	}
	return false
}

type front struct {
	*pstest.GServer
	mu                sync.Mutex
	faults            []*fault
	journal           *bufio.Writer
	discard           bool
	requests, counted atomic.Int64
}

func (f *front) take(rpc string, req any) *fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.faults {
		if x.fits(rpc, req) {
			if x.Count > 0 {
				x.Count--
			}
			return x
		}
	}
	return nil
}

func codeOf(name string) codes.Code {
	code := codes.Unknown
	_ = code.UnmarshalJSON([]byte(`"` + name + `"`))
	return code
}

func (f *front) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	x := f.take(path.Base(info.FullMethod), req)
	if x == nil {
		return handle(ctx, req)
	}
	select {
	case <-time.After(time.Duration(x.DelayMs) * time.Millisecond):
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	if x.Lost {
		if _, err := handle(ctx, req); err != nil {
			return nil, err
		}
		return nil, status.Error(codes.Unavailable, "injected: the answer is lost")
	}
	if x.Code == "" {
		return handle(ctx, req)
	}
	return nil, status.Error(codeOf(x.Code), "injected: "+x.Message)
}

// refusal says what the documentation of the service says of such requests.
func refusal(r *pubsubpb.PublishRequest) error {
	invalid := func(format string, values ...any) error {
		return status.Errorf(codes.InvalidArgument, format, values...)
	}
	if n := len(r.Messages); n < 1 || n > mostMessages {
		return invalid("message_count is %d, not 1 to %d", n, mostMessages)
	}
	if n := proto.Size(r); n > mostRequestBytes {
		return invalid("request_size is %d, over %d", n, mostRequestBytes)
	}
	for _, m := range r.Messages {
		if m.OrderingKey != r.Messages[0].OrderingKey {
			return status.Error(codes.FailedPrecondition, "In a single publish request, all messages must have no ordering key or they must all have the same ordering key.")
		}
		if len(m.Data) == 0 && len(m.Attributes) == 0 {
			return invalid("a message is empty")
		}
		if len(m.OrderingKey) > mostKeyBytes {
			return invalid("ordering_key has %d bytes", len(m.OrderingKey))
		}
		if len(m.Attributes) > mostAttributes {
			return invalid("%d attributes", len(m.Attributes))
		}
		for name, value := range m.Attributes {
			if name == "" || len(name) > mostNameBytes || len(value) > mostValueBytes || strings.HasPrefix(name, "goog") {
				return invalid("the attribute %q with a value of %d bytes", name, len(value))
			}
		}
	}
	return nil
}

func (f *front) Publish(ctx context.Context, r *pubsubpb.PublishRequest) (*pubsubpb.PublishResponse, error) {
	if err := refusal(r); err != nil {
		return nil, err
	}
	f.requests.Add(1)
	count := f.counted.Add(int64(len(r.Messages)))
	if f.discard {
		response := &pubsubpb.PublishResponse{}
		for i := range r.Messages {
			response.MessageIds = append(response.MessageIds, fmt.Sprint(count-int64(i)))
		}
		return response, nil
	}
	// Under one lock, so that the journal has the order of the topic.
	f.mu.Lock()
	defer f.mu.Unlock()
	response, err := f.GServer.Publish(ctx, r)
	if err == nil && f.journal != nil {
		f.write(r)
	}
	return response, err
}

type line struct {
	Topic       string            `json:"topic"`
	OrderingKey string            `json:"orderingKey"`
	Attributes  map[string]string `json:"attributes"`
	Data        []byte            `json:"data"`
}

func lineOf(topic string, m *pubsubpb.PubsubMessage) line {
	return line{topic, m.OrderingKey, m.Attributes, m.Data}
}

func (f *front) write(r *pubsubpb.PublishRequest) {
	encoder := json.NewEncoder(f.journal)
	for _, m := range r.Messages {
		if err := encoder.Encode(lineOf(r.Topic, m)); err != nil {
			log.Fatal(err)
		}
	}
	if err := f.journal.Flush(); err != nil {
		log.Fatal(err)
	}
}

// create makes a topic that is not there yet, and a subscription of its name that keeps the order.
func (f *front) create(ctx context.Context, topic string) error {
	if _, err := f.GServer.CreateTopic(ctx, &pubsubpb.Topic{Name: topic}); err != nil {
		return err
	}
	name := strings.Replace(topic, "/topics/", "/subscriptions/", 1)
	_, err := f.GServer.CreateSubscription(ctx, &pubsubpb.Subscription{Name: name, Topic: topic, AckDeadlineSeconds: 60, EnableMessageOrdering: true})
	return err
}

func (f *front) remove(ctx context.Context, topic string) error {
	name := strings.Replace(topic, "/topics/", "/subscriptions/", 1)
	if _, err := f.GServer.DeleteSubscription(ctx, &pubsubpb.DeleteSubscriptionRequest{Subscription: name}); err != nil {
		return err
	}
	_, err := f.GServer.DeleteTopic(ctx, &pubsubpb.DeleteTopicRequest{Topic: topic})
	return err
}

// pull gives what a subscriber gets next, and acknowledges it.
func (f *front) pull(ctx context.Context, topic string) ([]line, error) {
	name := strings.Replace(topic, "/topics/", "/subscriptions/", 1)
	response, err := f.GServer.Pull(ctx, &pubsubpb.PullRequest{Subscription: name, MaxMessages: 1000, ReturnImmediately: true})
	if err != nil {
		return nil, err
	}
	lines := []line{}
	acknowledge := &pubsubpb.AcknowledgeRequest{Subscription: name}
	for _, m := range response.ReceivedMessages {
		lines = append(lines, lineOf(topic, m.Message))
		acknowledge.AckIds = append(acknowledge.AckIds, m.AckId)
	}
	_, err = f.GServer.Acknowledge(ctx, acknowledge)
	return lines, err
}

func (f *front) admin(w http.ResponseWriter, r *http.Request) {
	var err error
	switch r.Method + " " + r.URL.Path {
	case "POST /fault":
		x := &fault{RPC: "Publish", Count: 1}
		err = json.NewDecoder(r.Body).Decode(x)
		f.mu.Lock()
		f.faults = append(f.faults, x)
		f.mu.Unlock()
	case "DELETE /fault":
		f.mu.Lock()
		f.faults = nil
		f.mu.Unlock()
	case "POST /topic":
		err = f.create(r.Context(), r.URL.Query().Get("name"))
	case "DELETE /topic":
		err = f.remove(r.Context(), r.URL.Query().Get("name"))
	case "POST /pull":
		var lines []line
		if lines, err = f.pull(r.Context(), r.URL.Query().Get("topic")); err == nil {
			_ = json.NewEncoder(w).Encode(lines)
		}
	case "GET /stats":
		_ = json.NewEncoder(w).Encode(map[string]int64{"requests": f.requests.Load(), "messages": f.counted.Load()})
	default:
		http.NotFound(w, r)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// openJournal cuts off a line that a kill has left unfinished: nobody was told that it is stored.
func openJournal(name string) *os.File {
	text, _ := os.ReadFile(name)
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		err = file.Truncate(int64(bytes.LastIndexByte(text, '\n') + 1))
	}
	if err != nil {
		log.Fatal(err)
	}
	return file
}

func main() {
	listen := flag.String("listen", "", "address for gRPC")
	admin := flag.String("admin", "", "address for the HTTP of the test")
	topics := flag.String("topics", "", "whole names of topics to make, separated by commas")
	journal := flag.String("journal", "", "a file that gets a line of JSON for each accepted message")
	discard := flag.Bool("discard", false, "confirm and keep nothing, to measure senders")
	flag.Parse()

	f := &front{GServer: &pstest.NewServer().GServer, discard: *discard}
	if *journal != "" {
		f.journal = bufio.NewWriter(openJournal(*journal))
	}
	for _, topic := range strings.FieldsFunc(*topics, func(r rune) bool { return r == ',' }) {
		if err := f.create(context.Background(), topic); err != nil {
			log.Fatal(err)
		}
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(64<<20), grpc.UnaryInterceptor(f.intercept))
	pubsubpb.RegisterPublisherServer(server, f)
	pubsubpb.RegisterSubscriberServer(server, f)
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	control, err := net.Listen("tcp", *admin)
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.Serve(control, http.HandlerFunc(f.admin))) }()
	fmt.Println("ready")
	log.Fatal(server.Serve(listener))
}
