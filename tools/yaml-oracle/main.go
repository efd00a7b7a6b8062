// Command yaml-oracle reads files the way kubectl does and prints what it saw: one JSON line per
// document, {"file", "document", "json"} or {"file", "document", "error"}.
//
// File names come on standard input, one a line. Parts without content are skipped and not
// counted, as our reader does.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

type result struct {
	File     string          `json:"file"`
	Document int             `json:"document"`
	JSON     json.RawMessage `json:"json,omitempty"`
	Error    string          `json:"error,omitempty"`
}

func main() {
	names := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for names.Scan() {
		if err := read(names.Text(), encoder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func read(name string, encoder *json.Encoder) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for document := 0; ; {
		part, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		found := result{File: name, Document: document}
		if err != nil {
			// The reader gives up on a bad separator.
			found.Error = err.Error()
			return encoder.Encode(found)
		}
		found.JSON, err = toJSON(part)
		switch {
		case err != nil:
			found.Error = err.Error()
		case bytes.Equal(found.JSON, []byte("null")) && blank(part):
			continue
		}
		document++
		if err := encoder.Encode(found); err != nil {
			return err
		}
	}
}

// toJSON tries JSON before YAML, as the decoder of the API machinery does.
func toJSON(part []byte) (json.RawMessage, error) {
	if json.Valid(part) {
		var compact bytes.Buffer
		err := json.Compact(&compact, part)
		return compact.Bytes(), err
	}
	return yaml.YAMLToJSON(part)
}

// blank tells a part with nothing but comments from a written null.
func blank(part []byte) bool {
	for _, line := range bytes.Split(part, []byte("\n")) {
		line = bytes.TrimLeft(line, "\ufeff \t\r")
		if len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}
