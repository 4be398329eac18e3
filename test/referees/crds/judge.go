package main

import (
	"context"
	"fmt"
	"sort"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

func (d definitions) answer(asked question) answer {
	object, err := asked.object()
	if err != nil {
		return answer{Reasons: []string{err.Error()}}
	}
	if asked.Health {
		return health(object)
	}
	kind, _ := object["kind"].(string)
	known, ok := d[kind]
	if !ok {
		return answer{Reasons: []string{fmt.Sprintf("no definition of kind %q", kind)}}
	}
	reasons := known.refusals(object)
	return answer{Accepted: len(reasons) == 0, Reasons: reasons}
}

func (q question) object() (map[string]interface{}, error) {
	text := []byte(q.Document)
	if q.YAML != "" {
		converted, err := yaml.YAMLToJSONStrict([]byte(q.YAML))
		if err != nil {
			return nil, err
		}
		text = converted
	}
	// Whole numbers become int64, as in the API server.
	var object map[string]interface{}
	err := json.Unmarshal(text, &object)
	return object, err
}

// refusals says why an API server refuses to create the object under strict field validation, which is what kubectl asks
// for: first what is unknown, then metadata, schema, lists and rules, in the order of its own create.
func (d definition) refusals(object map[string]interface{}) []string {
	ctx := context.Background()
	reasons := []string{}
	meta, _, unknown, err := objectmeta.GetObjectMetaWithOptions(object, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return []string{err.Error()}
	}
	unknown = append(unknown, pruning.PruneWithOptions(object, d.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
	for _, path := range unknown {
		reasons = append(reasons, fmt.Sprintf("unknown field %q", path))
	}
	if object["apiVersion"] != d.apiVersion {
		reasons = append(reasons, fmt.Sprintf("apiVersion: must be %s", d.apiVersion))
	}
	// Status is a subresource: a create drops it.
	delete(object, "status")

	errs := field.ErrorList{}
	if meta == nil {
		errs = append(errs, field.Required(field.NewPath("metadata"), ""))
	} else {
		if d.namespaced && meta.Namespace == "" {
			// kubectl fills in the namespace of its context.
			meta.Namespace = "default"
		}
		errs = append(errs, apivalidation.ValidateObjectMeta(meta, d.namespaced, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))...)
	}
	errs = append(errs, validation.ValidateCustomResource(nil, object, d.schema)...)
	errs = append(errs, objectmeta.Validate(ctx, nil, object, d.structural, false)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, d.structural, object)...)
	if d.cel != nil && !blocksRules(errs) {
		broken, _ := d.cel.Validate(ctx, nil, d.structural, object, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, broken...)
	}
	for _, err := range errs {
		reasons = append(reasons, err.Error())
	}
	sort.Strings(reasons)
	return reasons
}

// blocksRules says whether rules would read what is not of their type or not there; the API server then leaves them out.
func blocksRules(errs field.ErrorList) bool {
	for _, err := range errs {
		switch err.Type {
		case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
			return true
		}
	}
	return false
}

// health is what kubectl plugins, Flux and others that use kstatus make of the object's status.
func health(object map[string]interface{}) answer {
	found, err := status.Compute(&unstructured.Unstructured{Object: object})
	if err != nil {
		return answer{Reasons: []string{err.Error()}}
	}
	return answer{Accepted: true, Reasons: []string{}, Health: string(found.Status)}
}
