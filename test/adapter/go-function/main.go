// The handler of the other runtimes' tests, for AWS's Go client, which is its own program: see runtime-clients.test.ts.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string `json:"do"`
	Size int    `json:"size"`
	Text string `json:"text"`
	Ms   int    `json:"ms"`
	Path string `json:"path"`
}

// ValueError is what the error type in the answer is called after.
type ValueError struct{ error }

type breaking struct{ io.Reader }

func (b breaking) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		return n, ValueError{errors.New("asked for")}
	}
	return n, err
}

func handler(ctx context.Context, raw json.RawMessage) (any, error) {
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	if os.Getenv("GO_FUNCTION_STREAMS") != "" {
		body := io.MultiReader(strings.NewReader("one "), strings.NewReader("two"))
		if e.Path == "/breaks" {
			body = breaking{body}
		}
		return &events.LambdaFunctionURLStreamingResponse{
			StatusCode: http.StatusAccepted,
			Headers:    map[string]string{"Content-Type": "text/plain"},
			Cookies:    []string{"a=1"},
			Body:       body,
		}, nil
	}
	switch e.Do {
	case "fail":
		return nil, ValueError{errors.New("asked for")}
	case "panic":
		panic("asked for")
	case "crash":
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		select {}
	case "exit":
		os.Exit(3)
	case "sleep":
		os.Stdout.WriteString("sleeping\n")
		time.Sleep(time.Duration(e.Ms) * time.Millisecond)
		return "slept", nil
	case "fill":
		return strings.Repeat("x", e.Size), nil
	case "size":
		return len(e.Text), nil
	case "unserialisable":
		return make(chan int), nil
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		custom := any(lc.ClientContext.Custom)
		if len(lc.ClientContext.Custom) == 0 {
			custom = nil
		}
		return map[string]any{
			"id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "name": lambdacontext.FunctionName,
			"version": lambdacontext.FunctionVersion, "memory": os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
			"group": lambdacontext.LogGroupName, "stream": lambdacontext.LogStreamName, "custom": custom,
			"left": time.Until(deadline).Milliseconds(), "trace": os.Getenv("_X_AMZN_TRACE_ID"),
		}, nil
	}
	return map[string]any{"echo": raw, "text": "ü✓"}, nil
}

func main() {
	if os.Getenv("GO_FUNCTION_SIGTERM") != "" {
		lambda.StartWithOptions(handler, lambda.WithEnableSIGTERM(func() { os.Stdout.WriteString("told to end\n") }))
		return
	}
	lambda.Start(handler)
}
