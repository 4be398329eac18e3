// The baseline of bench/workqueue.ts: client-go's own queue, doing the same on the same machine in the same run.
// Prints nanoseconds per operation as JSON: without metrics, as a library user gets it by default, and with those that
// every controller registers.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"k8s.io/client-go/util/workqueue"
	// Registers the Prometheus metrics of queues that have a name.
	_ "k8s.io/component-base/metrics/prometheus/workqueue"
)

type round struct {
	AddGetDoneNs float64 `json:"addGetDoneNs"`
	FillDrainNs  float64 `json:"fillDrainNs"`
}

type report struct {
	Bare     round `json:"bare"`
	Measured round `json:"measured"`
}

func newQueue(name string) workqueue.TypedInterface[string] {
	return workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[string]{Name: name})
}

func addGetDone(queue workqueue.TypedInterface[string], keys []string, cycles int) float64 {
	defer queue.ShutDown()
	started := time.Now()
	for i := 0; i < cycles; i++ {
		queue.Add(keys[i%len(keys)])
		key, _ := queue.Get()
		queue.Done(key)
	}
	return float64(time.Since(started).Nanoseconds()) / float64(cycles)
}

func fillDrain(queue workqueue.TypedInterface[string], keys []string) float64 {
	defer queue.ShutDown()
	started := time.Now()
	for _, key := range keys {
		queue.Add(key)
	}
	for range keys {
		key, _ := queue.Get()
		queue.Done(key)
	}
	return float64(time.Since(started).Nanoseconds()) / float64(len(keys))
}

func run(name string, keys []string, cycles int) round {
	return round{
		AddGetDoneNs: addGetDone(newQueue(name), keys[:1000], cycles),
		FillDrainNs:  fillDrain(newQueue(name), keys),
	}
}

func main() {
	cycles := flag.Int("cycles", 1_000_000, "add+get+done")
	count := flag.Int("keys", 100_000, "distinct keys that fill and drain a queue")
	flag.Parse()
	keys := make([]string, *count)
	for i := range keys {
		keys[i] = fmt.Sprintf("namespace-%d/object-%d", i%50, i)
	}
	result := report{Bare: run("", keys, *cycles), Measured: run("bench", keys, *cycles)}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		panic(err)
	}
}
