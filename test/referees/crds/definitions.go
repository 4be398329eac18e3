package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// definitions by kind.
type definitions map[string]definition

// definition is a custom resource definition, ready to judge objects.
type definition struct {
	apiVersion string
	namespaced bool
	schema     validation.SchemaValidator
	structural *structuralschema.Structural
	cel        *cel.Validator
}

// load reads the definitions and judges them as an API server does before it stores them: names, structural schemas,
// columns, CEL rules (compiled, with their estimated cost). It fails only when it cannot judge.
func load(folder string) (definitions, []string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, nil, err
	}
	if len(files) == 0 {
		return nil, nil, fmt.Errorf("%s has no *.yaml", folder)
	}
	scheme := runtime.NewScheme()
	if err := apiextensions.AddToScheme(scheme); err != nil {
		return nil, nil, err
	}
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		return nil, nil, err
	}
	found := definitions{}
	reasons := []string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, err
		}
		name := filepath.Base(file)
		written := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, written); err != nil {
			reasons = append(reasons, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		scheme.Default(written)
		crd := &apiextensions.CustomResourceDefinition{}
		if err := scheme.Convert(written, crd, nil); err != nil {
			return nil, nil, err
		}
		// The API server fills it in.
		crd.Status.StoredVersions = []string{written.Spec.Versions[0].Name}
		wrong := crdvalidation.ValidateCustomResourceDefinition(context.Background(), crd)
		for _, reason := range wrong {
			reasons = append(reasons, fmt.Sprintf("%s: %v", name, reason))
		}
		if len(wrong) > 0 {
			continue
		}
		if found[crd.Spec.Names.Kind], err = compile(crd); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return found, reasons, nil
}

func compile(crd *apiextensions.CustomResourceDefinition) (definition, error) {
	version := crd.Spec.Versions[0].Name
	written, err := apiextensions.GetSchemaForVersion(crd, version)
	if err != nil {
		return definition{}, err
	}
	structural, err := structuralschema.NewStructural(written.OpenAPIV3Schema)
	if err != nil {
		return definition{}, err
	}
	schema, _, err := validation.NewSchemaValidator(written.OpenAPIV3Schema)
	if err != nil {
		return definition{}, err
	}
	return definition{
		apiVersion: crd.Spec.Group + "/" + version,
		namespaced: crd.Spec.Scope == apiextensions.NamespaceScoped,
		schema:     schema,
		structural: structural,
		cel:        cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}
