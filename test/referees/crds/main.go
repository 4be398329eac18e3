// Command crds is the referee of crds/: Kubernetes' own code says what an API server would say.
//
//	crds FOLDER < questions.jsonl > answers.jsonl
//
// The first answer is about the definitions in FOLDER themselves; then comes one for each question, in their order. It
// keeps no state and talks to nobody.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// question is one line of the input.
type question struct {
	// Document is a whole object as JSON; YAML is one as a person wrote it. One of them is given.
	Document json.RawMessage `json:"document"`
	YAML     string          `json:"yaml"`
	// Health asks for the object's health by its status instead of whether it may be created.
	Health bool `json:"health"`
}

// answer is one line of the output.
type answer struct {
	Accepted bool     `json:"accepted"`
	Reasons  []string `json:"reasons"`
	// Health is kstatus' word: Current, InProgress, Failed, …
	Health string `json:"health,omitempty"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: crds FOLDER < questions.jsonl > answers.jsonl")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(folder string) error {
	definitions, reasons, err := load(folder)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	if err := encoder.Encode(answer{Accepted: len(reasons) == 0, Reasons: reasons}); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			return err
		}
		if err := encoder.Encode(definitions.answer(asked)); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return out.Flush()
}
