// Prints the Go types that kube-linter decodes manifests into, as JSON: which fields a type has, and
// which decoder reads each. `cargo xtask types` packs the output into crates/policies/data.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"

	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	osappsv1 "github.com/openshift/api/apps/v1"
	ossecurityv1 "github.com/openshift/api/security/v1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	autoscalingv2beta1 "k8s.io/api/autoscaling/v2beta1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
)

// Types with a decoder of their own that is known to the reader of the output.
var known = map[string]string{
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                      "quantity",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":                    "int-or-string",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                          "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":                     "micro-time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":                      "duration",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":                      "any",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":                       "any",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON":      "any",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1.JSON": "any",
}

var unmarshaler = reflect.TypeOf((*json.Unmarshaler)(nil)).Elem()

type types map[string]map[string]string

func (all types) expression(t reflect.Type) string {
	name := t.PkgPath() + "." + t.Name()
	if decoder, ok := known[name]; ok {
		return decoder
	}
	if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface &&
		(t.Implements(unmarshaler) || reflect.PointerTo(t).Implements(unmarshaler)) {
		fmt.Fprintf(os.Stderr, "own decoder, not known: %s\n", name)
		return "any"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return all.expression(t.Elem())
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int64:
		return "int64"
	case reflect.Int8, reflect.Int16, reflect.Int32:
		return "int32"
	case reflect.Uint, reflect.Uint64:
		return "uint64"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return "uint32"
	case reflect.Float32, reflect.Float64:
		return "float"
	case reflect.Interface:
		return "any"
	case reflect.Map:
		return "{}" + all.expression(t.Elem())
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[]" + all.expression(t.Elem())
	case reflect.Struct:
		if _, seen := all[name]; !seen {
			all[name] = map[string]string{}
			all.fields(t, all[name])
		}
		return "@" + name
	}
	panic("no expression for " + t.String())
}

func (all types) fields(t reflect.Type, into map[string]string) {
	for i := range t.NumField() {
		field := t.Field(i)
		tag, tagged := field.Tag.Lookup("json")
		name, options, _ := strings.Cut(tag, ",")
		if tag == "-" || (!field.IsExported() && !field.Anonymous) {
			continue
		}
		inner := field.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if (field.Anonymous && name == "") || strings.Contains(options, "inline") {
			if inner.Kind() == reflect.Struct {
				all.fields(inner, into)
				continue
			}
		}
		if !tagged || name == "" {
			name = field.Name
		}
		into[name] = all.expression(field.Type)
		if alwaysWritten(field.Type, options) {
			into[name] = "=" + into[name]
		}
	}
}

// Whether the encoder writes the field even when it is not set. Such fields carry a leading "=".
func alwaysWritten(t reflect.Type, options string) bool {
	if strings.Contains(options, "omitzero") {
		return false
	}
	return t.Kind() == reflect.Struct || !strings.Contains(options, "omitempty")
}

func main() {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, autoscalingv2beta1.AddToScheme, osappsv1.AddToScheme,
		ossecurityv1.AddToScheme, monitoringv1.AddToScheme, kedav1alpha1.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	all := types{}
	kinds := map[string]string{}
	for kind, t := range scheme.AllKnownTypes() {
		if kind.Version == runtime.APIVersionInternal {
			continue
		}
		kinds[kind.GroupVersion().String()+" "+kind.Kind] = strings.TrimPrefix(all.expression(t), "@")
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	utilruntime.Must(encoder.Encode(map[string]any{"kinds": kinds, "types": all}))
}
