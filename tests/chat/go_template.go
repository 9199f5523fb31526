// go_template.go - what Go itself makes of the cases of go_template.jsonl: reads the file at the standard
// input, writes it with "text", or with Go's words for an error in "go", anew where a line doesn't say
// "reasoned".
//
//	go run tests/chat/go_template.go < tests/chat/go_template.jsonl > new
//
// The records have the members that go_template.h names, and the functions are those of Go's text/template
// with four more.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/template"
	"text/template/parse"
	"time"
)

type args map[string]any

func text(v any) string {
	var b bytes.Buffer
	json.NewEncoder(&b).Encode(v)
	return strings.TrimSuffix(b.String(), "\n")
}

func (a args) String() string {
	if a == nil {
		return "{}"
	}
	return text(a)
}

type kinds []string

func (k *kinds) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*k = kinds{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(k))
}

func (k kinds) MarshalJSON() ([]byte, error) {
	if len(k) == 1 {
		return json.Marshal(k[0])
	}
	return json.Marshal([]string(k))
}

func (k kinds) String() string {
	switch len(k) {
	case 0:
		return ""
	case 1:
		return k[0]
	}
	return fmt.Sprint([]string(k))
}

type property struct {
	AnyOf       []property          `json:"anyOf,omitempty"`
	Type        kinds               `json:"type,omitempty"`
	Items       any                 `json:"items,omitempty"`
	Description string              `json:"description,omitempty"`
	Enum        []any               `json:"enum,omitempty"`
	Properties  map[string]property `json:"properties,omitempty"`
	Required    []string            `json:"required,omitempty"`
}

var scripts = map[string]string{"string": "string", "number": "number", "integer": "number", "boolean": "boolean",
	"array": "any[]", "object": "Record<string, any>", "null": "null"}

func (p property) ToTypeScriptType() string {
	var all []string
	for _, one := range p.AnyOf {
		all = append(all, one.ToTypeScriptType())
	}
	for _, one := range p.Type {
		if name, ok := scripts[one]; !ok && len(p.AnyOf) == 0 {
			all = append(all, "any")
		} else if len(p.AnyOf) == 0 {
			all = append(all, name)
		}
	}
	if len(all) == 0 {
		return "any"
	}
	return strings.Join(all, " | ")
}

type properties map[string]property

func (p properties) String() string {
	if p == nil {
		return "{}"
	}
	return text(p)
}

type parameters struct {
	Type       string     `json:"type"`
	Defs       any        `json:"$defs,omitempty"`
	Items      any        `json:"items,omitempty"`
	Required   []string   `json:"required,omitempty"`
	Properties properties `json:"properties"`
}

func (p parameters) String() string { return text(p) }

type toolFunction struct {
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Parameters  parameters `json:"parameters"`
}

func (f toolFunction) String() string { return text(f) }

type tool struct {
	Type     string       `json:"type"`
	Items    any          `json:"items,omitempty"`
	Function toolFunction `json:"function"`
}

func (t tool) String() string { return text(t) }

type tools []tool

func (t tools) String() string { return text(t) }

type callFunction struct {
	Index     int    `json:"index"`
	Name      string `json:"name"`
	Arguments args   `json:"arguments"`
}

type call struct {
	ID       string       `json:"id,omitempty"`
	Function callFunction `json:"function"`
}

type message struct {
	Role       string   `json:"role"`
	Content    string   `json:"content"`
	Thinking   string   `json:"thinking,omitempty"`
	Images     [][]byte `json:"images,omitempty"`
	ToolCalls  []call   `json:"tool_calls,omitempty"`
	ToolName   string   `json:"tool_name,omitempty"`
	ToolCallID string   `json:"tool_call_id,omitempty"`
}

// A message as OpenAI's API has it.
type given struct {
	message
	Reasoning string `json:"reasoning_content"`
	Name      string `json:"name"`
}

type input struct {
	Messages               []given
	Tools                  tools
	Prompt, System, Suffix string
	Variables              map[string]any
}

var now = time.Unix(1700000000, 0).UTC()

var functions = template.FuncMap{
	"json":          text,
	"currentDate":   func(...string) string { return now.Format("2006-01-02") },
	"yesterdayDate": func(...string) string { return now.AddDate(0, 0, -1).Format("2006-01-02") },
	"toTypeScriptType": func(v any) string {
		if p, ok := v.(property); ok {
			return p.ToTypeScriptType()
		}
		return "any"
	},
}

// Whether a node writes .Response.
func responds(n parse.Node) bool {
	switch n := n.(type) {
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			for _, a := range c.Args {
				if responds(a) {
					return true
				}
			}
		}
	case *parse.FieldNode:
		for _, name := range n.Ident {
			if name == "Response" {
				return true
			}
		}
	}
	return false
}

// Takes away what comes behind .Response.
func trim(list *parse.ListNode, cut *bool) {
	if list == nil {
		return
	}
	var kept []parse.Node
	for _, n := range list.Nodes {
		if *cut {
			break
		}
		kept = append(kept, n)
		switch n := n.(type) {
		case *parse.ActionNode:
			*cut = responds(n.Pipe)
		case *parse.IfNode:
			trim(n.List, cut)
			trim(n.ElseList, cut)
		case *parse.WithNode:
			trim(n.List, cut)
			trim(n.ElseList, cut)
		case *parse.RangeNode:
			trim(n.List, cut)
			trim(n.ElseList, cut)
		}
	}
	list.Nodes = kept
}

func think(in *input, dot map[string]any) {
	value, set := in.Variables["think"]
	if !set {
		value, set = in.Variables["enable_thinking"]
	}
	level, isText := value.(string)
	yes, _ := value.(bool)
	dot["Think"], dot["ThinkLevel"], dot["IsThinkSet"] = yes || isText, level, set
}

func render(source string, in input) (string, error) {
	made, err := template.New("").Option("missingkey=zero").Funcs(functions).Parse(source)
	if err != nil {
		return "", err
	}
	if !strings.Contains(source, ".Messages") && !strings.Contains(source, ".Response") {
		if made, err = template.New("").Option("missingkey=zero").Funcs(functions).Parse(source + "{{ .Response }}"); err != nil {
			return "", err
		}
	}
	var out bytes.Buffer
	if in.Messages == nil && in.Suffix != "" {
		dot := map[string]any{"Prompt": in.Prompt, "Suffix": in.Suffix, "Response": ""}
		think(&in, dot)
		err = made.Execute(&out, dot)
		return out.String(), err
	}
	if in.Messages == nil {
		if in.System != "" {
			in.Messages = append(in.Messages, given{message: message{Role: "system", Content: in.System}})
		}
		in.Messages = append(in.Messages, given{message: message{Role: "user", Content: in.Prompt}})
	}
	var all []*message
	var systems []string
	for i := range in.Messages {
		m := in.Messages[i].message
		if m.Thinking == "" {
			m.Thinking = in.Messages[i].Reasoning
		}
		if m.ToolName == "" {
			m.ToolName = in.Messages[i].Name
		}
		if m.Role == "system" {
			systems = append(systems, m.Content)
		}
		if n := len(all); n > 0 && all[n-1].Role == m.Role && m.Role != "tool" {
			all[n-1].Content += "\n\n" + m.Content
		} else {
			all = append(all, &m)
		}
	}
	if strings.Contains(source, ".Messages") {
		dot := map[string]any{"System": strings.Join(systems, "\n\n"), "Messages": all, "Tools": in.Tools, "Response": ""}
		think(&in, dot)
		err = made.Execute(&out, dot)
		return out.String(), err
	}
	var system, prompt, response string
	turn := func() error {
		dot := map[string]any{"System": system, "Prompt": prompt, "Response": response}
		think(&in, dot)
		system, prompt, response = "", "", ""
		return made.Execute(&out, dot)
	}
	for _, m := range all {
		if (m.Role == "user" && response != "") || (m.Role == "system" && prompt+response != "") {
			if err := turn(); err != nil {
				return "", err
			}
		}
		switch m.Role {
		case "system":
			system = m.Content
		case "user":
			prompt = m.Content
		case "assistant":
			response = m.Content
		}
	}
	cut := false
	trim(made.Tree.Root, &cut)
	err = turn()
	return out.String(), err
}

// The place without the name: "template: :1:2: executing "" at <..>: words" -> "line 1", "words".
func words(err error) string {
	text := err.Error()
	parts := strings.SplitN(strings.TrimPrefix(text, "template: :"), ":", 2)
	rest := parts[len(parts)-1]
	if at := strings.LastIndex(rest, ">: "); at >= 0 {
		rest = rest[at+3:]
	}
	return "line " + parts[0] + ": " + strings.TrimSpace(rest)
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	inputs := map[string]json.RawMessage{}
	for first := true; ; first = false {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		var c map[string]json.RawMessage
		if err := json.Unmarshal(line, &c); err != nil {
			panic(string(line))
		}
		if first {
			json.Unmarshal(c["inputs"], &inputs)
			os.Stdout.Write(line)
			continue
		}
		if _, kept := c["reasoned"]; kept {
			os.Stdout.Write(line)
			continue
		}
		var source, name string
		raw := c["input"]
		json.Unmarshal(c["template"], &source)
		if raw == nil {
			raw = inputs["plain"]
		} else if json.Unmarshal(raw, &name) == nil {
			raw = inputs[name]
		}
		var in input
		if err := json.Unmarshal(raw, &in); err != nil {
			panic(string(line) + err.Error())
		}
		out, err := render(source, in)
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err != nil {
			e.Encode(words(err))
		} else {
			e.Encode(out)
		}
		fmt.Printf(`{"template":%s`, c["template"])
		if c["input"] != nil {
			fmt.Printf(`,"input":%s`, c["input"])
		}
		if c["error"] != nil {
			fmt.Printf(`,"error":%s`, c["error"])
		}
		key := "text"
		if err != nil {
			key = "go"
		}
		fmt.Printf(",%q:%s}\n", key, strings.TrimSpace(b.String()))
	}
}
